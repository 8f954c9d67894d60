"""The backup that a play asks for before anything changes.

In: a play at work. Out: its policy and engine; the backup that covers a run, or a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wgm_play import backup as engines
from wgm_play.backup import off_machine
from wgm_play.backup.base import NEW, YOUNG
from wgm_play.backup.logical import Logical
from wgm_play.backup.moment import lsn_of
from wgm_play.backup.policy import folder
from wgm_play.document.nodes import position_of
from wgm_play.environment import TARGET
from wgm_play.errors import InputError, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, RestorePoint, decided
from wgm_play.ledger.history import changes
from wgm_play.quantities import format_duration, format_size

if TYPE_CHECKING:
    from wgm_play.plan import Plan
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession


def engine_of(work: PlaySession, run: str = "") -> tuple[engines.BackupPolicy, engines.Engine]:
    """Return the backup policy of a play and the engine that carries it out; raise `InputError` where it has none."""
    policy = engines.parse_policy(work.play.backup)
    if policy is None:
        raise InputError(
            f"the play {work.play.name!r} has no `backup:`",
            where=work.play.position,
            hint="add `backup: {method: logical}`",
        )
    for one in (*policy.outdated, *_outside(work, policy)):
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
        # No command of an environment runs for a stranger's playbook.
        given={} if work.options.untrusted else work.environment.backup,
    )
    return policy, engine


def _outside(work: PlaySession, policy: engines.BackupPolicy) -> Iterator[str]:
    """Say where a play names a folder of the machine: that is the environment's to say."""
    said = policy.directory
    if said and not folder(said, work.project, "").is_relative_to(work.project.absolute()):
        yield (
            f"`backup.directory: {said}` is outside the project, and is now written in the environment, as"
            f" `backup: {{directory: {said}}}`: in a play it is read for one more version"
        )


# The kind of evidence that says what covers a run.
COVER = "cover"
# As many runs are looked at for what is left of their backups.
RUNS_TOLD = 100


@dataclass(frozen=True, slots=True)
class Cover:
    """What covers a run: a backup, of an engine, by a policy."""

    policy: engines.BackupPolicy
    engine: engines.Engine
    backup: engines.Backup

    @property
    def by_restore_point(self) -> bool:
        """Tell whether the run is covered by its restore point: the backup alone is older."""
        return self.engine.capabilities.point_in_time and self.policy.before_changes == YOUNG


def before_changes(work: PlaySession) -> Cover | None:
    """Take and prove the backup that the policy asks for before the first change; raise `Refused` where that fails."""
    policy, engine = engine_of(work, "run")
    if problem := undrilled(work, policy):
        raise problem
    release(work, engine)
    made = engines.gate(policy, engine, reason=f"before {work.playbook.path}", run=work.play.name)
    if made is None:
        return None
    if policy.before_changes == NEW:
        _copy(work, engine, made)
    cover = Cover(policy, engine, made)
    if not cover.by_restore_point:
        _say(work, cover, _command(work, cover, None))
    return cover


def _copy(work: PlaySession, engine: engines.Engine, made: engines.Backup) -> None:
    """Copy a backup off the machine; the run is covered by the one that is here."""
    try:
        off_machine.copy(engine.source, made)
    except Refused as error:
        work.reporter.warn("; ".join([f"the backup {made.id} is here alone: {error.message}", *error.details]))


def begun(work: PlaySession, cover: Cover, ledger: Ledger, run: int) -> None:
    """Record what covers a run that has just begun; make sure of its restore point first, where that is what covers it.

    Raise `Refused`; nothing but the ledger was touched.
    """
    point = ledger.restore_point(run)
    if cover.by_restore_point and (why := _unproved(cover, point)):
        ledger.finish(run, "failed", error=why)
        raise Refused(
            f"the backup gate refuses the run: {why}; nothing was touched",
            hint=f"wgm-play check {work.options.playbook} says how the receiver is",
        )
    command = _command(work, cover, _first(ledger, run) if cover.by_restore_point else None)
    ledger.record_backup_pin(run, cover.backup.id)
    content = {"backup": cover.backup.id, "method": cover.backup.method, "restore": command}
    if point is not None:
        content |= {"restore_point": point.name, "lsn": point.lsn or ""}
    ledger.record_evidence(COVER, work.environment.name, work.play.name, content, passed=True, run_id=run)
    if cover.by_restore_point:
        _say(work, cover, command)


def uncovered(work: PlaySession, ledger: Ledger, run: int) -> None:
    """Record that somebody let a run begin without a backup."""
    content = {"backup": None, "why": "--no-backup"}
    ledger.record_evidence(COVER, work.environment.name, work.play.name, content, passed=False, run_id=run)


def _unproved(cover: Cover, point: RestorePoint | None) -> str:
    """Return why a restore point does not cover a run, "" where it does."""
    lsn = lsn_of(point.lsn) if point is not None and point.lsn is not None else None
    return cover.engine.reaches(lsn, point.at if point is not None else None)


def _first(ledger: Ledger, run: int) -> int:
    """Return the run that this one finishes, or itself: before that one the change had not begun."""
    change = next((one for one in changes(ledger.last_runs()) if run in one.ids), None)
    return change.first.id if change is not None else run


def _command(work: PlaySession, cover: Cover, run: int | None) -> str:
    cluster = cover.engine.capabilities.cluster
    return engines.restore_command(cover.backup, work.playbook.path, cluster=cluster, run=run)


def _say(work: PlaySession, cover: Cover, command: str) -> None:
    made = cover.backup
    covers = "was taken" if cover.policy.before_changes == NEW else "covers this run"
    if cover.by_restore_point:
        covers = f"and all WAL since, received up to the restore point, {covers.replace('covers', 'cover')}"
    work.reporter.note(
        f"backup {made.id} of {made.database!r} ({format_size(made.size)}) {covers}; bring it back with: {command}"
    )
    work.reporter.data("backup", {"id": made.id, "restore": command})


def without_drill(work: PlaySession, every: float | None) -> str:
    """Return why the last drill does not show that backups come back, by the clock of the server; "" where it does."""
    last = next(iter(Ledger(work.reading).evidence("drill", work.environment.name, work.play.name)), None)
    if last is None:
        return "no drill has shown that its backups come back"
    if not last.passed:
        return f"the last drill, of {last.at:%Y-%m-%d %H:%M} UTC, found that a backup does not come back as it should"
    age = (decided.now(work.reading) - last.at).total_seconds()
    if every is not None and age > every:
        return f"the last drill is {format_duration(age)} old, allowed are {format_duration(every)}"
    return ""


def undrilled(work: PlaySession, policy: engines.BackupPolicy) -> Refused | None:
    """Return why the last drill does not do, where the policy asks for one; None where it does."""
    if policy.drill is None or policy.drill.every is None:
        return None
    why = without_drill(work, policy.drill.every)
    if not why:
        return None
    return Refused(
        f"the backup gate refuses the run: {why}; nothing was touched",
        where=position_of(work.play.backup, "drill"),
        hint=f"wgm-play drill {work.options.playbook}",
    )


def unrehearsed(work: PlaySession, plan: Plan) -> Refused | None:
    """Return why a plan may not run, where the environment asks for a rehearsal; None where it has a valid certificate."""
    if "rehearsal" not in work.environment.policy.require:
        return None
    from wgm_play.rehearsal.certificate import find

    verdict = find(Ledger(work.reading), plan)
    if verdict.valid:
        return None
    return Refused(
        f"the environment requires a rehearsal: {verdict.why}; nothing was touched",
        where=work.environment.position,
        details=verdict.details,
        hint=f"wgm-play rehearse {work.options.playbook}",
    )


def foretell(work: PlaySession, planned: Planned) -> None:
    """Warn of what the gates would refuse now, where a run is only looked at."""
    from wgm_play.run.plan_gate import slowed

    plan = planned.plan
    policy = engines.parse_policy(work.play.backup)
    drilled = None if policy is None or work.options.no_backup else undrilled(work, policy)
    for problem in (drilled, unrehearsed(work, plan), slowed(work, planned)):
        if problem is not None:
            work.reporter.warn("\n  ".join([f"{problem.message} ({problem.hint})", *problem.details]))


def release(work: PlaySession, engine: engines.Engine) -> None:
    """Let go of backups that no rollback needs any more, and of those between the oldest and the newest that a run needs.

    What runs removed is past the trash's retention after a while. Of the others the oldest and the newest are held, those between
    by their number alone: else a disk fills with one backup for each run of a month. Nothing between is let go while a run is
    unfinished, or where WAL since the oldest is missing.
    """
    held = [one for one in engine.own() if one.pinned]
    old = [one for one in held if one.age() > work.environment.policy.trash_retention]
    kept = [one for one in held if one not in old]
    between = kept[1:-1]
    if between and (Ledger(work.reading).unfinished_run() is not None or engine.gap(kept[-1])):
        between = []
    for backup in (*old, *between):
        left = backup
        for run in backup.pinned:
            left = engine.unpin(left, run)


def only_trash(work: PlaySession) -> list[int]:
    """Return the runs whose backup was one moment and is past its retention: rollback has the trash alone for them."""
    ledger = Ledger(work.reading)
    covers = ledger.evidence(COVER, work.environment.name, work.play.name, RUNS_TOLD)
    since = datetime.now(UTC) - timedelta(seconds=work.environment.policy.trash_retention)
    asked = {
        one.run: one.content["backup"]
        for one in covers
        if one.run is not None and one.passed and one.at > since and one.content["method"] == Logical.method
    }
    if not asked or work.play.backup is None:
        return []
    _policy, engine = engine_of(work)
    if engine.method != Logical.method:
        return []
    there = {one.id for one in engine.list()}
    back = [one for one in ledger.last_runs() if one.rolls_back]
    undone = {run for one in back for run in (one.id, *one.rolls_back)}
    return sorted(run for run, backup in asked.items() if backup not in there and run not in undone)
