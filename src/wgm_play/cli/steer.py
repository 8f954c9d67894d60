"""`wgm-play pause PLAYBOOK`, `wgm-play resume PLAYBOOK`: steer a backfill from another terminal.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def pause(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.pause`."""
    return on_playbook("pause", reporter, playbook, **values)


def resume(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.resume`."""
    return on_playbook("resume", reporter, playbook, **values)
