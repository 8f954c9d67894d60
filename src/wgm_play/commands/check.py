"""`check`: one report of integrity and health.

In: a play's work. Out: all that was found, and what of it somebody took on; nothing is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.commands.acknowledged import UNUSED, acknowledged
from wgm_play.commands.alerts import look_at_alerts
from wgm_play.commands.backup_coverage import coverage
from wgm_play.commands.declared import planned_or_refused, without_effect
from wgm_play.commands.drift import drift
from wgm_play.commands.schedule import overdue
from wgm_play.errors import InputError
from wgm_play.finding import INFO, Finding, ordered
from wgm_play.run.undrifted import said_unmodelled

# What `--only` chooses from.
PARTS = ("drift", "health", "alerts", "backups")

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def look(work: PlaySession, options: Options, reporter: Reporter) -> list[Finding]:
    """Look for drift, ill health and alerts, at the backups and at what is declared without effect; or at a part of it."""
    parts = _parts(options.only)
    work.check_marker()
    # Alerts, health and backups are looked at while somebody keeps a table from all others: the catalog is not asked for them.
    live = work.read_live() if "drift" in parts else None
    planned, findings = (None, []) if options.only else planned_or_refused(work, reporter)
    if live is not None:
        findings += drift(work, planned, live, reporter)
    if planned is not None and live is not None:
        findings += without_effect(work, planned, live)
    if "health" in parts:
        findings += _health(work, deep=options.deep)
        findings += overdue(work)
        findings += _pool(work)
    if "alerts" in parts:
        findings += look_at_alerts(work, options, reporter)
    if "backups" in parts:
        findings += coverage(work, deep=options.deep)
    if planned is not None:
        findings += _checklist(work, planned, reporter)
    for name in live.unmodelled if live is not None else ():
        reporter.note(said_unmodelled(name))
    found = ordered(acknowledged(work.play, findings))
    # What was not looked for is not gone.
    return [one for one in found if one.code != UNUSED] if options.only else found


def _parts(only: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts that are asked for. Raise `InputError` for a word that is none."""
    for word in only:
        if word not in PARTS:
            raise InputError(f"--only: there is no part {word!r}", hint=f"the parts are {', '.join(PARTS)}")
    return only or PARTS


def _checklist(work: PlaySession, planned: Planned, reporter: Reporter) -> list[Finding]:
    """Show the checklist where a change waits for its promotion; what is missing of it is no illness of the database."""
    from wgm_play.commands import checklist

    if work.environment.promotion is None or not planned.plan.groups:
        return []
    points = checklist.points(work, planned)
    checklist.show(points, reporter)
    return checklist.findings(points, INFO)


def _health(work: PlaySession, *, deep: bool) -> list[Finding]:
    from wgm_play.health.looking import look as look_at_health

    server = work.connections.target.server
    # A server that lives as long as the command was made to be fast, and keeps nothing.
    without = ("settings",) if server is not None and server.ephemeral else ()
    found = look_at_health(work.reading, work.asker if deep else None, without)
    # What the environment gives its embedded server was meant so.
    embedded = work.environment.embedded
    meant = embedded.settings if embedded is not None else {}
    found = [one for one in found if not (one.code == "settings" and one.object in meant)]
    if deep:
        from wgm_play.commands.bodies import broken

        found += broken(work)
    return found


def _pool(work: PlaySession) -> list[Finding]:
    if work.environment.pool is None and work.play.pool is None:
        return []
    from wgm_play.commands.pool import findings

    return findings(work)
