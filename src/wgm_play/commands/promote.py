"""`promote`: run what another environment has tried, with its evidence; tell what is missing; release what a rollback holds.

In: a play's work. Out: the exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.commands.freeze import write
from wgm_play.errors import InputError, Refused
from wgm_play.ledger.model import Decision
from wgm_play.promotion import steps
from wgm_play.promotion.freeze import frozen
from wgm_play.run import evidence
from wgm_play.run.permission import held_by, judged, resumed

if TYPE_CHECKING:
    from wgm_play.environment import Promotion
    from wgm_play.options import Options
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import Work


def show(work: Work, planned: Planned, reporter: Reporter) -> list[tuple[str, ...]]:
    """Show what holds and what is missing for a run; return the rows of what is missing, the first to be done first."""
    promotion = _declared(work)
    if not planned.plan.groups:
        reporter.note(f"{work.environment.name} holds it already: there is nothing to promote")
        return []
    mark = steps.mark_of(evidence.own_marks(work, planned))
    begun = resumed(work, mark)
    if begun is not None:
        reporter.note(f"run {begun.id} has begun and is only finished: that is never held")
        return []
    verdict = judged(work, planned, promotion)
    held = held_by(work, planned, mark) if work.environment.policy.hold_rolled_back else None
    rows = [("missing", one.point, one.what, one.lift, one.who) for one in verdict.in_order]
    rows += [("holds", point, what, "", "") for point, what in verdict.held]
    rows += [("named", "steps", one, "", "") for one in verdict.named]
    closed = frozen(work.reading, work.environment.freeze)
    if closed is not None:
        lift = f"wait, or wgm-play freeze {work.options.playbook} --lift for what was ordered"
        rows.insert(0, ("missing", "freeze", f"{work.environment.name} is frozen: {closed}", lift, "whoever froze it"))
    if held is not None:
        lift = f"change the playbook, or wgm-play promote {work.options.playbook} --release --reason REASON"
        what = f"run {held[0].id} was taken back by run {held[1].id} of {held[1].role}: it is held"
        rows.insert(0, ("missing", "release", what, lift, "whoever may run it"))
    reporter.table(f"promotion from {promotion.source}", ("state", "point", "what", "what lifts it", "who can"), rows)
    return [row for row in rows if row[0] == "missing"]


def refuse_missing(missing: list[tuple[str, ...]], work: Work) -> None:
    """Raise `Refused` where `--check` found something missing."""
    if missing:
        *_, lift, who = missing[0]
        are = "is" if len(missing) == 1 else "are"
        raise Refused(
            f"{len(missing)} of what {work.environment.name} asks for {are} missing", hint=f"first: {lift} ({who})"
        )


def release(work: Work, planned: Planned, options: Options, reporter: Reporter) -> int:
    """Let what a rollback took back be run again, by name and with a reason."""
    if not options.reason:
        raise InputError("--release needs a reason", hint="--reason TEXT: it is kept in the ledger")
    mark = steps.mark_of(evidence.own_marks(work, planned))
    held = held_by(work, planned, mark)
    if held is None:
        reporter.note("nothing that this playbook wants is held")
        return 0
    taken, back = held
    decision = Decision("release", options.reason, [f"run {taken.id}"], subject=mark, run=back.id)
    write(work, decision)
    reporter.note(f"released: what run {taken.id} made and the rollback {back.id} took back may be run again")
    return 0


def _declared(work: Work) -> Promotion:
    promotion = work.environment.promotion
    if promotion is None:
        raise InputError(
            f"the environment {work.environment.name!r} declares no promotion",
            where=work.environment.position,
            hint="add promotion: {from: staging, soak: 24h} to " + work.environment.path,
        )
    return promotion
