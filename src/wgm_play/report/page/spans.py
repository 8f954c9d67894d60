"""What a timeline is made of: its axis, and which of many spans are looked at first.

In: spans; seconds. Out: those that are shown; marks of the axis, in percent; times as people read them.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.quantities import format_duration
from wgm_play.report.page.model import Span

MOST_SPANS = 30
# Below so many seconds a whole number of milliseconds tells nothing.
_SHORT = 0.00995


def longest(spans: Sequence[Span]) -> list[Span]:
    """Return those that people look at first, in their order: all of a few, of many those that took longest."""
    if len(spans) <= MOST_SPANS:
        return list(spans)
    least = sorted((one.width for one in spans), reverse=True)[MOST_SPANS - 1]
    return [one for one in spans if one.width >= least][:MOST_SPANS]


def ticks(seconds: float) -> list[tuple[float, str]]:
    """Return the marks of an axis of so many seconds."""
    return [(0, "0")] + [(25.0 * part, time_of(seconds * part / 4)) for part in range(1, 5)]


def time_of(seconds: float) -> str:
    """Return a time as people read it."""
    if 0 < seconds < _SHORT:
        return f"{seconds * 1000:.1f} ms"
    return (
        f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)
    )
