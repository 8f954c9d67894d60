"""A data folder and a server on it: initdb, settings, launch, with the log's last lines when it fails.

In: programs, a home folder, settings. Out: the process number of a server that accepts connections.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from wgm_play import processes
from wgm_play.embedded.home import Home
from wgm_play.errors import InputError, Unreachable

# Below the ranges from which the kernels of Linux, macOS and BSD choose client ports by themselves.
FIRST_PORT, LAST_PORT = 25500, 29999
START_SECONDS = 60.0
_LOG_LINES = 12
_LOG_BYTES = 10 * 1024 * 1024
_PORT_TRIES = 5
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
_OURS = {"port": "port", "data_directory": "data", "listen_addresses": None, "hba_file": None}

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "lc_messages": "C",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
}


def init(
    programs: Path,
    home: Home,
    user: str,
    lock: int | None = None,
    password: str | None = None,
    more: Sequence[str] = (),
) -> None:
    """Make the data folder, with a random password for its superuser, or the one given; it is there as a whole or not at all.

    `more` are further words for initdb.

    initdb inherits `lock`, the descriptor of the home's lock: it may outlive a command that is killed, and the next
    command must not take its folder away while it works.
    """
    fresh = home.path / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    home.write("password", password or secrets.token_urlsafe(18))
    words: list[str | Path] = [
        programs / "initdb",
        "-D",
        fresh,
        "--no-sync",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "-U",
        user,
        f"--pwfile={home.path / 'password'}",
        *more,
    ]
    # Sorting by code point, the same on every machine; where the C library lacks C.UTF-8, plain C is the same order.
    done = _run([*words, "--locale=C.UTF-8"], home, lock)
    if done.returncode and "locale" in done.stderr:
        shutil.rmtree(fresh, ignore_errors=True)
        done = _run([*words, "--locale=C"], home, lock)
    if done.returncode:
        raise Unreachable(
            "the embedded PostgreSQL cannot make its data folder", details=_last(done.stdout + done.stderr)
        )
    with (fresh / "postgresql.conf").open("a") as file:
        file.write("include_if_exists = 'wgm.conf'\n")
    home.write("user", user)
    fresh.rename(home.data)


def _run(words: Sequence[str | Path], home: Home, lock: int | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=home.path,
        env=_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[] if lock is None else [lock],
        start_new_session=True,
        **home.account.run_as,
    )


def _environ() -> dict[str, str]:
    """Return an environment without PGDATA, PGPORT and whatever else a user has set for other servers."""
    return {"PATH": os.defpath, "LC_ALL": "C"} | {key: os.environ[key] for key in ("TZ",) if key in os.environ}


def configure(home: Home, settings: Mapping[str, str], port: int) -> bool:
    """Write the settings; return whether they differ from those before."""
    for name in settings:
        if not _SETTING.match(name):
            raise InputError(f"embedded: settings: {name!r} is not the name of a setting")
        if name in _OURS:
            own = _OURS[name]
            raise InputError(
                f"embedded: settings: {name} cannot be set", hint=f"use embedded: {own}:" if own else "remove it"
            )
    lines = [
        f"{name} = '{_escaped(value)}'" for name, value in (SETTINGS | {"port": str(port)} | dict(settings)).items()
    ]
    text = "\n".join(lines) + "\n"
    path = home.data / "wgm.conf"
    if path.exists() and path.read_text() == text:
        return False
    temporary = home.data / f"wgm.conf.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
    home.account.give(temporary)
    temporary.rename(path)
    return True


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")


def launch(programs: Path, home: Home, settings: Mapping[str, str], port: int | None) -> tuple[int, int]:
    """Start a server in a session of its own; return its process number and port once it accepts connections."""
    until = time.monotonic() + START_SECONDS
    _turn_log(home)
    tries = 0
    while True:
        tries += 1
        chosen = port or choose_port(home)
        configure(home, settings, chosen)
        offset = home.log.stat().st_size if home.log.exists() else 0
        pid = _spawn(programs, home)
        if processes.await_ready(home.data, pid, max(until - time.monotonic(), 1.0)):
            home.write("port", str(chosen))
            return pid, chosen
        # A command that was killed may have started one a moment ago.
        earlier = processes.find_answering(home.data, max(until - time.monotonic(), 1.0))
        if earlier is not None:
            return earlier.pid, earlier.port
        told = home.log.read_bytes()[offset:].decode(errors="replace")
        processes.end(pid, home.data, 5.0)
        if time.monotonic() < until:
            if "shared memory block" in told:  # children of a killed server have not ended yet
                time.sleep(0.2)
                continue
            if "could not bind" in told and port is None and tries < _PORT_TRIES:
                home.write("port", "")
                continue
        raise _failed(told, port, home)


def _failed(told: str, port: int | None, home: Home) -> Unreachable:
    if "could not bind" in told and port is not None:
        return Unreachable(
            f"port {port} of 127.0.0.1 is taken", hint="change embedded: port:, or leave it out: a free one is chosen"
        )
    return Unreachable("the embedded PostgreSQL does not start", hint=f"the whole log: {home.log}", details=_last(told))


def _last(text: str) -> list[str]:
    return [line for line in text.strip().split("\n") if line][-_LOG_LINES:]


def command(programs: Path, home: Home) -> list[str]:
    """Return the words that run the server."""
    return [str(programs / "postgres"), "-D", str(home.data)]


def _spawn(programs: Path, home: Home) -> int:
    """Run the server as the child of nobody: a shell starts it, says its number and ends."""
    _make_log(home)
    words = ["/bin/sh", "-c", '"$@" </dev/null >>log 2>&1 & echo $!', "sh", *command(programs, home)]
    done = _run(words, home, None)
    if not done.stdout.strip().isdigit():
        raise Unreachable("the embedded PostgreSQL does not start", details=_last(done.stdout + done.stderr))
    return int(done.stdout)


def _make_log(home: Home) -> None:
    if not home.log.exists():
        home.write("log", "")


def _turn_log(home: Home) -> None:
    if home.log.exists() and home.log.stat().st_size > _LOG_BYTES:
        home.log.rename(home.path / "log.old")


def choose_port(home: Home) -> int:
    """Return the port that this server had before, or a free one that its path suggests."""
    count = LAST_PORT - FIRST_PORT + 1
    start = zlib.crc32(str(home.path).encode()) % count
    kept = home.read("port")
    wished = [int(kept)] if kept.isdigit() else []
    for port in wished + [FIRST_PORT + (start + step) % count for step in range(count)]:
        with socket.socket() as probe:
            # As PostgreSQL does, so that connections of the server before, still closing, do not move the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Unreachable(f"no free port on 127.0.0.1 between {FIRST_PORT} and {LAST_PORT}")
