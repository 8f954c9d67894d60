"""Collectors: the numbers of a database that `metrics` serves beside its alerts, whatever a playbook says.

In: a connection that may only read. Out: pages in Prometheus' text format. Names and counts alone: no row, no text of a
query, no name of a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from wgm_play.alerts.evaluate import LOCK_SECONDS, LONGEST_LABEL
from wgm_play.alerts.prometheus import braces, page
from wgm_play.alerts.threshold import shown
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.secret import mask

# Tables that are named: so many of the worst of each kind, and so many in all.
WORST, MOST_TABLES = 60, 150
_GAUGE, _COUNTER = "gauge", "counter"


@dataclass(frozen=True, slots=True)
class Collector:
    """One query of ours: its template `templates/metrics/NAME.sql`, what its columns mean, how often it is asked (seconds).

    A column that `metrics` does not have is a label; `of`, where there is one, is how many rows there would be.
    """

    name: str
    interval: float
    metrics: Mapping[str, tuple[str, str]]
    values: Mapping[str, Any] = field(default_factory=dict)
    # The table that it reads, where that may not be there.
    needs: str = ""


COLLECTORS = (
    Collector("sessions", 15, {"sessions": (_GAUGE, "Sessions of the server by their kind and state.")}),
    Collector(
        "database",
        15,
        {
            "commits": (_COUNTER, "Transactions that were committed."),
            "rollbacks": (_COUNTER, "Transactions that were rolled back."),
            "blocks_read": (_COUNTER, "Blocks that were not in shared_buffers."),
            "blocks_hit": (_COUNTER, "Blocks that were in shared_buffers."),
            "rows_returned": (_COUNTER, "Rows that scans have read."),
            "rows_fetched": (_COUNTER, "Rows that index scans have fetched."),
            "rows_inserted": (_COUNTER, "Rows that were inserted."),
            "rows_updated": (_COUNTER, "Rows that were updated."),
            "rows_deleted": (_COUNTER, "Rows that were deleted."),
            "temporary_bytes": (_COUNTER, "Bytes of temporary files."),
            "deadlocks": (_COUNTER, "Deadlocks."),
            "conflicts": (_COUNTER, "Queries that were canceled by recovery."),
            "transaction_age": (_GAUGE, "Transaction ids used since the oldest row was frozen."),
        },
    ),
    Collector(
        "writing",
        15,
        {
            "in_recovery": (_GAUGE, "1 on a standby."),
            "log_bytes": (_COUNTER, "Where the server's log is, in bytes."),
            "archived": (_COUNTER, "Files of the log that were archived."),
            "archive_failures": (_COUNTER, "Failed attempts to archive one."),
            "checkpoints_timed": (_COUNTER, "Checkpoints that were made because it was time."),
            "checkpoints_requested": (_COUNTER, "Checkpoints that were asked for, or made because the log was full."),
        },
    ),
    Collector(
        "tables",
        60,
        {
            "bytes": (_GAUGE, "Size of the table, without indexes, when it was last vacuumed or analyzed."),
            "live_rows": (_GAUGE, "Rows, as the statistics estimate."),
            "dead_rows": (_GAUGE, "Dead rows, as the statistics estimate."),
            "rows_read_without_index": (_COUNTER, "Rows that sequential scans have read."),
            "index_scans": (_COUNTER, "Index scans."),
            "rows_changed_since_analyze": (_GAUGE, "Rows that changed since the table was analyzed."),
        },
        {"most": WORST, "limit": MOST_TABLES},
    ),
    Collector(
        "drill",
        60,
        {
            "restore_seconds": (_GAUGE, "How long bringing a backup back took in the last drill of a play."),
            "passed": (_GAUGE, "1 where the last drill of a play found nothing."),
            "timestamp_seconds": (_GAUGE, "When the last drill of a play was."),
        },
        needs="wgm.evidence",
    ),
)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collector found: its page, how many series that are, how many rows were left out."""

    text: str
    series: int
    left_out: int = 0


def collect(connection: Any, collector: Collector, own: Mapping[str, str], seconds: float) -> Collected:
    """Ask one collector's query. Raise psycopg's error; `own` are the labels of each series."""
    from psycopg.rows import dict_row

    statement = render(f"metrics/{collector.name}.sql", version=connection.info.server_version, **collector.values)
    with connection.transaction(force_rollback=True):
        connection.execute(render("alerts/read_only.sql.j2").sql)
        limits = render(
            "alerts/limits.sql.j2", statement=round(seconds * 1000), lock=round(LOCK_SECONDS * 1000), hidden="on"
        )
        connection.execute(limits.sql)
        if collector.needs and not _is_there(connection, collector.needs):
            return Collected("", 0)
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(statement.sql).fetchall()
    pages: dict[str, list[str]] = {name: [] for name in collector.metrics}
    there = len(rows)
    for row in rows:
        there = int(row.pop("of", there))
        labels = {name: mask(str(row[name]))[:LONGEST_LABEL] for name in row if name not in pages}
        for name, series in pages.items():
            if row[name] is not None:
                series.append(f"{braces({**labels, **own})} {shown(float(row[name]))}")
    made = [_named(collector, name, series) for name, series in pages.items()]
    return Collected("".join(made), sum(map(len, pages.values())), there - len(rows))


def _is_there(connection: Any, table: str) -> bool:
    """Tell whether a table is there that this role may read."""
    row = connection.execute(render("metrics/readable.sql.j2", table=table).sql).fetchone()
    return bool(row and row[0])


def _named(collector: Collector, name: str, series: list[str]) -> str:
    kind, about = collector.metrics[name]
    middle = "" if name.startswith(collector.name) else f"{collector.name.removesuffix('s')}_"
    return page(f"wgm_{middle}{name}{'_total' if kind == _COUNTER else ''}", about, series, kind)
