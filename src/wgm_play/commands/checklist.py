"""`checklist`: seven points before a deployment, each with its evidence or with what is missing.

In: a planned play. Out: `Point`s; findings for those that are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wgm_play import plain_templates
from wgm_play.backup import parse_policy
from wgm_play.commands.backup_coverage import coverage
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.quantities import counted
from wgm_play.rehearsal.certificate import find
from wgm_play.rehearsal.evidence import last_drill
from wgm_play.render import render
from wgm_play.run.gate import without_drill
from wgm_play.run.judging import judged
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.plan import Plan
    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import Play
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

SOURCE = "checklist"
STAGING = "schema changes tested in staging"
REVIEW = "reviewed for what they lock and cost"
BACKUP = "backups confirmed and tested"
ROLLBACK = "rollback planned and tried"
ALERTS = "alerts for what is new"
APPLICATION = "application ready for it"
POOL = "connection pools fit"


@dataclass(frozen=True, slots=True)
class Point:
    """One point: whether it holds, its evidence or what is missing, and what to do then."""

    code: str
    title: str
    holds: bool
    evidence: str
    remedy: str = ""


def points(work: PlaySession, planned: Planned) -> list[Point]:
    """Return the seven points for the plan that a run would carry out now."""
    return [one(work, planned) for one in POINTS]


def show(found: list[Point], reporter: Reporter) -> None:
    """Show each point with its evidence, or with what is missing and what to do."""
    rows = [("holds" if one.holds else "missing", one.title, one.evidence, one.remedy) for one in found]
    reporter.table("checklist", ("state", "point", "evidence, or what is missing", "what to do"), rows)


def findings(found: list[Point], severity: str = WARNING) -> list[Finding]:
    """Return what is missing."""
    return [
        Finding(
            f"checklist_{one.code}",
            severity,
            f"{one.title}: {one.evidence}",
            one.code,
            remedy=one.remedy,
            source=SOURCE,
        )
        for one in found
        if not one.holds
    ]


def _tested(work: PlaySession, planned: Planned) -> Point:
    title, promotion = STAGING, work.environment.promotion
    if promotion is None:
        remedy = f"promotion: {{from: staging, soak: 24h}} in {work.environment.path}"
        return Point("staging", title, False, "nothing says which environment tries them first", remedy)
    verdict = judged(work, planned, promotion)
    if verdict.missing:
        first = verdict.in_order[0]
        return Point(
            "staging", title, False, "; ".join(one.what for one in verdict.in_order), f"{first.lift} ({first.who})"
        )
    return Point("staging", title, True, "; ".join(what for _, what in verdict.held))


def _reviewed(work: PlaySession, planned: Planned) -> Point:
    return reviewed(planned.plan)


def reviewed(plan: Plan) -> Point:
    """Return what a plan costs, and what of it somebody accepted."""
    title = REVIEW
    hazards = [hazard for operation in plan.operations for hazard in operation.hazards]
    codes = ", ".join(sorted({one.code for one in hazards})) or "none"
    accepted = [f"{one.code}: {one.accepted}" for one in hazards if one.accepted]
    said = f"{counted(len(plan.operations), 'operation')}, hazards: {codes}"
    said += f"; accepted: {'; '.join(dict.fromkeys(accepted))}" if accepted else ""
    return Point("review", title, True, said)


def _backed_up(work: PlaySession, planned: Planned) -> Point:
    title = BACKUP
    bad = [one for one in coverage(work, deep=False) if one.severity != INFO or one.code == "no_backup_policy"]
    take = f"wgm-play backup {work.options.playbook}"
    if bad:
        return Point("backup", title, False, "; ".join(one.message for one in bad), bad[0].remedy or take)
    policy = parse_policy(work.play.backup)
    if why := without_drill(work, policy.drill.every if policy is not None and policy.drill is not None else None):
        return Point("backup", title, False, why, f"wgm-play drill {work.options.playbook}")
    return Point("backup", title, True, last_drill(work) or "")


def _rollback(work: PlaySession, planned: Planned) -> Point:
    title = ROLLBACK
    lost = [f"{one.title}: {one.irreversible}" for one in planned.plan.operations if one.irreversible]
    said = f"; not reversible: {'; '.join(lost)}" if lost else ""
    if not planned.plan.groups:
        return Point("rollback", title, True, "there is nothing to do")
    found = find(Ledger(work.reading), planned.plan)
    if not found.valid:
        return Point("rollback", title, False, f"{found.why}{said}", f"wgm-play rehearse {work.options.playbook}")
    return Point("rollback", title, True, f"rehearsed, with its rollback{said}")


def _alerts(work: PlaySession, planned: Planned) -> Point:
    return alerts(planned.plan, work.play)


def alerts(plan: Plan, play: Play) -> Point:
    """Return whether an alert looks at each table that a plan makes."""
    title = ALERTS
    new = [one.key.name for one in plan.operations if (one.verb, one.key.kind) == ("create", "table")]
    texts = " ".join(reveal(alert.query) for alert in play.alerts)
    bare = [".".join(name) for name in new if name[-1] not in texts]
    if bare:
        return Point("alerts", title, False, f"no alert looks at {', '.join(bare)}", "add one to `alerts:` of the play")
    return Point("alerts", title, True, f"{counted(len(new), 'new table')}, {counted(len(play.alerts), 'alert')}")


def _application(work: PlaySession, planned: Planned) -> Point:
    """What it sends prepares with what this makes, or was tried on it; its version is there, where the play names one."""
    title, play = APPLICATION, work.play
    waits = [step.name for step in play.steps if step.index in work.waiting]
    held = f"; for the flag wait: {', '.join(waits)}" if waits else ""
    seen, missing = _version_seen(work)
    if missing:
        remedy = "let the application move first, or correct `application:` of the play"
        return Point("application", title, False, f"{missing}{held}", remedy)
    if not planned.plan.groups:
        return Point("application", title, True, f"there is nothing to do{seen}{held}")
    if not (play.queries or play.exercise):
        remedy = "add `queries:` with what the application sends to the play"
        return Point("application", title, False, f"nothing says what the application sends{seen}{held}", remedy)
    # A query that does not prepare with what the plan makes has stopped the plan.
    said = [f"{counted(len(play.queries), 'query', 'queries')} prepared with what this makes"] if play.queries else []
    if play.exercise and not find(Ledger(work.reading), planned.plan).valid:
        rehearse = f"wgm-play rehearse {work.options.playbook}"
        lacking = "; ".join([*said, "its statements (`exercise`) were not tried on what this makes"])
        return Point("application", title, False, f"{lacking}{seen}{held}", rehearse)
    if play.exercise:
        said.append(f"{counted(len(play.exercise), 'statement')} tried in the rehearsal")
    return Point("application", title, True, f"{'; '.join(said)}{seen}{held}")


def _version_seen(work: PlaySession) -> tuple[str, str]:
    """Return what the sessions say of the application's version, and what is missing; "" for what is not."""
    if work.play.application is None:
        return "", ""
    wanted = reveal(work.play.application)
    name = wanted.partition("/")[0]
    found = dict(work.reading.execute(render("analysis/sessions.sql.j2", name=name).sql.encode()).fetchall())
    others = [f"{counted(found[one], 'session')} of {one}" for one in sorted(found) if one != wanted]
    if others:
        return "", f"there are still {', '.join(others)}"
    if wanted not in found:
        return "", f"no session of {wanted} is there"
    return f"; {counted(found[wanted], 'session')} of {wanted}, none of another version", ""


def _pool(work: PlaySession, planned: Planned) -> Point:
    title, reading = POOL, work.reading
    taken = reading.execute(
        plain_templates.text("health/connections.sql", reading.info.server_version).encode()
    ).fetchall()
    if taken:
        said = "; ".join(f"{what}: {count} of {most} connections are taken" for what, count, most, *_ in taken)
        return Point("pool", title, False, said, "make pools smaller, or max_connections larger")
    said = "less than 70 % of the connections are taken now"
    if work.environment.pool is None and work.play.pool is None:
        return Point("pool", title, True, said)
    from wgm_play.commands.pool import findings as look_at_pool

    found = look_at_pool(work)
    wrong = [one for one in found if one.severity != INFO]
    if wrong:
        return Point("pool", title, False, "; ".join(one.message for one in wrong), wrong[0].remedy)
    told = [one.message for one in found] or ["no pool of PgBouncer is paused, and nobody waits for a connection"]
    return Point("pool", title, True, "; ".join([said, *told]))


POINTS: tuple[Callable[[PlaySession, Planned], Point], ...] = (
    _tested,
    _reviewed,
    _backed_up,
    _rollback,
    _alerts,
    _application,
    _pool,
)
