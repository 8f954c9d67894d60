"""What a promotion may require beside revision, steps and soak: this database undrifted, a rehearsal, the checklist, approvals.

In: a planned play. Out: functions that add to a verdict what holds or is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.ledger import Ledger
from wgm_play.promotion.gate import Requirement, Verdict
from wgm_play.reporter import Reporter

if TYPE_CHECKING:
    from wgm_play.environment import Promotion
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import Work


def requirements(work: Work, planned: Planned, promotion: Promotion) -> list[Requirement]:
    """Return what judges the requirements of a promotion, in the order in which they are told."""
    found: list[Requirement] = []
    if "undrifted" in promotion.require:
        found.append(lambda verdict: _undrifted(verdict, work, planned))
    if "rehearsal" in promotion.require:
        found.append(lambda verdict: _rehearsal(verdict, work, planned))
    return found


def _undrifted(verdict: Verdict, work: Work, planned: Planned) -> None:
    from wgm_play.commands.drift import drift
    from wgm_play.finding import WARNING, at_least

    name, playbook = work.environment.name, work.options.playbook
    found = [one.message for one in at_least(drift(work, planned, planned.live, Reporter()), WARNING)]
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        lift = f"wgm-play check {playbook}; put it right by hand, or take it into the playbook"
        verdict.miss("undrifted", f"{name} has drifted: {'; '.join(found[:3])}{more}", lift, "whoever changed it")
    else:
        verdict.hold("undrifted", f"{name} is as its last run left it")


def _rehearsal(verdict: Verdict, work: Work, planned: Planned) -> None:
    from wgm_play.rehearsal.certificate import find

    found = find(Ledger(work.reading), planned.plan)
    if found.valid:
        verdict.hold("rehearsal", "this plan was rehearsed")
        return
    lift = f"wgm-play rehearse {work.options.playbook}"
    verdict.miss("rehearsal", "; ".join([found.why, *found.details]), lift, "whoever may read a backup")
