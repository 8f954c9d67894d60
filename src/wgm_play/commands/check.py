"""`check`: one report of integrity and health.

In: a play's work. Out: all that was found, and what of it somebody took on; nothing is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.commands.acknowledged import acknowledged
from wgm_play.commands.alerts import look_at_alerts
from wgm_play.commands.covered import coverage
from wgm_play.commands.declared import planned_or_refused, without_effect
from wgm_play.commands.drift import drift
from wgm_play.finding import Finding, ordered
from wgm_play.report.findings import Heading, written
from wgm_play.report.findings.json import as_data

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import Work


def look(work: Work, options: Options, reporter: Reporter) -> list[Finding]:
    """Look for drift, ill health and alerts, at the backups and at what is declared without effect."""
    work.check_marker()
    live = work.read_live()
    planned, findings = planned_or_refused(work, reporter)
    findings += drift(work, planned, live, reporter)
    if planned is not None:
        findings += without_effect(work, planned, live)
    findings += _health(work, deep=options.deep)
    findings += look_at_alerts(work, options, reporter)
    findings += coverage(work, deep=options.deep)
    for name in live.unmodelled:
        reporter.note(f"not modelled: {name}")
    return ordered(acknowledged(work.play, findings))


def _health(work: Work, *, deep: bool) -> list[Finding]:
    from wgm_play.health.looking import look as look_at_health

    server = work.connections.target.server
    # A server that lives as long as the command was made to be fast, and keeps nothing.
    without = ("settings",) if server is not None and server.ephemeral else ()
    found = look_at_health(work.reading, work.asker if deep else None, without)
    if deep:
        from wgm_play.commands.bodies import broken

        found += broken(work)
    return found


def heading_of(work: Work, options: Options) -> Heading:
    """Return what the report is about."""
    return Heading("check", work.target, fail_on=options.fail_on, file=str(work.playbook.path))


def show(findings: list[Finding], heading: Heading, reporter: Reporter) -> None:
    """Say what was found."""
    reporter.data("findings", [as_data(one) for one in findings])
    reporter.page("findings", written("text", findings, heading))
