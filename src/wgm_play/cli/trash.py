"""`wgm-play trash PLAYBOOK [list|restore NAME]`: what lies in the trash; one object brought back beside what is live.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter, playbook: str, *, action: str | None, name: str | None, wanted: str | None, **values: Any
) -> int:
    """Run `pipeline.trash`."""
    if action not in (None, "list", "restore"):
        raise InputError(f"unknown action {action!r}", hint=f"wgm-play trash {playbook} [list|restore NAME]")
    if action == "restore" and not name:
        raise InputError("NAME is missing", hint=f"wgm-play trash {playbook} lists what lies in the trash")
    if action != "restore" and (name or wanted):
        raise InputError("NAME and --as go with restore", hint=f"wgm-play trash {playbook} restore NAME")
    return on_playbook("trash", reporter, playbook, {"name": name, "wanted": wanted}, **values)
