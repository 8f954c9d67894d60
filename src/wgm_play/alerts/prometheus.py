"""Alerts for Prometheus: a rule file, and the page of metrics that its rules read.

In: alerts, or their states. Out: text. The metrics are our own, so that a rule never names one that no exporter has:
`wgm_alert_value` (a series per row), `wgm_alert_up` (1 where the query told a value), `wgm_alert_firing`, and
`wgm_alert_evaluated_timestamp_seconds`. A series that is missing fires nothing, so each alert has a twin that fires
when the query fails or returns no value, is not evaluated any more, or its metrics are gone. Where another exporter
asks the queries (`exporter`), the rules name its series. A scrape that is lost leaves no series for a moment, which would
begin an alert's `for` anew: what was last known bridges it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.evaluate import AlertState
from wgm_play.alerts.threshold import Threshold, parse, shown
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

# An alert that was not evaluated for this long is not watched: three times the usual five minutes of cron.
STALE_SECONDS = 900
# What is not seen for this long is told.
PATIENCE = 300
# What was known stands in for a lost scrape for so long: two of them, at Prometheus' own interval of a minute.
BRIDGED = "3m"
TWIN = "NotEvaluated"
# The two programs that are called sql_exporter differ in all but the name; Debian has this one.
JUSTWATCH = "justwatch_sql_exporter"
OWN = "wgm-play"
_HELP = {
    "wgm_alert_value": "The value that an alert's query returned, one series for each row.",
    "wgm_alert_up": "1 where the alert's query told a value, 0 where it failed or told none.",
    "wgm_alert_firing": "1 where the alert's threshold is crossed now, 0 where it is not.",
    "wgm_alert_evaluated_timestamp_seconds": "When the alert's query ran last, in seconds since 1970.",
}


def rules(
    alerts: Sequence[Alert], environment: str, database: str, stale: float = STALE_SECONDS, exporter: str = OWN
) -> str:
    """Return a Prometheus rule file (YAML) for the alerts of one database. Raise `InputError` for a threshold."""
    group = {
        "name": group_name(environment, database),
        "rules": rule_list(alerts, environment, database, stale, exporter),
    }
    return as_yaml({"groups": [group] if alerts else []})


def group_name(environment: str, database: str) -> str:
    """Return the name of the group of one database's rules."""
    return f"wgm-play {environment} {database}"


def rule_list(
    alerts: Sequence[Alert], environment: str, database: str, stale: float = STALE_SECONDS, exporter: str = OWN
) -> list[dict[str, Any]]:
    """Return the rules of all alerts, each followed by its twin."""
    return [rule for alert in alerts for rule in _rules(alert, environment, database, stale, exporter)]


def as_yaml(value: Any) -> str:
    """Return YAML for the programs of others."""
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def threshold_of(alert: Alert) -> Threshold:
    """Return an alert's threshold; raise `InputError` at its place where it cannot be read."""
    return parse(alert.threshold, getattr(alert.threshold, "position", None) or alert.position)


def labels_of(alert: Alert, environment: str, database: str) -> dict[str, str]:
    """Return the labels of an alert's rule."""
    return {**alert.labels, "severity": alert.severity, "environment": environment, "database": database}


def identity(alert: Alert, environment: str, database: str, exporter: str = OWN) -> dict[str, str]:
    """Return the labels that tell an alert's series from those of others."""
    own = {"alert": alert.name} if exporter == OWN else {}
    return {**own, "environment": environment, "database": database}


def series_name(alert: Alert, exporter: str = OWN) -> str:
    """Return the name of the metric that holds an alert's value."""
    if exporter == OWN:
        return "wgm_alert_value"
    return f"sql_wgm_alert_{alert.name}" if exporter == JUSTWATCH else f"wgm_alert_{alert.name}_value"


def is_told(alert: Alert, exporter: str) -> bool:
    """Tell whether an exporter can tell an alert's value: what wgm-play itself knows, no other does."""
    return exporter == OWN or alert.source != "watch"


def expression(alert: Alert, environment: str, database: str, exporter: str = OWN) -> str:
    """Return the expression whose value is compared with the threshold."""
    if alert.source == "promql":
        return f"({' '.join(reveal(alert.query).split())})"
    found = series_name(alert, exporter) + braces(identity(alert, environment, database, exporter))
    return f"increase({found}[{alert.over:.0f}s])" if alert.over else found


def _rules(alert: Alert, environment: str, database: str, stale: float, exporter: str) -> Iterable[dict[str, Any]]:
    if not is_told(alert, exporter):
        return
    labels = labels_of(alert, environment, database)
    rule: dict[str, Any] = {
        "alert": alert.name,
        "expr": f"{_lasting(alert, environment, database, exporter)} {threshold_of(alert)}",
    }
    if alert.seconds:
        rule["for"] = f"{alert.seconds}s"
    value = '{{ $value | printf "%.6g" }}'
    yield {**rule, "labels": _plain(labels), "annotations": {**_plain(notes_of(alert)), **described(alert, value)}}
    blind = _blind(alert, environment, database, stale, exporter)
    if blind:
        yield {
            "alert": f"{alert.name}{TWIN}",
            "expr": blind,
            "for": f"{max(alert.seconds, PATIENCE)}s",
            "labels": _plain(labels),
            "annotations": {"summary": unwatched(alert)},
        }


def _lasting(alert: Alert, environment: str, database: str, exporter: str) -> str:
    """Return the expression of a rule, with what was last known where a scrape is lost.

    A row that is gone while our query was asked is gone: of our own metrics it is known whether it was. Of those of others it is not.
    """
    now = expression(alert, environment, database, exporter)
    if alert.source == "promql" or alert.over:  # those over a range bridge it by themselves
        return now
    if exporter != OWN:
        return f"last_over_time({now}[{BRIDGED}])"
    own = identity(alert, environment, database)
    return f"({now} or (last_over_time({now}[{BRIDGED}]) unless on ({', '.join(own)}) wgm_alert_up{braces(own)} == 1))"


def unwatched(alert: Alert) -> str:
    """Return what the twin of an alert says."""
    why = (
        "what it is made of is missing"
        if alert.source == "promql"
        else "its query fails, returns no value, or is not evaluated"
    )
    return f"The alert {alert.name} is not watched: {why}"


def notes_of(alert: Alert) -> dict[str, str]:
    """Return what an alert tells people."""
    made = {"summary": alert.summary or alert.name}
    if alert.runbook:
        key = "runbook_url" if alert.runbook.startswith(("http://", "https://")) else "runbook"
        made[key] = alert.runbook
    return made


def described(alert: Alert, value: str) -> dict[str, str]:
    """Return the description of an alert that fires: its value, where that is exact, and its threshold."""
    told = f"threshold {threshold_of(alert)}"
    return {"description": f"{told}, within {alert.over} s" if alert.over else f"value {value}, {told}"}


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts as Prometheus writes them out as they are: those of a playbook are no templates of its."""
    return {name: text.replace("{{", '{{ "{{" }}') for name, text in texts.items()}


def _blind(alert: Alert, environment: str, database: str, stale: float, exporter: str) -> str:
    """Return the expression that is true while nobody sees the alert's value; nothing where that cannot be told."""
    if alert.source == "promql":
        return f"absent{expression(alert, environment, database)}"
    selector = braces(identity(alert, environment, database, exporter))
    if exporter != OWN:  # a query that returns no row leaves no trace there
        return f"absent({series_name(alert, exporter)}{selector})" if alert.absent == "unknown" else ""
    up, evaluated = f"wgm_alert_up{selector}", f"wgm_alert_evaluated_timestamp_seconds{selector}"
    return (
        f"absent({up}) or last_over_time({up}[{BRIDGED}]) == 0"
        f" or time() - last_over_time({evaluated}[{BRIDGED}]) > {shown(stale)}"
    )


def metrics(states: Sequence[AlertState], environment: str, database: str, evaluated: float | Sequence[float]) -> str:
    """Return the states as a page in Prometheus' text format. `evaluated` is seconds since 1970, of all or of each."""
    pages: dict[str, list[str]] = {name: [] for name in _HELP}
    times = [evaluated] * len(states) if isinstance(evaluated, float) else list(evaluated)
    for state, at in zip(states, times, strict=True):
        own = {"alert": state.name, "environment": environment, "database": database}
        for sample in state.samples:
            value = sample.value if sample.counted is None else sample.counted
            pages["wgm_alert_value"].append(f"{braces({**sample.labels, **own})} {shown(value)}")
        pages["wgm_alert_up"].append(f"{braces(own)} {int(state.state != 'unknown')}")
        pages["wgm_alert_firing"].append(f"{braces(own)} {int(state.state == 'firing')}")
        pages["wgm_alert_evaluated_timestamp_seconds"].append(f"{braces(own)} {at:.3f}")
    return "".join(page(name, _HELP[name], series) for name, series in pages.items())


def page(name: str, about: str, series: Sequence[str], kind: str = "gauge") -> str:
    """Return one metric with its series in the text format; nothing where there are none."""
    if not series:
        return ""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *(f"{name}{line}" for line in series)]
    return "".join(f"{line}\n" for line in lines)


def braces(labels: Mapping[str, str]) -> str:
    """Return labels in braces; PromQL and the text format escape alike."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
