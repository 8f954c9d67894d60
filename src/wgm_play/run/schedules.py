"""A play's schedule as others keep it: timers of systemd, lines of cron, jobs of pg_cron; and when a job is due.

In: jobs. Out: texts of files, none of which holds a secret; times.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from wgm_play.errors import InputError
from wgm_play.quantities import format_duration
from wgm_play.render import render
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.playbook.model import Job

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RULES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MINUTE, HOUR, DAY = 60, 3600, 86400
# What systemd and sh take as it is.
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:@+,")
_SERVICE = """\
# Written by wgm-play schedule {playbook}: what it does is said there.
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
WorkingDirectory={folder}
# What the environment file reads by env.NAME, one NAME=value a line; readable for this user alone.
EnvironmentFile=-/etc/wgm-play/{environment}.env
ExecStart={command}
"""
_TIMER = """\
# Written by wgm-play schedule {playbook}: systemctl enable --now {unit}.timer
[Unit]
Description={description}

[Timer]
{when}

[Install]
WantedBy=timers.target
"""
_CRON = """\
# Written by wgm-play schedule {playbook}: put it into /etc/cron.d, under a name without a dot.
# What the environment file reads by env.NAME comes from {settings}, one NAME=value a line; readable for {user} alone.
SHELL=/bin/sh
"""
# Debian's cron does not know CRON_TZ, and would run the jobs at other times without a word.
_ZONE = """\

# These are times in {zone}. A cron that does not know CRON_TZ (Debian's) takes them for the machine's: then its clock must be of
# that time zone, or use --systemd.
CRON_TZ={zone}
"""


def own_command() -> list[str]:
    """Return the words by which others start this program: its script, or the module where it was started as one."""
    program = Path(sys.argv[0]).absolute()
    return [sys.executable, "-m", "wgm_play"] if program.name == "__main__.py" else [str(program)]


def shown(job: Job) -> str:
    """Return when a job runs, in words."""
    if job.every is not None:
        return f"every {format_duration(job.every)}"
    times = job.times
    assert times is not None  # noqa: S101 - a job has one of both
    clock = f"{times.hour:02}:{times.minute:02} {job.timezone}"
    if times.days:
        return f"{', '.join(_DAYS[one] for one in times.days)} {clock}"
    return f"on {', '.join(map(str, times.dates))} of the month, {clock}" if times.dates else f"daily {clock}"


# systemd --------------------------------------------------------------------------------------------------------------


def units(jobs: Sequence[Job], command: Mapping[str, Sequence[str]], **told: str) -> dict[str, str]:
    """Return a service and a timer for each job, by the names of their files; `command` has the words by the job's name."""
    found: dict[str, str] = {}
    for job in jobs:
        unit = f"wgm-play-{told['environment']}-{job.slug}"
        description = _escaped(f"{job.name} ({told['environment']})")
        words = " ".join(_word(one) for one in command[job.name])
        given = {**told, "folder": _escaped(told["folder"])}
        found[f"{unit}.service"] = _SERVICE.format(description=description, command=words, **given)
        found[f"{unit}.timer"] = _TIMER.format(
            description=description, unit=unit, when=_timer(job), playbook=told["playbook"]
        )
    return found


def _escaped(text: str) -> str:
    """Write a text so that systemd takes it for no specifier (systemd.unit(5))."""
    return text.replace("%", "%%")


def _word(word: str) -> str:
    """Write a word of a command line so that systemd takes it as it is (systemd.service(5), "Command lines")."""
    text = _escaped(word).replace("$", "$$")
    if set(word) <= _SAFE:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _timer(job: Job) -> str:
    if job.every is not None:
        # It counts from the machine's start and from its last run, so that no clock is asked.
        return f"OnActiveSec={MINUTE}\nOnUnitActiveSec={round(job.every)}\nAccuracySec=1s"
    times = job.times
    assert times is not None  # noqa: S101
    days = f"{','.join(_DAYS[one] for one in times.days)} " if times.days else ""
    dates = ",".join(f"{one:02}" for one in times.dates) or "*"
    # What a machine that was off has missed is done when it is on again.
    return f"OnCalendar={days}*-*-{dates} {times.hour:02}:{times.minute:02}:00 {job.timezone}\nPersistent=true"


# cron and pg_cron -----------------------------------------------------------------------------------------------------


def crontab(jobs: Sequence[Job], command: Mapping[str, Sequence[str]], **told: str) -> str:
    """Return a file for /etc/cron.d."""
    settings = f"/etc/wgm-play/{told['environment']}.env"
    before = (
        f"cd {shlex.quote(told['folder'])} && {{ [ ! -r {settings} ] || {{ set -a; . {settings}; set +a; }}; }} && exec"
    )
    lines = [_CRON.format(playbook=told["playbook"], settings=settings, user=told["user"])]
    zone = ""
    # What has no time of the day first: the lines below CRON_TZ are of that zone.
    for job in sorted(jobs, key=lambda one: (one.times is not None, one.timezone)):
        if job.times is not None and job.timezone != zone:
            zone = job.timezone
            lines.append(_ZONE.format(zone=zone))
        # A percent sign ends the command of a line (crontab(5)).
        line = f"{five_fields(job)} {told['user']} {before} {shlex.join(command[job.name])}".replace("%", "\\%")
        lines.append(f"# {job.name}\n{line}\n")
    return "".join(lines)


def pg_cron(jobs: Sequence[Job], environment: str, play: str, database: str) -> str:
    """Return the statements that let pg_cron do the jobs that are SQL; each notes in the ledger that it was done."""
    made = []
    for job in jobs:
        record = render("schedule/record.sql.j2", environment=environment, play=play, name=job.name)
        command = f"{reveal(job.sql or '').strip().removesuffix(';')}\n;\n{record.sql}"
        made.append(
            render(
                "schedule/pg_cron.sql.j2",
                name=f"wgm-play: {environment}: {job.name}",
                when=five_fields(job),
                command=command,
                database=database,
            ).sql
        )
    return ";\n\n".join(made) + ";\n" if made else ""


def five_fields(job: Job) -> str:
    """Return when a job runs as cron says it. Raise `InputError` where cron cannot."""
    if job.every is not None:
        return _every(job, round(job.every))
    times = job.times
    assert times is not None  # noqa: S101
    # Sunday is 0 there.
    days = ",".join(str((one + 1) % 7) for one in times.days) or "*"
    return f"{times.minute} {times.hour} {','.join(map(str, times.dates)) or '*'} * {days}"


def _every(job: Job, seconds: int) -> str:
    minutes, hours = seconds // MINUTE, seconds // HOUR
    if minutes < 60 and 60 % minutes == 0:
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    if seconds % HOUR == 0 and hours < 24 and 24 % hours == 0:
        return "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
    if seconds == DAY:
        return "0 0 * * *"
    raise InputError(
        f"cron cannot do {job.name!r} every {format_duration(seconds)}: that divides neither the hour nor the day",
        where=job.position,
        hint="say a time that does (5m, 2h, 1d), `at:` or `rule:`; or --systemd, which can",
    )


# Due ------------------------------------------------------------------------------------------------------------------


def due_by(job: Job, last: datetime) -> datetime:
    """Return when a job that was done at `last` is overdue: a grace of half its time, an hour at most, after it should have run."""
    if job.every is not None:
        return last + timedelta(seconds=job.every + min(max(job.every / 2, MINUTE), HOUR))
    return _next(job, last) + timedelta(seconds=HOUR)


def _next(job: Job, after: datetime) -> datetime:
    from dateutil.rrule import rrulestr

    zone, times = ZoneInfo(job.timezone), job.times
    assert times is not None  # noqa: S101
    rule = f"FREQ={times.often};BYHOUR={times.hour};BYMINUTE={times.minute};BYSECOND=0"
    rule += f";BYDAY={','.join(_RULES[one] for one in times.days)}" if times.days else ""
    rule += f";BYMONTHDAY={','.join(map(str, times.dates))}" if times.dates else ""
    local = after.astimezone(zone).replace(tzinfo=None, microsecond=0)
    found: Any = rrulestr(rule, dtstart=local - timedelta(days=1)).after(local)
    return found.replace(tzinfo=zone).astimezone(UTC) if found is not None else datetime.max.replace(tzinfo=UTC)
