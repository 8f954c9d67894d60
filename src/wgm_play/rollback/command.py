"""Rollback as a command: what is taken back in one run, shown or run.

In: a play's work, `Options`, a reporter. Out: an exit code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wgm_play.cache.store import Cache
from wgm_play.catalog.model import Catalog
from wgm_play.errors import InputError, Refused
from wgm_play.ledger import Ledger, RunChange
from wgm_play.ledger.statements import run as ask
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.model import Choices
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.playbook.fold import fold
from wgm_play.playbook.model import Declarations
from wgm_play.reporter import StepResult
from wgm_play.rollback.past import ids_of
from wgm_play.rollback.plan import plan
from wgm_play.run.intent import Intent
from wgm_play.run.results import show_plan
from wgm_play.run.running import run_plan

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


PENDING = 10
# Looks at what is to be taken back, and raises where that is not to be.
Judge = Callable[["Planned"], None]


def roll_back(work: PlaySession, options: Options, reporter: Reporter, judge: Judge | None = None) -> int:
    """Take back the last change, or all since a run; return the exit code. `judge` may refuse it when it is planned."""
    work.check_marker()
    ledger = Ledger(work.reading)
    changes = _changes(ledger, options)
    if not changes:
        reporter.note("there is nothing to roll back")
        reporter.step(StepResult(work.target, "Roll back", "ok"))
        return 0
    _refuse_irreversible(ledger, ids_of(changes))
    while changes:
        part = _in_one_run(ledger, changes)
        code = _take_back(work, ledger, part, options, reporter, judge)
        changes = changes[len(part) :]
        if options.check:
            if changes:
                reporter.note(f"{_named(changes)} would then be taken back: how, is known when it is their turn")
            return code
    if work.environment.policy.hold_rolled_back:
        reporter.note(
            "the same steps are held from now on: change them, or release them with "
            f"wgm-play promote {options.playbook} --release --reason REASON"
        )
    return 0


def _take_back(
    work: PlaySession,
    ledger: Ledger,
    changes: Sequence[RunChange],
    options: Options,
    reporter: Reporter,
    judge: Judge | None,
) -> int:
    """Take changes back in one run; with --check, show it."""
    ids, name = ids_of(changes), f"Roll back {_named(changes)}"
    live = work.read_live()
    planned = plan(request_of(work, live), target_of(work), ledger, changes)
    if judge is not None:
        judge(planned)
    if planned.plan.groups:
        work.refuse_unwritable_backups()
    if options.check:
        show_plan(work, planned, diff=options.diff)
        outcome = "changed" if planned.plan.groups else "ok"
        reporter.step(StepResult(work.target, name, outcome, operations=planned.plan.operations))
        return PENDING if options.detailed_exitcode and planned.plan.groups else 0
    if not planned.plan.groups:
        reporter.note("the catalog is already as it was before")
    run_plan(work, planned, Intent(tuple(ids), name))
    return 0


def target_of(work: PlaySession) -> PlanTarget:
    """Return the target of a plan that no cache knows."""
    return PlanTarget(work.reading, work.connections, Cache(None))


def request_of(work: PlaySession, live: Catalog) -> PlanRequest:
    """Return what is planned where no step says anything."""
    nothing = Declarations({})
    imperative = Imperative(work.play, nothing, fold(()), Ledger(work.reading), work.reading, work.asker)
    choices = Choices(trash=not work.options.no_trash)
    return PlanRequest(
        work.playbook, work.play, nothing, work.environment, choices, (), live, imperative, sizes=work.sizes
    )


def _named(changes: Sequence[RunChange]) -> str:
    ids = sorted(ids_of(changes))
    return f"run {ids[0]}" if len(ids) == 1 else f"runs {', '.join(map(str, ids))}"


def _in_one_run(ledger: Ledger, changes: Sequence[RunChange]) -> list[RunChange]:
    """Return those of the newest changes that one run takes back: one, or several that kept nothing and ran nothing.

    What one removed, renamed, converted, wrote or ran goes back when nothing newer stands in its place, under the
    names of then.
    """
    busy = {entry.run for entry in ledger.trash_entries()} | {row.run for row in ledger.sql_done()}
    busy |= {row.run for row in ledger.row_changes(ids_of(changes))}
    return list(itertools.takewhile(lambda change: not busy.intersection(change.ids), changes)) or [changes[0]]


def _changes(ledger: Ledger, options: Options) -> list[RunChange]:
    if ledger.access() == "unknown":
        raise Refused(
            "this role may not read the ledger, so nothing can be rolled back",
            hint="name the role under readers: of the environment",
        )
    if options.to_run is None:
        last = ledger.state_before_last_change()
        return [last] if last else []
    known = {one for change in ledger.changes() for one in change.ids}
    if options.to_run not in known:
        raise InputError(f"there is no run {options.to_run}", hint=f"wgm-play status {options.playbook} lists the runs")
    gone = ledger.taken_back_since(options.to_run)
    if gone is not None:
        raise Refused(
            f"run {gone[0]} was taken back by run {gone[1]}: the state just after run {options.to_run} cannot be had by taking"
            " runs back",
            hint=f"run the playbook of then; `wgm-play trash {options.playbook}` lists the rows that are kept",
        )
    return ledger.changes_after(options.to_run)


def _refuse_irreversible(ledger: Ledger, ids: Sequence[int]) -> None:
    rows = ask(ledger.connection, "irreversible", list(ids)).fetchall()
    undone = {(row.step, row.run) for row in ledger.sql_done() if row.down is not None}
    told = [f"run {run}: {title}: {why}" for run, title, why in rows if (title.removeprefix("run "), run) not in undone]
    for kind, name, event, run in ledger.emptied_since(ids):
        word = "purged" if event == "purged" else "brought back from the trash"
        told.append(f"{kind} {'.'.join(name)}: it was {word} by run {run}")
    if told:
        raise Refused(
            "what was done cannot be undone", details=told, hint="restore the backup that was taken before the run"
        )
