"""`wgm-play status PLAYBOOK`: history, and the run in progress.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.status`."""
    return on_playbook("status", reporter, playbook, **values)
