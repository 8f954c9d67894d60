"""`wgm-play alerts PLAYBOOK render|lint|drill`: alerts as files for Prometheus, compared with a live page, tried out.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

ACTIONS = ("render", "lint", "drill")


def run(
    reporter: Reporter,
    playbook: str,
    *,
    action: str | None,
    names: list[str] | tuple[str, ...],
    output: str | None,
    exporter: str,
    database: str | None,
    server_version: int | None,
    against: str | None,
    **values: Any,
) -> int:
    """Run `pipeline.alerts`."""
    if action is None:
        raise InputError("what to do is missing", hint=f"wgm-play alerts {playbook} {'|'.join(ACTIONS)}")
    if action not in ACTIONS:
        raise InputError(f"unknown action {action!r}", hint=f"wgm-play alerts {playbook} {'|'.join(ACTIONS)}")
    if names and action != "drill":
        raise InputError("NAME goes with drill", hint=f"wgm-play alerts {playbook} drill {names[0]}")
    if output is None and action == "render":
        raise InputError("--output is missing", hint=f"wgm-play alerts {playbook} render --output alerts")
    if against is None and action == "lint":
        hint = f"wgm-play alerts {playbook} lint --against http://127.0.0.1:9188/metrics"
        raise InputError("--against is missing: the page, or the file, with the metrics that there are", hint=hint)
    given = {
        "action": action,
        "names": tuple(names or ()),
        "output": output,
        "exporter": exporter,
        "database": database,
        "version": server_version,
        "against": against,
    }
    return on_playbook("alerts", reporter, playbook, given, **values)
