"""Alerts for Prometheus: a rule file, and a page of metrics that a textfile collector serves.

In: alerts, or their states. Out: text. The metrics are our own, so that a rule never names one that no exporter has:
`wgm_alert_value` (a series per row), `wgm_alert_up` (1 where the query told a value), `wgm_alert_firing`, and
`wgm_alert_evaluated_timestamp_seconds`. A series that is missing fires nothing, so each alert has a twin that fires
when the query fails or returns no value, is not evaluated any more, or its metrics are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.evaluate import AlertState
from wgm_play.alerts.threshold import parse, shown

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

# An alert that was not evaluated for this long is not watched: three times the usual five minutes of cron.
STALE_SECONDS = 900
TWIN = "NotEvaluated"
_HELP = {
    "wgm_alert_value": "The value that an alert's query returned, one series for each row.",
    "wgm_alert_up": "1 where the alert's query told a value, 0 where it failed or told none.",
    "wgm_alert_firing": "1 where the alert's threshold is crossed now, 0 where it is not.",
    "wgm_alert_evaluated_timestamp_seconds": "When the alert's query ran last, in seconds since 1970.",
}


def rules(alerts: Sequence[Alert], environment: str, database: str, stale: float = STALE_SECONDS) -> str:
    """Return a Prometheus rule file (YAML) for the alerts of one database. Raise `InputError` for a threshold."""
    import yaml

    group = {
        "name": f"wgm-play {environment} {database}",
        "rules": [rule for alert in alerts for rule in _rules(alert, environment, database, stale)],
    }
    return str(yaml.safe_dump({"groups": [group] if alerts else []}, sort_keys=False, allow_unicode=True, width=120))


def _rules(alert: Alert, environment: str, database: str, stale: float) -> Iterable[dict[str, Any]]:
    threshold = parse(alert.threshold, getattr(alert.threshold, "position", None) or alert.position)
    selector = _labels({"alert": alert.name, "environment": environment, "database": database})
    labels = {
        **{name: str(value) for name, value in alert.labels.items()},
        "severity": alert.severity,
        "environment": environment,
        "database": database,
    }
    rule: dict[str, Any] = {"alert": alert.name, "expr": f"wgm_alert_value{selector} {threshold}"}
    if alert.seconds:
        rule["for"] = f"{alert.seconds}s"
    yield {**rule, "labels": dict(labels), "annotations": {"summary": alert.summary or alert.name}}
    up, evaluated = f"wgm_alert_up{selector}", f"wgm_alert_evaluated_timestamp_seconds{selector}"
    yield {
        "alert": f"{alert.name}{TWIN}",
        "expr": f"absent({up}) or {up} == 0 or time() - {evaluated} > {shown(stale)}",
        "for": f"{max(alert.seconds, 300)}s",
        "labels": dict(labels),
        "annotations": {
            "summary": f"The alert {alert.name} is not watched: its query fails, returns no value, or is not evaluated"
        },
    }


def metrics(states: Sequence[AlertState], environment: str, database: str, evaluated: float) -> str:
    """Return the states as a page in Prometheus' text format. `evaluated` is seconds since 1970."""
    pages: dict[str, list[str]] = {name: [] for name in _HELP}
    for state in states:
        own = {"alert": state.name, "environment": environment, "database": database}
        for sample in state.samples:
            pages["wgm_alert_value"].append(f"{_labels({**sample.labels, **own})} {shown(sample.value)}")
        pages["wgm_alert_up"].append(f"{_labels(own)} {int(state.state != 'unknown')}")
        pages["wgm_alert_firing"].append(f"{_labels(own)} {int(state.state == 'firing')}")
        pages["wgm_alert_evaluated_timestamp_seconds"].append(f"{_labels(own)} {evaluated:.3f}")
    lines = []
    for name, series in pages.items():
        if series:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", *(f"{name}{line}" for line in series)]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    """Return labels in braces; PromQL and the text format escape alike."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
