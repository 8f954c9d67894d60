"""Two plans of one query, of before and after a change, on the same statistics: whether the query became slower.

In: plans. Out: `Slower`, and the finding that names the query, both plans and the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wgm_play.analysis.plans import QueryPlan, Subject
from wgm_play.finding import ERROR, WARNING, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted

SOURCE = "analyze"
CODE, UNKNOWN = "slower_plan", "plan_unknown"
# A plan is worse that costs so many times as much …
TIMES = 2.0
# … and so much more, in the planner's units: what it costs to read a hundred pages in order. Less is nobody's trouble.
FLOOR = 100.0
# Titles of operations that a finding shows.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Slower:
    """A query whose plan became another and dearer one."""

    subject: Subject
    before: QueryPlan
    after: QueryPlan


def slower(
    subjects: Iterable[Subject], before: Mapping[str, QueryPlan], after: Mapping[str, QueryPlan]
) -> list[Slower]:
    """Return the queries with another node, at least `TIMES` the cost and more than `FLOOR` above it."""
    found = []
    for one in subjects:
        was, now = before.get(one.name), after.get(one.name)
        if was is None or now is None or was.shape == now.shape:
            continue
        if now.cost >= TIMES * was.cost and now.cost - was.cost > FLOOR:
            found.append(Slower(one, was, now))
    return found


def finding(one: Slower, changes: Sequence[str], what: str, *, severe: bool = True) -> Finding:
    """Return what is told of a query; `changes` are titles of operations, `what` says what made it so."""
    times = f"{one.after.cost / max(one.before.cost, 0.01):,.0f} times"
    return Finding(
        CODE,
        ERROR if severe else WARNING,
        f"{what}, the query {one.subject.name!r} costs {times} as much: {one.after.way}, was {one.before.way}",
        one.subject.name,
        remedy="keep an index that serves it, or change the query first; wgm-play doc analyze tells more",
        evidence=tuple(evidence(one, changes)),
        where=one.subject.position,
        source=SOURCE,
    )


def evidence(one: Slower, changes: Sequence[str]) -> list[str]:
    """Return the query, both plans and the change, as lines."""
    text = " ".join(one.subject.text.split())
    told = [f"query: {text}", "before:", *(f"  {line}" for line in one.before.lines())]
    told += ["after:", *(f"  {line}" for line in one.after.lines())]
    related = _related(one, changes) or list(changes)
    if related:
        more = f", and {counted(len(related) - SHOWN, 'more', 'more')}" if len(related) > SHOWN else ""
        told.append(f"the change: {'; '.join(related[:SHOWN])}{more}")
    return told


def _related(one: Slower, changes: Sequence[str]) -> list[str]:
    """Return the changes that name what the plans read."""
    names = {name for plan in (one.before, one.after) for name in plan.indexes}
    names |= {
        node.relation.rpartition(".")[2] for plan in (one.before, one.after) for node in plan.nodes if node.relation
    }
    return [title for title in changes if any(name in title for name in names)]
