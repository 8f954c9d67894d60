"""What queries cost and how they were planned at a moment: before each run, and when `analyze --record` says so.

In: a connection. Out: rows of `wgm.query_record`; those past their retention are removed when one is added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import install
from wgm_play.ledger.statements import Connection, run

# The version of the ledger that has the table.
SINCE = 7
# How many days a record is kept.
KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """One moment: the run that began then, None for none; the counts of statements since `reset`; the plans of queries."""

    at: datetime
    run: int | None
    reset: datetime | None
    counts: Sequence[Mapping[str, Any]]
    plans: Mapping[str, Any]


def record(
    connection: Connection,
    environment: str,
    play: str,
    run_id: int | None,
    reset: datetime | None,
    counts: Sequence[Mapping[str, Any]],
    plans: Mapping[str, Any],
) -> None:
    """Write one record, and remove those that are old."""
    said = (json.dumps(list(counts), ensure_ascii=False), json.dumps(dict(plans), ensure_ascii=False))
    with connection.transaction():
        run(connection, "insert_query_record", environment, play, run_id, reset, *said)
        old = [number for (number,) in run(connection, "old_query_records", KEPT_DAYS).fetchall()]
        if old:
            run(connection, "delete_query_records", old)
        run(connection, "end_maintenance")


def newest(connection: Connection, environment: str, play: str, *, of_run: bool = False) -> QueryRecord | None:
    """Return the newest record of a play; with `of_run` that of the last run."""
    return _one(connection, "query_records", environment, play, of_run)


def around(
    connection: Connection, environment: str, play: str, run_id: int
) -> tuple[QueryRecord | None, QueryRecord | None]:
    """Return the record that a run made before it changed anything, and the first that was made after that run."""
    before, after = (_one(connection, "query_record_near", environment, play, run_id, of_it) for of_it in (True, False))
    return before, after


def _one(connection: Connection, name: str, *values: Any) -> QueryRecord | None:
    present, readable = run(connection, "access").fetchone() or (False, False)
    if not (present and readable and install.installed(connection) >= SINCE):
        return None
    found: QueryRecord | None = run(connection, name, *values, row_factory=class_row(QueryRecord)).fetchone()
    return found
