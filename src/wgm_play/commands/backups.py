"""Backups as the commands use them: the gate before changes, taking, listing, bringing back.

In: a play with its `backup:` policy. Out: what the engine did, reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play import backup as engines
from wgm_play.environment import TARGET
from wgm_play.errors import InputError, Refused, Unreachable
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
        scratch=engines.own_server(None if work.environment.shadow == TARGET else work.environment.shadow),
        run=run,
        marker=work.environment.marker or work.environment.name,
        trusted=work.environment.policy.trusted_owners,
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
    covers = "was taken" if policy.before_changes else "covers this run"
    work.reporter.note(
        f"backup {made.id} of {made.database!r} ({format_size(made.size)}) {covers}; bring it back with: {command}"
    )
    work.reporter.data("backup", {"id": made.id, "restore": command})


def _release(work: Work, engine: engines.Engine) -> None:
    """Let go of backups that no rollback needs any more: what those runs removed is past the trash's retention."""
    for old in engine.own():
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
    work.check_marker()
    policy, engine = _engine(work)
    made = engine.make("asked for", "")
    engines.prove(policy, engine, made)
    reporter.note(f"backup {made.id} of {made.database!r}: {format_size(made.size)}, {_proof(policy)}")
    _expire(work, engine, reporter)
    reporter.data("backup", {"id": made.id, "database": made.database, "size": made.size})
    return 0


def _proof(policy: engines.Policy) -> str:
    return "not verified" if policy.verify == "none" else f"verified by {policy.verify}"


def show(work: Work, reporter: Reporter) -> int:
    """List the backups, newest first: each with its database, those of others with why they are not this one's."""
    _policy, engine = _engine(work)
    backups = engine.list()
    try:
        work.check_marker()
        told = {one.id: engine.stranger(one) for one in backups}
    except Unreachable as error:
        reporter.warn(f"which of them are this database's cannot be told: {error.message}")
        told = {}
    rows: list[tuple[Any, ...]] = [
        (
            one.id,
            one.database + (f" ({told[one.id]})" if told.get(one.id) else ""),
            one.method,
            f"{format_duration(one.age())} ago",
            format_size(one.size),
            one.verified or "no",
            "yes" if one.pinned else "",
        )
        for one in backups
    ]
    reporter.table("backups", ("id", "database", "method", "taken", "size", "verified", "pinned"), rows)
    return 0


def bring_back(work: Work, reporter: Reporter, backup_id: str | None, at: str | None, into: str) -> int:
    """Restore a backup into another, empty database."""
    _policy, engine = _engine(work)
    moment = _moment(at)
    found = engine.find(backup_id)
    _refuse_another_environment(work, found)
    restored = engine.restore(found, _place(into, work), moment)
    for note in restored.notes:
        reporter.note(note)
    reporter.note(
        f"backup {found.id} of {found.database!r}, as it was at {found.started:%Y-%m-%d %H:%M:%S %Z}, "
        f"is back as the database {restored.database!r}"
    )
    reporter.data("restored", {"backup": found.id, "of": found.database, "database": restored.database})
    return 0


def _refuse_another_environment(work: Work, found: engines.Backup) -> None:
    """Refuse a backup of a database that was marked with another environment."""
    expected = work.environment.marker or work.environment.name
    if found.marker and found.marker != expected:
        raise Refused(
            f"the backup {found.id} is of a database that was marked as {found.marker!r}, the playbook is for {expected!r}",
            where=work.environment.position,
            hint=f"restore it with the playbook of {found.marker!r}",
        )


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
