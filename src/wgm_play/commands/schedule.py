"""`schedule`: a play's jobs listed, written for systemd, cron or pg_cron, and done; what of them is overdue.

In: a play with `schedule:`. Out: files, a page, evidence in the ledger of the kind "job"; findings.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from wgm_play.errors import InputError, StepFailed, WgmError
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.ledger import Ledger
from wgm_play.playbook.schema_rules import nearest
from wgm_play.quantities import counted, format_duration
from wgm_play.run import schedules
from wgm_play.secret import mask, without_values
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.playbook.model import Job
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

JOB = "job"
# A command that finds something was done all the same.
_DONE = (0, 12)
# As many records of one job are kept.
_KEPT = 100


def show(work: PlaySession, reporter: Reporter) -> int:
    """List the jobs: when each runs, when it was done last, when it is overdue."""
    rows = []
    for job in work.play.schedule:
        last = _last(work, job)
        late = "never" if last is None else f"{schedules.due_by(job, last):%Y-%m-%d %H:%M} UTC"
        done = "never" if last is None else f"{last.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        rows.append((job.name, _what(job), schedules.shown(job), done, late))
    reporter.table("schedule", ("job", "what", "when", "done last", "overdue from"), rows)
    return 0


def _what(job: Job) -> str:
    return job.run or "sql"


def write(work: PlaySession, reporter: Reporter, systemd: str | None, cron: str | None, *, pg_cron: bool) -> int:
    """Write the jobs for systemd into a folder, for cron into a file, or for pg_cron to standard output."""
    from wgm_play.alerts.files import replace_file

    _refuse_none(work)
    jobs = work.play.schedule
    if pg_cron:
        chosen = [job for job in jobs if job.sql is not None]
        left = [job.name for job in jobs if job.sql is None]
        if left:
            reporter.warn(f"pg_cron does SQL alone, these need --systemd or --cron: {', '.join(left)}")
        reporter.page(
            "pg_cron", _open(schedules.pg_cron(chosen, work.environment.name, work.play.name, work.reading.info.dbname))
        )
        return 0
    told = {
        "playbook": work.options.playbook,
        "environment": work.environment.name,
        "user": getpass.getuser(),
        "folder": os.getcwd(),
    }
    command = {job.name: _command(work, job) for job in jobs}
    files: dict[Path, str] = {}
    if systemd is not None:
        files |= {Path(systemd) / name: text for name, text in schedules.units(jobs, command, **told).items()}
    if cron is not None:
        files[Path(cron)] = schedules.crontab(jobs, command, **told)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, _open(text))
    reporter.note(f"{counted(len(jobs), 'job')}: {', '.join(str(path) for path in files)}")
    reporter.data("files", [str(path) for path in files])
    return 0


def _open(text: str) -> str:
    """Return a text that others may read. Raise `InputError` where a secret would be in it."""
    if mask(text) != text:
        raise InputError(
            "the schedule holds a secret, and whoever reads these files would too",
            hint="let a function read it from a table, or a service file of libpq",
        )
    return text


def _command(work: PlaySession, job: Job) -> Sequence[str]:
    inventory = ["-i", str(Path(work.options.inventory).absolute())] if work.options.inventory else []
    playbook = str(Path(work.playbook.path).absolute())
    return [
        *schedules.own_command(),
        "schedule",
        playbook,
        "--run",
        job.name,
        "--limit",
        work.environment.name,
        *inventory,
    ]


def _refuse_none(work: PlaySession) -> None:
    if not work.play.schedule:
        raise InputError(
            f"the play {work.play.name!r} has no `schedule:`",
            where=work.play.position,
            hint='add `schedule: [{name: nightly backup, run: backup, at: "02:00"}]`',
        )


# Doing it -------------------------------------------------------------------------------------------------------------


def do(work: PlaySession, reporter: Reporter, name: str, verbs: Mapping[str, Callable[[], int]]) -> int:
    """Do a job now, and record it; `verbs` are the commands that one may be. Return its exit code."""
    _refuse_none(work)
    job = next((one for one in work.play.schedule if one.name == name), None)
    if job is None:
        known = [one.name for one in work.play.schedule]
        raise InputError(
            f"no job is called {name!r}",
            where=work.play.position,
            hint=nearest(name, known) or f"known: {', '.join(known)}",
        )
    work.check_marker()
    with work.connections.writing("wgm-play/job") as lock:
        lock.autocommit = True
        if not _alone(lock, job):
            reporter.note(f"{job.name}: another one is at work, nothing was done")
            return 0
        began = datetime.now(UTC)
        code, error = 2, ""
        try:
            code = _sql(work, job) if job.sql is not None else verbs[job.run]()
            return code
        except WgmError as failed:
            code, error = failed.exit_code, failed.message
            raise
        finally:
            _record(work, job, code, error, (datetime.now(UTC) - began).total_seconds())


def recording(work: PlaySession, name: str) -> bool:
    """Tell whether a job keeps the states of the alerts."""
    return any(one.name == name and one.run == "check --record" for one in work.play.schedule)


def _alone(connection: Any, job: Job) -> bool:
    from wgm_play.ledger.statements import send, text

    row = send(connection, text("schedule/alone"), f"wgm-play job {job.name}").fetchone()
    return bool(row and row[0])


def _sql(work: PlaySession, job: Job) -> int:
    from wgm_play.ledger.statements import send, text

    try:
        with work.connections.writing("wgm-play/job") as connection:
            connection.autocommit = True
            send(connection, text("schedule/path"))  # names mean what they mean in the application
            connection.execute(reveal(job.sql or "").encode())
    except psycopg.Error as error:
        raise StepFailed(f"{job.name}: {without_values(error)}", where=job.position) from error
    work.reporter.note(f"{job.name}: done")
    return 0


def _record(work: PlaySession, job: Job, code: int, error: str, seconds: float) -> None:
    from wgm_play.ledger.statements import send, text
    from wgm_play.rehearsal.evidence import keep

    content = {"name": job.name, "code": code, "seconds": round(seconds, 3), **({"error": error} if error else {})}
    keep(work, JOB, content, passed=code in _DONE)
    with (
        suppress(psycopg.Error, WgmError),
        work.connections.writing("wgm-play/job") as connection,
        connection.transaction(),
    ):
        send(connection, text("ledger/maintenance"))
        send(connection, text("ledger/forget_jobs"), work.environment.name, work.play.name, job.name, _KEPT)


# Overdue --------------------------------------------------------------------------------------------------------------


def overdue(work: PlaySession) -> Iterator[Finding]:
    """Find the jobs that were not done for longer than the schedule says."""
    if not work.play.schedule:
        return
    ledger = Ledger(work.reading)
    if ledger.access() == "unknown":
        yield _finding(
            "",
            INFO,
            "whether jobs of the schedule are overdue is unknown: this role may not read the ledger",
            "name the role under readers:",
        )
        return
    now, since = datetime.now(UTC), _first_run(ledger, work)
    for job in work.play.schedule:
        last = _last(work, job)
        reference = last or since
        if reference is None or now <= schedules.due_by(job, reference):
            continue
        when = f"was done last {format_duration((now - last).total_seconds())} ago" if last else "was never done"
        failed = _failure(work, job, last)
        remedy = (
            f"wgm-play schedule {work.options.playbook} --systemd DIR writes its timer; --run {job.name!r} does it now"
        )
        yield _finding(job.name, WARNING, f"{job.name}: it {when}, and is due {schedules.shown(job)}", remedy, failed)


def _first_run(ledger: Ledger, work: PlaySession) -> datetime | None:
    """Return when the play was first run here: what was never done is due from then on."""
    return min((run.started_at for run in ledger.last_runs() if run.play == work.play.name), default=None)


def _records(work: PlaySession, job: Job) -> list[Any]:
    found = Ledger(work.reading).evidence(JOB, work.environment.name, work.play.name, _KEPT * len(work.play.schedule))
    return [one for one in found if one.content.get("name") == job.name]


def _last(work: PlaySession, job: Job) -> datetime | None:
    """Return when a job was done last, by its records or by what such work leaves behind, whoever did it."""
    times = [one.at for one in _records(work, job) if one.passed]
    with suppress(WgmError):
        times += _traces(work, job)
    return max(times, default=None)


def _traces(work: PlaySession, job: Job) -> list[datetime]:
    ledger = Ledger(work.reading)
    if job.run == "check --record":
        from wgm_play.ledger.alert_history import watched_since

        last = watched_since(work.reading, datetime(2000, 1, 1, tzinfo=UTC)).last
        return [last] if last else []
    if job.run == "drill":
        return [one.at for one in ledger.evidence("drill", work.environment.name, work.play.name)]
    if job.run == "purge":
        return [run.ended_at for run in ledger.last_runs() if run.command == "purge" and run.ended_at][:1]
    if job.run.startswith("backup") and work.play.backup is not None:
        from wgm_play.run.gate import engine_of

        ages = [one.age() for one in engine_of(work)[1].own()]
        return [datetime.fromtimestamp(datetime.now(UTC).timestamp() - min(ages), UTC)] if ages else []
    return []


def _failure(work: PlaySession, job: Job, last: datetime | None) -> tuple[str, ...]:
    newest = next(iter(_records(work, job)), None)
    if newest is None or newest.passed or (last and newest.at < last):
        return ()
    return (
        f"it failed {newest.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {newest.content.get('error') or 'exit ' + str(newest.content.get('code'))}",
    )


def _finding(name: str, severity: str, message: str, remedy: str, evidence: tuple[str, ...] = ()) -> Finding:
    return Finding("overdue", severity, message, name, remedy=remedy, evidence=evidence, source="schedule")
