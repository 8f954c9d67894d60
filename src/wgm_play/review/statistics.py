"""What a file of production's statistics tells a review: sizes, the server's version, how long statements take there.

In: an environment, the file that the command line names. Out: `StatisticsFile`; sizes and an `Impact` made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from wgm_play.catalog.model import Catalog, Key
from wgm_play.impact import Impact, Prospect
from wgm_play.operations.base import TableSize

if TYPE_CHECKING:
    from wgm_play.environment import Environment
    from wgm_play.stats.file import StatisticsFile

# Another machine does the same in a third of the time, or takes three times as long.
SPREAD = 3.0


def of_environment(environment: Environment, named: str | None) -> StatisticsFile | None:
    """Return the statistics that the command line names, else those of the environment. Raise `InputError`."""
    path = named or environment.stats
    if path is None:
        return None
    from wgm_play.stats.file import load

    return load(path, environment.position if named is None else None)


def sizes(statistics: StatisticsFile, catalog: Catalog, otherwise: TableSize) -> dict[Key, TableSize]:
    """Return the size of each table of a catalog; what the statistics do not know is as large as `otherwise`."""
    known = statistics.sizes()

    def size(key: Key) -> TableSize:
        names = statistics.named(key.name[0], key.name[1])
        return next((known[name] for name in names if name in known), otherwise)

    return {key: size(key) for key in catalog.of("table")}


def outlook(statistics: StatisticsFile, found: Mapping[Key, TableSize], otherwise: TableSize) -> Impact:
    """Return what statements meet: how large tables are, how often they are used."""
    seconds = _counted(statistics)
    made = {}
    for key, size in found.items():
        if size == otherwise:
            continue
        table = statistics.find(key.name[0], key.name[1])
        traffic = (table or {}).get("traffic") or {}
        made[key.label] = Prospect(
            size.rows,
            size.bytes,
            scans=(traffic.get("scans") or 0) / seconds if seconds else 0,
            writes=sum(traffic.get(name) or 0 for name in ("inserted", "updated", "deleted")) / seconds
            if seconds
            else 0,
        )
    return Impact(made, spread=SPREAD)


def _counted(statistics: StatisticsFile) -> float | None:
    """Return for how many seconds traffic was counted."""
    since = statistics.document.get("counted_since")
    if since is None:
        return None
    return max((statistics.taken - datetime.fromisoformat(since)).total_seconds(), 1.0)
