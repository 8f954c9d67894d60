"""The summaries of the ready alerts stay true where a playbook changes a threshold.

In: the library. Out: one failure for each summary that says a number of its own; the rule's description has value and threshold.
"""

from __future__ import annotations

import re

import pytest
import yaml

from wgm_play.plain_templates import packaged_templates

ALERTS = [
    one
    for path in sorted((packaged_templates() / "alerts/library").glob("*.yml"))
    for one in yaml.safe_load(path.read_text())
]
# Numbers, and words for them; names of settings may hold one.
_FIGURE = re.compile(r"\b\d|\b(half|third|quarters?|fifth|tenth|hours?|minutes?|days?|five|six)\b")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one["name"])
def test_a_summary_says_no_figure(alert: dict[str, str]) -> None:
    assert not _FIGURE.search(alert["summary"])
