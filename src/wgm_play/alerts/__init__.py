"""Alerts: queries whose values must stay within thresholds, evaluated now and rendered for Prometheus.

In: the alerts of a play. Out: their states, a rule file, a page of metrics.
"""

from __future__ import annotations

from wgm_play.alerts.evaluate import AlertSample, AlertState, evaluate, evaluate_now
from wgm_play.alerts.files import write_metrics, write_rules
from wgm_play.alerts.prometheus import metrics, rules
from wgm_play.alerts.threshold import Threshold
from wgm_play.alerts.threshold import parse as parse_threshold

__all__ = [
    "AlertSample",
    "AlertState",
    "Threshold",
    "evaluate",
    "evaluate_now",
    "metrics",
    "parse_threshold",
    "rules",
    "write_metrics",
    "write_rules",
]
