"""What must hold before a run changes anything: told by --check, refused under the run lock.

In: a `PlaySession`, a plan, the run lock. Out: what somebody decided, to be recorded; an error where something is in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wgm_play.errors import Refused
from wgm_play.planning import may_change
from wgm_play.run import alert_gate, permission, plan_gate
from wgm_play.shadow import sweep

if TYPE_CHECKING:
    from wgm_play.execute.guard import RunLock
    from wgm_play.ledger.model import Decision
    from wgm_play.planning.model import Planned
    from wgm_play.run.intent import Intent
    from wgm_play.run.work import PlaySession


def foretell(work: PlaySession, planned: Planned) -> None:
    """Tell what would refuse a run of this plan now, where it is only looked at. Alerts refuse that too."""
    from wgm_play.run import gate

    gate.foretell(work, planned)
    permission.foretell(work, planned)
    _refuse_alerts(work, planned)


def guard(work: PlaySession, planned: Planned, lock: RunLock, intent: Intent) -> Sequence[Decision]:
    """Raise `Refused` where a run may not go ahead; return what is to be recorded with one that may."""
    may_change.refuse(work.reading, planned.plan.operations, planned.live, planned.wanted.catalog)
    _refuse_unasked(planned)
    if intent.applies:
        _refuse_alerts(work, planned)
    decisions = permission.permitted(work, planned, intent.command)
    if intent.applies and work.play.gate and not permission.is_resumption(work, planned):
        plan_gate.refuse(work, planned)
    _preflight(work, planned, lock)
    if intent.applies and work.environment.policy.require and not permission.is_resumption(work, planned):
        _refuse_unrehearsed(work, planned)
    return decisions


def _refuse_alerts(work: PlaySession, planned: Planned) -> None:
    if work.play.alerts or work.environment.policy.watched:
        alert_gate.refuse(work, planned)


def _refuse_unasked(planned: Planned) -> None:
    """Refuse a run that would go on without an answer that it was to have first."""
    if planned.unasked:
        raise Refused(
            "what the playbook asks first cannot be asked; nothing was touched",
            details=list(planned.unasked),
            hint="connect as a role that is no superuser, or give the environment a `planner:`; or rewrite the query",
        )


def _preflight(work: PlaySession, planned: Planned, lock: RunLock) -> None:
    """Say what would make the run wait; refuse where it would do harm."""
    from wgm_play.execute import preflight

    found = preflight.look(lock.connection, work.reading)
    commands = [command for operation in planned.plan.operations for command in operation.commands]
    heavy = any(command.rewrites or not command.transactional for command in commands)
    for warning in found.warnings if heavy else found.warnings[:-1]:
        work.reporter.warn(warning)
    found.raise_refusals()
    sweep(lock.connection, roles=False)  # copies of the schema that a killed run of an earlier version left there


def _refuse_unrehearsed(work: PlaySession, planned: Planned) -> None:
    """Refuse a plan that has no certificate, where the environment requires one."""
    from wgm_play.run import gate

    if problem := gate.unrehearsed(work, planned.plan):
        raise problem
