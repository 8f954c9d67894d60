"""`wgm-play status PLAYBOOK…`: history, and the run in progress; `--all`: which revision stands in which environment.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wgm_play.cli import target
from wgm_play.cli.files import playbooks_here
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbooks: Sequence[str], *, all: bool, revision: str | None, **values: Any) -> int:
    """Run `pipeline.status` on each playbook, or `pipeline.matrix` on all together."""
    if not playbooks and not all:
        raise InputError("no PLAYBOOK is given", hint="wgm-play status PLAYBOOK; --all looks at all that are here")
    if all:
        chosen = [target.options(one, revision=revision, **values) for one in playbooks or playbooks_here()]
        if not chosen:
            raise InputError("there is no playbook, neither here nor in playbooks/", hint="wgm-play init DIR")
        from wgm_play import pipeline

        reporter.begin(None)
        return pipeline.matrix(chosen, reporter, given=bool(playbooks))
    return max(target.on_playbook("status", reporter, one, **values) for one in playbooks)
