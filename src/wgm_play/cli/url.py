"""`wgm-play url PLAYBOOK`: where the database is, for scripts.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, password: bool = False, **values: Any) -> int:
    """Run `pipeline.url`."""
    return on_playbook("url", reporter, playbook, {"password": password}, **values)
