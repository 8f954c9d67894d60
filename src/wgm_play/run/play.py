"""A play as a library has it: no command line, nothing printed, nothing of one database known to another.

In: `Options`, as values. Out: a plan, or what a run did. Several may be under way in one process, each in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wgm_play.errors import InputError
from wgm_play.options import Options
from wgm_play.reporter import Reporter
from wgm_play.run.opening import open_plays
from wgm_play.run.plans import plan as plan_of
from wgm_play.run.running import run as run_planned
from wgm_play.run.work import PlaySession
from wgm_play.secret import own_names

if TYPE_CHECKING:
    from wgm_play.plan import Plan


@contextmanager
def opened(options: Options, reporter: Reporter | None = None) -> Iterator[PlaySession]:
    """Open the one play that the options choose; its connections are closed afterwards. Raises `WgmError`."""
    with own_names():
        works = open_plays(options, reporter or Reporter())
        if len(works) != 1:
            raise InputError(f"{options.playbook} has {len(works)} plays; one is taken", hint="choose it by `limit`")
        with works[0] as work:
            yield work


def plan(options: Options, reporter: Reporter | None = None) -> Plan:
    """Return what a run would do. Raises `WgmError`."""
    with opened(options, reporter) as work:
        return plan_of(work).plan


def run(options: Options, reporter: Reporter | None = None) -> Plan:
    """Make the database as the play says; return what was done: no groups where it was so already. Raises `WgmError`."""
    with opened(options, reporter) as work:
        planned = plan_of(work)
        if planned.plan.groups:
            run_planned(work, planned)
        return planned.plan
