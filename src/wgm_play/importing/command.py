"""`wgm-play inspect --import FOLDER`: another tool's migrations as a playbook.

In: what the command line says. Out: the exit code; the first part that does not apply is an `InputError` at its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import server
from wgm_play.catalog.model import Key
from wgm_play.environment import Embedded, Policy
from wgm_play.errors import InputError, Unreachable
from wgm_play.importing.parts import Part
from wgm_play.importing.tools import BOOKKEEPING, parts
from wgm_play.inspect.command import examine, refuse_existing, write
from wgm_play.inspect.options import Inspection
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.shadow import APPLICATION, Connect, Place, open_shadow

if TYPE_CHECKING:
    import psycopg

    from wgm_play.reporter import Reporter


def bring_in(options: Inspection, reporter: Reporter) -> int:
    """Run the migrations in a scratch database, and write the playbook of what they made."""
    folder = Path(options.folder or ".")
    refuse_existing(options)
    tool, found = parts(folder, options.tool)
    with _server(options.url, folder) as connect, open_shadow(Place(connect, own=True)) as shadow:
        row = shadow.admin.execute(render("shadow/may_create.sql.j2").sql).fetchone()
        _, may_create, in_recovery, _ = row or (False, False, False, False)
        if not may_create or in_recovery:
            raise Unreachable(
                "the server of --url does not let this role create a scratch database", hint="GRANT it CREATEDB"
            )
        with shadow.database() as connection:
            name = connection.info.dbname
            _prepare(connection)
            _run_all(connection, [part for part in found if part.sql])
            _forget_bookkeeping(connection)
            filled = _filled(connection)
            with shadow.connect(name, APPLICATION) as reading:
                said = examine(reading)
    for part in found:
        if part.untold:
            reporter.warn(f"{part.file}:{part.line}: not in the playbook: {part.untold}")
    reporter.data("migrations", {"tool": tool, "files": list(dict.fromkeys(part.file for part in found))})
    write(said, folder.resolve().stem, options, reporter)
    if filled:
        reporter.warn(
            f"rows that the migrations write are not in the playbook ({', '.join(filled)}): "
            "give those that must always be there a `seed` step (wgm-play doc seed)"
        )
    return 0


@contextmanager
def _server(url: str | None, folder: Path) -> Iterator[Connect]:
    """Give a way to connect to the server that tries the migrations: without --url, an embedded one."""
    policy = Policy(statement_timeout=0, lock_timeout=0)
    if url is not None:
        yield _to(url, policy)
        return
    from wgm_play import embedded

    settings = Embedded(ephemeral=True)
    home = folder.resolve() if folder.is_dir() else folder.resolve().parent
    found = embedded.start(settings, home)
    try:
        yield _to(found.url, policy)
    finally:
        embedded.stop(settings, home)


def _to(url: str, policy: Policy) -> Connect:
    """Return how to connect to a server."""

    def connect(
        database: str | None, application_name: str, user: str | None = None, password: str | None = None
    ) -> psycopg.Connection[Any]:
        return server.connect_to(url, policy=policy, application_name=application_name, database=database)

    return connect


def _prepare(connection: psycopg.Connection[Any]) -> None:
    """Let names mean what they mean to the tool."""
    connection.execute(render("inspect/tool_session.sql.j2").sql)


_MISSING = frozenset(["42P01", "42704", "3F000"])  # a table, a type or a schema that another file makes


def _run_all(connection: psycopg.Connection[Any], found: Sequence[Part]) -> None:
    """Run parts in their order; one that may wait runs again after those that made what it needs."""
    waiting = list(found)
    while waiting:
        still = []
        for part in waiting:
            if not part.waits:
                run(connection, part)
                continue
            try:
                with connection.transaction():
                    run(connection, part)
            except InputError as error:
                if getattr(error.__cause__, "sqlstate", None) not in _MISSING:
                    raise
                still.append((part, error))
        if len(still) == len(waiting):
            raise still[0][1]
        waiting = [part for part, _ in still]


def run(connection: psycopg.Connection[Any], part: Part) -> None:
    """Run the statements of one part, each by itself, as the tools do."""
    import psycopg as library

    for start, end in statements(part):
        text = part.sql[start:end]
        try:
            connection.execute(text.encode(), prepare=False)
        except library.Error as error:
            place = int(error.diag.statement_position or 1) - 1
            reason = mask(str(error.diag.message_primary or error))
            details = [mask(one) for one in (error.diag.message_detail,) if one]
            raise InputError(
                f"{part.file} does not apply: {reason}", where=part.place(start + place), details=details,
                hint=error.diag.message_hint or _hint(error.sqlstate),
            ) from error  # fmt: skip


def _hint(sqlstate: str | None) -> str:
    if sqlstate == "42704":
        return "what it names must be there: let --url be a server that has it (roles, extensions)"
    if sqlstate in ("42P01", "42703", "42883", "3F000"):
        return "an earlier file should have made it: check the order of the files, or name the tool with --from"
    return "correct the file; nothing was written"


_META = re.compile(r"^\\\w+.*$", re.MULTILINE)


def statements(part: Part) -> list[tuple[int, int]]:
    """Return where each statement of a part begins and ends."""
    from pglast import split
    from pglast.parser import ParseError

    try:
        return [(one.start, one.stop) for one in split(part.sql, only_slices=True)]
    except ParseError as error:
        meta = _META.search(part.sql)
        if meta:
            raise InputError(
                f"{part.file} does not apply: {meta.group().split()[0]} is psql's own command", 
                where=part.place(meta.start()),
                hint="take it out of the file: only SQL is read",
            ) from error  # fmt: skip
        place = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
        raise InputError(
            f"{part.file} does not apply: {error.args[0]}",
            where=part.place(place),
            hint="correct the file; nothing was written",
        ) from error


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the tables into which the migrations wrote rows."""
    tables = connection.execute(render("inspect/user_tables.sql.j2").sql).fetchall()
    return [
        Key("table", tuple(name)).label
        for name in tables
        if connection.execute(render("inspect/holds_rows.sql.j2", name=name).sql).fetchone() == (True,)
    ]


def _forget_bookkeeping(connection: psycopg.Connection[Any]) -> None:
    """End what a file left open, and remove the tables in which tools keep what they ran."""
    if connection.info.transaction_status:
        connection.execute("COMMIT")
    names = connection.execute(render("inspect/bookkeeping.sql.j2", names=list(BOOKKEEPING)).sql).fetchall()
    for schema, table in names:
        connection.execute(render("inspect/drop_bookkeeping.sql.j2", name=(schema, table)).sql)
    connection.execute(render("inspect/drop_drizzle.sql.j2").sql) if any(
        schema == "drizzle" for schema, _ in names
    ) else None
