"""From one major version of the embedded server to another: dump and restore, with roles, passwords and the port.

In: `Embedded` with the new version, the project. Out: the data in a server of the new version; the old ones stay where
they are. Where something fails, the new server is gone again.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from wgm_play import processes
from wgm_play.embedded import cluster
from wgm_play.embedded.home import Home, find_home, make_home
from wgm_play.embedded.persistent import STOP_SECONDS, start_persistent, stop_persistent
from wgm_play.embedded.programs import server_programs
from wgm_play.embedded.server import Server, url
from wgm_play.environment import Embedded
from wgm_play.errors import WgmError
from wgm_play.lazy_dataclass import dataclass

_MADE = re.compile(r"CREATE ROLE ")


@dataclass(frozen=True, slots=True)
class Older:
    """The data of another major version."""

    version: int
    data: Path


def elsewhere(embedded: Embedded, project: Path) -> Older | None:
    """Return the newest data of another major version, where there are none of the wanted one."""
    folder = project / embedded.data
    wanted = find_home(embedded, project)
    if embedded.ephemeral or not folder.is_dir() or (wanted is not None and wanted.data.exists()):
        return None
    versions = sorted((int(part.name) for part in folder.iterdir() if part.name.isdigit()), reverse=True)
    for version in versions:
        home = find_home(replace(embedded, version=version), project)
        if home is not None and home.data.exists():
            return Older(version, home.data)
    return None


def carry_over(embedded: Embedded, project: Path, older: Older) -> Server:
    """Start a server of the wanted version with what that of the older one holds; stop the older one."""
    before = start_persistent(replace(embedded, version=older.version), project)
    old_home = make_home(replace(embedded, version=older.version), project)
    home = make_home(embedded, project)
    try:
        _prepare(embedded, home, old_home)
        made = start_persistent(replace(embedded, user="", database="postgres", port=None), project)
        user, password = home.read("user"), home.read("password")
        _roles(before, made, user, password)
        for name in _databases(before, user, password):
            _database(name, before, made, user, password)
    except BaseException:
        found = processes.find_postmaster(home.data)
        if found is not None:
            processes.end(found.pid, home.data, STOP_SECONDS)
        shutil.rmtree(home.data, ignore_errors=True)
        raise
    stop_persistent(replace(embedded, version=older.version), project)
    stop_persistent(embedded, project)
    home.write("port", old_home.read("port"))
    return start_persistent(embedded, project)


def _prepare(embedded: Embedded, home: Home, old: Home) -> None:
    """Make the data folder with the superuser and the password of the older one: URLs stay as they are."""
    with home.locked() as lock:
        if not home.data.exists():
            cluster.init(server_programs(embedded.version), home, old.read("user"), lock, old.read("password"))


def _databases(server: Server, user: str, password: str) -> list[str]:
    import psycopg

    from wgm_play.render import render

    with psycopg.connect(url(user, password, server.port, "postgres"), autocommit=True) as session:
        return [str(row[0]) for row in session.execute(render("server/databases.sql.j2").sql).fetchall()]


def _roles(before: Server, made: Server, user: str, password: str) -> None:
    """Make the roles of the older server, with their passwords and memberships."""
    import psycopg

    dumped = _run(made, "pg_dumpall", ["--roles-only"], url(user, "", before.port, "postgres"), password)
    statements = [line for line in dumped.decode().splitlines() if line and not line.startswith(("--", "\\", "SET "))]
    with psycopg.connect(url(user, password, made.port, "postgres"), autocommit=True) as session:
        for statement in statements:
            try:
                session.execute(statement.encode())
            except psycopg.errors.DuplicateObject:
                if not _MADE.match(statement):
                    raise


def _database(name: str, before: Server, made: Server, user: str, password: str) -> None:
    with tempfile.NamedTemporaryFile(prefix="wgm-upgrade-") as file:
        source = url(user, "", before.port, name)
        _run(made, "pg_dump", ["--format=custom", f"--file={file.name}", "--create"], source, password)
        place = url(user, "", made.port, "postgres")
        words = ["--exit-on-error"] if name == "postgres" else ["--exit-on-error", "--create"]
        target = url(user, "", made.port, name) if name == "postgres" else place
        _run(made, "pg_restore", [*words, file.name], target, password)


def _run(server: Server, program: str, words: list[str], dsn: str, password: str) -> bytes:
    """Run a program of the newer server's; return what it wrote. Raise `WgmError`."""
    from wgm_play import server_tools

    place, environ = server_tools.arguments(dsn, "wgm-play upgrade")
    with tempfile.TemporaryFile() as out:
        try:
            server_tools.run(
                server.bin / program, [*words, f"--dbname={place}"], {**environ, "PGPASSWORD": password}, out=out
            )
        except server_tools.ProgramFailed as error:
            raise WgmError(
                f"{program} failed: the data stay with the older version", details=[error.reason, *error.said][-5:]
            ) from error
        out.seek(0)
        return out.read()
