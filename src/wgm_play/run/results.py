"""What is said of a planned play and of one that ran: each step's result, what was removed, what no step mentions.

In: a `PlaySession`, a `Planned`. Out: lines by the reporter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wgm_play import server
from wgm_play.reporter import StepResult
from wgm_play.run import closing

if TYPE_CHECKING:
    from wgm_play.impact import Impact
    from wgm_play.plan import Operation
    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import Step
    from wgm_play.run.work import PlaySession

# The step of what no step asks for.
UNASKED = "What no step asks for any more"


def report_ok(work: PlaySession, planned: Planned) -> str | None:
    """Report a play that finds nothing to do; return the line on what no step mentions."""
    _report(work, planned, {})
    return say_rest(work, planned)


def report_unrun(work: PlaySession, planned: Planned) -> None:
    """Report a play that was only planned."""
    _report(work, planned, planned.plan.by_step())


def results(
    work: PlaySession, planned: Planned, changed: Mapping[int, Sequence[Operation]] | None = None
) -> list[StepResult]:
    """Return how each chosen step ends, where `changed` are the operations of the steps that change something."""
    return [result(work, planned, step, (changed or {}).get(step.index, ())) for step in chosen(work, planned)]


def chosen(work: PlaySession, planned: Planned) -> list[Step]:
    """Return the steps that tags and `--start-at-step` leave: nothing is said of the others."""
    selected = planned.choices_selected
    return [step for step in work.play.steps if selected is None or step.index in selected]


def result(
    work: PlaySession, planned: Planned, step: Step, operations: Sequence[Operation], seconds: float | None = None
) -> StepResult:
    """Return how a step ends that does `operations`."""
    skipped = {number: (reason, statement) for number, reason, statement in planned.plan.skipped}
    if step.skipped is not None or step.index in skipped:
        reason, statement = skipped.get(step.index, (step.skipped or "", ""))
        return StepResult(work.target, step.name, "skipped", step.item, reason=reason, administrator=statement)
    outcome = "changed" if operations else "ok"
    return StepResult(work.target, step.name, outcome, step.item, operations=operations, seconds=seconds)


def _report(work: PlaySession, planned: Planned, changed: Mapping[int, Sequence[Operation]]) -> None:
    for one in results(work, planned, changed):
        work.reporter.step(one)
    if changed.get(-1):
        work.reporter.step(StepResult(work.target, UNASKED, "changed", operations=changed[-1]))
    for handler in work.play.handlers:
        if changed.get(handler.index):
            work.reporter.handler(result(work, planned, handler, changed[handler.index]))


def say_rest(work: PlaySession, planned: Planned, *, ran: bool = False, steps: bool = True) -> str | None:
    """Say after the recap what was removed, what no step mentions, and where the database of an embedded server is.

    A rollback knows no `steps`. Return the line on what no step mentions.
    """
    retention = work.environment.policy.trash_retention
    gone = closing.removed(work.options.playbook, planned, retention) if ran else None
    left = closing.left_alone(work.options.playbook, planned) if steps else None
    for line in (gone, left):
        if line:
            work.reporter.closing(line)
    target = work.connections.target
    work.reporter.data("url", server.without_password(target))
    if target.server is not None and not target.server.ephemeral:
        work.reporter.closing(f"an application reaches the database at {target.shown}")
    return left


def show_plan(work: PlaySession, planned: Planned, *, diff: bool) -> None:
    """Show the plan; with its statements, where `diff` is set, also what it will meet."""
    work.reporter.plan(planned.plan, diff=diff, outlook=_outlook(work, planned))


def _outlook(work: PlaySession, planned: Planned) -> Impact | None:
    """Return what a plan will meet now, where it is shown with its statements."""
    if not work.options.diff or not planned.plan.groups:
        return None
    from wgm_play.impact import changed_texts, look

    met = look(work.reading, planned.plan, planned.situation.facts.sizes)
    return replace(met, texts=changed_texts(planned.plan, planned.live, planned.wanted.catalog))
