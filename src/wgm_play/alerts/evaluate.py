"""Alerts evaluated now: each query once, in a transaction that can only read.

In: a connection, alerts. Out: one `AlertState` each; one that cannot tell is `unknown`, never silence.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.counter import finite, increases, key_of
from wgm_play.alerts.outside_values import NOTHING, OutsideValues
from wgm_play.alerts.threshold import Threshold, parse
from wgm_play.alerts.visibility import Unseen, all_rows_seen, refuse_hidden_sequences, refuse_hidden_sessions
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted, format_duration
from wgm_play.render import render
from wgm_play.secret import MASK, mask, without_values

if TYPE_CHECKING:
    from wgm_play.asking.ask import Asker
    from wgm_play.playbook.model import Alert

# One evaluation of one alert: what takes longer is no query to be run every minute.
TIMEOUT_SECONDS = 10.0
LOCK_SECONDS = 1.0
# Each row is a time series; more than this is a query that forgot to aggregate.
MOST_ROWS = 1000
LONGEST_LABEL = 200
# Labels that every series has anyway; a column of that name would overwrite them.
RESERVED = frozenset(("alert", "alertname", "severity", "environment", "database", "instance", "job"))
_LABEL = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class AlertSample:
    """One row of an alert's query: its value, its other columns as labels, and whether it crosses the threshold.

    The value of a counter (`over`) is its increase; `counted` is then where it stands.
    """

    value: float
    labels: Mapping[str, str]
    firing: bool
    counted: float | None = None

    @property
    def named(self) -> str:
        """Return which row it is, after a value: `, index=public.a`."""
        return "".join(f", {name}={value}" for name, value in self.labels.items())


@dataclass(frozen=True, slots=True)
class AlertState:
    """How one alert stands now.

    `state` is ok, firing or unknown: the query failed, returned no row or NULL, or does not see all that it asks for.
    `firing` is true for firing and unknown: an alert that cannot tell is a finding (exit 12), not a silence. `note` is
    for people: what was not observed (`for:`), or that no value is well (`absent`). `error` says why it is unknown.
    `took` is how long its query ran, in seconds.
    """

    name: str
    state: str
    severity: str
    summary: str
    threshold: str
    seconds: int
    samples: tuple[AlertSample, ...] = ()
    note: str = ""
    error: str = ""
    no_log: bool = False
    labels: Mapping[str, str] | None = None
    took: float = 0.0
    runbook: str = ""
    sqlstate: str = ""

    @property
    def firing(self) -> bool:
        """Tell whether `check` must report a finding."""
        return self.state in ("firing", "unknown")

    @property
    def uncounted(self) -> bool:
        """Tell whether it is unknown only because nobody has kept where its counter stood."""
        return self.state == "unknown" and any(sample.counted is not None for sample in self.samples)

    @property
    def value(self) -> float | None:
        """Return the value to show: the first that fires, else the first, None without one."""
        return self.shown[0].value if self.shown else None

    @property
    def shown(self) -> Sequence[AlertSample]:
        """Return the rows that tell most: those that fire, else all."""
        return [sample for sample in self.samples if sample.firing] or self.samples


def evaluate(
    connection: Any, alerts: Sequence[Alert], timeout: float = TIMEOUT_SECONDS, beside: OutsideValues = NOTHING
) -> list[AlertState]:
    """Return the state of each alert, in their order. `timeout` is seconds for each query.

    Nothing is written: each query runs in a READ ONLY transaction (or savepoint) that is rolled back. Raise
    `InputError` for a threshold that cannot be read; everything else is a state.
    """
    return [_timed(_one, connection, alert, timeout, beside) for alert in alerts]


def evaluate_now(
    asker: Asker,
    alerts: Sequence[Alert],
    reading: Any = None,
    beside: OutsideValues = NOTHING,
    timeout: float = TIMEOUT_SECONDS,
) -> list[AlertState]:
    """Return the state of each alert, asked so that it can do nothing; names mean what they mean in the application.

    Queries of our own library are asked by `reading`, a session that may only read, where one is given.
    """
    return [
        _timed(_one, reading, alert, timeout, beside)
        if alert.source != "query" or (alert.shipped and reading is not None)
        else _timed(_asked, asker, alert, timeout, beside)
        for alert in alerts
    ]


def _timed(evaluated: Any, *given: Any) -> AlertState:
    begun = time.monotonic()
    state: AlertState = evaluated(*given)
    return replace(state, took=time.monotonic() - begun)


def _asked(asker: Asker, alert: Alert, timeout: float, beside: OutsideValues) -> AlertState:
    import psycopg

    from wgm_play.asking.ask import NotAsked
    from wgm_play.asking.text import check_query

    _threshold(alert)
    try:
        for text in (alert.query, *(query for _, query in alert.before)):
            check_query(text)
        query = alert.query
        if alert.before:
            with asker.transaction([], path=None) as connection:
                query = alert.query_for(connection.info.server_version)
        with asker.transaction([query], path=None, seconds=timeout) as connection:
            return _one(connection, alert, timeout, beside)
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


def unreachable(alert: Alert, told: str) -> AlertState:
    """Return the state of an alert whose database cannot be asked."""
    return _state(alert, "unknown", error=MASK if alert.no_log else mask(told.strip()))


def _failed(alert: Alert, error: Any) -> AlertState:
    told = without_values(error)
    return _state(alert, "unknown", error=MASK if alert.no_log else mask(told), sqlstate=error.sqlstate or "")


def _state(alert: Alert, word: str, **more: Any) -> AlertState:
    return AlertState(
        alert.name,
        word,
        alert.severity,
        alert.summary,
        str(_threshold(alert)),
        alert.seconds,
        no_log=alert.no_log,
        labels=alert.labels,
        runbook=alert.runbook,
        **more,
    )


def _threshold(alert: Alert) -> Threshold:
    return parse(alert.threshold, getattr(alert.threshold, "position", None) or alert.position)


def _one(connection: Any, alert: Alert, timeout: float, beside: OutsideValues) -> AlertState:
    import psycopg

    threshold = _threshold(alert)
    state = partial(_state, alert)
    try:
        query = alert.query_for(connection.info.server_version) if alert.source == "query" else ""
        columns, rows = _values(connection, alert, query, timeout, beside)
        samples = _samples(columns, rows, threshold, alert.no_log)
        note = ""
        if alert.over:
            samples, note, unknown = _increased(alert, threshold, samples, beside)
            if unknown:  # where it stands now is kept all the same: the next one has something to compare with
                return state("unknown", samples=samples, error=unknown)
        if any(sample.firing for sample in samples):
            unseen = f"for {format_duration(alert.seconds)} not observed" if alert.seconds else ""
            return state("firing", samples=samples, note=unseen)
        if query:
            refuse_hidden_sessions(connection, query)
            if len(samples) < len(rows):
                refuse_hidden_sequences(connection, query)
    except Unseen as error:
        return state("unknown", error=str(error))
    except psycopg.Error as error:
        return _failed(alert, error)
    missing = _missing(rows, samples)
    if missing and not (alert.absent == "ok" or (alert.absent == "no_rows" and not rows)):
        return state("unknown", samples=samples, error=missing)
    return state("ok", samples=samples, note=f"{missing}, which is well (absent: {alert.absent})" if missing else note)


def _values(
    connection: Any, alert: Alert, query: str, timeout: float, beside: OutsideValues
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return columns and rows from where the alert takes its value. Raise `Unseen` where that is not to be had."""
    if alert.source == "watch":
        return ["value"], [(beside.watched(alert.query),)]
    if alert.source == "promql":
        return beside.prometheus(alert.query, timeout)
    return _read(connection, query, timeout, ours=alert.shipped)


def _increased(
    alert: Alert, threshold: Threshold, samples: Sequence[AlertSample], beside: OutsideValues
) -> tuple[tuple[AlertSample, ...], str, str]:
    """Return the samples of a counter with its increase as their value, what of the time was not seen, and why it is unknown.

    The increase of a counter that never came so far is no larger than where it stands.
    """
    earlier, seen = beside.counted(alert)
    if not earlier and any(threshold.crossed(one.value) or not threshold.rising for one in samples):
        unknown = (
            "it is a counter, and where it stood is not known: `check --record` every few minutes keeps that"
            f" (its increase within {format_duration(alert.over)} is compared)"
        )
        return tuple(AlertSample(one.value, one.labels, False, one.value) for one in samples), "", unknown
    made = []
    for one in samples:
        value = increases([*(point.get(key_of(one.labels)) for point in earlier), one.value]) if earlier else one.value
        made.append(AlertSample(value, one.labels, threshold.crossed(value), one.value))
    whole = seen >= alert.over * 0.9
    note = "" if whole or not earlier else f"seen for {format_duration(seen)} of {format_duration(alert.over)}"
    return tuple(made), note, ""


def counters_of(states: Sequence[AlertState]) -> dict[str, dict[str, float]]:
    """Return where the counters of alerts stand, by alert and series, as the ledger keeps them."""
    made = {
        one.name: {
            key_of(sample.labels): counted for sample in one.samples if (counted := finite(sample.counted)) is not None
        }
        for one in states
    }
    return {name: found for name, found in made.items() if found}


def _missing(rows: Sequence[tuple[Any, ...]], samples: Sequence[AlertSample]) -> str:
    """Say that there is no value, or that one row has none; nothing where each row has one."""
    if not rows:
        return "the query returned no row"
    if len(samples) == len(rows):
        return ""
    return "the value is NULL" if len(rows) == 1 else f"the value of {counted(len(rows) - len(samples), 'row')} is NULL"


def _read(
    connection: Any, query: str, timeout: float, *, ours: bool = False
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the query's columns and rows. Raise `Unseen` where row level security may hide some from this role."""
    import psycopg

    try:
        return _fetch(connection, query, timeout, hidden="off", ours=ours)
    except psycopg.errors.InsufficientPrivilege as error:
        if connection.closed or not all_rows_seen(connection, error):
            raise
    return _fetch(connection, query, timeout, hidden="on", ours=ours)


def _fetch(
    connection: Any, query: str, timeout: float, *, hidden: str, ours: bool
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the query's columns and rows; a server-side cursor takes one SELECT and nothing else.

    `hidden` is row_security: off makes an error of a query that would not see all rows.
    """
    import psycopg
    from psycopg.rows import tuple_row

    with connection.transaction(force_rollback=True):
        connection.execute(render("alerts/read_only.sql.j2").sql)
        statement, lock = round(timeout * 1000), round(LOCK_SECONDS * 1000)
        connection.execute(render("alerts/limits.sql.j2", statement=statement, lock=lock, hidden=hidden).sql)
        if ours:
            connection.execute(render("alerts/catalog_path.sql.j2").sql)
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
) -> tuple[AlertSample, ...]:
    if columns.count("value") != 1:
        names = ", ".join(columns) or "none"
        raise Unseen(f"the query needs one column named value, it has: {names}")
    at = columns.index("value")
    labels = _label_names([name for name in columns if name != "value"])
    found: dict[tuple[str, ...], AlertSample] = {}
    for number, row in enumerate(rows, 1):
        value = _number(row[at])
        if value is None:
            continue
        words = tuple(
            "" if cell is None else mask(str(cell))[:LONGEST_LABEL] for index, cell in enumerate(row) if index != at
        )
        if words in found:
            told = ", ".join(f"{name}={word}" for name, word in zip(labels, words, strict=True))
            raise Unseen(f"two rows have the same labels ({MASK if hidden else told or 'none'}): aggregate them")
        shown = {"row": str(number)} if hidden and labels else dict(zip(labels, words, strict=True))
        found[words] = AlertSample(value, shown, threshold.crossed(value))
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
