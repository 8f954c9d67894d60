"""What a run costs, measured beside it: time, locks and how long they are held, rewrites, WAL, temporary files, disk.

In: a superuser's URL on a scratch server; each group of the run as it commits. Out: `Measured`, one for each group. Locks are
looked at many times a second; one that is too short to be seen is held at most as long as its group took.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import STORED
from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render

if TYPE_CHECKING:
    from wgm_play.execute.executor import GroupResult
    from wgm_play.plan import Command, Operation

# Locks are looked at so often, in seconds; sizes less often, they take longer to ask for.
LOCKS, SIZES = 0.02, 0.25
# Those that keep readers or writers waiting.
BLOCKING = frozenset(["Share", "ShareRowExclusive", "Exclusive", "AccessExclusive"])
_MODE = "Lock"


@dataclass(frozen=True, slots=True)
class MeasuredLock:
    """A lock of our own backend: its level, on what, for how many seconds, under which statement it was first seen."""

    level: str
    relation: str
    seconds: float
    statement: str = ""


@dataclass(slots=True)
class Measured:
    """One group of a run: what it did, and what it cost. Sizes are bytes; `rewrites` are relations with theirs."""

    index: int
    titles: tuple[str, ...]
    objects: tuple[str, ...]
    commands: tuple[Command, ...]
    seconds: float
    locks: tuple[MeasuredLock, ...] = ()
    rewrites: tuple[tuple[str, int], ...] = ()
    wal: int = 0
    temp: int = 0
    disk: int = 0

    def statement(self, relation: str = "") -> str:
        """Return the statement that does it: the one that locks the relation hardest, else the first that does something."""
        doing = [one for one in self.commands if not one.sql.startswith("SET LOCAL ")]
        locking = [one for one in doing if any(lock.relation == relation for lock in one.locks)]
        rewriting = [one for one in locking or doing if one.rewrites]
        return next((one.sql for one in (*rewriting, *locking, *doing)), "")


def _makes_table(one: Operation) -> bool:
    return one.verb == "create" and one.key.kind in STORED


@dataclass(slots=True)
class _SeenLock:
    first: float
    last: float
    statement: str


@dataclass(slots=True)
class Meter:
    """Measures one run. Enter it before the run begins."""

    admin: str
    groups: list[Measured] = field(default_factory=list)
    peak: int = 0
    _base: int = 0
    _lsn: Any = None
    _temp: int = 0
    _files: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    _alive: dict[tuple[int, int, str], _SeenLock] = field(default_factory=dict)
    _done: list[MeasuredLock] = field(default_factory=list)
    _names: dict[int, str] = field(default_factory=dict)
    _disk: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _connection: Any = None

    def __enter__(self) -> Meter:
        import psycopg

        self._connection = psycopg.connect(self.admin, autocommit=True, application_name="measure")
        self._base = self._size(self._connection)
        self._lsn, self._temp, self._files = self._counters()
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._connection.close()

    def group(self, result: GroupResult) -> None:
        """Note what a group cost that has just committed."""
        self._note_size(self._size(self._connection))
        lsn, temp, files = self._counters()
        operations = result.group.operations
        self.groups.append(
            Measured(
                index=result.index,
                titles=tuple(one.title for one in operations),
                objects=tuple(str(one.key) for one in operations),
                commands=tuple(command for one in operations for command in one.commands),
                seconds=result.seconds - result.lock_wait,
                locks=self._locks(result),
                rewrites=tuple(
                    (name, self._size_of(oid))
                    for oid, (name, node) in files.items()
                    if oid in self._files and self._files[oid][1] != node
                ),
                wal=self._between(self._lsn, lsn),
                temp=max(temp - self._temp, 0),
                disk=self._disk,
            )
        )
        self._lsn, self._temp, self._files = lsn, temp, files
        self._disk = 0

    def _locks(self, result: GroupResult) -> tuple[MeasuredLock, ...]:
        """Return the locks of a group: those that were seen, then those that were too short for that. Nobody waits for a table
        that the group itself makes."""
        with self._guard:
            seen, self._done = self._done, []
            for key, one in list(self._alive.items()):  # its backend has committed: they are gone at the next look
                seen.append(self._held(key, one))
                del self._alive[key]
        # A look may come after the commit: no lock outlives its group.
        seen = [replace(one, seconds=min(one.seconds, result.seconds)) for one in seen]
        known = {(one.level, one.relation) for one in seen}
        for lock in result.locks:
            if (lock.level, lock.relation) not in known:
                seen.append(MeasuredLock(lock.level, lock.relation, min(result.seconds, 2 * LOCKS)))
        new = {Key("table", one.key.name).label for one in result.group.operations if _makes_table(one)}
        return tuple(one for one in seen if one.relation not in new)

    def _held(self, key: tuple[int, int, str], one: _SeenLock) -> MeasuredLock:
        return MeasuredLock(key[2], self._names[key[1]], one.last - one.first + LOCKS / 2, one.statement)

    # The thread

    def _watch(self) -> None:
        import psycopg

        locks = render("rehearsal/locks.sql.j2").sql
        sized = 0.0
        with (
            suppress(psycopg.Error),
            psycopg.connect(self.admin, autocommit=True, application_name="measure") as session,
        ):
            while not self._stop.wait(LOCKS):
                now = time.monotonic()
                self._look(session.execute(locks, prepare=True).fetchall(), now)
                if now - sized > SIZES:
                    self._note_size(self._size(session))
                    sized = now

    def _look(self, rows: list[tuple[Any, ...]], now: float) -> None:
        with self._guard:
            found = set()
            for pid, oid, schema, name, mode, statement in rows:
                key = (pid, oid, mode.removesuffix(_MODE))
                found.add(key)
                self._names[oid] = Key("table", (schema, name)).label
                if key in self._alive:
                    self._alive[key].last = now
                else:
                    self._alive[key] = _SeenLock(now, now, statement)
            for key in [one for one in self._alive if one not in found]:
                self._done.append(self._held(key, self._alive.pop(key)))

    def _note_size(self, size: int) -> None:
        more = max(size - self._base, 0)
        self.peak, self._disk = max(self.peak, more), max(self._disk, more)

    @staticmethod
    def _size(session: Any) -> int:
        row = session.execute(render("rehearsal/size.sql.j2").sql).fetchone()
        return int(row[0])

    def _size_of(self, oid: int) -> int:
        row = self._connection.execute(render("rehearsal/table_size.sql.j2", oid=oid).sql).fetchone()
        return int(row[0] or 0)

    def _counters(self) -> tuple[Any, int, Mapping[int, tuple[str, int]]]:
        lsn, temp = self._connection.execute(render("rehearsal/counters.sql.j2").sql).fetchone()
        rows = self._connection.execute(render("rehearsal/files.sql.j2").sql).fetchall()
        files = {oid: (Key("table", (schema, name)).label, node) for oid, schema, name, node in rows}
        return lsn, int(temp), files

    @staticmethod
    def _between(first: str, last: str) -> int:
        def number(lsn: str) -> int:
            high, _, low = lsn.partition("/")
            return (int(high, 16) << 32) + int(low, 16)

        return number(last) - number(first)
