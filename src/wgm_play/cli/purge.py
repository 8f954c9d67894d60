"""`wgm-play purge PLAYBOOK`: empty the trash of what has outlived its retention.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.purge`."""
    return on_playbook("purge", reporter, playbook, **values)
