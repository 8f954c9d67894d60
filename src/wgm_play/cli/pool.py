"""`wgm-play pool PLAYBOOK render`: PgBouncer's configuration, from what the play says under `pool:`.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

ACTIONS = ("render",)


def run(
    reporter: Reporter, playbook: str, *, action: str | None, output: str | None, database: str | None, **values: Any
) -> int:
    """Run `pipeline.pool`."""
    if action not in ACTIONS:
        told = "what to do is missing" if action is None else f"unknown action {action!r}"
        raise InputError(told, hint=f"wgm-play pool {playbook} render --output pool")
    return on_playbook("pool", reporter, playbook, {"action": action, "output": output, "database": database}, **values)
