"""Counters: how much one has grown, as Prometheus counts it.

In: where a counter stood, oldest first. Out: its increase.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from itertools import pairwise


def key_of(labels: Mapping[str, str]) -> str:
    """Return what tells a series of an alert from its others."""
    return json.dumps(labels, sort_keys=True, ensure_ascii=False)


def finite(value: float | None) -> float | None:
    """Return a number as JSON has them; None for an infinite one, and for one that is none."""
    return value if value is not None and math.isfinite(value) else None


def increases(values: Iterable[float | None]) -> float:
    """Return the increase; a counter that stands lower than before was begun anew, at zero."""
    known = [value for value in values if value is not None]
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(known))
