"""The alerts of a play, evaluated now: shown, recorded, written for Prometheus.

In: a play's work. Out: the findings of its alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.finding import ERROR, INFO, SEVERITIES, WARNING, Finding
from wgm_play.ledger import Ledger
from wgm_play.ledger.alert_history import record

if TYPE_CHECKING:
    from wgm_play.alerts import AlertState
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import Work


def look_at_alerts(work: Work, options: Options, reporter: Reporter) -> list[Finding]:
    """Evaluate the alerts; return what fires or is unknown."""
    if not (work.play.alerts or options.rules or options.metrics or options.record):
        return []
    from wgm_play.alerts import evaluate_now, write_metrics, write_rules

    connection = work.reading
    states = evaluate_now(work.asker, work.play.alerts)
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
    return [_finding(one) for one in states if one.firing]


# How bad an alert is, in the words of findings.
_SEVERITIES = {"info": INFO, "warning": WARNING, "critical": ERROR}


def _finding(state: AlertState) -> Finding:
    unknown = state.state == "unknown"
    told = f"unknown: {state.error}" if unknown else state.summary or state.threshold
    severity = _SEVERITIES.get(state.severity, WARNING)
    value = (
        () if state.value is None or state.no_log else (f"value {_shown(state.value)}, threshold {state.threshold}",)
    )
    return Finding(
        "alert", max(severity, WARNING, key=SEVERITIES.index) if unknown else severity, f"{state.name}: {told}", state.name,
        evidence=value, source="alerts",
    )  # fmt: skip


def keep(work: Work, states: Sequence[AlertState]) -> None:
    """Write the states into the ledger, which is made where it is missing."""
    bad: list[dict[str, Any]] = [
        {"alert": one.name, "severity": one.severity, "state": one.state, "value": one.value}
        for one in states
        if one.firing
    ]
    with work.connections.writing("wgm-play/check") as connection, connection.transaction():
        Ledger(connection).ensure(work.environment.readers)
        record(connection, work.environment.name, work.play.name, len(states), bad, {})


def _shown(value: float | None) -> float | None:
    """Return a count as the whole number that it is."""
    return int(value) if value is not None and value.is_integer() else value
