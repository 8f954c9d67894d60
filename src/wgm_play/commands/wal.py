"""`wal`: receive a cluster's WAL in the foreground, or print the unit by which systemd does; how the receiver is.

In: a play with `backup: {method: physical}`. Out: files of WAL; a page; findings.
"""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.backup.base import YOUNG
from wgm_play.backup.moment import lsn_text
from wgm_play.errors import InputError, Refused
from wgm_play.finding import ERROR, WARNING, Finding
from wgm_play.run.gate import engine_of
from wgm_play.units import format_duration

if TYPE_CHECKING:
    from wgm_play import backup as engines
    from wgm_play.backup.receiver import State
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import Work

SOURCE = "backup"
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


def receive(work: Work, reporter: Reporter) -> int:
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


def unit(work: Work, reporter: Reporter) -> int:
    """Print the unit that keeps the receiver running."""
    engine_of(work)[1].receiver()
    environment = work.environment.name
    program = Path(sys.argv[0]).absolute()
    words = [str(program), "wal", str(Path(work.playbook.path).absolute()), "--limit", environment]
    text = _UNIT.format(
        name=f"wgm-play-wal-{environment}", environment=environment, user=getpass.getuser(),
        folder=os.getcwd(), command=shlex.join(words),
    )  # fmt: skip
    reporter.page("unit", text)
    return 0


def findings(
    work: Work, policy: engines.Policy, engine: engines.Engine, newest: engines.Backup | None
) -> Iterator[Finding]:
    """Find what is wrong with the WAL that an engine receives, or with what its tool does."""
    severity = ERROR if policy.before_changes == YOUNG else WARNING
    yield from (_finding(one.code, severity, one.message, one.remedy) for one in engine.troubles())
    if newest is not None and (gap := engine.gap(newest)):
        yield _finding(
            "wal_gap", ERROR, f"{gap}: nothing after the backup {newest.id} can be reached",
            f"wgm-play backup {work.options.playbook}",
        )  # fmt: skip
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


def note(work: Work, reporter: Reporter) -> None:
    """Say in `status` until when WAL was received."""
    if work.play.backup is None:
        return
    with suppress(InputError, Refused):  # of a playbook that is being edited
        _, engine = engine_of(work)
        if engine.capabilities.wal:
            _tell(engine.receiver().state(), work, reporter)


def _tell(state: State, work: Work, reporter: Reporter) -> None:
    if state.at is None:
        reporter.note(f"WAL: none was received yet (wgm-play wal {work.options.playbook})")
        return
    age = format_duration(max((datetime.now(UTC) - state.at).total_seconds(), 0))
    how = f"pid {state.pid}" if state.running else f"nobody receives now: wgm-play wal {work.options.playbook}"
    reporter.note(f"WAL: received up to {lsn_text(state.lsn)}, {age} ago; {how}")


def _finding(code: str, severity: str, message: str, remedy: str) -> Finding:
    return Finding(code, severity, message, remedy=remedy, source=SOURCE)
