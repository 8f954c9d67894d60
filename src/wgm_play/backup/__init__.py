"""Backups: the engines that there are, and the gate that a run passes before its first change.

In: a play's `backup:`, the environment's connection. Out: `Backup`, or `Refused` and nothing was touched.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgm_play.backup import policy as policies
from wgm_play.backup.barman import Barman
from wgm_play.backup.base import (
    NONE,
    YOUNG,
    Backup,
    BackupPolicy,
    BackupSource,
    Capabilities,
    Engine,
    Restored,
    Scratch,
    ScratchServer,
    Verification,
    line,
    rank,
)
from wgm_play.backup.logical import Logical
from wgm_play.backup.pgbackrest import PgBackRest
from wgm_play.backup.physical import Physical
from wgm_play.backup.proof_server import own_server
from wgm_play.backup.provider import Provider
from wgm_play.errors import Refused
from wgm_play.quantities import format_duration
from wgm_play.reporter import Reporter

ENGINES: tuple[type[Engine], ...] = (Logical, Physical, PgBackRest, Barman, Provider)

__all__ = [
    "ENGINES",
    "Backup",
    "BackupPolicy",
    "BackupSource",
    "Capabilities",
    "Engine",
    "Restored",
    "Scratch",
    "ScratchServer",
    "Verification",
    "gate",
    "methods",
    "open_engine",
    "own_server",
    "parse_policy",
    "prove",
    "restore_command",
    "young",
]


def methods() -> tuple[str, ...]:
    """Return the names of the engines that there are."""
    return tuple(engine.method for engine in ENGINES)


def parse_policy(given: Mapping[str, Any] | None) -> BackupPolicy | None:
    """Return the policy of a play's `backup:`, None where it has none. Raise `InputError` with the position."""
    return None if given is None else policies.parse(given, {engine.method: engine.capabilities for engine in ENGINES})


def open_engine(
    policy: BackupPolicy,
    url: str,
    *,
    project: Path,
    environment: str,
    reporter: Reporter | None = None,
    scratch: Scratch,
    run: str = "",
    marker: str = "",
    trusted: Sequence[str] = (),
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Engine:
    """Return the engine of a policy for the database at `url`; on `scratch` backups are proved.

    `marker` is what the database should be marked with, `trusted` are owners whose code a superuser may run;
    `given` is what the environment says: of each engine, where backups lie, how they are copied off the machine.
    """
    source = BackupSource(
        url=url,
        directory=policies.folder(given.get("directory") or policy.directory, project, environment),
        policy=policy,
        scratch=scratch,
        application=f"wgm-play/{run}" if run else "wgm-play",
        marker=marker,
        trusted=tuple(trusted),
        given=given.get(policy.method, {}),
        copy=tuple(given.get("copy", ())),
    )
    return next(engine for engine in ENGINES if engine.method == policy.method)(source, reporter)


def gate(policy: BackupPolicy, engine: Engine, *, reason: str, run: str) -> Backup | None:
    """Make sure of a backup before the first change; return it, pinned for `run`, or None where none is asked for.

    With `new` a backup is always taken, proved and only then the old ones expire: a younger one than `max_age` does not
    hold what was written since. With `young` there must be one that is younger than `max_age`.
    Raise `Refused` (11), leaving no half backup.
    """
    if policy.before_changes == NONE:
        return None
    if policy.before_changes == YOUNG:
        return engine.pin(young(policy, engine), run)
    try:
        backup = engine.make(reason, run)
    except Refused as error:
        raise _refusal(error.message, error) from error
    try:
        prove(policy, engine, backup)
    except Refused as error:
        raise _refusal(error.message, error) from error
    try:
        backup = engine.pin(backup, run)
        engine.expire(pinned={backup.id})
    except Refused as error:
        _discard(engine, backup)
        raise _refusal(error.message, error) from error
    except BaseException:
        _discard(engine, backup)
        raise
    return backup


def prove(policy: BackupPolicy, engine: Engine, backup: Backup) -> None:
    """Prove a backup that was just taken as the policy asks. Raise `Refused`, and it is gone."""
    if policy.verify == "none":
        return
    try:
        verification = engine.verify(backup)
    except BaseException:
        _discard(engine, backup)
        raise
    if not verification.ok:
        _discard(engine, backup)
        raise Refused("the backup just taken does not restore", details=verification.problems)


def _discard(engine: Engine, backup: Backup) -> None:
    """Delete a backup that is good for nothing; one that cannot be deleted is unproved, and covers no run."""
    try:
        engine.remove(backup)
    except Refused as error:
        engine.reporter.warn(f"{error.message}; it is not verified, and covers no run that asks for that")


def young(policy: BackupPolicy, engine: Engine) -> Backup:
    """Return the newest backup of this database that is young enough, proved as the policy asks, and undamaged.

    Raise `Refused`.
    """
    backups = engine.own()
    proved = [backup for backup in backups if rank(backup.verified) >= rank(policy.verify)]
    allowed = policy.max_age or 0
    problems: list[str] = []
    for backup in proved:
        if backup.age() > allowed:
            break
        damage = engine.damage(backup)
        if not damage:
            if uncovered := engine.uncovered(backup):
                hint = "`wgm-play wal PLAYBOOK` receives WAL; where some is missing, `wgm-play backup PLAYBOOK` takes a new base"
                raise _refusal(uncovered, Refused(uncovered, hint=hint))
            return backup
        problems += [f"{backup.id}: {problem}" for problem in damage]
        engine.reporter.warn(f"the backup {backup.id} is damaged: {damage[0]}")
    if problems:
        told = "the newest backup is damaged"
    elif proved:
        told = f"the newest backup is {format_duration(proved[0].age())} old, allowed are {format_duration(allowed)}"
    elif backups:
        told = f"none of {len(backups)} backups is verified by {policy.verify}"
    else:
        told = "there is no backup of this database"
        problems = [f"not of it: {line(backup)}" for backup in engine.list()]
    raise _refusal(told, Refused(told, hint="take one first: `wgm-play backup PLAYBOOK`", details=problems))


def _refusal(why: str, error: Refused) -> Refused:
    return Refused(
        f"the backup gate refuses the run: {why}, nothing was touched",
        hint=error.hint or "put right what is named, or run with --no-backup where losing data is acceptable",
        details=error.details,
    )


def restore_command(backup: Backup, playbook: str, *, cluster: bool = False, run: int | None = None) -> str:
    """Return the exact command that brings a backup into a new database beside its own, or into a new data directory.

    With `run` it is the state before that run.
    """
    stamp = backup.id[:16].lower()
    what = ["--backup", backup.id] if run is None else ["--at", f"run:{run}"]
    into = f"dir:restored_{stamp}" if cluster else f"{backup.database}_{stamp}"
    return shlex.join(["wgm-play", "restore", playbook, *what, "--into", into])
