"""Watching a statement from a second connection: who blocks it, and how far it came.

In: the run lock's connection and the session's backend. Out: blockers with what they do, the time spent blocked,
progress of what is long. A thread samples while a statement runs, because after `lock_not_available` (55P03) the
server no longer knows who was in the way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import field, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.statements import Connection, text
from wgm_play.reporter import Progress
from wgm_play.secret import mask

# A statement that is through sooner is not looked at: thousands of catalog changes must not pay for the watch.
INTERVAL = 0.2
QUERY_SHOWN = 200


# What pg_stat_activity shows of a session that the role may not look into.
HIDDEN = "<insufficient privilege>"


@dataclass(frozen=True, slots=True)
class Blocker:
    """A backend that another one waits for. `age` is that of its transaction, in seconds; `query` is masked;
    `since` is when its transaction began."""

    pid: int
    application: str
    role: str
    client: str
    state: str
    age: float | None
    query: str
    backend: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        if self.pid == 0:
            return "a prepared transaction (see pg_prepared_xacts)"
        words = [f"pid {self.pid}"]
        words += [f"application {self.application!r}"] if self.application else []
        words += [f"user {self.role!r}"] if self.role else []
        words += [f"from {self.client}"] if self.client else []
        words += [self.state] if self.state else [self.backend] if self.backend else []
        words += [f"transaction open for {self.age:.1f} s"] if self.age is not None else []
        if self.query == HIDDEN:
            words.append("what it does is hidden from this role (a member of pg_read_all_stats sees it)")
        elif self.query:
            words.append(f"query: {' '.join(self.query.split())}")
        return ", ".join(words)


def blockers(connection: Connection, pid: int) -> list[Blocker]:
    """Return who blocks backend `pid` now, asked on another connection."""
    found = _ask(connection, "execute/blockers", Blocker, pid)
    return [replace(blocker, query=mask(blocker.query)[:QUERY_SHOWN]) for blocker in found]


def _ask(connection: Connection, name: str, kind: Any, *values: Any, **settings: Any) -> list[Any]:
    # Not by `statements.send`: what a watching thread asks must not count as a statement of the run.
    cursor = psycopg.RawCursor(connection, row_factory=class_row(kind))
    return cursor.execute(text(name, **settings).encode(), values).fetchall()


@dataclass(frozen=True, slots=True)
class ProgressSample:
    """How far a long command came, from the server's progress views; None where it cannot tell."""

    pid: int
    what: str
    phase: str | None
    done: int | None
    total: int | None
    unit: str

    def __str__(self) -> str:
        words = [f"{self.what}: {self.phase}" if self.phase else self.what]
        if self.total:
            words.append(
                f"{min((self.done or 0) / self.total, 1):.0%}, {self.done or 0:,} of {self.total:,} {self.unit}"
            )
        return ", ".join(words)


def progress(connection: Connection, pid: int | None = None) -> list[ProgressSample]:
    """Return the progress of backend `pid`, or of all backends of this database."""
    version = 140000 if connection.info.server_version >= 140000 else 130000
    return _ask(connection, "execute/progress", ProgressSample, pid, version=version)


@dataclass(slots=True)
class SeenBlockers:
    """What was seen while one statement ran: its last blockers, and for how long it was blocked (seconds)."""

    blockers: list[Blocker] = field(default_factory=list)
    blocked: float = 0.0


class StatementWatcher:
    """A thread that samples while a statement runs; `start` and `stop` cost two assignments."""

    def __init__(
        self, connection: Connection, interval: float = INTERVAL, tell: Callable[[str], None] | None = None
    ) -> None:
        """Watch from `connection`; `tell` hears who a long statement waits for, from the thread."""
        self._connection = connection
        self._tell = tell
        self._told: set[tuple[float, int]] = set()
        self._interval = interval
        self._end = threading.Event()
        self._since: float | None = None
        self._pid = 0
        self._seen: SeenBlockers | None = None
        self._progress: Progress | None = None
        self._thread = threading.Thread(target=self._run, name="wgm-play watch", daemon=True)

    def __enter__(self) -> StatementWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        # The thread may be inside one short query; it is a daemon, so a server that hangs does not hold us.
        self._thread.join(timeout=5)

    def start(self, pid: int, shown: Progress | None = None) -> None:
        """A statement of backend `pid` is about to be sent."""
        self._seen = None
        self._pid = pid
        self._progress = shown
        self._since = time.monotonic()

    def stop(self) -> SeenBlockers | None:
        """The statement ended; return what was seen, None where nothing was in its way."""
        self._since = None
        return self._seen

    def _run(self) -> None:
        while not self._end.wait(self._interval):
            since, shown = self._since, self._progress
            if since is None or time.monotonic() - since < self._interval:
                continue
            try:
                self._sample(since, shown)
            except psycopg.Error:
                return  # the lock's connection is gone: the executor notices before its next group

    def _sample(self, since: float, shown: Progress | None) -> None:
        found = blockers(self._connection, self._pid)
        if found and self._since == since:
            earlier = self._seen.blocked if self._seen else 0.0
            self._seen = SeenBlockers(found, earlier + self._interval)
        if shown is None:
            return
        new = [blocker for blocker in found if (since, blocker.pid) not in self._told]
        if new and self._tell is not None:
            self._told.update((since, blocker.pid) for blocker in new)
            self._tell(f"{shown.label} waits for {'; '.join(str(blocker) for blocker in new)}")
        for sample in progress(self._connection, self._pid):
            shown.done, shown.total, shown.unit = sample.done or 0, sample.total or 0, sample.unit
