"""Which backup a restore begins with, and what its recovery is told, for a moment to go to.

In: the backups of a cluster, its WAL, a `Moment`. Out: `RecoveryTarget`; `Refused`, with how far one can go, where nothing leads there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wgm_play.backup.base import Backup
from wgm_play.backup.moment import LATEST, LSN, NAME, TIME, Moment, lsn_text
from wgm_play.backup.wal import Wal
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass

# A record may run over into the next segment, which is then all that there is of it: so much is no sign of damage.
_LAST_RECORD = 256 * 1024
# A position after a page's header and one before it are the same.
_HEADER = 40


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A base backup as recovery sees it: positions where it begins and is whole, its timeline, the server's time then."""

    backup: Backup
    start: int
    stop: int
    timeline: int
    stopped: datetime


@dataclass(frozen=True, slots=True)
class RecoveryTarget:
    """The backup to begin with, what recovery is told, where the WAL to it must reach at least (0: it is not known)."""

    base: BaseBackup
    at: Moment | None
    timeline: int
    settings: Mapping[str, str]
    least: int = 0

    def falls_short(self, lsn: int) -> bool:
        """Tell whether recovery to the latest ended before what is known to have been received."""
        return lsn + _HEADER < self.least


def base_of(backup: Backup, facts: Mapping[str, Any]) -> BaseBackup:
    """Return a backup with the facts of its manifest."""
    return BaseBackup(
        backup, facts["start"], facts["stop"], facts["timeline"], datetime.fromisoformat(facts["stopped"])
    )


def own_moment(base: BaseBackup) -> RecoveryTarget:
    """Return the aim that a backup is by itself: it needs no other WAL than its own."""
    settings = {"recovery_target": "immediate", "recovery_target_timeline": "current"}
    return RecoveryTarget(base, None, base.timeline, settings)


def aim(bases: Sequence[BaseBackup], wal: Wal, at: Moment, now: datetime) -> RecoveryTarget:
    """Return the newest of `bases` (newest first) from which the moment can be reached. Raise `Refused`."""
    timeline, position = _where(wal, at, bases)
    on_way = [base for base in bases if wal.leads_to(base.timeline, base.stop, timeline)]
    if not on_way:
        raise Refused(
            f"no backup leads to timeline {timeline}",
            hint="take a new one: `wgm-play backup PLAYBOOK`",
            details=[f"{one.backup.id} is of timeline {one.timeline}, whole at {lsn_text(one.stop)}" for one in bases],
        )
    if at.time is not None and at.time > now:
        raise Refused(f"{at} has not come yet", hint="--at latest is as far as one can go")
    early = [base for base in on_way if _is_before(base, at, position)]
    if not early:
        oldest = on_way[-1]
        raise Refused(
            f"{at} is before the oldest backup was whole, nothing was touched",
            hint=f"the earliest that can be reached is --backup {oldest.backup.id} by itself, or "
            f"--at '{oldest.stopped.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'",
        )
    chosen = early[0]
    _refuse_gap(wal, chosen, at, timeline, position)
    return RecoveryTarget(
        chosen, at, timeline, _settings(wal, chosen, at, timeline, position), _least(wal, at, timeline)
    )


def _where(wal: Wal, at: Moment, bases: Sequence[BaseBackup]) -> tuple[int, int]:
    """Return the timeline to go along, and the position of the moment where it is known (else 0)."""
    newest = at.timeline or wal.newest_timeline or max((base.timeline for base in bases), default=1)
    if at.kind == LSN:
        return newest, at.lsn
    if at.kind != NAME:
        return newest, 0
    found = wal.restore_point(at.name)
    if found is None:
        raise Refused(
            f"there is no restore point {at.name!r} in the WAL that was received, nothing was touched",
            hint="`wgm-play status PLAYBOOK` shows the runs: --at run:ID; or name a time",
            details=_reach(wal, newest),
        )
    # One that was made on a timeline that was left later can be reached on that one alone.
    there, position = found
    return (newest if wal.leads_to(there, position, newest) else there), position


def _is_before(base: BaseBackup, at: Moment, position: int) -> bool:
    if at.time is not None:
        return base.stopped <= at.time
    return at.kind == LATEST or base.stop <= position


def _refuse_gap(wal: Wal, base: BaseBackup, at: Moment, timeline: int, position: int) -> None:
    """Refuse where the WAL ends before the moment: of a time that is known only when recovery comes there."""
    if at.kind == TIME and wal.files:
        return
    if at.kind == LATEST and not wal.segments:
        return
    gap, whole = wal.gap(base.start, timeline), wal.whole_until(base.start, timeline)
    far = at.kind != LATEST and wal.number(position - 1) * wal.segment_size >= whole
    if far or (at.kind == LATEST and gap):
        beyond = whole > base.stop
        raise Refused(
            f"{at} cannot be reached: {gap or 'the WAL that was received ends before it'}; nothing was touched",
            hint=f"as far as one can go: --at {f'lsn:{lsn_text(whole)}' if gap else LATEST}"
            if beyond
            else f"as far as one can go: --backup {base.backup.id}",
            details=_reach(wal, timeline) if beyond else (),
        )


def _reach(wal: Wal, timeline: int) -> list[str]:
    received = wal.received
    if received is None or received.timeline != timeline:
        return []
    return [
        f"everything was received up to {received.at.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}, {lsn_text(received.lsn)}"
    ]


def _settings(wal: Wal, base: BaseBackup, at: Moment, timeline: int, position: int) -> dict[str, str]:
    along = {"recovery_target_timeline": str(timeline)}
    if at.time is not None:
        return {**along, "recovery_target_time": at.time.astimezone(UTC).isoformat()}
    if at.kind == LSN:
        # What was committed at or before it: a record that begins there is not replayed any more.
        return {**along, "recovery_target_lsn": lsn_text(at.lsn), "recovery_target_inclusive": "off"}
    if at.kind == NAME and wal.restore_point(at.name, base.start, position) is None:
        return {**along, "recovery_target_name": at.name}
    # The server would stop at the first of that name: here it is told of the record.
    return {**along, "recovery_target_lsn": lsn_text(position)} if at.kind == NAME else along


def _least(wal: Wal, at: Moment, timeline: int) -> int:
    if at.kind != LATEST:
        return 0
    received = wal.received
    known = received.lsn if received is not None and received.timeline == timeline else 0
    last = wal.last(timeline) or 0
    return max(known, last * wal.segment_size - _LAST_RECORD)
