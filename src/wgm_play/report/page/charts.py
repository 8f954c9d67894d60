"""The load beside a run as lines below its timeline: transactions in a second, sessions at work, sessions that wait for a lock.

In: what was looked at while it ran (`run/load.py`). Out: a picture for each, on the timeline's axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from wgm_play.report.page.model import Chart

# The picture's own units: it is stretched to the room there is.
WIDTH, HEIGHT = 1000, 44

Look = tuple[float, int, int, int, int]
Point = tuple[float, float]


def charts(kept: Iterable[Mapping[str, Any]], began: datetime, seconds: float) -> list[Chart]:
    """Return the lines; none where nobody looked."""
    looks: list[Look] = []
    for one in kept:
        offset = (datetime.fromisoformat(one["began"]) - began).total_seconds()
        looks += [(at + offset, *rest) for at, *rest in one["looks"]]
    rates = _rates(looks)
    if not rates:
        return []
    hidden = max(look[4] for look in looks)
    unseen = f", of {hidden} sessions nobody may tell this role" if hidden else ""
    made = [
        ("transactions a second", rates, "busy"),
        (f"sessions at work{unseen}", _of(looks, lambda look: look[2]), "active"),
    ]
    made.append((f"sessions waiting for a lock{unseen}", _of(looks, lambda look: look[3]), "waiting"))
    return [
        Chart(label, _drawn(points, seconds, how, label), f"{max(y for _, y in points):,.0f}")
        for label, points, how in made
    ]


def _of(looks: Sequence[Look], value: Callable[[Look], float]) -> list[Point]:
    return [(look[0], value(look)) for look in looks]


def _rates(looks: Sequence[Look]) -> list[Point]:
    """Return the transactions in a second between each two looks; a server that was started anew counts from nothing."""
    return [
        (after[0], (after[1] - before[1]) / (after[0] - before[0]))
        for before, after in pairwise(looks)
        if after[0] > before[0] and after[1] >= before[1]
    ]


def _drawn(points: Sequence[Point], seconds: float, how: str, label: str) -> Markup:
    most = max(y for _, y in points) or 1.0
    placed = [(min(max(WIDTH * x / seconds, 0.0), WIDTH), HEIGHT - (HEIGHT - 4) * y / most) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    area = f"{placed[0][0]:.1f},{HEIGHT} {line} {placed[-1][0]:.1f},{HEIGHT}"
    text = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" class="chart {how}" role="img" aria-label="{label}: at most {most:,.0f}">'
        f'<polygon points="{area}"/><polyline points="{line}"/></svg>'
    )
    return Markup(text)  # noqa: S704 - numbers, and our own words
