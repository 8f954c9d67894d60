"""What a run will take on production: what the rehearsal took, by size and speed, and by how far earlier forecasts were off.

In: what was measured, sizes here and there, the ledger's earlier forecasts. Out: `Forecast`, a range for each group of the run. When the
run begins, it is made anew for how fast production is then; after it the ledger keeps it beside what it took.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.quantities import counted, format_duration
from wgm_play.rehearsal.certificate import find
from wgm_play.rehearsal.meter import Measured
from wgm_play.render import render

if TYPE_CHECKING:
    from wgm_play.execute.executor import Outcome
    from wgm_play.plan import Plan
    from wgm_play.run.work import PlaySession

KIND = "forecast"
# Without earlier forecasts to learn from: half and twice as long is what two machines differ by.
SPREAD = 1.5
# As many earlier forecasts as say something of the next.
REMEMBERED = 20
# What is shorter tells nothing of speed, in seconds.
LEAST = 0.3
# Of a few earlier forecasts the middle one may be far off: as if so many had been right.
_RIGHT = 2
_FEW = 3
# One short moment says little of a machine that does other work as well.
_TURNS = 5


@dataclass(frozen=True, slots=True)
class PastForecasts:
    """How far off earlier forecasts were: what runs took to what was measured (`ratios`), and to what was forecast (`errors`)."""

    ratios: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()

    @property
    def middle(self) -> float:
        """By how much they were off: the middle one, as one run beside a busy machine says nothing of the next."""
        return statistics.median([*self.ratios, *[1.0] * _RIGHT]) if self.ratios else 1.0

    @property
    def spread(self) -> float:
        """By how much the single ones differ from that."""
        if len(self.ratios) < _FEW:
            return SPREAD
        return max(max(one / self.middle, self.middle / one) for one in self.ratios)

    def told(self) -> str:
        """Return what to say of them."""
        if not self.errors:
            return "no run has shown yet how good forecasts are here"
        least, most = min(self.errors), max(self.errors)
        return f"the last {counted(len(self.errors), 'run')} took {least:.2g} to {most:.2g} times what was forecast"


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long each group of a run will take, in seconds: least, likely, most."""

    groups: tuple[tuple[str, float, float, float], ...]
    speed: float
    past: PastForecasts
    # How long production took for a piece of work, in seconds.
    pace: float = 0.0

    @property
    def total(self) -> tuple[float, float, float]:
        """The same for all of them."""
        return (
            sum(one[1] for one in self.groups),
            sum(one[2] for one in self.groups),
            sum(one[3] for one in self.groups),
        )

    def data(self) -> dict[str, Any]:
        """Return what a certificate keeps."""
        keys = ("title", "least", "likely", "most")
        return {
            "speed": round(self.speed, 3),
            "pace": round(self.pace, 5),
            "correction": round(self.past.middle, 4),
            "groups": [dict(zip(keys, (one[0], *(round(x, 4) for x in one[1:])), strict=True)) for one in self.groups],
            "total": dict(zip(keys[1:], (round(one, 4) for one in self.total), strict=True)),
        }

    def line(self) -> str:
        """Return one line for people."""
        least, likely, most = self.total
        return f"on production: {format_duration(likely)}, between {format_duration(least)} and {format_duration(most)}; {self.past.told()}"


def forecast(
    groups: Sequence[Measured], factors: Mapping[str, float], paces: Sequence[Sequence[float]], past: PastForecasts
) -> Forecast:
    """Return what a run will take. `factors` say by how much production's tables are larger.

    `paces` are what the same work took here and there, before what was measured and after it.
    """
    here, there = (statistics.mean(one) for one in zip(*paces, strict=True))
    speed = there / here
    made = []
    for one in groups:
        size = max((factors.get(_relation(name), 1.0) for name in one.objects), default=1.0)
        likely = one.seconds * size * speed * past.middle
        made.append((", ".join(one.titles), likely / past.spread, likely, likely * past.spread))
    return Forecast(tuple(made), speed, past, there)


def _relation(told: str) -> str:
    """Return the table that an object belongs to, as `column tasks.title` says it."""
    name = told.partition(" ")[2]
    return name if told.startswith("table ") else name.rpartition(".")[0] or name


def past(ledger: Ledger, environment: str, play: str) -> PastForecasts:
    """Return how far off the last forecasts were."""
    found = ledger.evidence(KIND, environment, play, REMEMBERED)
    told = [one.content for one in reversed(found) if one.content.get("ratio")]
    return PastForecasts(tuple(one["ratio"] for one in told), tuple(one["error"] for one in told))


def calibrate(*connections: Any) -> list[float]:
    """Return what the same work takes on each connection, in seconds: the middle one of several times."""
    text = render("rehearsal/calibrate.sql.j2").sql
    found: list[list[float]] = [[] for _ in connections]
    for _ in range(_TURNS):
        for times, connection in zip(found, connections, strict=True):
            began = time.perf_counter()
            connection.execute(text).fetchall()
            times.append(time.perf_counter() - began)
    return [statistics.median(one) for one in found]


@dataclass(frozen=True, slots=True)
class Expected:
    """The forecast of a run that begins: the certificate's, for how fast production is now."""

    certificate: int
    said: Mapping[str, Any]


def expect(work: PlaySession, plan: Plan) -> Expected | None:
    """Return what a run that begins will take, and say it; None where it was not rehearsed."""
    verdict = find(Ledger(work.reading), plan)
    if verdict.content is None or verdict.number is None or verdict.why.startswith("the last rehearsal"):
        return None
    said = verdict.content.get("forecast")
    if not said:
        return None
    if pace := said.get("pace"):
        [now] = calibrate(work.reading)
        said = scaled(said, now / pace) | {"pace": round(now, 5)}
    total = said["total"]
    work.reporter.note(
        f"as rehearsed it takes {format_duration(total['likely'])}, "
        f"between {format_duration(total['least'])} and {format_duration(total['most'])}"
    )
    return Expected(verdict.number, said)


def scaled(said: Mapping[str, Any], by: float) -> dict[str, Any]:
    """Return a forecast for a machine that takes so many times longer."""

    def times(one: Mapping[str, Any]) -> dict[str, Any]:
        return {key: round(value * by, 4) if isinstance(value, float) else value for key, value in one.items()}

    return {**said, "groups": [times(one) for one in said["groups"]], "total": times(said["total"])}


def remember(work: PlaySession, expected: Expected, outcome: Outcome, run: int) -> None:
    """Keep what a run took beside what was forecast."""
    from wgm_play.rehearsal.evidence import keep

    said = expected.said
    if len(said["groups"]) != len(outcome.results):
        return
    facts = [round(one.seconds - one.lock_wait, 4) for one in outcome.results]
    likely, fact = said["total"]["likely"], sum(facts)
    content = {
        "certificate": expected.certificate,
        "forecast": said,
        "fact": {"groups": facts, "total": round(fact, 4)},
        "ratio": round(fact / likely * said["correction"], 4) if likely >= LEAST else None,
        "error": round(fact / likely, 4) if likely >= LEAST else None,
    }
    least, most = said["total"]["least"], said["total"]["most"]
    work.reporter.note(
        f"it took {format_duration(fact)}; forecast were {format_duration(likely)}, "
        f"between {format_duration(least)} and {format_duration(most)}"
    )
    keep(work, KIND, content, passed=least <= fact <= most, run=run)
