"""Whether there is a backup as the play's policy says, and whether the gate of the next run would pass.

In: a play's work. Out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wgm_play.backup import off_machine
from wgm_play.backup.base import YOUNG, rank
from wgm_play.backup.logical import Logical
from wgm_play.commands import wal
from wgm_play.errors import WgmError
from wgm_play.finding import ERROR, INFO, WARNING, Finding
from wgm_play.quantities import counted, format_duration, format_size
from wgm_play.render import render
from wgm_play.run.gate import engine_of

if TYPE_CHECKING:
    from wgm_play.backup.base import Backup, BackupPolicy, Engine
    from wgm_play.run.work import PlaySession

SOURCE = "backup"
# A logical backup that takes so long, in seconds, or is of so large a database, is better a physical one.
LONG_SECONDS, LARGE_BYTES = 300.0, 20 * 1024**3


def coverage(work: PlaySession, *, deep: bool) -> Iterator[Finding]:
    """Find what is wrong with the backups; `deep` reads the newest one."""
    take = f"wgm-play backup {work.options.playbook}"
    if work.play.backup is None:
        yield _finding(
            "no_backup_policy", INFO, "the play has no backup policy", "add `backup: {method: logical}` to the play"
        )
        return
    try:
        policy, engine = engine_of(work)
        backups = engine.own()
    except WgmError as error:
        yield _finding(
            "backup", WARNING, f"the backups cannot be read: {error.message}", error.hint or "", error.details
        )
        return
    yield from wal.findings(work, policy, engine, backups[0] if backups else None)
    if not backups:
        yield _finding("no_backup", WARNING, "there is no backup of this database", take)
        return
    proved = [one for one in backups if rank(one.verified) >= rank(policy.verify)]
    if not proved:
        told = f"none of {counted(len(backups), 'backup')} is verified by {policy.verify}"
        yield _finding("backup_unverified", WARNING, told, take)
        return
    newest = proved[0]
    if policy.max_age is not None and newest.age() > policy.max_age:
        gate = ", and the gate refuses the next run" if policy.before_changes == YOUNG else ""
        yield _finding(
            "backup_age",
            WARNING,
            f"the newest backup is {format_duration(newest.age())} old, allowed are {format_duration(policy.max_age)}{gate}",
            take,
            (f"{newest.id}, verified by {newest.verified or 'nothing'}",),
        )
    yield from _where(work, engine, newest, take)
    yield from _method(work, policy, newest)
    if deep:
        damage = engine.damage(newest)
        if damage:
            yield _finding("backup_damaged", ERROR, f"the backup {newest.id} is damaged", take, tuple(damage[:10]))


def _where(work: PlaySession, engine: Engine, newest: Backup, take: str) -> Iterator[Finding]:
    """Find backups that one lost machine would take along."""
    source = engine.source
    if source.copy:
        if newest.id not in off_machine.copied(source):
            yield _finding("backup_not_copied", WARNING, f"the backup {newest.id} was not copied off the machine", take)
        return
    ours = not engine.capabilities.cluster or engine.capabilities.wal
    if ours and _is_here(work) and not off_machine.is_elsewhere(source.directory) and source.directory.exists():
        yield _finding(
            "backup_same_machine",
            INFO,
            f"the backups lie on the machine of the database alone: {source.directory}",
            'copy them off it: `backup: {copy: [rsync, -a, "{path}", "backup@elsewhere:/srv/backups/"]}` in the environment',
        )


def _is_here(work: PlaySession) -> bool:
    """Tell whether the server answers on this machine itself."""
    info = work.reading.info
    return info.host.startswith("/") or info.hostaddr.startswith("127.") or info.hostaddr == "::1"


def _method(work: PlaySession, policy: BackupPolicy, newest: Backup) -> Iterator[Finding]:
    """Find that the whole cluster could be copied where copying one database takes long, or covers less."""
    if policy.method != Logical.method or work.environment.embedded is not None:
        return
    replicates, size = work.reading.execute(render("backup/could_replicate.sql.j2").sql).fetchone() or (False, 0)
    reasons = []
    if newest.seconds >= LONG_SECONDS:
        reasons.append(f"a logical backup takes {format_duration(newest.seconds)}")
    if size >= LARGE_BYTES:
        reasons.append(f"the database has {format_size(size)}")
    if policy.before_changes == YOUNG:
        reasons.append("what is written after a young backup was taken is in no backup")
    if replicates and reasons:
        yield _finding(
            "backup_method",
            INFO,
            f"{'; '.join(reasons)}: `method: physical` would work here, and goes back to any moment",
            'wgm-play doc backups, "Back to any moment"',
        )


def _finding(code: str, severity: str, message: str, remedy: str, evidence: tuple[str, ...] = ()) -> Finding:
    return Finding(code, severity, message, remedy=remedy, evidence=tuple(evidence), source=SOURCE)
