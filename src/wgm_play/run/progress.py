"""Each step told when the last of its operations committed; unchanged steps in their place between.

In: a `PlaySession`, a plan, what commits. Out: each step's result by the reporter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.reporter import StepResult
from wgm_play.run.results import UNASKED, chosen, result

if TYPE_CHECKING:
    from wgm_play.execute.executor import GroupResult
    from wgm_play.plan import Operation
    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import Step
    from wgm_play.run.work import PlaySession


class StepProgress:
    """Reports each step when the last of its operations committed; unchanged steps in their place between."""

    def __init__(self, work: PlaySession, planned: Planned, title: str | None) -> None:
        self.work = work
        self.planned = planned
        self.title = title
        self.steps = [] if title else chosen(work, planned)
        self.left: dict[int, int] = {}
        self.done: dict[int, list[Operation]] = {}
        self.seconds: dict[int, float] = {}
        for operation in planned.plan.operations:
            self.left[operation.step] = self.left.get(operation.step, 0) + 1
        self.told: set[int] = set()

    def group(self, committed: GroupResult) -> None:
        """Note what a committed group did."""
        for operation in committed.group.operations:
            step = operation.step
            self.done.setdefault(step, []).append(operation)
            self.left[step] -= 1
        share = committed.seconds / max(len(committed.group.operations), 1)
        for operation in committed.group.operations:
            self.seconds[operation.step] = self.seconds.get(operation.step, 0.0) + share
        self._tell()

    def step_is_done(self, committed: GroupResult) -> bool:
        """Tell whether a group was the last of its steps, and not the last of the run."""
        return not any(self.left.get(one.step) for one in committed.group.operations) and any(self.left.values())

    def _tell(self) -> None:
        for step in self.steps:
            if step.index in self.told:
                continue
            if self.left.get(step.index):
                return
            self._one(step)

    def _one(self, step: Step) -> None:
        self.told.add(step.index)
        seconds = self.seconds.get(step.index)
        self.work.reporter.step(result(self.work, self.planned, step, self.done.get(step.index, ()), seconds))

    def failed(self) -> None:
        """Report what was done of steps that were not told yet, and the step that failed."""
        failed = False
        if self.title:
            self.work.reporter.step(
                StepResult(self.work.target, self.title, "failed", operations=self.done.get(-1, []))
            )
        for step in self.steps:
            if step.index in self.told:
                continue
            if self.left.get(step.index) and not failed:
                failed = True
                self.told.add(step.index)
                done = self.done.get(step.index, [])
                self.work.reporter.step(StepResult(self.work.target, step.name, "failed", step.item, operations=done))
            elif self.done.get(step.index) and not self.left.get(step.index):
                self._one(step)

    def finish(self) -> None:
        """Report the steps that remain."""
        for step in self.steps:
            if step.index not in self.told:
                self._one(step)
        if self.done.get(-1):
            name = self.title or UNASKED
            seconds = self.seconds.get(-1)
            self.work.reporter.step(
                StepResult(self.work.target, name, "changed", operations=self.done[-1], seconds=seconds)
            )
        for handler in () if self.title else self.work.play.handlers:
            if self.done.get(handler.index):
                self.work.reporter.handler(result(self.work, self.planned, handler, self.done[handler.index]))
