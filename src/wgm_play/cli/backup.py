"""`wgm-play backup PLAYBOOK`: make a backup now.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import options
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, if_due: bool = False, **values: Any) -> int:
    """Run `pipeline.backup`."""
    chosen = options(playbook, **values)
    from wgm_play import pipeline

    reporter.begin(playbook)
    return pipeline.backup(chosen, reporter, if_due=if_due)
