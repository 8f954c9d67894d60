"""Whether a planned run may go ahead: what was rolled back is held, what is promoted must have been tried.

In: a planned play under the run lock. Out: the decisions that the run is to record; or it is refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wgm_play.errors import Refused, StepFailed
from wgm_play.ledger import Ledger, Run
from wgm_play.ledger import decided as kept
from wgm_play.ledger.history import changes, resumes
from wgm_play.ledger.model import UNFINISHED, Decision
from wgm_play.promotion import steps
from wgm_play.promotion.freeze import frozen
from wgm_play.promotion.gate import Verdict, as_data
from wgm_play.run import after_changes, evidence, judging
from wgm_play.run.requirements import requirements

if TYPE_CHECKING:
    from wgm_play.environment import Promotion
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession

# A freeze that somebody orders during a run is seen after so many seconds at the latest, between two steps.
PAUSE = 1.0


def obstacles(work: PlaySession, planned: Planned) -> Verdict:
    """Return what holds and all that is missing for a run of this plan now: what a rollback holds, a freeze, promotion."""
    verdict = Verdict()
    promotion, playbook = work.environment.promotion, work.options.playbook
    mark = steps.mark_of(evidence.own_marks(work, planned))
    if promotion is not None and resumed(work, mark) is None:
        verdict = judged(work, planned, promotion)
    if what := _held(work, planned, mark):
        lift = f"change the playbook, or wgm-play promote {playbook} --release --reason REASON"
        verdict.miss("release", what, lift, "whoever may run it")
    closed = frozen(work.reading, work.environment.freeze)
    if closed is not None:
        lift = f"wait, or wgm-play freeze {playbook} --lift for what was ordered"
        verdict.miss("freeze", f"{work.environment.name} is frozen: {closed}", lift, "whoever froze it")
    return verdict


def _held(work: PlaySession, planned: Planned, mark: str) -> str:
    """Return what took back what is wanted again, and holds it; "" where nothing does."""
    policy = work.environment.policy.hold_rolled_back
    if policy and (over := restored_over(work, planned, mark)) is not None:
        return f"{', '.join(over.details)} went back by a restore of {over.role}: it is held"
    held = _held_runs(work, planned, mark)
    return f"run {held[0].id} was taken back by run {held[1].id} of {held[1].role}: it is held" if held else ""


def foretell(work: PlaySession, planned: Planned) -> None:
    """Warn of what would refuse a run of this plan now, where it is only looked at: first what has to be done first."""
    if work.options.untrusted:
        return
    verdict = obstacles(work, planned)
    for one in verdict.named:
        work.reporter.note(f"promotion: {one}")
    found = verdict.in_order
    work.reporter.data("promotion", as_data(verdict))
    if found:
        said = [f"{one.what}: {one.lift} ({one.who})" for one in found]
        told = (
            f"a run would be refused now: {said[0]}"
            if len(said) == 1
            else f"a run would be refused now, for {len(said)} reasons"
        )
        work.reporter.warn("\n  ".join([told, *(said if len(said) > 1 else ())]))


def permitted(work: PlaySession, planned: Planned, command: str) -> list[Decision]:
    """Return what is to be recorded with a run that may go ahead; raise `Refused` for one that may not.

    A rollback, and the resumption of a run that has begun, are held by nothing but a freeze.
    """
    decisions = _frozen(work)
    if command != "apply":
        return [*_reason(work), *decisions]
    return [*decisions, *_promoted(work, planned)]


def _frozen(work: PlaySession) -> list[Decision]:
    """Return that a freeze was gone past; raise `Refused` in one that was not."""
    found = frozen(work.reading, work.environment.freeze)
    if found is None:
        return []
    if work.options.override_freeze:
        work.reporter.warn(f"--override-freeze: {found}")
        return [Decision("override freeze", work.options.override_freeze, [str(found)])]
    raise Refused(
        f"{work.environment.name} is frozen: {found}; nothing was touched",
        hint="wait, or --override-freeze REASON, which is recorded; what was ordered, wgm-play freeze "
        f"{work.options.playbook} --lift ends",
    )


class FreezeWatch:
    """Stops a run where a freeze begins, between two steps: all that was begun of a step is done by then."""

    def __init__(self, work: PlaySession) -> None:
        self.work = work
        self.asked = time.monotonic()

    def between_steps(self) -> None:
        """Raise `StepFailed` where a freeze has begun: what was done is recorded, the same command resumes."""
        environment, now = self.work.environment, time.monotonic()
        if self.work.options.override_freeze or (not environment.freeze and now - self.asked < PAUSE):
            return
        self.asked = now
        found = frozen(self.work.reading, environment.freeze)
        if found is not None:
            raise StepFailed(
                f"a freeze began: {found}",
                hint="what was done stays and is recorded; the same command goes on after it, or with --override-freeze REASON",
            )


def _promoted(work: PlaySession, planned: Planned) -> list[Decision]:
    promotion = work.environment.promotion
    if not (promotion or _may_hold(work)):
        return _unneeded_override(work)
    mark = steps.mark_of(evidence.own_marks(work, planned))
    _refuse_held(work, planned, mark)
    if promotion is None:
        return _unneeded_override(work)
    if resumed(work, mark) is not None:
        return []
    verdict = judged(work, planned, promotion)
    for one in verdict.named:
        work.reporter.note(f"promotion: {one}")
    if verdict.missing and work.options.override_promotion:
        said = [f"{one.point}: {one.what}" for one in verdict.in_order]
        work.reporter.warn(f"--override-promotion: {'; '.join(said)}")
        return [Decision("override promotion", work.options.override_promotion, said)]
    verdict.refuse(work.environment.name, work.options.playbook, promotion)
    return []


def _reason(work: PlaySession) -> list[Decision]:
    return [Decision("rollback", work.options.reason, [])] if work.options.reason else []


def _unneeded_override(work: PlaySession) -> list[Decision]:
    if work.options.override_promotion:
        work.reporter.warn(f"--override-promotion is not needed: {work.environment.name} declares no promotion")
    return []


def is_resumption(work: PlaySession, planned: Planned) -> bool:
    """Tell whether a run finishes one that has begun: that is never held."""
    return resumed(work, steps.mark_of(evidence.own_marks(work, planned))) is not None


def resumed(work: PlaySession, mark: str) -> Run | None:
    """Return the run that this one finishes: the last one, of the same steps, that did not end well."""
    runs = Ledger(work.reading).last_runs()
    number = resumes(runs, play=work.play.name, is_rollback=False)
    if number is None:
        return None
    made = kept.revisions(work.reading, [number]).get(number)
    return runs[0] if made is None or made.mark == mark else None


# What a rollback took back ----------------------------------------------------------------------------------------


def held_by(work: PlaySession, planned: Planned, mark: str) -> tuple[Run, Run] | None:
    """Return the run whose wanted state is wanted again and the rollback that took it back, where nobody released it."""
    runs = Ledger(work.reading).last_runs()
    by_id = {run.id: run for run in runs}
    made = kept.revisions(work.reading, list(by_id))
    released = {one.subject: one.run or 0 for one in reversed(kept.decisions(work.reading, "release"))}

    def same(run: Run) -> bool:
        return made[run.id].mark == mark if run.id in made else run.to_digest == planned.plan.to_digest

    applied = max((run.id for run in runs if run.status == "done" and run.command == "apply" and same(run)), default=0)
    for change in changes(runs):
        back = change.last
        if not (back.is_rollback and back.status not in UNFINISHED) or back.id < applied:
            continue
        taken = next((by_id[one] for one in back.rolls_back if one in by_id and same(by_id[one])), None)
        if taken is not None and released.get(mark, 0) < back.id:
            return taken, back
    return None


def restored_over(work: PlaySession, planned: Planned, mark: str) -> Decision | None:
    """Return the restore in place that took back what is wanted again, where nobody released it since."""
    restores = [
        one for one in kept.decisions(work.reading, "rollback") if one.subject in (mark, planned.plan.to_digest)
    ]
    released = [one.id for one in kept.decisions(work.reading, "release") if one.subject == mark]
    return next((one for one in restores if one.subject and one.id > max(released, default=0)), None)


def _may_hold(work: PlaySession) -> bool:
    return work.environment.policy.hold_rolled_back or work.play.after_changes is not None


def _held_runs(work: PlaySession, planned: Planned, mark: str) -> tuple[Run, Run] | None:
    """Return what `held_by` does, where the policy holds what was taken back, or a failed watch took it back."""
    held = held_by(work, planned, mark) if _may_hold(work) else None
    policy = work.environment.policy.hold_rolled_back
    return held if held and (policy or after_changes.held(work, held[1].id)) else None


def _refuse_held(work: PlaySession, planned: Planned, mark: str) -> None:
    hint = f"change the playbook, or let somebody release it: wgm-play promote {work.options.playbook} --release --reason REASON"
    policy = work.environment.policy.hold_rolled_back
    if policy and (over := restored_over(work, planned, mark)) is not None:
        raise Refused(
            f"what this playbook wants was taken back and is held: {', '.join(over.details)}, by {over.role} ({over.os_user}), "
            f"{over.at:%Y-%m-%d %H:%M}: {over.reason}; nothing was touched",
            hint=hint,
        )
    held = _held_runs(work, planned, mark)
    if held is None:
        return
    taken, back = held
    said = next(
        (one.reason for one in kept.decisions(work.reading, "rollback") if one.run == back.id), "no reason was given"
    )
    raise Refused(
        f"what this playbook wants was taken back and is held: run {taken.id}, by the rollback {back.id} of "
        f"{back.role} ({back.os_user}), {back.started_at:%Y-%m-%d %H:%M}: {said}; nothing was touched",
        hint=hint,
    )


# What promotion asks for --------------------------------------------------------------------------------------------


def judged(work: PlaySession, planned: Planned, promotion: Promotion) -> Verdict:
    """Return what holds and what is missing for a run of this plan."""
    return judging.judged(work, planned, promotion, requirements(work, planned, promotion))
