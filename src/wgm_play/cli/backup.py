"""`wgm-play backup PLAYBOOK`: make a backup now.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, if_due: bool = False, **values: Any) -> int:
    """Run `pipeline.backup`."""
    return on_playbook("backup", reporter, playbook, {"if_due": if_due}, **values)
