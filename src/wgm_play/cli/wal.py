"""`wgm-play wal PLAYBOOK`: receive the cluster's WAL, in the foreground.

In: the values of the command line. Out: the exit code, 0 where it was ended by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, systemd: bool = False, **values: Any) -> int:
    """Run `pipeline.wal`."""
    return on_playbook("wal", reporter, playbook, {"systemd": systemd}, **values)
