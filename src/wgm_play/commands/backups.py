"""Backups as the commands use them: the gate before changes, taking, listing, bringing back.

In: a play with its `backup:` policy. Out: what the engine did, reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import backup as engines
from wgm_play.backup import off_machine
from wgm_play.backup.moment import LATEST, LSN, NAME, RUN, TIME, Moment, lsn_of, parse
from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Refused, StepFailed, Unreachable
from wgm_play.ledger import Ledger, restore_point_name
from wgm_play.quantities import format_duration, format_size
from wgm_play.rehearsal.evidence import last_drill
from wgm_play.run.gate import engine_of, release

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

_DIRECTORY = "dir:"


def expire(work: PlaySession, reporter: Reporter) -> None:
    """Delete the backups that are past their retention and needed by no rollback; nothing where no policy asks."""
    if work.play.backup is None:
        return
    _expire(work, engine_of(work, "purge")[1], reporter)


def _expire(work: PlaySession, engine: engines.Engine, reporter: Reporter) -> None:
    release(work, engine)
    for one in engine.expire():
        reporter.note(f"backup {one.id} was past its retention and is gone")


def take(work: PlaySession, reporter: Reporter, *, if_due: bool = False) -> int:
    """Take a backup now, or only where none is young enough (`if_due`); prove it as the policy says, let old ones go."""
    work.check_marker()
    policy, engine = engine_of(work)
    if if_due and (there := _young(work, policy, engine)) is not None:
        reporter.note(f"not due: backup {there.id} of {there.database!r} is {format_duration(there.age())} old")
        reporter.data("backup", {"id": there.id, "database": there.database, "size": there.size, "due": False})
        return 0
    made = engine.make("asked for", "")
    engines.prove(policy, engine, made)
    reporter.note(f"backup {made.id} of {made.database!r}: {format_size(made.size)}, {_proof(policy)}")
    try:
        if off_machine.copy(engine.source, made):
            reporter.note(f"backup {made.id} was copied off the machine")
    except Refused as error:
        raise StepFailed(
            f"the backup {made.id} was taken and stays, but {error.message}",
            hint="mend it, then copy the folder by hand, or take another backup",
            details=error.details,
        ) from error
    _expire(work, engine, reporter)
    reporter.data("backup", {"id": made.id, "database": made.database, "size": made.size})
    return 0


def _young(work: PlaySession, policy: engines.BackupPolicy, engine: engines.Engine) -> engines.Backup | None:
    """Return the backup that is young enough by the policy, proved and undamaged; None where there is none."""
    if policy.max_age is None:
        raise InputError(
            "when a backup is due is not said",
            where=position_of(work.play.backup),
            hint="add `max_age: 24h` to `backup:`",
        )
    try:
        return engines.young(policy, engine)
    except Refused:
        return None


def _proof(policy: engines.BackupPolicy) -> str:
    return "not verified" if policy.verify == "none" else f"verified by {policy.verify}"


def show(work: PlaySession, reporter: Reporter) -> int:
    """List the backups, newest first: each with its database, those of others with why they are not this one's."""
    _policy, engine = engine_of(work)
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
    if told and (drilled := last_drill(work)):
        reporter.note(drilled)
    return 0


def bring_back(
    work: PlaySession,
    reporter: Reporter,
    backup_id: str | None,
    at: str | None,
    into: str | None,
    tables: Sequence[str] = (),
    *,
    whole_cluster: bool = False,
    masked: bool = False,
) -> int:
    """Restore a backup into another, empty database or a data directory; in place of the playbook's own where `into` is None.

    With `tables` those alone come back, beside the ones that are there. With `masked` nobody can connect before masks lie
    over the rows.
    """
    _policy, engine = engine_of(work)
    if masked:
        _mask(work, engine)
    moment = _moment(work, engine, backup_id, at)
    found = engine.choose(backup_id, moment)
    _refuse_another_environment(work, found)
    if tables:
        from wgm_play.commands.tables import bring_tables

        place = work.connections.target.url if into is None else _place(into, work)
        return bring_tables(work, engine, found, moment, tables, place, reporter)
    if into is None:
        restored = _in_place(work, engine, found, moment, whole_cluster, reporter)
    else:
        restored = engine.restore(found, _place(into, work), moment)
    for note in restored.notes:
        reporter.note(note)
    what = "the data directory" if engine.capabilities.cluster else "the database"
    state = restored.reached or f"as it was at {found.started:%Y-%m-%d %H:%M:%S %Z}"
    reporter.note(f"backup {found.id} of {found.database!r}, {state}, is back as {what} {restored.database!r}")
    if restored.kept:
        reporter.note(
            f"{what} as it was until now is kept as {restored.kept!r}: remove it when nobody misses anything; "
            "--check shows what the playbook would make of what was restored"
        )
    reporter.data(
        "restored",
        {
            "backup": found.id,
            "of": found.database,
            "database": restored.database,
            "kept": restored.kept or None,
            "reached": restored.reached or None,
        },
    )
    return 0


def _mask(work: PlaySession, engine: engines.Engine) -> None:
    """Let an engine put the play's masks over what it restores. Raise `InputError` where that cannot be."""
    from wgm_play.backup import masking
    from wgm_play.backup.logical import Logical
    from wgm_play.playbook.masks import masks_of

    if not isinstance(engine, Logical):
        raise InputError(
            f"--masked takes a logical backup, and this play says method: {engine.method}",
            hint="a data directory is read by whoever starts it; take a logical backup for copies that people may reach",
        )
    masks = masks_of(work.play.steps)
    if not masks:
        raise InputError(
            "no column of this play says `mask`",
            where=work.play.position,
            hint="mask: md5(email), as doc backups tells",
        )
    engine.mask_rows = masking.over(masks)


def _in_place(
    work: PlaySession,
    engine: engines.Engine,
    found: engines.Backup,
    moment: Moment | None,
    whole_cluster: bool,
    reporter: Reporter,
) -> engines.Restored:
    """Put a backup in the place of the playbook's own database, or of its whole cluster; what is taken back is held."""
    from wgm_play.commands import taken_back

    if engine.capabilities.cluster:
        from wgm_play.commands.in_place import put_back

        return put_back(work, engine, found, moment, whole_cluster=whole_cluster, reporter=reporter)
    place = _own_place(work, engine, found)
    before, freeze = taken_back.applied(work.reading), taken_back.frozen(work.reading)
    work.reading.close()  # no database is renamed with a session in it
    restored = engine.restore(found, place, moment, in_place=True)
    held = taken_back.hold(work, before, f"restored in place from the backup {found.id}")
    return replace(restored, notes=(*restored.notes, *held, *taken_back.freeze_again(work, freeze)))


def _moment(work: PlaySession, engine: engines.Engine, backup_id: str | None, at: str | None) -> Moment | None:
    """Return the moment to go to: where none is named and no backup either, the latest that can be had."""
    if at is None:
        return Moment(LATEST) if engine.capabilities.point_in_time and backup_id is None else None
    moment = parse(at)
    if moment.kind == RUN:
        return _before_run(work, engine, moment.run)
    if engine.capabilities.point_in_time and moment.kind not in engine.capabilities.moments:
        raise InputError(
            f"a {engine.method} backup does not come back as of {moment}",
            hint=f"it does as of: {', '.join(engine.capabilities.moments)}",
        )
    return moment


def _before_run(work: PlaySession, engine: engines.Engine, run: int) -> Moment:
    """Return the restore point of before a run; by its name alone where the ledger cannot be asked."""
    from wgm_play.server_tools import parameters

    named = Moment(NAME, name=restore_point_name(run, parameters(work.connections.target.url).get("dbname", "")))
    try:
        point = Ledger(work.reading).restore_point(run)
    except Unreachable as error:
        work.reporter.warn(f"the ledger cannot be asked, its restore point is looked for in the WAL: {error.message}")
        return named
    if point is None:
        return named
    if NAME not in engine.capabilities.moments:
        return Moment(TIME, time=point.at)
    if point.kind == "restore point":
        return Moment(NAME, name=point.name)
    return Moment(LSN, lsn=lsn_of(point.lsn)) if point.lsn else Moment(TIME, time=point.at)


def _own_place(work: PlaySession, engine: engines.Engine, found: engines.Backup) -> str:
    """Return the playbook's own database, where a backup of it may take its place. Raise `Refused`."""
    from wgm_play.execute.guard import refuse_beside_another

    if why := engine.stranger(found):
        raise Refused(
            f"the backup {found.id} does not take the place of this database: {why}; nothing was touched",
            hint="--into NAME brings it into a database of its own",
        )
    work.check_marker()
    refuse_beside_another(work.reading, None)
    return work.connections.target.url


def _refuse_another_environment(work: PlaySession, found: engines.Backup) -> None:
    """Refuse a backup of a database that was marked with another environment."""
    expected = work.environment.marker or work.environment.name
    if found.marker and found.marker != expected:
        raise Refused(
            f"the backup {found.id} is of a database that was marked as {found.marker!r}, the playbook is for {expected!r}",
            where=work.environment.position,
            hint=f"restore it with the playbook of {found.marker!r}",
        )


def _place(into: str, work: PlaySession) -> str | Path:
    """Return where to restore to: a bare name is a database on the server of the playbook's own, `dir:PATH` a folder."""
    if into.startswith(_DIRECTORY):
        return Path(into.removeprefix(_DIRECTORY)).expanduser().absolute()
    if "://" in into or "=" in into:
        return into
    from wgm_play.backup.target import with_database

    return with_database(work.connections.target.url, into)
