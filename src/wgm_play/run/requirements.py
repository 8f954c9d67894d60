"""What a promotion may require beside revision, steps and soak: this database undrifted, a rehearsal, the checklist, approvals.

In: a planned play. Out: functions that add to a verdict what holds or is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.ledger import Ledger, decided
from wgm_play.ledger.history import stood
from wgm_play.planning.planfile import plan_digest
from wgm_play.promotion import approval
from wgm_play.promotion.approval import SignersBefore
from wgm_play.promotion.gate import Requirement, Verdict
from wgm_play.promotion.identity import identity_of, same
from wgm_play.promotion.revision import GitError, NotFetched, fetch_hint, file_of, people_since, short
from wgm_play.quantities import counted
from wgm_play.reporter import Reporter
from wgm_play.run import evidence

if TYPE_CHECKING:
    from wgm_play.environment import Promotion
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession


def requirements(work: PlaySession, planned: Planned, promotion: Promotion) -> list[Requirement]:
    """Return what judges the requirements of a promotion, in the order in which they are told."""
    found: list[Requirement] = []
    if "undrifted" in promotion.require:
        found.append(lambda verdict: _undrifted(verdict, work, planned))
    if "rehearsal" in promotion.require:
        found.append(lambda verdict: _rehearsal(verdict, work, planned))
    if "checklist" in promotion.require:
        found.append(lambda verdict: _checklist(verdict, work, planned, promotion))
    if promotion.approvals:
        found.append(lambda verdict: _approvals(verdict, work, planned, promotion))
    return found


def _approvals(verdict: Verdict, work: PlaySession, planned: Planned, promotion: Promotion) -> None:
    wanted = counted(promotion.approvals, "approval")
    who = "who did not make the change"
    data = approval.data_of(Path(work.options.plan)) if work.options.plan else {}
    saved = data.get("saved", {})
    signers = work.project / promotion.allowed_signers
    try:
        authors, before = made_by(work, saved), _signers_before(work, signers)
    except GitError as error:
        what, lift = _unknown_authors(work, error)
        verdict.miss("approvals", what, lift, "whoever runs it")
        return
    if evidence.known(work).top is None:
        verdict.named.append(
            "without a git repository nobody knows who committed the change: its author could approve it"
        )
    if not work.options.plan:
        lift = f"wgm-play {work.options.playbook} --check --save-plan plan.json, wgm-play approve plan.json, then --plan plan.json"
        what = f"{wanted} {'is' if promotion.approvals == 1 else 'are'} needed, and only a saved plan can have any"
        verdict.miss("approvals", what, lift, _may_approve(promotion, authors) or who)
        return
    path = Path(work.options.plan)
    if not saved.get("database") or not same(saved["database"], identity_of(work.reading)):
        verdict.miss("approvals", "the plan was saved for another database", "plan again, here", "whoever runs it")
        return
    digest = approval.digest_of(data)
    now = decided.now(work.reading)
    said = approval.from_rows(decided.approvals(work.reading, digest))
    said += approval.from_files(path, digest, work.environment.name, signers, before, authors, now)
    found = approval.count(said, promotion, now, authors, _used(work, planned))
    if len(found.who) >= promotion.approvals:
        verdict.hold("approvals", f"approved by {', '.join(found.who)}")
        return
    bad = f"; {'; '.join(found.not_counted)}" if found.not_counted else ""
    what = f"{len(found.who)} of {wanted}{bad}"
    verdict.miss("approvals", what, f"wgm-play approve {path.name}", _may_approve(promotion, authors, found.who) or who)


def _unknown_authors(work: PlaySession, error: GitError) -> tuple[str, str]:
    """Return why nobody knows who made the change, and what would tell."""
    top, lacking = evidence.known(work).top, isinstance(error, NotFetched)
    why = (
        f"{short(str(error))}, which {work.environment.name} ran last, is not in this clone"
        if lacking
        else f"git: {error}"
    )
    lift = fetch_hint(top, str(error)) if top is not None and lacking else "look at the repository with git"
    return f"who made the change is not known: {why}", lift


def _may_approve(promotion: Promotion, authors: set[str], *done: Iterable[str]) -> str:
    """Return the approvers who neither made the change nor said so already."""
    without = {approval.person(one) for group in (authors, *done) for one in group}
    return ", ".join(one for one in promotion.approvers if approval.person(one) not in without)


def _checklist(verdict: Verdict, work: PlaySession, planned: Planned, promotion: Promotion) -> None:
    from wgm_play.commands import checklist

    told = {"staging", *(["rollback"] if "rehearsal" in promotion.require else [])}  # by points of the promotion itself
    missing = [one for one in checklist.points(work, planned) if not one.holds and one.code not in told]
    for one in missing:
        verdict.miss("checklist", f"{one.title}: {one.evidence}", one.remedy, "whoever makes the change")
    if not missing:
        verdict.hold("checklist", "all its points hold")


def made_by(work: PlaySession, saved: Mapping[str, str]) -> set[str]:
    """Return who made the change: who saved the plan, who committed since the last run here. Raise `NotFetched`."""
    made = {saved.get("role", ""), saved.get("email", ""), saved.get("name", "")}
    found = evidence.known(work)
    if found.top is not None and found.commit is not None:
        files = (
            evidence.files(work) if work.playbook.inputs else ()
        )  # not read by who only approves: all of the repository
        made |= people_since(found.top, _ran_last(work), found.commit, files)
    return made - {""}


def _ran_last(work: PlaySession) -> str | None:
    """Return the commit of the last run here that stands, if that is known: what was taken back is a change once more."""
    stands = stood(Ledger(work.reading).last_runs(), work.play.name)
    if not stands.changes:
        return None
    last = stands.changes[0].last.id
    kept = decided.revisions(work.reading, [last])
    return kept[last].commit if last in kept else None


def _signers_before(work: PlaySession, signers: Path) -> SignersBefore | None:
    """Return the allowed signers as they were when this environment ran last; None where that cannot be told, or it never ran."""
    found, last = evidence.known(work), _ran_last(work)
    if found.top is None or found.commit is None or last is None:
        return None
    since = people_since(found.top, last, found.commit, [str(signers)])
    return SignersBefore(file_of(found.top, last, signers) or "", frozenset(since))


def _used(work: PlaySession, planned: Planned) -> datetime | None:
    """Return when a run with this plan ended in order last."""
    digest = plan_digest(planned.plan)
    runs = Ledger(work.reading).last_runs()
    return next((run.started_at for run in runs if run.plan_digest == digest and run.status == "done"), None)


def _undrifted(verdict: Verdict, work: PlaySession, planned: Planned) -> None:
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


def _rehearsal(verdict: Verdict, work: PlaySession, planned: Planned) -> None:
    from wgm_play.rehearsal.certificate import find

    found = find(Ledger(work.reading), planned.plan)
    if found.valid:
        verdict.hold("rehearsal", "this plan was rehearsed")
        return
    lift = f"wgm-play rehearse {work.options.playbook}"
    verdict.miss("rehearsal", "; ".join([found.why, *found.details]), lift, "whoever may read a backup")
