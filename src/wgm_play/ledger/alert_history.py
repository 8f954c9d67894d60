"""What alerts said, kept by `check --record`: so that "no alert fired since" can be answered.

In: a connection. Out: rows in `wgm.alert_check`, one for each recording; what fired, and how well it was watched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import install
from wgm_play.ledger.statements import Connection, run

if TYPE_CHECKING:
    from collections.abc import Iterable

# The version of the ledger that keeps what alerts said.
_VERSION = 4


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that was not well: `state` is firing or unknown; seen `times` times, from `first` to `last`."""

    alert: str
    severity: str
    state: str
    first: datetime
    last: datetime
    times: int


@dataclass(frozen=True, slots=True)
class RecordingGaps:
    """How often alerts were recorded since a moment; `longest_gap` is the longest time without, up to now."""

    checks: int
    first: datetime | None
    last: datetime | None
    longest_gap: timedelta


def record(
    connection: Connection,
    environment: str,
    play: str,
    evaluated: int,
    bad: Iterable[Mapping[str, Any]],
    counters: Mapping[str, Any],
) -> None:
    """Write one recording: `bad` are the alerts that fire or are unknown (alert, severity, state, value)."""
    states = json.dumps(list(bad), ensure_ascii=False)
    run(
        connection, "insert_alert_check", environment, play, evaluated, states, json.dumps(counters, ensure_ascii=False)
    )


def forget(connection: Connection, seconds: float) -> None:
    """Remove what was recorded longer ago; the ledger lets that be done in a transaction that says so."""
    run(connection, "maintenance")
    run(connection, "forget_alert_checks", seconds)


def fired_since(connection: Connection, since: datetime) -> list[Fired]:
    """Return the alerts that fired, or could not tell, since a moment; oldest first.

    An empty list alone is no proof: `watched_since` tells whether anybody looked.
    """
    if not _kept(connection):
        return []
    return run(connection, "alerts_fired", since, row_factory=class_row(Fired)).fetchall()


def watched_since(connection: Connection, since: datetime) -> RecordingGaps:
    """Return how well alerts were watched since a moment."""
    if not _kept(connection):
        return RecordingGaps(0, None, None, datetime.now(since.tzinfo) - since)
    *times, now = [at for (at,) in run(connection, "alert_checks", since).fetchall()]
    gaps = [later - earlier for earlier, later in pairwise([since, *times, now])]
    return RecordingGaps(len(times), times[0] if times else None, times[-1] if times else None, max(gaps))


def earlier_counters(
    connection: Connection, environment: str, play: str, seconds: float
) -> list[tuple[float, Mapping[str, Mapping[str, float]]]]:
    """Return where counters stood within the last `seconds`, oldest first: how long ago, alert -> series -> value."""
    if not _kept(connection):
        return []
    return run(connection, "alert_counters", environment, play, seconds).fetchall()


def _kept(connection: Connection) -> bool:
    """Tell whether the ledger is there, readable, and of a version that keeps what alerts said."""
    _, readable = run(connection, "access").fetchone() or (False, False)
    return bool(readable and install.installed(connection) >= _VERSION)
