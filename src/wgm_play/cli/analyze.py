"""`wgm-play analyze PLAYBOOK`: what queries cost, how they are planned, what would help.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook, told
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    playbook: str,
    *,
    top: int,
    record: bool,
    stats: str | None,
    reports: list[str],
    fail_on: str | None,
    **values: Any,
) -> int:
    """Run `pipeline.analyze`."""
    if stats and record:
        raise InputError("--record keeps the target's own plans", hint="leave out one of --record and --stats")
    given = {"top": top, "record": record, "file": stats, "told": told(reporter, reports or (), fail_on)}
    return on_playbook("analyze", reporter, playbook, given, **values)
