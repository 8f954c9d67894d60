"""`wgm-play drill PLAYBOOK`: bring the newest backup back on a scratch server and look at it.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook, told
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter, playbook: str, *, backup: str | None, reports: list[str], fail_on: str | None, **values: Any
) -> int:
    """Run `pipeline.drill`."""
    return on_playbook(
        "drill", reporter, playbook, {"backup_id": backup, "told": told(reporter, reports, fail_on)}, **values
    )
