"""`wgm-play promote PLAYBOOK`: run what another environment has tried, with its evidence.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.files import playbooks_here
from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    playbook: str | None,
    *,
    release: bool,
    prepare: bool,
    export: str | None,
    verify: str | None,
    sign: str | None,
    **values: Any,
) -> int:
    """Run `pipeline.promote`."""
    here = playbooks_here()
    if playbook is None and not (verify and here):
        raise InputError("no PLAYBOOK is given", hint=f"wgm-play promote {here[0] if here else 'PLAYBOOK'}")
    playbook = playbook or here[0]  # who may sign stands in the project, beside its environments
    if values["reason"] and not release:
        raise InputError("--reason goes with --release", hint=f"wgm-play promote {playbook} --release --reason TEXT")
    if release and values["check"]:
        raise InputError("--release and --check exclude each other")
    if verify:
        return on_playbook("verify", reporter, playbook, {"file": verify}, **values)
    if export:
        return on_playbook("export", reporter, playbook, {"file": export, "key": sign}, **values)
    return on_playbook("promote", reporter, playbook, {"release": release, "prepare": prepare}, **values)
