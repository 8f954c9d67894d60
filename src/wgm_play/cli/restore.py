"""`wgm-play restore PLAYBOOK --into TARGET`: bring a backup back, into another database.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import hide_password, options
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter, playbook: str, *, backup: str | None, at: str | None, into: str | None, **values: Any
) -> int:
    """Run `pipeline.restore`."""
    if not into:
        raise InputError(
            "--into TARGET is missing: a backup is never restored over the database it was made of",
            hint=f"wgm-play restore {playbook} --into NAME_OF_A_NEW_DATABASE",
        )
    hide_password(into)
    chosen = options(playbook, **values)
    from wgm_play import pipeline

    reporter.begin(playbook)
    return pipeline.restore(chosen, reporter, backup, at, into)
