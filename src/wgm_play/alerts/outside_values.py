"""What alerts are told by others than the database: what wgm-play knows, where counters stood, Prometheus.

In: functions of whoever evaluates alerts. Out: `OutsideValues`; what is not to be had raises `Unseen`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.visibility import Unseen
from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

# Columns and rows, as a query returns them.
Table = tuple[list[str], list[tuple[Any, ...]]]
# Where the counters of an alert stood, oldest first, and since how many seconds they are known.
Counted = tuple[Sequence[Mapping[str, float]], float]


def _unwatched(word: str) -> float | None:
    raise Unseen(f"{word.replace('_', ' ')}: only `wgm-play check` and `wgm-play metrics` know")


def _no_prometheus(expression: str, timeout: float) -> Table:
    raise Unseen("only Prometheus can tell: say where it is, with `deliver: {reload: URL}` in the environment")


def _not_counted(alert: Alert) -> Counted:
    return (), 0.0


@dataclass(frozen=True, slots=True)
class OutsideValues:
    """Where values come from that are in no query."""

    watched: Callable[[str], float | None] = _unwatched
    prometheus: Callable[[str, float], Table] = _no_prometheus
    counted: Callable[[Alert], Counted] = _not_counted


NOTHING = OutsideValues()
