"""The server of our own for scratch databases: one for each person and major version, kept between commands.

In: the target's major version. Out: a running `Server`, whose superuser has a random name that nobody else knows.

It lies in `$XDG_CACHE_HOME/wgm-play`, never in a project: a data folder that somebody checked in would be configuration
of his. Nothing in it is kept, so nothing needs to reach a disk, and one that does not start any more is made again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from wgm_play import processes
from wgm_play.embedded.home import find_home
from wgm_play.embedded.persistent import find, running, start_persistent, stop_persistent
from wgm_play.embedded.programs import scratch_programs, scratch_version
from wgm_play.embedded.server import Server
from wgm_play.environment import Embedded
from wgm_play.errors import Unreachable
from wgm_play.user_folder import folder

FOLDER = "scratch"
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "shared_buffers": "64MB",
    "max_locks_per_transaction": "256",
    "jit": "off",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


def _described(version: int) -> Embedded:
    return Embedded(version=version, data=FOLDER, user="", settings=_SETTINGS)


def start_scratch(wanted: int) -> Server:
    """Return the server for scratch databases of targets of a major version, started or found.

    Raise `InputError` where this machine has no server at all.
    """
    root = folder()
    found = find(_described(wanted), root)
    if found is not None and processes.program_replaced(found.pid):
        # By an upgrade of its package: it would load the new version's libraries, which are not made for it.
        stop_persistent(_described(wanted), root)
    elif found is not None and processes.answers(found.port):
        return found
    described = _described(scratch_version(wanted))
    try:
        server = start_persistent(described, root, scratch_programs)
    except Unreachable:
        _forget(described, root)
        server = start_persistent(described, root, scratch_programs)
    if server.started:
        _ease_password(server)
    return server


def _ease_password(server: Server) -> None:
    """Let the superuser's password, long and random, be checked without a slow hash."""
    import psycopg

    from wgm_play.passwords import verifier
    from wgm_play.render import render

    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute(
            render("server/set_password.sql.j2", password=verifier(session.info.password, iterations=1)).sql
        )


def _forget(described: Embedded, root: Path) -> None:
    """Take away the data of a server that does not start: the machine may have stopped while it was written to."""
    home = find_home(described, root)
    if home is None:
        return
    with home.locked():
        if processes.find_postmaster(home.data) is None:
            shutil.rmtree(home.data, ignore_errors=True)


def running_scratch() -> list[Server]:
    """Return the person's servers for scratch databases that run."""
    return running(_described(0), folder())


def stop_scratch(server: Server) -> bool:
    """Stop one; return whether it ran."""
    return stop_persistent(_described(server.version), folder())
