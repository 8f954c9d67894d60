"""`wgm-play inspect`: from a connection string to a playbook, on standard output or as files; and adoption.

In: what the command line says. Out: the exit code; the reporter says what was written and what could not be said.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import server
from wgm_play.catalog import introspect
from wgm_play.catalog.graph import parts_of
from wgm_play.catalog.kinds import WITH_BODY
from wgm_play.catalog.partition_set import kept_by_partman
from wgm_play.environment import Environment, Policy
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.inspect import read
from wgm_play.inspect.options import Inspection
from wgm_play.quantities import counted
from wgm_play.render import render
from wgm_play.secret import mask

if TYPE_CHECKING:
    import psycopg

    from wgm_play.inspect.entry import Inspected
    from wgm_play.reporter import Reporter

APPLICATION = "wgm-play inspect"


def inspect(options: Inspection, reporter: Reporter) -> int:
    """Write a playbook that declares a live database."""
    if options.url is None:
        raise InputError("inspect needs a database", hint="wgm-play inspect postgresql://USER@HOST/DATABASE")
    refuse_existing(options)
    connect = functools.partial(
        server.connect_to, options.url, policy=Policy(statement_timeout=0), application_name=APPLICATION, read_only=True
    )
    with connect() as connection, _undisturbed():
        # In a project an owner is said, once; one document is run by who owns what is in it.
        alone = options.output is None or _is_file(options.output)
        said = examine(connection, connect, owner=None if alone else connection.info.user)
        check_bodies(said, connection, options.url)
        name, size = connection.info.dbname, 0
        if not alone:
            size = int((connection.execute(render("inspect/size.sql.j2").sql).fetchone() or (0,))[0])
    write(said, name, options, reporter, size)
    if options.baseline:
        from wgm_play.inspect.baseline import adopt

        adopt(options, reporter)
    return 0


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let the collector of circles rest: a large catalog has many objects and no circles."""
    import gc

    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def examine(
    connection: psycopg.Connection[Any], second: read.Connect | None = None, owner: str | None = None
) -> Inspected:
    """Read a database and describe it; `second` connects to it once more, `owner` goes without saying."""
    catalog = read.read(connection, second)
    from wgm_play.inspect.describe import describe

    kept = kept_by_partman(catalog)
    for key in (*kept, *parts_of(catalog, kept)):
        catalog.rows.pop(key, None)
    versions = read.default_versions(connection) if catalog.of("extension") else {}
    return describe(catalog, versions, connection.info.user, owner)


def check_bodies(said: Inspected, connection: psycopg.Connection[Any], url: str) -> None:
    """Leave bodies unchecked that are broken already, and say why: the playbook runs where the database is."""
    routines = {entry.key: entry for entry in said.entries if entry.kind in WITH_BODY}
    if not any(entry.spec.get("language", "plpgsql") in ("sql", "plpgsql") for entry in routines.values()):
        return
    import psycopg as library

    from wgm_play.connections import Connections
    from wgm_play.planning.imperative import broken_bodies
    from wgm_play.shadow import open_shadow
    from wgm_play.shadow.realise import schemas_of

    environment = Environment("inspect", "", Position(""), url=url)
    try:
        live = introspect.read(connection)
        place = Connections.of(environment, Path.cwd()).place(connection)
        with open_shadow(place) as shadow, shadow.database() as scratch:
            schemas = schemas_of(entry.key for entry in said.entries)
            broken = broken_bodies(scratch, live, list(routines), schemas)
    except (library.Error, WgmError) as error:
        said.remarks.append(f"The bodies of functions were not checked: {mask(str(error)).splitlines()[0]}")
        return
    for key, (_, _, line, message) in broken:
        routines[key].spec["check_body"] = False
        said.remarks.append(f"{key} says `check_body: false`. Line {line} of its body: {mask(message)}")


def write(said: Inspected, name: str, options: Inspection, reporter: Reporter, size: int = 0) -> None:
    """Write the playbook where the options say; name what it does not hold."""
    from wgm_play.inspect import document

    for what in said.unsaid:
        reporter.warn(f"not in the playbook: {what}")
    reporter.data("unsaid", said.unsaid)
    if options.output is None:
        if not options.baseline:
            reporter.page("playbook", document.whole(said, name, options.environment))
        return
    output = Path(options.output)
    if _is_file(options.output):
        files = {output: document.whole(said, name, options.environment)}
        hint = f'environments/{options.environment}.yml says where it runs: url: "{{{{ env.DATABASE_URL }}}}"'
    else:
        from wgm_play.inspect.project import About, project

        texts = project(said, About(name, options.environment, size), options.split)
        files = {output / path: text for path, text in texts.items()}
        hint = f"next: cd {options.output} && DATABASE_URL=... wgm-play {options.environment}.yml --check --diff"
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    reporter.data("files", [str(path) for path in files])
    reporter.note(f"{counted(len(said.entries), 'step')} in {counted(len(files), 'file')}: {options.output}")
    reporter.note(hint)


def _is_file(output: str) -> bool:
    return Path(output).suffix in (".yml", ".yaml")


def refuse_existing(options: Inspection) -> None:
    """Refuse to overwrite: a playbook that somebody edited is worth more than one that can be written again."""
    if options.output is None:
        return
    output = Path(options.output)
    if not re.match(r"[\w.-]+\Z", options.environment):
        raise InputError(f"{options.environment!r} is no name of an environment", hint="letters, digits, - and _")
    names = (
        [output]
        if _is_file(options.output)
        else [
            output / "playbooks" / f"{options.environment}.yml",
            output / "playbooks" / "schema",
            output / "README.md",
        ]
    )
    there = next((path for path in names if path.exists()), None)
    if there is not None:
        raise InputError(f"{str(there)!r} is there already", hint="name another file or folder; nothing was written")


__all__ = ["Inspection", "examine", "inspect", "write"]
