"""The server that keeps running after the command.

In: `Embedded` and the project's folder. Out: `Server`, started or found.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wgm_play import processes
from wgm_play.embedded import cluster
from wgm_play.embedded.home import Home, find_home, homes_folder, make_home, shelf_folder
from wgm_play.embedded.programs import reachable_programs, server_programs
from wgm_play.embedded.server import Server, url
from wgm_play.environment import Embedded
from wgm_play.errors import Unreachable

STOP_SECONDS = 30.0


def start_persistent(embedded: Embedded, project: Path, programs_of: Callable[[int], Path] | None = None) -> Server:
    """Return the project's server, starting it where it does not run. Of two commands at once one starts it."""
    home = make_home(embedded, project)
    with home.locked() as lock:
        stop_orphans()
        found = processes.find_postmaster(home.data)
        if (
            found is not None
            and not found.ready
            and not processes.await_ready(home.data, found.pid, cluster.START_SECONDS)
        ):
            processes.end(found.pid, home.data, STOP_SECONDS)
            found = None
        if found is not None:
            return _server(
                embedded, home, found.pid, found.port, started=False, notes=_reconfigure(embedded, home, found)
            )
        programs, notes = _programs((programs_of or server_programs)(embedded.version), home)
        if (hung := processes.find_postmaster(home.data)) is not None:
            processes.end(hung.pid, home.data, STOP_SECONDS)
        processes.release_pid_file(home.data)
        if not home.data.exists():
            cluster.init(programs, home, embedded.user or f"s{secrets.token_hex(8)}", lock)
        pid, port = cluster.launch(programs, home, embedded.settings, embedded.port)
        server = _server(embedded, home, pid, port, started=True, notes=notes)
        if (embedded.user or home.read("user"), embedded.database) != (home.read("user"), "postgres"):
            ensure(server, embedded)
        return server


def _programs(folder: Path, home: Home) -> tuple[Path, tuple[str, ...]]:
    if not home.account.other:
        return folder, ()
    usable = reachable_programs(folder, home.account, shelf_folder())
    return usable, () if usable == folder else (
        f"programs in {usable}: the account {home.account.name} cannot read the others",
    )


def _reconfigure(embedded: Embedded, home: Home, found: processes.Postmaster) -> tuple[str, ...]:
    """Bring changed settings to a server that runs."""
    notes: tuple[str, ...] = ()
    if embedded.port is not None and embedded.port != found.port:
        notes = (f"the server keeps port {found.port} until it is stopped: kill -INT {found.pid}",)
    if cluster.configure(home, embedded.settings, found.port):
        os.kill(found.pid, signal.SIGHUP)
        notes += (f"settings have changed; some need a restart of the server: kill -INT {found.pid}",)
    return notes


def _server(
    embedded: Embedded, home: Home, pid: int, port: int, *, started: bool, notes: tuple[str, ...] = ()
) -> Server:
    return Server(
        url=url(embedded.user or home.read("user"), home.read("password"), port, embedded.database),
        pid=pid,
        data=home.data,
        version=embedded.version,
        started=started,
        bin=_bin(home.data),
        port=port,
        ephemeral=embedded.ephemeral,
        notes=home.notes + notes,
    )


def _bin(data: Path) -> Path:
    """Return the folder of the programs that the server was started with."""
    try:  # the program's path, then each argument in quotes
        return Path((data / "postmaster.opts").read_text().split(' "')[0].strip()).parent
    except OSError:
        return Path()


def ensure(server: Server, embedded: Embedded) -> None:
    """Make the user and the database that the environment names where they are not there."""
    import psycopg

    from wgm_play.render import render

    first, password = ((server.data.parent / name).read_text().strip() for name in ("user", "password"))
    user, database = embedded.user, embedded.database
    with psycopg.connect(url(first, password, server.port, "postgres"), autocommit=True) as admin:
        if admin.execute(render("server/find_role.sql.j2", name=user).sql).fetchone() is None:
            admin.execute(render("server/create_superuser.sql.j2", name=user, password=password).sql)
        if admin.execute(render("server/find_database.sql.j2", name=database).sql).fetchone() is None:
            admin.execute(render("server/create_database.sql.j2", name=database, owner=user).sql)


def find(embedded: Embedded, project: Path) -> Server | None:
    """Return the project's server when it runs; start nothing."""
    home = find_home(embedded, project)
    found = processes.find_postmaster(home.data) if home is not None else None
    return (
        _server(embedded, home, found.pid, found.port, started=False)
        if home is not None and found is not None
        else None
    )


def running(embedded: Embedded, project: Path) -> list[Server]:
    """Return the project's servers that run, of every major version that it ever used."""
    folder = project / embedded.data
    if not folder.is_dir():
        return []
    versions = sorted(int(part.name) for part in folder.iterdir() if part.name.isdigit())
    servers = [find(replace(embedded, version=version), project) for version in versions]
    return [server for server in servers if server is not None]


def stop_persistent(embedded: Embedded, project: Path) -> bool:
    """Stop the project's server; return whether there was one. Its data stay."""
    home = find_home(embedded, project)
    if home is None:
        return False
    with home.locked():
        found = processes.find_postmaster(home.data)
        if found is None:
            return False
        if not processes.end(found.pid, home.data, STOP_SECONDS):
            raise Unreachable(f"the server of {home.data} does not stop", hint=f"kill -QUIT {found.pid}")
        return True


def stop_orphans() -> None:
    """Stop servers outside of projects whose project is gone: no later command would find them. Their data stay."""
    if os.geteuid() != 0:
        return
    for folder in homes_folder().iterdir():
        if not (folder / "project").is_file():
            continue
        if not Path((folder / "project").read_text().strip()).is_dir():
            found = processes.find_postmaster(folder / "data")
            if found is not None:
                processes.end(found.pid, folder / "data", STOP_SECONDS)
