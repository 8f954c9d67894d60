"""What a plan will meet: how long each statement takes, who holds its tables now, and how many would queue behind it.

In: a plan, the sizes of tables, a connection to the target. Out: an `Impact`, which is true for the moment and no part
of the plan: the words that the plan shows below a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import ACCESS_SHARE, LOCK_LEVELS, ROW_EXCLUSIVE
from wgm_play.plan import Command, Plan
from wgm_play.quantities import format_size
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.operations.base import TableSize

# What a small server with two cores does in a second, as tests/benchmarks/online.py saw it: bytes read by a validation,
# put into an index, or written anew; rows that batches fill beside the application.
READ, BUILT, WRITTEN, FILLED = 200e6, 50e6, 50e6, 20_000
# Less than this, in seconds, is not worth a number.
INSTANT = 0.1
# Scans or rows written in a second from which a table counts as busy: one person who tries things out makes fewer.
BUSY = 10
# Sessions that are named for one statement; the others are counted.
NAMED = 3
QUERY_SHOWN = 80
# By place in LOCK_LEVELS (manual: "Explicit Locking", table "Conflicting Lock Modes").
_CONFLICTS = (
    {7},
    {6, 7},
    {4, 5, 6, 7},
    {3, 4, 5, 6, 7},
    {2, 3, 5, 6, 7},
    {2, 3, 4, 5, 6, 7},
    {1, 2, 3, 4, 5, 6, 7},
    {0, 1, 2, 3, 4, 5, 6, 7},
)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session that holds a lock on a table: `mode` as in `pg_locks` without "Lock", `age` of its transaction in seconds."""

    mode: str
    pid: int
    application: str
    role: str
    age: float | None
    query: str

    def __str__(self) -> str:
        words = [f"pid {self.pid}"]
        words += [f"application {self.application!r}"] if self.application else []
        words += [f"user {self.role!r}"] if self.role else []
        words += [f"transaction open for {self.age:.1f} s"] if self.age is not None else []
        words += [f"query: {' '.join(self.query.split())[:QUERY_SHOWN]}"] if self.query else []
        return ", ".join(words)


@dataclass(slots=True)
class Prospect:
    """A table: its size, who holds it now, how often it is scanned and how many rows are written to it in a second."""

    rows: float = 0
    bytes: int = 0
    holders: list[LockHolder] = field(default_factory=list)
    scans: float = 0
    writes: float = 0


@dataclass(frozen=True, slots=True)
class Impact:
    """Prospects by the name of the relation as locks in the plan have it; of views and routines whose text changes, the
    text as it is and as it will be."""

    relations: Mapping[str, Prospect] = field(default_factory=dict)
    texts: Mapping[Key, tuple[str, str]] = field(default_factory=dict)
    # By how much a machine that nobody has measured may be faster or slower.
    spread: float = 1.0

    def seconds(self, command: Command) -> float | None:
        """Return about how long a statement takes; None where it depends on no table's size, or that is unknown."""
        if not (command.rewrites or command.scans):
            return None
        known = [lock for lock in command.locks if lock.relation in self.relations]
        met = [self.relations[lock.relation] for lock in known if not lock.below]
        if not met:
            return None
        whole = sum(one.bytes for one in met)
        if command.rewrites:
            return whole / WRITTEN
        if command.wait == "data" and not command.transactional:
            return met[0].rows / FILLED
        if re.match(r"CREATE (UNIQUE )?INDEX", command.sql):
            return met[0].bytes / BUILT
        return whole / READ

    def about(self, command: Command) -> str:
        """Return about how long a statement takes, in words; nothing where that is unknown."""
        seconds = self.seconds(command)
        return "" if seconds is None else _about(seconds, self.spread)

    def remarks(self, command: Command) -> Iterator[str]:
        """Yield what is to be said of a statement: its time, who is in its way now, who would queue behind it."""
        seconds = self.seconds(command)
        if seconds is not None:
            met = next(self.relations[lock.relation] for lock in command.locks if lock.relation in self.relations)
            yield f"{_about(seconds, self.spread)}: {met.rows:,.0f} rows, {format_size(met.bytes)}"
        for lock in command.locks:
            if (one := self.relations.get(lock.relation)) is not None and lock.level in LOCK_LEVELS:
                yield from _in_the_way(lock.level, one)


@dataclass(frozen=True, slots=True)
class Foretold:
    """An outlook that was written down: what was said of each statement of a plan."""

    says: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[Key, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, says: Mapping[int, tuple[str, ...]]) -> Foretold:
        """Return it for a plan; `says` are the remarks by the number of the statement."""
        commands = [command for operation in plan.operations for command in operation.commands]
        return cls({id(commands[number]): lines for number, lines in says.items() if number < len(commands)})

    def remarks(self, command: Command) -> Iterator[str]:
        """Yield what was said of a statement."""
        yield from self.says.get(id(command), ())


def written_down(plan: Plan, outlook: Impact) -> dict[int, tuple[str, ...]]:
    """Return what is to be said of each statement of a plan, by its number."""
    commands = [command for operation in plan.operations for command in operation.commands]
    said = {number: tuple(outlook.remarks(command)) for number, command in enumerate(commands)}
    return {number: lines for number, lines in said.items() if lines}


def _about(seconds: float, spread: float) -> str:
    """Return how long something takes, as a range where the machine is another one."""
    if seconds * spread < INSTANT:
        return f"less than {INSTANT:g} s"
    if spread == 1:
        return f"about {_duration(seconds)}"
    return f"{_duration(seconds / spread)} to {_duration(seconds * spread)}"


def _in_the_way(level: str, one: Prospect) -> Iterator[str]:
    conflicting = {LOCK_LEVELS[place] for place in _CONFLICTS[LOCK_LEVELS.index(level)]}
    held: dict[int, LockHolder] = {holder.pid: holder for holder in one.holders if holder.mode in conflicting}
    for holder in sorted(held.values(), key=lambda holder: -(holder.age or 0))[:NAMED]:
        yield f"would wait for {holder}"
    if len(held) > NAMED:
        yield f"and for {len(held) - NAMED} more sessions"
    queue = []
    if ACCESS_SHARE in conflicting and one.scans >= BUSY:
        queue.append(f"{one.scans:,.0f} scans")
    if ROW_EXCLUSIVE in conflicting and one.writes >= BUSY:
        queue.append(f"{one.writes:,.0f} rows written")
    if queue:
        yield f"would queue behind it: what makes {' and '.join(queue)} a second on average"


def changed_texts(plan: Plan, live: Catalog, wanted: Catalog) -> dict[Key, tuple[str, str]]:
    """Return the texts, before and after, of views and routines that are replaced, or dropped and made again."""
    found = {}
    for operation in plan.operations:
        key = operation.key
        if operation.verb in ("alter", "create") and key in live.rows and key in wanted.rows:
            before, after = (_text(catalog[key]) for catalog in (live, wanted))
            if before != after:
                found[key] = (before, after)
    return found


def _text(row: Any) -> str:
    return str(getattr(row, "query", None) or getattr(row, "definition", None) or "")


def look(connection: Any, plan: Plan, sizes: Mapping[Key, TableSize]) -> Impact:
    """Ask the target for what the plan's statements will meet."""
    from wgm_play.ledger.statements import send, text

    names = {lock.relation for operation in plan.operations for command in operation.commands for lock in command.locks}
    found = {key.label: (key, Prospect(size.rows, size.bytes)) for key, size in sizes.items() if key.label in names}
    if not found:
        return Impact()
    keys = [key.name for key, _ in found.values()]
    rows = send(
        connection, text("execute/outlook"), list(found), [name[0] for name in keys], [name[1] for name in keys]
    ).fetchall()
    for label, mode, pid, application, role, age, query, scans, writes in rows:
        one = found[label][1]
        one.scans, one.writes = float(scans), float(writes)
        if pid is not None:
            one.holders.append(LockHolder(mode.removesuffix("Lock"), pid, application, role, age, mask(query)))
    return Impact({label: one for label, (_, one) in found.items()})


def as_data(plan: Plan, outlook: Impact) -> list[dict[str, Any]]:
    """Return it as JSON data: one entry for each statement that there is something to say of, by its place in the plan."""
    made = []
    numbered = [(operation, command) for operation in plan.operations for command in operation.commands]
    for number, (operation, command) in enumerate(numbered):
        remarks = list(outlook.remarks(command))
        if remarks:
            made.append(
                {
                    "statement": number,
                    "operation": operation.title,
                    "seconds": outlook.seconds(command),
                    "says": remarks,
                }
            )
    return made


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
