"""`wgm-play schedule PLAYBOOK`: the jobs of a play listed, written for systemd, cron or pg_cron, done.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    playbook: str,
    *,
    systemd: str | None,
    cron: str | None,
    pg_cron: bool,
    job: str | None,
    **values: Any,
) -> int:
    """Run `pipeline.schedule`."""
    if job is not None and (systemd or cron or pg_cron):
        raise InputError("--run does a job, --systemd, --cron and --pg-cron write files: use one of them")
    given = {"systemd": systemd, "cron": cron, "pg_cron": pg_cron, "job": job}
    return on_playbook("schedule", reporter, playbook, given, **values)
