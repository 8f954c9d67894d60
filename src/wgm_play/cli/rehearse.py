"""`wgm-play rehearse PLAYBOOK`: the run, its rollback and the run again on a copy of the database.

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
    backup: str | None,
    output: str | None,
    reports: list[str],
    fail_on: str | None,
    synthetic: bool = False,
    replay: str | None = None,
    **values: Any,
) -> int:
    """Run `pipeline.rehearse`."""
    if synthetic and backup:
        raise InputError("--synthetic needs no backup", hint="leave out one of --backup and --synthetic")
    given = {"backup_id": backup, "output": output, "told": told(reporter, reports, fail_on), "synthetic": synthetic}
    given["replay"] = replay
    return on_playbook("rehearse", reporter, playbook, given, **values)
