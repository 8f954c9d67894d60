"""`wal`: receive a cluster's WAL in the foreground, or print the unit by which systemd does; how the receiver is.

In: a play with `backup: {method: physical}`. Out: files of WAL; a page; findings.
"""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.backup import target
from wgm_play.backup.base import YOUNG
from wgm_play.backup.moment import lsn_text
from wgm_play.backup.wal import Wal
from wgm_play.errors import InputError, Refused
from wgm_play.finding import ERROR, WARNING, Finding
from wgm_play.quantities import format_duration, parse_duration
from wgm_play.run.gate import engine_of
from wgm_play.run.schedules import own_command
from wgm_play.windows import moment

if TYPE_CHECKING:
    from wgm_play import backup as engines
    from wgm_play.backup.receiver import ReceiverState
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

SOURCE = "backup"
# As many commits as fit on a screen.
SHOWN = 40
# As much as a slot may hold back before the server lets it go: what one hour of a busy server writes.
KEEP = "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf()"
_UNIT = """\
# /etc/systemd/system/{name}.service: systemctl enable --now {name}
[Unit]
Description=WAL of {environment}, received by wgm-play
Wants=network-online.target
After=network-online.target

[Service]
User={user}
WorkingDirectory={folder}
# What the environment file reads by env.NAME, one NAME=value a line; readable for this user alone.
EnvironmentFile=-/etc/wgm-play/{environment}.env
ExecStart={command}
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def receive(work: PlaySession, reporter: Reporter) -> int:
    """Receive until somebody ends it: Ctrl-C and SIGTERM are how it ends in order."""
    work.check_marker()
    _, engine = engine_of(work)
    receiver = engine.receiver()
    work.reading.close()  # nobody's transaction stays open for as long as this runs
    reporter.note(
        f"receives WAL into {str(receiver.source.folder)!r} by the slot {receiver.source.slot!r}; Ctrl-C ends it"
    )
    try:
        receiver.run()
    except KeyboardInterrupt:
        receiver.stop()
    at = receiver.state()
    reach = f"everything up to {lsn_text(at.lsn)} ({at.at:%Y-%m-%d %H:%M:%S} UTC) was received" if at.at else "ended"
    reporter.note(f"stopped: {reach}; the slot keeps what comes until the next one receives it")
    return 0


def unit(work: PlaySession, reporter: Reporter) -> int:
    """Print the unit that keeps the receiver running."""
    engine_of(work)[1].receiver()
    environment = work.environment.name
    words = [*own_command(), "wal", str(Path(work.playbook.path).absolute()), "--limit", environment]
    text = _UNIT.format(
        name=f"wgm-play-wal-{environment}",
        environment=environment,
        user=getpass.getuser(),
        folder=os.getcwd(),
        command=shlex.join(words),
    )
    reporter.page("unit", text)
    return 0


def commits(work: PlaySession, reporter: Reporter, tables: Sequence[str] = (), since: str | None = None) -> int:
    """Show what was committed lately, by what it did: where a restore has to stop to leave one of them out."""
    from wgm_play.backup.commits import commits as read
    from wgm_play.render import render

    _, engine = engine_of(work)
    receiver = engine.receiver()
    wal = Wal(receiver.source.folder, receiver.source.segment_size)
    with target.connect(work.connections.target.url, receiver.source.application) as session:
        rows = session.execute(render("backup/filenodes.sql.j2").sql).fetchall()
    names = {file: name for _, file, name in rows if file is not None}
    found = read(wal, receiver.source.programs, rows[0][0], names, _since(since))
    asked = {name.removeprefix("public.") for name in tables}
    if asked:
        found = [one for one in found if one.dropped or asked.intersection(name for name, _ in one.rows)]
    shown = found[-SHOWN:]
    told = [(f"{one.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], f"lsn:{one.lsn}", one.told) for one in shown]
    reporter.table("commits", ("committed (UTC)", "--at: just before it", "what it did"), told)
    if len(found) > len(shown):
        reporter.note(f"and {len(found) - len(shown)} before them: --since shows less, --table NAME those of one table")
    if not found:
        reporter.note("nothing was committed in that time, as far as WAL was received")
    reporter.data("commits", [{"at": one.at.isoformat(), "lsn": one.lsn, "what": one.told} for one in found])
    return 0


def _since(given: str | None) -> datetime:
    """Return the time that was said: `2h` is two hours ago; an hour ago where nothing was."""
    if given is None or (given[:1].isdigit() and given[-1:].isalpha()):
        return datetime.now(UTC) - timedelta(seconds=parse_duration(given or "1h"))
    return moment(given, UTC)


def findings(
    work: PlaySession, policy: engines.BackupPolicy, engine: engines.Engine, newest: engines.Backup | None
) -> Iterator[Finding]:
    """Find what is wrong with the WAL that an engine receives, or with what its tool does."""
    severity = ERROR if policy.before_changes == YOUNG else WARNING
    yield from (_finding(one.code, severity, one.message, one.remedy) for one in engine.troubles())
    if newest is not None and (gap := engine.gap(newest)):
        yield _finding(
            "wal_gap",
            ERROR,
            f"{gap}: nothing after the backup {newest.id} can be reached",
            f"wgm-play backup {work.options.playbook}",
        )
    if not engine.capabilities.wal:
        return
    run = f"wgm-play wal {work.options.playbook}"
    state, slot = engine.receiver().look()
    if not state.running or state.silent:
        since = "" if state.at is None else f" since {state.at:%Y-%m-%d %H:%M:%S} UTC"
        gate = ", and the gate refuses the next run" if policy.before_changes == YOUNG else ""
        yield _finding("wal_receiver", severity, f"no WAL is received{since}{gate}", run)
    if slot is not None and slot.lost:
        yield _finding("wal_slot_lost", ERROR, f"the server no longer keeps all WAL for the slot {slot.name!r}", run)
    if slot is not None and slot.unbounded:
        yield _finding(
            "wal_slot_unbounded",
            WARNING,
            f"the slot {slot.name!r} may fill the server's disk while nobody receives",
            KEEP,
        )


def note(work: PlaySession, reporter: Reporter) -> None:
    """Say in `status` until when WAL was received."""
    if work.play.backup is None:
        return
    with suppress(InputError, Refused):  # of a playbook that is being edited
        _, engine = engine_of(work)
        if engine.capabilities.wal:
            _tell(engine.receiver().state(), work, reporter)


def _tell(state: ReceiverState, work: PlaySession, reporter: Reporter) -> None:
    if state.at is None:
        reporter.note(f"WAL: none was received yet (wgm-play wal {work.options.playbook})")
        return
    age = format_duration(max((datetime.now(UTC) - state.at).total_seconds(), 0))
    how = f"pid {state.pid}" if state.running else f"nobody receives now: wgm-play wal {work.options.playbook}"
    reporter.note(f"WAL: received up to {lsn_text(state.lsn)}, {age} ago; {how}")


def _finding(code: str, severity: str, message: str, remedy: str) -> Finding:
    return Finding(code, severity, message, remedy=remedy, source=SOURCE)
