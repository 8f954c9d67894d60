"""Tests of the rules for `promtool test rules`: each fires, stays silent, and tells that it cannot see.

In: alerts. Out: the text of rules_test.yml. All alerts fire in the first test, none in the second; in the third there
is no series at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.prometheus import (
    OWN,
    PATIENCE,
    TWIN,
    as_yaml,
    braces,
    described,
    identity,
    is_told,
    labels_of,
    notes_of,
    rules,
    series_name,
    threshold_of,
    unwatched,
)
from wgm_play.alerts.threshold import shown

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

# Seconds between two samples, and between two evaluations: the longest `for` is waited for, so not too often.
_STEP = 60
_EVERY = 900
# Each test evaluates every rule up to its last moment: those with a long `for` are apart.
_SOON = 4 * 3600


def rule_tests(alerts: Sequence[Alert], environment: str, database: str, exporter: str = OWN) -> str:
    """Return rules_test.yml for the rules of these alerts, in a file rules.yml beside it."""
    import yaml

    told = [alert for alert in alerts if is_told(alert, exporter)]
    made = yaml.safe_load(rules(told, environment, database, exporter=exporter))
    known = {one["alert"]: one for group in made["groups"] for one in group["rules"]}
    place = (environment, database, exporter)
    tests: list[dict[str, Any]] = []
    for title, some in (
        ("", [one for one in told if _moment(one) <= _SOON]),
        (", after long", [one for one in told if _moment(one) > _SOON]),
    ):
        if some:
            tests += [
                _test(f"fires{title}", some, known, place, firing=True),
                _test(f"stays silent{title}", some, known, place, firing=False),
                _blind(f"is absent{title}", some, known, place),
            ]
    return as_yaml({"rule_files": ["rules.yml"], "evaluation_interval": f"{_EVERY}s", "tests": tests})


Place = tuple[str, str, str]


def _test(
    name: str, alerts: Sequence[Alert], known: Mapping[str, Any], place: Place, *, firing: bool
) -> dict[str, Any]:
    longest = max((_moment(alert) for alert in alerts), default=0)
    series: list[dict[str, str]] = []
    checks: list[dict[str, Any]] = []
    expressions: list[dict[str, Any]] = []
    for alert in alerts:
        if alert.source == "promql":
            given = (alert.series or {}).get("fires" if firing else "silent")
            if given:
                series += [{"series": one, "values": _constant(value, longest)} for one, value in given.items()]
                expressions.append(_counted(alert, 1 if firing else 0))
            continue
        value = _value(alert, firing=firing)
        if value is None:  # no increase is exactly so
            continue
        series += _series(alert, place, longest, value)
        notes = {**notes_of(alert), **described(alert, f"{value:.6g}")}
        fired = {"exp_labels": _labels(alert, place), "exp_annotations": notes}
        checks.append(_check(alert, alert.name, [fired] if firing else []))
        if f"{alert.name}{TWIN}" in known:
            checks.append(_check(alert, f"{alert.name}{TWIN}", []))
    made = {"name": name, "interval": f"{_STEP}s", "input_series": series, "alert_rule_test": checks}
    return made | ({"promql_expr_test": expressions} if expressions else {})


def _blind(name: str, alerts: Sequence[Alert], known: Mapping[str, Any], place: Place) -> dict[str, Any]:
    checks = []
    expressions = []
    for alert in alerts:
        checks.append(_check(alert, alert.name, []))
        twin = f"{alert.name}{TWIN}"
        if alert.source == "promql":
            expressions.append(_counted(alert, 1, twin))
        elif twin in known:
            labels = {**identity(alert, *place), **labels_of(alert, *place[:2])}
            checks.append(
                _check(alert, twin, [{"exp_labels": labels, "exp_annotations": {"summary": unwatched(alert)}}])
            )
    made = {"name": name, "interval": f"{_STEP}s", "input_series": [], "alert_rule_test": checks}
    return made | ({"promql_expr_test": expressions} if expressions else {})


def _moment(alert: Alert) -> int:
    """Return the second at which an alert is looked at: well after its `for`, and its window."""
    return int(-(-(max(alert.seconds, PATIENCE) + alert.over) // _EVERY) * _EVERY) + 2 * _EVERY


def _check(alert: Alert, name: str, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {"eval_time": f"{_moment(alert)}s", "alertname": name, "exp_alerts": expected}


def _counted(alert: Alert, number: int, name: str = "") -> dict[str, Any]:
    """Return a test of how many series of an alert fire, whatever their labels are."""
    firing = f'count(count by (alertname) (ALERTS{{alertname="{name or alert.name}",alertstate="firing"}}))'
    samples = [{"labels": "{}", "value": number}] if number else []
    return {"expr": firing, "eval_time": f"{_moment(alert)}s", "exp_samples": samples}


def _labels(alert: Alert, place: Place) -> dict[str, str]:
    # increase() takes the metric's name away, a comparison does not add one.
    return {**identity(alert, *place), **labels_of(alert, *place[:2])}


def _series(alert: Alert, place: Place, longest: int, value: float) -> list[dict[str, str]]:
    own = braces(identity(alert, *place))
    values = _constant(value, longest)
    if alert.over:
        values = f"0+{shown(value * _STEP / alert.over)}x{_samples(longest)}"
    made = [{"series": f"{series_name(alert, place[2])}{own}", "values": values}]
    if place[2] == OWN:
        made += [
            {"series": f"wgm_alert_up{own}", "values": _constant(1, longest)},
            {"series": f"wgm_alert_evaluated_timestamp_seconds{own}", "values": f"0+{_STEP}x{_samples(longest)}"},
        ]
    return made


def _samples(longest: int) -> int:
    return longest // _STEP + 1


def _constant(value: float, longest: int) -> str:
    return f"{shown(value)}x{_samples(longest)}"


def _value(alert: Alert, *, firing: bool) -> float | None:
    """Return a value, or an increase, on one side of the threshold; None where no increase is sure to be there."""
    threshold = threshold_of(alert)
    number = threshold.number
    near = (number, number + max(1.0, abs(number)), number - 1)
    if alert.over:  # increase() reckons with the time before the first sample: well away from the threshold
        near = (0.0, 3 * max(1.0, abs(number)), 3 * max(1.0, abs(number)))
    exact = alert.over and threshold.operator in ("==", "!=")
    return None if exact else next((value for value in near if threshold.crossed(value) is firing), None)
