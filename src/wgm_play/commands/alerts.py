"""The alerts of a play, evaluated now: shown, recorded, written for Prometheus.

In: a play's work. Out: the findings of its alerts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.errors import InsufficientPrivilege

from wgm_play.alerts import evaluate_now, write_metrics, write_rules
from wgm_play.alerts.counter import finite
from wgm_play.alerts.evaluate import RESERVED, counters_of
from wgm_play.alerts.outside_values import OutsideValues
from wgm_play.alerts.visibility import Unseen
from wgm_play.execute.guard import holder
from wgm_play.finding import ERROR, INFO, SEVERITIES, WARNING, Finding
from wgm_play.ledger import UNKNOWN, Ledger
from wgm_play.ledger.alert_history import earlier_counters, forget, record, watched_since
from wgm_play.ledger.install import written
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.alerts import AlertState
    from wgm_play.alerts.outside_values import Counted, OutsideValues, Table
    from wgm_play.options import Options
    from wgm_play.playbook.model import Alert
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def look_at_alerts(work: PlaySession, options: Options, reporter: Reporter) -> list[Finding]:
    """Evaluate the alerts; return what fires or is unknown."""
    if not (work.play.alerts or options.rules or options.metrics or options.record):
        return []
    connection = work.reading
    states = evaluate_now(work.asker, work.play.alerts, connection, beside_of(work))
    fresh = not watched_since(connection, datetime(2000, 1, 1, tzinfo=UTC)).checks
    if options.record:
        keep(work, states)
        reporter.note(f"recorded: the states of {len(states)} alerts")
    if options.rules:
        write_rules(options.rules, work.play.alerts, work.environment.name, connection.info.dbname)
    if options.metrics:
        write_metrics(options.metrics, states, work.environment.name, connection.info.dbname)
    rows = [
        (one.name, one.state, one.severity, _shown(one.value), one.threshold, one.note or one.error) for one in states
    ]
    reporter.table("alerts", ("alert", "state", "severity", "value", "threshold", "note"), rows)
    return [finding_of(one, fresh=fresh) for one in states if one.firing]


# How bad an alert is, in the words of findings.
_SEVERITIES = {"info": INFO, "warning": WARNING, "critical": ERROR}
# From here on the fraction of a value tells people nothing.
_WHOLE = 1000
# As many rows of one alert are read; the page of metrics has all.
ROWS_SHOWN = 5


def finding_of(state: AlertState, *, fresh: bool) -> Finding:
    """Return the finding of an alert that is not well; what nobody has ever counted (`fresh`) is told, and is no warning yet."""
    unknown = state.state == "unknown"
    told = f"unknown: {state.error}" if unknown else state.summary or state.threshold
    severity = _SEVERITIES.get(state.severity, WARNING)
    if unknown:
        severity = INFO if fresh and state.uncounted else max(severity, WARNING, key=SEVERITIES.index)
    remedy = "" if unknown else state.runbook  # which mends what it tells, not that it cannot see
    return Finding(
        "alert", severity, f"{state.name}: {told}", state.name, remedy=remedy, evidence=_values(state), source="alerts"
    )


def _values(state: AlertState) -> tuple[str, ...]:
    """Return the values that fire, of many a few, each with the labels that say which row it is."""
    if state.no_log:
        return ()
    lines = [f"value {_shown(one.value)}, threshold {state.threshold}{one.named}" for one in state.shown]
    if state.state == "unknown":
        return tuple(lines[:1])
    more = [f"and {len(lines) - ROWS_SHOWN} more rows"] if len(lines) > ROWS_SHOWN + 1 else []
    return (*lines[: ROWS_SHOWN if more else None], *more)


def keep(work: PlaySession, states: Sequence[AlertState]) -> None:
    """Write the states into the ledger, which is made where it is missing."""
    bad: list[dict[str, Any]] = [
        {"alert": one.name, "severity": one.severity, "state": one.state, "value": finite(one.value)}
        for one in states
        if one.firing
    ]
    with work.connections.writing("wgm-play/check") as connection, connection.transaction():
        Ledger(connection).ensure(work.environment.readers)
        with written():
            record(connection, work.environment.name, work.play.name, len(states), bad, counters_of(states))
        with suppress(InsufficientPrivilege), connection.transaction():  # a role that may only add rows
            forget(connection, work.environment.policy.alerts_keep)


def beside_of(work: PlaySession) -> OutsideValues:
    """Return what alerts are told that is in no query: of backups, runs, earlier counts."""

    def counted(alert: Alert) -> Counted:
        if work.reading is None:
            return (), 0.0
        found = earlier_counters(work.reading, work.environment.name, work.play.name, alert.over)
        points = [counters[alert.name] for _, counters in found if alert.name in counters]
        return points, max((age for age, counters in found if alert.name in counters), default=0.0)

    url = work.environment.deliver.get("reload")
    asked = {} if url is None else {"prometheus": _asking(reveal(url))}
    return OutsideValues(watched=lambda word: watched(work, word), counted=counted, **asked)


def _asking(url: str) -> Callable[[str, float], Table]:
    """Return what asks Prometheus for the value of an expression."""
    from wgm_play.alerts.prometheus_server import NotAnswered, PrometheusServer

    def ask(expression: str, seconds: float) -> Table:
        try:
            found = PrometheusServer(url).query(reveal(expression), seconds)
        except NotAnswered as error:
            raise Unseen(str(error)) from None
        names = sorted({name for labels, _ in found for name in labels} - {"__name__"})
        columns = [f"exported_{name}" if name in RESERVED else name for name in names]
        return [*columns, "value"], [(*(labels.get(name, "") for name in names), value) for labels, value in found]

    return ask


def watched(work: PlaySession, word: str) -> float | None:
    """Return what wgm-play itself knows. Raise `Unseen` where it does not."""
    if word in ("backup", "proof"):
        return _backup_age(work, proved=word == "proof")
    ledger = Ledger(work.reading)
    if ledger.access() == "unknown":
        raise Unseen(UNKNOWN)
    last = ledger.unfinished_run()
    under_way = last is not None and holder(work.reading) is not None
    if word == "failed_run":
        return float(last is not None and not under_way)
    return max((datetime.now(UTC) - last.started_at).total_seconds(), 0.0) if last is not None and under_way else 0.0


def _backup_age(work: PlaySession, *, proved: bool) -> float:
    """Return the age of the newest backup, or of the newest that was restored; without one it is infinite."""
    if work.play.backup is None:
        raise Unseen("the play has no `backup:`, so wgm-play does not know: leave the alert out with `except:`")
    from wgm_play.backup.base import rank
    from wgm_play.run.gate import engine_of

    policy, engine = engine_of(work)
    needed = rank("restore" if proved else policy.verify)
    ages = [one.age() for one in engine.own() if rank(one.verified) >= needed]
    if proved:
        drills = Ledger(work.reading).evidence("drill", work.environment.name, work.play.name, limit=20)
        ages += [(datetime.now(UTC) - one.at).total_seconds() for one in drills if one.passed]
    return min(ages, default=math.inf)


def _shown(value: float | None) -> float | None:
    """Return a count as the whole number that it is, and of others what people read."""
    if value is None or not math.isfinite(value):
        return value
    return round(value) if value.is_integer() or abs(value) >= _WHOLE else round(value, 3)
