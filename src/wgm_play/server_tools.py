"""Run pg_dump and pg_restore: the password in the environment, progress from what they say, never left behind.

In: a program, its arguments, a connection string. Out: nothing, or `ProgramFailed` with what the program said.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from wgm_play.errors import InputError
from wgm_play.secret import mask
from wgm_play.sql import reveal

# How long a program that was asked to end may take before it is killed; pg_dump cancels its queries meanwhile.
END_SECONDS = 5.0
POLL_SECONDS = 0.2
SHOWN_ERRORS = 10
# Its standard input says the group of processes to end, and ends when we do.
_WATCH = 'read -r group || exit 0; read -r _; kill -s TERM -- "-$group"; sleep 5; kill -s KILL -- "-$group"'
_WORTH = (": error:", ": fatal:", ": detail:", ": hint:", ": warning:", "Command was:", "ERROR:", "HINT:", "WARN:")


class ProgramFailed(Exception):
    """A program ended badly. `said` are its errors, masked; `code` is its exit code, negative for a signal."""

    def __init__(self, name: str, code: int, said: Sequence[str]) -> None:
        self.name, self.code, self.said = name, code, tuple(said)
        self.out = b""  # what it wrote until then, where that was kept
        super().__init__(self.reason)

    @property
    def reason(self) -> str:
        """Return one line: what the program said first, or which signal ended it."""
        if self.code < 0:
            return f"{self.name} was ended by signal {-self.code} ({signal.Signals(-self.code).name})"
        first = next((line for line in self.said if any(word in line.lower() for word in ("error:", "fatal:"))), "")
        return first or f"{self.name} ended with exit code {self.code}"


def parameters(url: str) -> dict[str, str]:
    """Return the connection parameters of a URL or a connection string; its text is in no message."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {key: str(value) for key, value in conninfo_to_dict(reveal(url)).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise InputError(
            "the connection string is not one",
            hint="write postgresql://user@host:port/database, or host=… dbname=…",
        ) from error


def arguments(url: str, application: str) -> tuple[str, dict[str, str]]:
    """Return a connection string without its password, and the environment that holds the password."""
    from psycopg.conninfo import make_conninfo

    given = parameters(url)
    if "sslpassword" in given:
        raise InputError(
            "`sslpassword` cannot be handed to pg_dump without showing it to every user of this machine",
            hint="use a key without a pass phrase that only its owner can read",
        )
    # Messages are read, so they are asked for in English.
    environ = {**os.environ, "LC_ALL": "C", "PGAPPNAME": application}
    password = given.pop("password", None)
    if password is not None:
        environ["PGPASSWORD"] = password
    given.pop("application_name", None)
    return make_conninfo(**given), environ


def run(
    program: Path,
    words: Sequence[str],
    environ: Mapping[str, str],
    on_line: Callable[[str], None] = lambda line: None,
    *,
    given: IO[bytes] | None = None,
    out: IO[bytes] | None = None,
    run_as: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Run a program to its end, each line of its standard error passed to `on_line`.

    `given` is its standard input, `out` its standard output: files without a name, so that nothing is left of them.
    `run_as` are arguments of `subprocess` that say as whom it runs.

    The program has a session of its own, so that Ctrl-C reaches us and not it; whatever ends us ends it and its
    workers. Raise `ProgramFailed`.
    """
    watch = _watcher()  # it is there before the program: nothing of it outlives us, whenever we end
    process: subprocess.Popen[bytes] | None = None
    said: list[str] = []

    def hear(line: str) -> None:
        if any(word in line for word in _WORTH) and len(said) < 4 * SHOWN_ERRORS:
            said.append(mask(line))
        on_line(line)

    try:
        process = subprocess.Popen(
            [program, *words],
            stdin=given or subprocess.DEVNULL,
            stdout=out or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,
            **run_as,
        )
        _let_watch(watch, process)
        if process.stderr is not None:
            _listen(process, process.stderr, hear)
        code = process.wait()
    finally:
        if process is not None:
            _end(process)
        watch.kill()
        watch.communicate()
    if code:
        raise ProgramFailed(program.name, code, said)


def _watcher() -> subprocess.Popen[bytes]:
    """Start what lets a program end with us, whatever ends us: pg_basebackup's own child would stream WAL for ever."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _let_watch(watch: subprocess.Popen[bytes], process: subprocess.Popen[bytes]) -> None:
    """Tell the watcher which program it is for."""
    if watch.stdin is not None:
        with suppress(BrokenPipeError):
            watch.stdin.write(f"{process.pid}\n".encode())
            watch.stdin.flush()


def _listen(process: subprocess.Popen[bytes], stream: IO[bytes], hear: Callable[[str], None]) -> None:
    """Pass on what a program says, until it ended; workers that outlive a killed leader are not waited for."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            if selector.select(0 if ended else POLL_SECONDS):
                chunk = os.read(stream.fileno(), 65536)
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    hear(line.decode("utf-8", "replace").rstrip())
            elif ended:
                break
    if rest:
        hear(rest.decode("utf-8", "replace").rstrip())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a program and its workers: first asked, then killed."""
    try:
        _signal(process, signal.SIGTERM)
        until = time.monotonic() + END_SECONDS
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    # The group is the process's own (start_new_session); it is gone when all its members are.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
