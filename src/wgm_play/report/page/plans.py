"""How queries were planned before and after something, side by side.

In: plans by the name of their query, of both moments. Out: `ShownPlan`, those that became slower first.
"""

from __future__ import annotations

from collections.abc import Mapping

from wgm_play.analysis.compare import FLOOR, TIMES
from wgm_play.analysis.plans import QueryPlan
from wgm_play.report.page.model import ShownPlan

_ORDER = {"slower": 0, "faster": 1, "other": 2, "new": 3, "unknown": 4, "same": 5}


def side_by_side(before: Mapping[str, QueryPlan], after: Mapping[str, QueryPlan]) -> list[ShownPlan]:
    """Return the queries that have a plan at one of both moments."""
    found = [_told(name, before.get(name), after.get(name)) for name in {**before, **after}]
    return sorted(found, key=lambda one: _ORDER[one.how])


def _told(name: str, was: QueryPlan | None, now: QueryPlan | None) -> ShownPlan:
    how = _how(was, now)
    costs = [f"{plan.cost:,.0f}" for plan in (was, now) if plan is not None]
    cost = costs[0] if how == "same" and len(set(costs)) == 1 else " → ".join(costs)
    plan = now or was
    return ShownPlan(
        name,
        how,
        cost,
        plan.way if plan else "",
        was.lines() if was else (),
        now.lines() if now and how != "same" else (),
    )


def _how(was: QueryPlan | None, now: QueryPlan | None) -> str:
    if was is None:
        return "new"
    if now is None:
        return "unknown"
    for one, other, word in ((was, now, "slower"), (now, was, "faster")):
        if other.cost >= TIMES * one.cost and other.cost - one.cost > FLOOR:
            return word
    return "same" if was.shape == now.shape else "other"
