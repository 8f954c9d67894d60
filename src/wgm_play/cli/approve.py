"""`wgm-play approve PLAN`: approve a saved plan, so that it may be run.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.reporter import Reporter


def run(reporter: Reporter, plan: str, *, sign: str | None, playbook: str | None, **values: Any) -> int:
    """Run `pipeline.approve` on the playbook that the plan names."""
    from wgm_play.promotion.approval import data_of

    data = data_of(Path(plan))
    values["limit"] = values["limit"] or str(data.get("environment"))
    return on_playbook("approve", reporter, playbook or str(data.get("playbook")), {"key": sign}, plan=plan, **values)
