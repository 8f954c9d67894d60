"""Backups as the commands use them: the gate before changes, taking, listing, bringing back.

In: a play with its `backup:` policy. Out: what the engine did, reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play import backup as engines
from wgm_play.errors import InputError
from wgm_play.units import format_duration, format_size

if TYPE_CHECKING:
    from wgm_play.report.base import Reporter
    from wgm_play.run.work import Work


def _engine(work: Work, run: str = "") -> tuple[engines.Policy, engines.Engine]:
    policy = engines.parse_policy(work.play.backup)
    if policy is None:
        raise InputError(
            f"the play {work.play.name!r} has no `backup:`",
            where=work.play.position,
            hint="add `backup: {method: logical}`",
        )
    engine = engines.open_engine(
        policy,
        work.connections.target.url,
        project=work.project,
        environment=work.environment.name,
        reporter=work.reporter,
        scratch=engines.embedded_scratch(work.project),
        run=run,
    )
    return policy, engine


def before_changes(work: Work) -> None:
    """Take and prove the backup that the policy asks for before the first change; raise `Refused` where that fails."""
    policy, engine = _engine(work, "run")
    _release(work, engine)
    made = engines.gate(policy, engine, reason=f"before {work.playbook.path}", run=work.play.name)
    if made is None:
        return
    command = engines.restore_command(made, work.playbook.path)
    work.reporter.note(f"backup {made.id} ({format_size(made.size)}) was taken; bring it back with: {command}")
    work.reporter.data("backup", {"id": made.id, "restore": command})


def _release(work: Work, engine: engines.Engine) -> None:
    """Let go of backups that no rollback needs any more: what those runs removed is past the trash's retention."""
    for old in engine.list():
        if old.pinned and old.age() > work.environment.policy.trash_retention:
            left = old
            for run in old.pinned:
                left = engine.unpin(left, run)


def expire(work: Work, reporter: Reporter) -> None:
    """Delete the backups that are past their retention and needed by no rollback; nothing where no policy asks."""
    if work.play.backup is None:
        return
    _expire(work, _engine(work, "purge")[1], reporter)


def _expire(work: Work, engine: engines.Engine, reporter: Reporter) -> None:
    _release(work, engine)
    for one in engine.expire():
        reporter.note(f"backup {one.id} was past its retention and is gone")


def take(work: Work, reporter: Reporter) -> int:
    """Take a backup now, prove it as the policy says, let old ones go."""
    policy, engine = _engine(work)
    made = engine.make("asked for", "")
    if policy.verify != "none":
        found = engine.verify(made)
        if not found.ok:
            engine.remove(made)
            raise InputError("the backup just taken does not restore", details=found.problems)
    reporter.note(f"backup {made.id}: {format_size(made.size)}, verified by {policy.verify}")
    _expire(work, engine, reporter)
    reporter.data("backup", {"id": made.id, "size": made.size})
    return 0


def show(work: Work, reporter: Reporter) -> int:
    """List the backups, newest first."""
    _policy, engine = _engine(work)
    rows: list[tuple[Any, ...]] = [
        (
            one.id,
            one.method,
            f"{format_duration(one.age())} ago",
            format_size(one.size),
            one.verified or "no",
            "yes" if one.pinned else "",
        )
        for one in engine.list()
    ]
    reporter.table("backups", ("id", "method", "taken", "size", "verified", "pinned"), rows)
    return 0


def bring_back(work: Work, reporter: Reporter, backup_id: str | None, at: str | None, into: str) -> int:
    """Restore a backup into another, empty database."""
    _policy, engine = _engine(work)
    found = engine.find(backup_id)
    moment = _moment(at)
    restored = engine.restore(found, _place(into, work), moment)
    for note in restored.notes:
        reporter.note(note)
    reporter.note(f"backup {found.id} of {found.ended:%Y-%m-%d %H:%M:%S %Z} is back")
    reporter.data("restored", {"backup": found.id})
    return 0


def _place(into: str, work: Work) -> str:
    """Return where to restore to: a bare name is a database on the server of the playbook's own."""
    if "://" in into or "=" in into:
        return into
    from wgm_play.backup.target import with_database

    return with_database(work.connections.target.url, into)


def _moment(at: str | None) -> Any:
    if at is None:
        return None
    from datetime import datetime

    try:
        return datetime.fromisoformat(at)
    except ValueError as error:
        raise InputError(f"{at!r} is no time", hint="write 2026-01-31T12:00:00+00:00") from error
