"""`wgm-play freeze PLAYBOOK`: nobody may change the environment until a time, or until it is lifted.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, *, until: str | None, lift: bool, **values: Any) -> int:
    """Run `pipeline.freeze`."""
    if lift and until:
        raise InputError("--lift and --until exclude each other")
    if not lift and not values["reason"]:
        raise InputError("a freeze needs a reason", hint=f"wgm-play freeze {playbook} --until 2026-12-27 --reason TEXT")
    return on_playbook("freeze", reporter, playbook, {"until": until, "lift": lift}, **values)
