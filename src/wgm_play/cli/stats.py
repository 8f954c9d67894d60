"""`wgm-play stats PLAYBOOK`: sizes, traffic and planner statistics, for whoever has no access to the database.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, values_told: str, output: str | None, **values: Any) -> int:
    """Run `pipeline.stats`."""
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise InputError(f"there is no folder {str(Path(output).parent)!r}", hint=f"mkdir -p {Path(output).parent}")
    if output is None and hasattr(reporter, "aside"):
        reporter.aside = True
    return on_playbook("stats", reporter, playbook, {"values": values_told, "output": output}, **values)
