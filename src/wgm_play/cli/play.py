"""`wgm-play PLAYBOOK…`: make databases what playbooks say.

In: the values of the command line. Out: the exit code of the first playbook that failed, or of all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from wgm_play.cli import target
from wgm_play.cli.files import existing
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

# Not failures: done, and done with changes pending.
GOES_ON = (0, 10)


def run(
    reporter: Reporter,
    playbooks: Sequence[str],
    *,
    tags: Sequence[str] = (),
    skip_tags: Sequence[str] = (),
    watch: bool = False,
    list_steps: bool = False,
    list_tags: bool = False,
    list_hosts: bool = False,
    syntax_check: bool = False,
    **values: Any,
) -> int:
    """Run the playbooks in order; stop at the first that fails."""
    asked = {"steps": list_steps, "tags": list_tags, "hosts": list_hosts, "syntax": syntax_check}
    listings = [what for what, wanted in asked.items() if wanted]
    _refuse_contradictions(playbooks, watch=watch, listings=listings, **values)
    for playbook in playbooks:
        existing(playbook)
    from wgm_play import pipeline

    chosen = [
        target.options(playbook, tags=target.split_tags(tags), skip_tags=target.split_tags(skip_tags), **values)
        for playbook in playbooks
    ]
    worst = 0
    for options in chosen:
        reporter.begin(options.playbook)
        if listings:
            code = pipeline.listing(options, reporter, listings[0])
        elif watch:
            code = pipeline.watch(options, reporter)
        else:
            code = pipeline.apply(options, reporter)
        if code not in GOES_ON:
            return code
        worst = max(worst, code)
    return worst


def _refuse_contradictions(playbooks: Sequence[str], *, watch: bool, listings: list[str], **values: Any) -> None:
    if len(listings) > 1:
        raise InputError("one of --list-steps, --list-tags, --list-hosts, --syntax-check at a time")
    if values["save_plan"] and not values["check"]:
        raise InputError("--save-plan needs --check", hint=f"add --check: the plan is written to {values['save_plan']}")
    if values["save_plan"] and values["plan"]:
        raise InputError("--save-plan and --plan exclude each other", hint="a plan that is run is already saved")
    if values["detailed_exitcode"] and not values["check"]:
        raise InputError("--detailed-exitcode needs --check")
    if len(playbooks) > 1 and (values["save_plan"] or values["plan"] or watch):
        name = "--watch" if watch else "--save-plan" if values["save_plan"] else "--plan"
        raise InputError(f"{name} takes one playbook", hint=f"{len(playbooks)} are given: {', '.join(playbooks)}")
    if watch and (values["check"] or values["plan"] or values["step"]):
        raise InputError("--watch applies; it goes with neither --check nor --plan nor --step")
    if values["step"] and not sys.stdin.isatty():
        raise InputError(
            "--step asks before each step, and there is no terminal to ask", hint="use --check --diff instead"
        )
