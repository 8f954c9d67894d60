"""One run at a time: the run lock, and what a dead run left behind on the server.

In: `connect(application_name)`. Out: a held `RunLock`, or `errors.Locked` that says who holds it.

The lock is an advisory lock polled with `pg_try_advisory_lock` from an idle connection of its own: a session that
waits in `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY would wait for it for ever.
"""

from __future__ import annotations

import select
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wgm_play.environment import Policy
from wgm_play.errors import Locked
from wgm_play.execute.session import Connect
from wgm_play.execute.watch import Blocker, blockers
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.statements import Connection, text
from wgm_play.pooler import backend_pid
from wgm_play.reporter import Reporter
from wgm_play.secret import mask

__all__ = ["KEY", "Blocker", "RunLock", "RunLockHolder", "blockers", "end_blockers", "holder", "run_lock"]

# The first half of an advisory lock's key is signed, the second counts our locks: 1 is the run lock.
KEY = (zlib.crc32(b"wgm-play") - 2**31, 1)
APPLICATION = "wgm-play/lock"
# A runner that was killed a moment ago still holds the lock until its server process notices.
WAIT = 2.0
POLL = 0.1
# How long a backend gets to end after it was told to.
END_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class RunLockHolder:
    """Who holds the run lock."""

    pid: int
    application_name: str
    role: str
    client: str | None
    since: datetime | None


@dataclass(slots=True)
class RunLock:
    """The held run lock; `connection` is idle and may be used to look at other backends."""

    connection: Connection
    pid: int
    # The server's last words, where the connection is gone.
    gone: str = ""

    @property
    def held(self) -> bool:
        """Whether the connection, and so the lock, is still there; asks the socket, not the server."""
        if self.connection.closed:
            return False
        if not self.connection.lock.acquire(blocking=False):
            return True  # the watch is asking the server just now, and libpq's connections are for one thread
        try:
            # The server's last words are read first, then the end of the stream, which is the error.
            while select.select([self.connection.fileno()], [], [], 0)[0]:
                self.connection.pgconn.consume_input()
        except psycopg.OperationalError as error:
            # The server says first why it ended the session, libpq then what it makes of that.
            self.gone = mask(str(error).strip().partition("\n")[0])
            return False
        finally:
            self.connection.lock.release()
        return not self.connection.closed


def _one(connection: Connection, name: str, *values: Any) -> Any:
    row = psycopg.RawCursor(connection).execute(text(f"execute/{name}").encode(), values).fetchone()
    return row[0] if row else None


def holder(connection: Connection) -> RunLockHolder | None:
    """Return who holds the run lock of this database, or None."""
    cursor = psycopg.RawCursor(connection, row_factory=class_row(RunLockHolder))
    # pg_locks shows the halves of a key as unsigned numbers.
    return cursor.execute(text("execute/lock_holder").encode(), (KEY[0] % 2**32, KEY[1])).fetchone()


@contextmanager
def run_lock(
    connect: Connect, *, policy: Policy | None = None, reporter: Reporter | None = None, wait: float = WAIT
) -> Iterator[RunLock]:
    """Hold the run lock of a database; raise Locked (13) when another run has it for longer than `wait` seconds.

    Once it is held, backends that a dead run left behind are ended, or waited for where they build an index.
    """
    connection = connect(APPLICATION)
    try:
        connection.autocommit = True
        _take(connection, wait)
        lock = RunLock(connection, backend_pid(connection))
        _end_dead(lock, policy or Policy(), reporter or Reporter())
        yield lock
    finally:
        _release(connection)


def _take(connection: Connection, wait: float) -> None:
    until = time.monotonic() + wait
    while not _one(connection, "try_lock", *KEY):
        if time.monotonic() >= until:
            raise _locked(connection)
        time.sleep(POLL)


def _release(connection: Connection) -> None:
    try:
        if not connection.closed:
            _one(connection, "unlock", *KEY)
    except psycopg.Error:
        pass  # closing the connection releases it as well
    finally:
        connection.close()


def refuse_beside_another(connection: Connection, cause: Exception | None) -> None:
    """Raise Locked, from `cause`, where a run holds the run lock: what it changes just now cannot be planned for."""
    if holder(connection) is not None:
        raise _locked(connection) from cause


def _locked(connection: Connection) -> Locked:
    found = holder(connection)
    if found is None:
        return Locked("another run held the run lock until a moment ago", hint="try again")
    words = [f"pid {found.pid} ({found.application_name})", f"user {found.role!r}"]
    words += [f"from {found.client}"] if found.client else []
    words += [f"since {found.since:%Y-%m-%d %H:%M:%S %Z}"] if found.since else []
    return Locked(
        f"another run holds the run lock of this database: {', '.join(words)}",
        details=_which_run(connection),
        hint="wait for it (`wgm-play status PLAYBOOK` shows what it does), or end it: `wgm-play abort PLAYBOOK`",
    )


def _which_run(connection: Connection) -> list[str]:
    ledger = Ledger(connection)
    run = ledger.unfinished_run()
    if run is None or run.status is not None:
        return []
    return [
        f"run {run.id}: {run.command} of {run.playbook} ({run.play}), started {run.started_at:%Y-%m-%d %H:%M:%S %Z} "
        f"by {run.os_user} on {run.host}, process {run.pid}"
    ]


@dataclass(frozen=True, slots=True)
class Dead:
    """A backend of a run whose runner is gone."""

    pid: int
    application_name: str
    state: str | None
    query: str
    since: datetime | None

    @property
    def builds(self) -> bool:
        """Whether it does what is not undone by ending it, and nearly done may be worth hours."""
        return self.state == "active" and "CONCURRENTLY" in self.query.upper()


def _dead(lock: RunLock) -> list[Dead]:
    cursor = psycopg.RawCursor(lock.connection, row_factory=class_row(Dead))
    return cursor.execute(text("execute/dead_backends").encode(), ([lock.pid],)).fetchall()


def _end_dead(lock: RunLock, policy: Policy, reporter: Reporter) -> None:
    patience = time.monotonic() + policy.lock_budget
    told: set[int] = set()
    waited_for: set[int] = set()
    ended_by: float | None = None
    while found := _dead(lock):
        for backend in found:
            waits = backend.builds and time.monotonic() < patience
            if backend.pid in told:
                continue
            doing = mask(backend.query)[:120]
            if waits:
                if backend.pid not in waited_for:
                    waited_for.add(backend.pid)
                    reporter.retry(f"a dead run ({backend.application_name}, pid {backend.pid}) still runs: {doing}")
                continue
            told.add(backend.pid)
            reporter.note(f"ending pid {backend.pid} of a dead run ({backend.application_name}): {doing}")
            _end(lock.connection, backend.pid, reporter)
            ended_by = time.monotonic() + END_WITHIN
        if ended_by is not None and time.monotonic() > ended_by:
            names = ", ".join(f"pid {backend.pid} ({backend.application_name})" for backend in found)
            raise Locked(
                f"a dead run is still at work on the server: {names}",
                hint="end it as its own role or as superuser: SELECT pg_terminate_backend(PID)",
            )
        time.sleep(POLL if not any(backend.builds for backend in found) else 1.0)


def _end(connection: Connection, pid: int, reporter: Reporter) -> bool:
    try:
        return bool(_one(connection, "terminate", pid))
    except psycopg.errors.InsufficientPrivilege as error:
        reporter.warn(f"pid {pid} cannot be ended by this role: {str(error).strip()}")
        return False


def end_blockers(connection: Connection, found: list[Blocker], reporter: Reporter) -> None:
    """End the backends in the way: asked for with --kill-blockers, and allowed by the policy."""
    for blocker in found:
        if blocker.since is None or blocker.backend != "client backend":
            reporter.warn(f"this blocker is not ours to end: {blocker}")
            continue
        try:
            # Only where it is still in the transaction that was in the way: its number may be another's by now.
            ended = _one(connection, "terminate_blocker", blocker.pid, blocker.since)
        except psycopg.errors.InsufficientPrivilege as error:
            reporter.warn(f"pid {blocker.pid} cannot be ended by this role: {str(error).strip()}")
            continue
        if ended:
            reporter.warn(f"ended the blocker: {blocker}")
