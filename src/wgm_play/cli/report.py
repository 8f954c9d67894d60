"""`wgm-play report PLAYBOOK --output FILE`: a run and the database's state as one HTML page.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, output: str | None, run_number: int | None, **values: Any) -> int:
    """Run `pipeline.report`."""
    return on_playbook("report", reporter, playbook, {"output": output, "run": run_number}, **values)
