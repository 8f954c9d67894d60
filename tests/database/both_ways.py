"""Plan an edit both ways, in part and as a whole: they must say the same.

In: a monkeypatch. Out: a list of the plans that were made in part, None for what could not be; a difference is an
AssertionError.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wgm_play.planning.incremental import plan_part
from wgm_play.planning.model import Planned
from wgm_play.planning.planner import plan
from wgm_play.run import plans


def plan_both_ways(monkeypatch: pytest.MonkeyPatch) -> list[Planned | None]:
    """Have each plan of a part compared with the plan of the whole from now on."""
    made: list[Planned | None] = []

    def both(request: Any, target: Any, last: Any) -> Planned | None:
        found = plan_part(request, target, last)
        made.append(found)
        if found is not None:
            same(found, plan(replace(request, part=None), target))
        return found

    monkeypatch.setattr(plans, "plan_part", both)
    return made


def same(part: Planned, whole: Planned) -> None:
    """Compare two plans, and the catalogs that they lead to."""
    one, other = part.wanted.catalog, whole.wanted.catalog
    assert {key: row for key, row in one.rows.items() if row != other.rows.get(key)} == {}
    assert other.rows.keys() - one.rows.keys() == set()
    places = [{key: catalog.extra(key).number for key in catalog.rows} for catalog in (one, other)]
    assert places[0] == places[1]
    changed = {key for key, row in other.rows.items() if whole.live.rows.get(key) != row}
    assert {f"{edge[0]} -> {edge[1]}" for edge in one.edges ^ other.edges if edge[0] in changed} == set()
    assert part.wanted.managed == whole.wanted.managed
    assert part.live.rows == whole.live.rows
    for name in ("groups", "from_digest", "to_digest", "skipped", "step_names", "warnings"):
        assert getattr(part.plan, name) == getattr(whole.plan, name), name
    assert set(part.plan.unknown) == set(whole.plan.unknown)
