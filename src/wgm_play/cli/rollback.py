"""`wgm-play rollback PLAYBOOK`: go back to the state before the last run, or just after a given run.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.rollback`."""
    if values["detailed_exitcode"] and not values["check"]:
        raise InputError("--detailed-exitcode needs --check")
    return on_playbook("rollback", reporter, playbook, **values)
