"""Whether there is a backup as the play's policy says, and whether the gate of the next run would pass.

In: a play's work. Out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wgm_play.backup.base import YOUNG, rank
from wgm_play.commands import wal
from wgm_play.errors import WgmError
from wgm_play.finding import ERROR, INFO, WARNING, Finding
from wgm_play.quantities import counted, format_duration
from wgm_play.run.gate import engine_of

if TYPE_CHECKING:
    from wgm_play.run.work import PlaySession

SOURCE = "backup"


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
    if deep:
        damage = engine.damage(newest)
        if damage:
            yield _finding("backup_damaged", ERROR, f"the backup {newest.id} is damaged", take, tuple(damage[:10]))


def _finding(code: str, severity: str, message: str, remedy: str, evidence: tuple[str, ...] = ()) -> Finding:
    return Finding(code, severity, message, remedy=remedy, evidence=tuple(evidence), source=SOURCE)
