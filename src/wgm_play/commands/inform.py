"""What is told of a database without looking into it: `status` and `url`.

In: a play's work. Out: tables and notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.errors import Unreachable
from wgm_play.rehearsal.evidence import last_drill
from wgm_play.run.gate import only_trash
from wgm_play.secret import mask
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


DECISIONS_SHOWN = 10


def show_status(work: PlaySession, reporter: Reporter) -> int:
    """Show the history, the run in progress, what waits, and the embedded server."""
    from wgm_play import embedded
    from wgm_play.commands.status import outcome, status
    from wgm_play.commands.wal import note as note_wal

    if not runs(work):
        reporter.note(f"embedded server: not running (wgm-play {work.options.playbook} starts it)")
        return 0
    found = status(work.reading)
    for name in found.unknown:
        reporter.warn(f"unknown: {name}")
    rows: list[tuple[Any, ...]] = [
        (
            run.id,
            f"{run.started_at:%Y-%m-%d %H:%M:%S}",
            run.command,
            outcome(run, running=found.in_progress is not None),
            run.operations,
            run.role,
            run.os_user,
            run.version,
        )
        for run in found.runs
    ]
    if not found.unknown:
        reporter.table(
            "runs", ("run", "started (UTC)", "command", "status", "operations", "role", "user", "version"), rows
        )
    now = found.in_progress
    if now is not None:
        reporter.table(
            "in progress",
            ("what", "value"),
            [
                ("run", now.run.id if now.run else "unknown"),
                ("step", now.step),
                ("statement", mask(now.statement)[:200]),
                ("since", now.since),
                ("waits for", now.waits),
                ("operations done", now.operations),
                *(("progress", str(one)) for one in now.progress),
                *(("blocked by", str(one)) for one in now.blockers),
            ],
        )
    if found.trash:
        from wgm_play.commands.trash import lying, row_of

        reporter.table(
            "trash", ("kind", "was", "is now", "run", "since"), [row_of(entry) for entry in lying(found.trash)]
        )
    if decisions := _decisions(work):
        reporter.table("decisions", ("at (UTC)", "what", "run", "role", "user", "reason"), decisions)
    for handler in found.handlers:
        reporter.note(f"the handler {handler.name!r} waits for the next run (notified by run {handler.run})")
    if drilled := last_drill(work):
        reporter.note(drilled)
    if bare := only_trash(work):
        reporter.note(
            f"of the state before {'run' if len(bare) == 1 else 'runs'} {', '.join(map(str, bare))} the trash alone is left: "
            "the retention has deleted what was backed up then"
        )
    server = work.connections.target.server
    if server is not None:
        reporter.note(
            f"embedded server: pid {server.pid}, PostgreSQL {server.version}, {work.connections.target.shown}"
        )
    shadows = embedded.running_scratch()
    for one in shadows:
        reporter.note(f"server for scratch databases: pid {one.pid}, PostgreSQL {one.version}")
    if server is not None or shadows:
        reporter.note(f"stop it with: wgm-play stop {work.options.playbook}")
    note_wal(work, reporter)
    from wgm_play.promotion.freeze import frozen

    closed = frozen(work.reading, work.environment.freeze)
    if closed is not None:
        reporter.note(f"{work.environment.name} is frozen: {closed}")
    reporter.data("marker", found.marker)
    return 0


def _decisions(work: PlaySession) -> list[tuple[Any, ...]]:
    """Return what people decided last: what they went past, froze, held, released, and why."""
    from wgm_play.ledger.decided import decisions

    kinds = ("override promotion", "override freeze", "freeze", "lift", "release", "rollback")
    return [
        (f"{one.at:%Y-%m-%d %H:%M:%S}", one.kind, one.run, one.role, one.os_user, mask(one.reason))
        for one in decisions(work.reading, *kinds)[:DECISIONS_SHOWN]
    ]


def runs(work: PlaySession) -> bool:
    """Tell whether there is a server to ask: an embedded one is not started only to be looked at."""
    from wgm_play import embedded

    declared = work.environment.embedded
    return declared is None or embedded.status(declared, work.home) is not None


def address(work: PlaySession, *, password: bool) -> str:
    """Return the URL of the play's database; the password of a server that is not embedded only where it is asked for."""
    if not runs(work):
        raise Unreachable(
            f"the embedded server of {work.target!r} is not running", hint=f"wgm-play {work.options.playbook} starts it"
        )
    place = work.connections.target
    return reveal(place.url) if password or place.server is not None else place.shown
