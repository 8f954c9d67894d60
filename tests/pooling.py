"""PgBouncer before a server: started as an ordinary user, in one of its modes, and stopped.

In: a server, a mode. Out: `Pool`, with the URL of a database through it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fix_postgres
from fix_postgres import Postgres

START_SECONDS = 10.0
# Where a configuration names its file of users, until it has one.
USERS = "/etc/pgbouncer/userlist.txt"


@dataclass(frozen=True, slots=True)
class Pool:
    """A running PgBouncer."""

    port: int
    server: Postgres
    log: Path

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """Return the URL of a database through the pooler."""
        return self.server.url(database, user, password).replace(f":{self.server.port}/", f":{self.port}/")


@contextmanager
def pgbouncer(server: Postgres, mode: str, *, users: str = "", **settings: str) -> Iterator[Pool]:
    """Start PgBouncer in `mode` for all databases of a server; `users` are further lines of its file of users."""
    port = fix_postgres._free_port()
    given = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "auth_type": "scram-sha-256",
        "auth_file": USERS,
        "pool_mode": mode,
        **settings,
    }
    lines = "\n".join(f"{name}={value}" for name, value in given.items())
    text = f"[databases]\n* = host={server.host} port={server.port}{_by(settings)}\n[pgbouncer]\n{lines}\n"
    with running(server, port, text, users=users) as pool:
        yield pool


@contextmanager
def running(server: Postgres, port: int, text: str, *, users: str = "", database: str = "postgres") -> Iterator[Pool]:
    """Start PgBouncer with a configuration whose file of users is `USERS`; it serves this `database`, or is the console."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not os.access(program, os.X_OK):
        pytest.skip("pgbouncer is not installed")
    who = fix_postgres.account()
    home = Path(tempfile.mkdtemp(prefix="wgm-pool-"))
    (home / "users").write_text(f'"{server.superuser}" "{server.password}"\n{users}')
    (home / "pool.ini").write_text(
        text.replace(USERS, str(home / "users")) + f"unix_socket_dir=\nlogfile={home / 'log'}\n"
    )
    user: dict[str, Any] = {}
    if who is not None:
        for place in (home, home / "users", home / "pool.ini"):
            os.chown(place, who.pw_uid, who.pw_gid)
        user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    process = subprocess.Popen(
        [program, "-q", home / "pool.ini"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home,
        start_new_session=True,
        **user,
    )
    try:
        pool = Pool(port, server, home / "log")
        _await(pool, process, database)
        yield pool
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


def _by(settings: dict[str, str]) -> str:
    return f" auth_user={settings['auth_user']}" if "auth_user" in settings else ""


def _await(pool: Pool, process: subprocess.Popen[bytes], database: str) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(pool.url(database), autocommit=True).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(
                    f"PgBouncer did not start: {pool.log.read_text() if pool.log.exists() else ''}"
                ) from None
            time.sleep(0.05)
