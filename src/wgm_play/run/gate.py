"""The backup that a play asks for before anything changes.

In: a play at work. Out: its policy and engine; the backup that covers a run, or a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play import backup as engines
from wgm_play.backup.base import NEW
from wgm_play.environment import TARGET
from wgm_play.errors import InputError
from wgm_play.units import format_size

if TYPE_CHECKING:
    from wgm_play.run.work import Work


def engine_of(work: Work, run: str = "") -> tuple[engines.Policy, engines.Engine]:
    """Return the backup policy of a play and the engine that carries it out; raise `InputError` where it has none."""
    policy = engines.parse_policy(work.play.backup)
    if policy is None:
        raise InputError(
            f"the play {work.play.name!r} has no `backup:`",
            where=work.play.position,
            hint="add `backup: {method: logical}`",
        )
    for one in policy.outdated:
        work.reporter.warn(one)
    engine = engines.open_engine(
        policy,
        work.connections.target.url,
        project=work.project,
        environment=work.environment.name,
        reporter=work.reporter,
        scratch=engines.own_server(None if work.environment.shadow == TARGET else work.environment.shadow),
        run=run,
        marker=work.environment.marker or work.environment.name,
        trusted=work.environment.policy.trusted_owners,
    )
    return policy, engine


def before_changes(work: Work) -> None:
    """Take and prove the backup that the policy asks for before the first change; raise `Refused` where that fails."""
    policy, engine = engine_of(work, "run")
    release(work, engine)
    made = engines.gate(policy, engine, reason=f"before {work.playbook.path}", run=work.play.name)
    if made is None:
        return
    command = engines.restore_command(made, work.playbook.path)
    covers = "was taken" if policy.before_changes == NEW else "covers this run"
    work.reporter.note(
        f"backup {made.id} of {made.database!r} ({format_size(made.size)}) {covers}; bring it back with: {command}"
    )
    work.reporter.data("backup", {"id": made.id, "restore": command})


def release(work: Work, engine: engines.Engine) -> None:
    """Let go of backups that no rollback needs any more: what those runs removed is past the trash's retention."""
    for old in engine.own():
        if old.pinned and old.age() > work.environment.policy.trash_retention:
            left = old
            for run in old.pinned:
                left = engine.unpin(left, run)
