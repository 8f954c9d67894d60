"""The server's process: is it really ours, start it, wait until it answers, stop it.

In: a data folder. Out: what its `postmaster.pid` says, checked against the process table.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from wgm_play.lazy_dataclass import dataclass

# No process has this number: above the largest that any supported kernel gives out.
NO_PROCESS = 2**31 - 2
_POLL = 0.01
_PROBE_SECONDS = 2.0
_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What `postmaster.pid` says (its lines: see miscadmin.h, LOCK_FILE_LINE_*)."""

    pid: int
    port: int
    ready: bool


def read_pid_file(data: Path) -> Postmaster | None:
    """Return what the data folder's `postmaster.pid` says, None when there is none or it is half written."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
        return Postmaster(int(lines[0]), int(lines[3] or 0), len(lines) > 7 and lines[7].strip() == "ready")
    except (OSError, ValueError, IndexError):
        return None


def exists(pid: int) -> bool:
    """Tell whether a process lives; a dead one that nobody waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    except OverflowError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")


def is_server_of(pid: int, data: Path) -> bool:
    """Tell whether a process is the server of this data folder, and not another that was given its number."""
    if not exists(pid):
        return False
    words = _command(pid)
    if "postgres" not in words:
        return False
    try:
        # A server works in its data folder: true after the project was moved, too.
        return os.path.samefile(f"/proc/{pid}/cwd", data)
    except OSError:
        return str(data) in words


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        asked = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def started_at(pid: int) -> str:
    """Return a word that tells this process from a later one with the same number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        asked = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def program_replaced(pid: int) -> bool:
    """Tell whether the program that a process runs was replaced or removed since it started, where the system says so."""
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")
    except OSError:
        return False


def find_postmaster(data: Path) -> Postmaster | None:
    """Return the server that runs on a data folder, None when there is none."""
    said = read_pid_file(data)
    return said if said is not None and is_server_of(said.pid, data) else None


def release_pid_file(data: Path) -> None:
    """Let a new server start where `postmaster.pid` names a process that is not this server (any more).

    PostgreSQL takes every process of its user with this number for a server, a dead one that nobody waited for too.
    The file is kept, with the number of no process: so PostgreSQL still compares the shared memory that it names, and
    refuses to start beside surviving children of the old server.
    """
    if read_pid_file(data) is None:
        return
    path = data / "postmaster.pid"
    rest = path.read_text().split("\n")[1:]
    path.write_text("\n".join([str(NO_PROCESS), *rest]))


def find_answering(data: Path, seconds: float) -> Postmaster | None:
    """Return the server that runs on a data folder once it accepts connections; None when it ends, or ends waiting."""
    until = time.monotonic() + seconds
    while (found := find_postmaster(data)) is not None and time.monotonic() < until:
        if found.ready and answers(found.port):
            return found
        time.sleep(_POLL)
    return None


def answers(port: int) -> bool:
    """Tell whether a server on 127.0.0.1 replies: the kernel accepts connections for a dying or stopped one, too.

    The request is SSLRequest, the reply S or N (manual: "Message Formats"); nothing of it reaches the server's log.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PROBE_SECONDS) as probe:
            probe.sendall(_SSL_REQUEST)
            return probe.recv(1) in (b"S", b"N")
    except OSError:
        return False


def await_ready(data: Path, pid: int, seconds: float) -> bool:
    """Wait until the server of `pid` accepts connections; False when it ended or the time is over."""

    def settled() -> bool | None:
        said = read_pid_file(data)
        if said is not None and said.pid == pid and said.ready:
            return True
        return None if exists(pid) else False

    return _poll(settled, seconds) is True


def end(pid: int, data: Path, seconds: float) -> bool:
    """Stop a server: fast, then at once. Return whether it ended. Do nothing to a process that is not this server."""
    for number, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 10.0)):
        if not is_server_of(pid, data):
            return True
        os.kill(pid, number)
        if _poll(lambda: None if exists(pid) else True, patience):
            return True
    return False


def _poll(settled: Callable[[], bool | None], seconds: float) -> bool | None:
    until = time.monotonic() + seconds
    while (answer := settled()) is None and time.monotonic() < until:
        time.sleep(_POLL)
    return answer
