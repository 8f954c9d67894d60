"""Alerts evaluated now: each query once, in a transaction that can only read.

In: a connection, alerts. Out: one `AlertState` each; one that cannot tell is `unknown`, never silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.sight import Unseen, all_rows_seen, refuse_hidden_sessions
from wgm_play.alerts.threshold import Threshold, parse
from wgm_play.render import render
from wgm_play.secret import MASK, mask
from wgm_play.units import counted, format_duration

if TYPE_CHECKING:
    from wgm_play.asking.ask import Asker
    from wgm_play.playbook.model import Alert

# One evaluation of one alert: what takes longer is no query to be run every minute.
TIMEOUT_SECONDS = 10.0
LOCK_SECONDS = 1.0
# Each row is a time series; more than this is a query that forgot to aggregate.
MOST_ROWS = 1000
# Labels that every series has anyway; a column of that name would overwrite them.
RESERVED = frozenset(("alert", "alertname", "severity", "environment", "database", "instance", "job"))
_LABEL = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of an alert's query: its value, its other columns as labels, and whether it crosses the threshold."""

    value: float
    labels: Mapping[str, str]
    firing: bool


@dataclass(frozen=True, slots=True)
class AlertState:
    """How one alert stands now.

    `state` is ok, firing or unknown: the query failed, returned no row or NULL, or does not see all that it asks for.
    `firing` is true for firing and unknown: an alert that cannot tell is a finding (exit 12), not a silence. `note` is
    for people: what was not observed (`for:`), or that no value is well (`absent: ok`). `error` says why it is unknown.
    """

    name: str
    state: str
    severity: str
    summary: str
    threshold: str
    seconds: int
    samples: tuple[Sample, ...] = ()
    note: str = ""
    error: str = ""
    no_log: bool = False
    labels: Mapping[str, str] | None = None

    @property
    def firing(self) -> bool:
        """Tell whether `check` must report a finding."""
        return self.state in ("firing", "unknown")

    @property
    def value(self) -> float | None:
        """Return the value to show: the first that fires, else the first, None without one."""
        shown = [sample for sample in self.samples if sample.firing] or self.samples
        return shown[0].value if shown else None


def evaluate(connection: Any, alerts: Sequence[Alert], timeout: float = TIMEOUT_SECONDS) -> list[AlertState]:
    """Return the state of each alert, in their order. `timeout` is seconds for each query.

    Nothing is written: each query runs in a READ ONLY transaction (or savepoint) that is rolled back. Raise
    `InputError` for a threshold that cannot be read; everything else is a state.
    """
    return [_one(connection, alert, parse(alert.threshold, _begin(alert)), timeout) for alert in alerts]


def evaluate_now(asker: Asker, alerts: Sequence[Alert]) -> list[AlertState]:
    """Return the state of each alert, asked so that it can do nothing; names mean what they mean in the application."""
    return [_asked(asker, alert) for alert in alerts]


def _asked(asker: Asker, alert: Alert) -> AlertState:
    import psycopg

    from wgm_play.asking.ask import NotAsked
    from wgm_play.asking.text import check_query
    from wgm_play.errors import InputError

    parse(alert.threshold, _begin(alert))
    try:
        check_query(alert.query)
        with asker.transaction([alert.query], path=None, seconds=TIMEOUT_SECONDS) as connection:
            return evaluate(connection, [alert])[0]
    except psycopg.OperationalError as error:
        if error.sqlstate is None:  # the connection was lost
            raise
        return _failed(alert, error)
    except psycopg.Error as error:
        return _failed(alert, error)
    except NotAsked as reason:
        return _state(alert, "unknown", error=f"not asked: {reason}")
    except InputError as error:
        return _state(alert, "unknown", error=MASK if alert.no_log else error.message)


def _failed(alert: Alert, error: Any) -> AlertState:
    told = (error.diag.message_primary or str(error)).strip()
    return _state(alert, "unknown", error=MASK if alert.no_log else mask(told))


def _state(alert: Alert, word: str, **more: Any) -> AlertState:
    return AlertState(
        alert.name, word, alert.severity, alert.summary, str(parse(alert.threshold, _begin(alert))), alert.seconds,
        no_log=alert.no_log, labels=alert.labels, **more,
    )  # fmt: skip


def _begin(alert: Alert) -> Any:
    return getattr(alert.threshold, "position", None) or alert.position


def _one(connection: Any, alert: Alert, threshold: Threshold, timeout: float) -> AlertState:
    import psycopg

    state = partial(_state, alert)
    try:
        columns, rows = _read(connection, alert.query, timeout)
        samples = _samples(columns, rows, threshold, alert.no_log)
        if any(sample.firing for sample in samples):
            note = f"for {format_duration(alert.seconds)} not observed" if alert.seconds else ""
            return state("firing", samples=samples, note=note)
        refuse_hidden_sessions(connection, alert.query)
    except Unseen as error:
        return state("unknown", error=str(error))
    except psycopg.Error as error:
        return _failed(alert, error)
    missing = _missing(rows, samples)
    if missing and not alert.absent_ok:
        return state("unknown", samples=samples, error=missing)
    return state("ok", samples=samples, note=f"{missing}, which is well (absent: ok)" if missing else "")


def _missing(rows: Sequence[tuple[Any, ...]], samples: Sequence[Sample]) -> str:
    """Say that there is no value, or that one row has none; nothing where each row has one."""
    if not rows:
        return "the query returned no row"
    if len(samples) == len(rows):
        return ""
    return "the value is NULL" if len(rows) == 1 else f"the value of {counted(len(rows) - len(samples), 'row')} is NULL"


def _read(connection: Any, query: str, timeout: float) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the query's columns and rows. Raise `Unseen` where row level security may hide some from this role."""
    import psycopg

    try:
        return _fetch(connection, query, timeout, hidden="off")
    except psycopg.errors.InsufficientPrivilege as error:
        if connection.closed or not all_rows_seen(connection, error):
            raise
    return _fetch(connection, query, timeout, hidden="on")


def _fetch(connection: Any, query: str, timeout: float, *, hidden: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the query's columns and rows; a server-side cursor takes one SELECT and nothing else.

    `hidden` is row_security: off makes an error of a query that would not see all rows.
    """
    import psycopg
    from psycopg.rows import tuple_row

    with connection.transaction(force_rollback=True):
        connection.execute(render("alerts/read_only.sql.j2").sql)
        statement, lock = round(timeout * 1000), round(LOCK_SECONDS * 1000)
        connection.execute(render("alerts/limits.sql.j2", statement=statement, lock=lock, hidden=hidden).sql)
        cursor = connection.cursor("wgm_alert", row_factory=tuple_row)
        try:
            cursor.execute(query.strip().removesuffix(";"))
            if cursor.description is None:
                raise Unseen("the query returns no rows: write one SELECT")
            rows = cursor.fetchmany(MOST_ROWS + 1)
            names = [column.name for column in cursor.description]
        finally:
            # After an error the transaction is rolled back, and the cursor with it.
            with suppress(psycopg.Error):
                cursor.close()
    if len(rows) > MOST_ROWS:
        raise Unseen(f"the query returns more than {MOST_ROWS:,} rows: each is a time series, so aggregate them")
    return names, rows


def _samples(
    columns: Sequence[str], rows: Sequence[tuple[Any, ...]], threshold: Threshold, hidden: bool
) -> tuple[Sample, ...]:
    if columns.count("value") != 1:
        names = ", ".join(columns) or "none"
        raise Unseen(f"the query needs one column named value, it has: {names}")
    at = columns.index("value")
    labels = _label_names([name for name in columns if name != "value"])
    found: dict[tuple[str, ...], Sample] = {}
    for number, row in enumerate(rows, 1):
        value = _number(row[at])
        if value is None:
            continue
        words = tuple("" if cell is None else str(cell) for index, cell in enumerate(row) if index != at)
        if words in found:
            told = ", ".join(f"{name}={word}" for name, word in zip(labels, words, strict=True))
            raise Unseen(f"two rows have the same labels ({MASK if hidden else told or 'none'}): aggregate them")
        shown = {"row": str(number)} if hidden and labels else dict(zip(labels, words, strict=True))
        found[words] = Sample(value, shown, threshold.crossed(value))
    return tuple(found.values())


def _label_names(columns: Sequence[str]) -> list[str]:
    """Return the label of each column: what Prometheus forbids becomes an underscore."""
    names = [_LABEL.sub("_", name) for name in columns]
    names = [f"_{name}" if name[:1].isdigit() else name for name in names]
    for column, name in zip(columns, names, strict=True):
        if name in RESERVED or name.startswith("__"):
            raise Unseen(f"the column {column!r} is a label that each alert has: give it another name")
        if names.count(name) > 1:
            raise Unseen(f"two columns become the label {name!r}: give one another name")
    return names


def _number(value: Any) -> float | None:
    """Return a value as a number; NULL is none, and so is NaN: it crosses no threshold."""
    from decimal import Decimal

    if value is None:
        return None
    if isinstance(value, (bool, int, float, Decimal)):
        return None if math.isnan(value) else float(value)
    raise Unseen(
        f"the column value is of type {type(value).__name__}, it must be a number "
        "(for an interval: extract(epoch from …))"
    )
