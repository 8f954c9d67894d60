"""A dashboard for Grafana: what fires, what cannot see, and each alert's value with its threshold.

In: alerts. Out: JSON, the same for the same alerts. Its panels name the series that the rules name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.prometheus import OWN, braces, expression, is_told, threshold_of

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Grafana's grid is 24 wide; three panels in a row.
_WIDTH, _HEIGHT, _TOP = 8, 7, 5
_RED, _GREEN, _ORANGE = "red", "green", "orange"


def dashboard(alerts: Sequence[Alert], environment: str, database: str, exporter: str = OWN) -> str:
    """Return the dashboard of one database."""
    told = [alert for alert in alerts if is_told(alert, exporter)]
    head = _head(environment, database) if exporter == OWN else []
    top = _TOP if head else 0
    panels = [
        *head,
        *(_panel(alert, number, top, (environment, database, exporter)) for number, alert in enumerate(told)),
    ]
    made = {
        "uid": hashlib.sha256(f"{environment} {database}".encode()).hexdigest()[:16],
        "title": f"PostgreSQL: {environment}, {database}",
        "tags": ["wgm-play", "postgresql"],
        "timezone": "browser",
        "schemaVersion": 38,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [{**panel, "id": number} for number, panel in enumerate(panels, 1)],
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _head(environment: str, database: str) -> list[dict[str, Any]]:
    """Return the panels that sum all alerts up."""
    own = braces({"environment": environment, "database": database})
    counts = (
        ("Alerts past their threshold", f"sum(wgm_alert_firing{own}) or vector(0)", _RED),
        ("Alerts that cannot see", f"count(wgm_alert_up{own} == 0) or vector(0)", _ORANGE),
        ("Seconds since the oldest evaluation", f"time() - min(wgm_alert_evaluated_timestamp_seconds{own})", _ORANGE),
    )
    return [
        {
            "type": "stat",
            "title": title,
            "datasource": _SOURCE,
            "gridPos": {"h": _TOP, "w": _WIDTH, "x": number * _WIDTH, "y": 0},
            "targets": [{"refId": "A", "expr": query, "datasource": _SOURCE, "instant": True}],
            "fieldConfig": {
                "defaults": {"thresholds": _steps([(_GREEN, None), (colour, 1 if number < 2 else 900)])},
                "overrides": [],
            },
        }
        for number, (title, query, colour) in enumerate(counts)
    ]


def _panel(alert: Alert, number: int, top: int, place: tuple[str, str, str]) -> dict[str, Any]:
    threshold = threshold_of(alert)
    colours = [(_GREEN, None), (_RED, threshold.number)]
    if not threshold.rising:
        colours = [(_RED, None), (_GREEN, threshold.number)]
    return {
        "type": "timeseries",
        "title": alert.name,
        "description": "\n\n".join(one for one in (alert.summary, alert.runbook) if one),
        "datasource": _SOURCE,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": number % 3 * _WIDTH, "y": top + number // 3 * _HEIGHT},
        "targets": [{"refId": "A", "expr": expression(alert, *place), "datasource": _SOURCE}],
        "fieldConfig": {
            "defaults": {
                "custom": {"thresholdsStyle": {"mode": "line"}, "fillOpacity": 10},
                "thresholds": _steps(colours),
            },
            "overrides": [],
        },
    }


def _steps(colours: Sequence[tuple[str, float | None]]) -> dict[str, Any]:
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in colours]}
