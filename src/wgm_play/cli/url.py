"""`wgm-play url PLAYBOOK`: where the database is, for scripts.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli import target
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, password: bool = False, **values: Any) -> int:
    """Run `pipeline.url`."""
    from wgm_play import pipeline

    chosen = target.options(playbook, **values)
    reporter.begin(playbook)
    return pipeline.url(chosen, reporter, password=password)
