"""Trying again when a lock was not to be had: back-off with jitter, within the policy's budget.

In: an error of a failed attempt and who was in the way. Out: a pause, or `Exhausted`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import field

import psycopg

from wgm_play.execute.watch import Blocker
from wgm_play.lazy_dataclass import dataclass
from wgm_play.reporter import Reporter

# lock_not_available, deadlock_detected, serialization_failure: gone when tried again. Never query_canceled (57014): it
# is also what an administrator's cancel and a statement that takes too long look like.
RETRIED = {"55P03": "lock not available", "40P01": "deadlock", "40001": "serialization failure"}
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# At first a catalog change waits this long for its lock, in seconds: everybody who comes after it waits behind it.
QUICK = 0.1
# For so long, in seconds, attempts stay quick and frequent; then each waits as long as the policy allows.
QUICK_FOR = 60.0
QUICK_PAUSE = 1.0
# As long as the same is in the way, it is said again this often, in seconds.
SAID_AGAIN = 30.0


class Exhausted(Exception):
    """The budget is used up; `text` says what was waited for, `blockers` who was last in the way."""

    def __init__(self, text: str, blockers: Sequence[Blocker]) -> None:
        super().__init__(text)
        self.text = text
        self.blockers = tuple(blockers)


def reason(error: BaseException) -> str | None:
    """Return why `error` may be gone when tried again, or None where trying again is wrong."""
    if not isinstance(error, psycopg.Error):
        return None
    if error.sqlstate == "XX000" and "tuple concurrently" in str(error):
        return "tuple concurrently updated"  # two GRANTs or ALTER ROLEs at once
    return RETRIED.get(error.sqlstate or "")


@dataclass(slots=True)
class Retries:
    """The attempts of one group: all together stay within `budget` seconds."""

    budget: float
    reporter: Reporter
    label: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    attempts: int = 1
    waited: float = 0.0
    _began: float | None = field(default=None)
    _said: tuple[float, str, frozenset[int]] | None = field(default=None)

    @property
    def patience(self) -> float | None:
        """How long the next attempt may wait for a lock, in seconds; None: as long as the policy says."""
        quick = self._began is None or self.clock() - self._began < min(QUICK_FOR, self.budget / 2)
        return QUICK if quick else None

    def again(self, why: str, spent: float, blockers: Sequence[Blocker]) -> None:
        """Report the failed attempt, which took `spent` seconds, and pause; raise Exhausted past the budget."""
        now = self.clock()
        if self._began is None:
            self._began = now - spent
        self.waited += spent
        used = now - self._began
        named = "; ".join(str(blocker) for blocker in blockers)
        text = f"{self.label}: {why}" + (f", held by {named}" if named else "")
        # Full pauses would let two runners of two databases on one server meet again and again: hence the jitter.
        longest = LONGEST_PAUSE if self.patience is None else QUICK_PAUSE
        pause = min(FIRST_PAUSE * 2 ** (self.attempts - 1), longest) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        pause = min(pause, max(self.budget - used, 0.0))
        if pause <= 0:
            raise Exhausted(f"{text}; gave up after {self.attempts} attempts in {used:.1f} s", blockers)
        who = frozenset(blocker.pid for blocker in blockers)
        if self._said is None or self._said[1:] != (why, who) or now - self._said[0] >= SAID_AGAIN:
            self._said = (now, why, who)
            self.reporter.retry(f"{text}; attempt {self.attempts + 1} in {pause:.1f} s")
        self.attempts += 1
        self.sleep(pause)
