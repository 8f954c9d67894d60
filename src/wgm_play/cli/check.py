"""`wgm-play check PLAYBOOK`: one report of drift, integrity, health, alerts and backups.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook, split_tags
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.check`; where a report goes to standard output, people's words go to standard error."""
    if any(one.endswith(":-") for one in values.get("reports") or ()) and hasattr(reporter, "aside"):
        reporter.aside = True
    values["only"] = split_tags(values.get("only") or ())
    return on_playbook("check", reporter, playbook, **values)
