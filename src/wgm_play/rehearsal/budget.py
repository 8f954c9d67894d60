"""The budget of a play: how long locks may be held, what may be rewritten, how much WAL, disk and time a run may take.

In: `budget:` of a play, what a rehearsal measured. Out: a finding for each thing that is exceeded, with statement and relation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wgm_play.document.load import position_of
from wgm_play.errors import Position
from wgm_play.finding import ERROR, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import format_duration, format_size, parse_duration, parse_size
from wgm_play.rehearsal.meter import BLOCKING, Measured

SOURCE = "rehearsal"
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%\Z")
# What we send around the statements of a plan.
_OURS = ("BEGIN", "COMMIT", "EXECUTE wgm_", "SELECT ", "SET ", "INSERT INTO wgm.")
# As much of a statement as names it.
SHOWN = 160


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may cost; None is without a limit. `disk_share` is a part of the size of the database."""

    lock: float | None = None
    rewrite: int | None = None
    wal: int | None = None
    disk: int | None = None
    disk_share: float | None = None
    time: float | None = None
    stall: float | None = None
    where: Mapping[str, Position | None] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Budget:
        """Return the budget that a play declares. Raise `InputError` at its position."""
        if not given:
            return cls()
        at = {key: position_of(given, key) for key in given}
        share = _SHARE.match(str(given.get("disk", "")).strip())

        def size(key: str) -> int | None:
            return None if given.get(key) is None else parse_size(given[key], at[key], f"budget.{key}")

        def seconds(key: str) -> float | None:
            return None if given.get(key) is None else parse_duration(given[key], at[key], f"budget.{key}")

        return cls(
            lock=seconds("lock"),
            rewrite=size("rewrite"),
            wal=size("wal"),
            disk=None if share else size("disk"),
            disk_share=float(share[1]) / 100 if share else None,
            time=seconds("time"),
            stall=seconds("stall"),
            where=at,
        )

    def exceeded(self, groups: Sequence[Measured], peak: int, size: int) -> Iterator[Finding]:
        """Yield what was exceeded: by which statement, on which relation."""
        yield from self._locks(groups)
        yield from self._rewrites(groups)
        wal = sum(one.wal for one in groups)
        if self.wal is not None and wal > self.wal:
            worst = max(groups, key=lambda one: one.wal)
            yield self._finding(
                "wal",
                f"{format_size(wal)} of WAL, allowed are {format_size(self.wal)}: {format_size(worst.wal)} by",
                worst,
            )
        allowed = self.disk if self.disk_share is None else round(self.disk_share * size)
        if allowed is not None and peak > allowed:
            worst = max(groups, key=lambda one: one.disk)
            told = format_size(allowed) + (
                "" if self.disk_share is None else f" ({self.disk_share:.0%} of the database)"
            )
            yield self._finding("disk", f"{format_size(peak)} of disk more at its peak, allowed are {told}:", worst)
        seconds = sum(one.seconds for one in groups)
        if self.time is not None and seconds > self.time:
            worst = max(groups, key=lambda one: one.seconds)
            yield self._finding(
                "time",
                f"the run takes {format_duration(seconds)}, allowed are {format_duration(self.time)}:"
                f" {format_duration(worst.seconds)} by",
                worst,
            )

    def stalled(self, longest: float, script: str) -> Iterator[Finding]:
        """Yield the longest wait of a replayed load, where it is longer than allowed."""
        if self.stall is not None and longest > self.stall:
            told = f"a transaction of the load waits {format_duration(longest)}, allowed are {format_duration(self.stall)}: {script}"
            where = (self.where or {}).get("stall")
            yield Finding(
                "budget_stall", ERROR, told, object=script[:80], attribute="stall", source=SOURCE, where=where
            )

    def _locks(self, groups: Sequence[Measured]) -> Iterator[Finding]:
        if self.lock is None:
            return
        for one in groups:
            for lock in one.locks:
                if lock.level in BLOCKING and lock.seconds > self.lock:
                    yield self._finding(
                        "lock",
                        f"{lock.level} on {lock.relation} is held for {format_duration(lock.seconds)}, allowed are "
                        f"{format_duration(self.lock)}:",
                        one,
                        lock.statement,
                        lock.relation,
                    )

    def _rewrites(self, groups: Sequence[Measured]) -> Iterator[Finding]:
        if self.rewrite is None:
            return
        for one in groups:
            for relation, size in one.rewrites:
                if size > self.rewrite:
                    yield self._finding(
                        "rewrite",
                        f"{relation} is rewritten, {format_size(size)}, allowed are {format_size(self.rewrite)}:",
                        one,
                        relation=relation,
                    )

    def _finding(self, key: str, told: str, one: Measured, statement: str = "", relation: str = "") -> Finding:
        said = "" if statement.startswith(_OURS) else statement
        text = " ".join((said or one.statement(relation)).split())
        return Finding(
            f"budget_{key}",
            ERROR,
            f"{told} {', '.join(one.titles)}: {text[:SHOWN]}",
            object=relation or ", ".join(one.objects),
            attribute=key,
            source=SOURCE,
            where=(self.where or {}).get(key),
        )
