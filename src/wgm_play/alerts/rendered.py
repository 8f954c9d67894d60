"""All files that the alerts of a play become for the tools that people already run.

In: alerts, environment, database. Out: the text of each file, by its name. No database is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.alerts.dashboard import dashboard
from wgm_play.alerts.exporters import justwatch_sql_exporter, postgres_exporter, sql_exporter
from wgm_play.alerts.files import replace_file
from wgm_play.alerts.prometheus import OWN, rules
from wgm_play.alerts.rule_tests import rule_tests
from wgm_play.errors import InputError

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert

_ALERTMANAGER = """\
# Where alerts go: give each receiver its slack_configs, email_configs, webhook_configs or pagerduty_configs.
# An alert that cannot see (…NotEvaluated) has the severity of its alert, and goes the same way.
route:
  receiver: messages
  group_by: [environment, database, alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - matchers: [severity="critical"]
      receiver: pager
      repeat_interval: 1h
    - matchers: [severity="info"]
      receiver: log
receivers:
  - name: messages
  - name: pager
  - name: log
"""


def rendered(
    alerts: Sequence[Alert], environment: str, database: str, version: int, exporter: str = OWN
) -> dict[str, str]:
    """Return the text of each file. Raise `InputError` for an alert that cannot be written so."""
    return {
        "rules.yml": rules(alerts, environment, database, exporter=exporter),
        "rules_test.yml": rule_tests(alerts, environment, database, exporter),
        "alertmanager.yml": _ALERTMANAGER,
        "sql_exporter.yml": sql_exporter(alerts, environment, database, version),
        "justwatch_sql_exporter.yml": justwatch_sql_exporter(alerts, environment, database, version),
        "postgres_exporter.yml": postgres_exporter(alerts, environment, database, version),
        "dashboard.json": dashboard(alerts, environment, database, exporter),
    }


def write_all(files: Mapping[str, str], folder: Path) -> dict[str, bool]:
    """Write the files into a folder, each in one step; return for each whether it is other than it was."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{str(folder)!r} cannot be made: {error.strerror}", hint="name a folder of yours") from error
    return {name: replace_file(folder / name, text) for name, text in files.items()}
