"""What is told of a database without changing it: `status` and `check`.

In: a play's work. Out: tables and notes; `look` returns the findings that make `check` exit with 12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.catalog.access import ACCESS
from wgm_play.catalog.model import Catalog, Key, differing_fields
from wgm_play.commands.alerts import look_at_alerts
from wgm_play.errors import Refused, Unreachable
from wgm_play.ledger import UNKNOWN, Ledger
from wgm_play.rehearsal.evidence import last_drill
from wgm_play.secret import mask
from wgm_play.units import counted

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import Work


def show_status(work: Work, reporter: Reporter) -> int:
    """Show the history, the run in progress, what waits, and the embedded server."""
    from wgm_play import embedded
    from wgm_play.commands.status import status

    if not _runs(work):
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
            run.status or "in progress",
            run.operations,
            run.role,
            run.os_user,
            run.version,
        )
        for run in found.runs
    ]
    reporter.table("runs", ("run", "started (UTC)", "command", "status", "operations", "role", "user", "version"), rows)
    now = found.in_progress
    if now is not None:
        reporter.table("in progress", ("what", "value"), [
            ("run", now.run.id if now.run else "unknown"), ("step", now.step), ("statement", mask(now.statement)[:200]),
            ("since", now.since), ("waits for", now.waits), ("operations done", now.operations),
            *(("progress", str(one)) for one in now.progress), *(("blocked by", str(one)) for one in now.blockers),
        ])  # fmt: skip
    if found.trash:
        from wgm_play.commands.trash import lying, row_of

        reporter.table(
            "trash", ("kind", "was", "is now", "run", "since"), [row_of(entry) for entry in lying(found.trash)]
        )
    for handler in found.handlers:
        reporter.note(f"the handler {handler.name!r} waits for the next run (notified by run {handler.run})")
    if drilled := last_drill(work):
        reporter.note(drilled)
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
    reporter.data("marker", found.marker)
    return 0


def _runs(work: Work) -> bool:
    """Tell whether there is a server to ask: an embedded one is not started only to be looked at."""
    from wgm_play import embedded

    declared = work.environment.embedded
    return declared is None or embedded.status(declared, work.home) is not None


def address(work: Work, *, password: bool) -> str:
    """Return the URL of the play's database; the password of a server that is not embedded only where it is asked for."""
    from wgm_play.sql import reveal

    if not _runs(work):
        raise Unreachable(
            f"the embedded server of {work.target!r} is not running", hint=f"wgm-play {work.options.playbook} starts it"
        )
    place = work.connections.target
    return reveal(place.url) if password or place.server is not None else place.shown


def look(work: Work, options: Options, reporter: Reporter) -> list[str]:
    """Look for drift, ill health and alerts; return the findings."""
    work.check_marker()
    findings: list[str] = []
    ledger = Ledger(work.reading)
    live = work.read_live()
    findings += _drift(work, reporter, ledger, live)
    findings += _health(work, reporter)
    findings += look_at_alerts(work, options, reporter)
    for name in live.unmodelled:
        reporter.note(f"not modelled: {name}")
    return findings


def _drift(work: Work, reporter: Reporter, ledger: Ledger, live: Catalog) -> list[str]:
    """Compare the live catalog with the last recorded snapshot, within what the playbook manages."""
    planned = None
    try:
        planned = work.plan()
    except Refused as refused:
        reporter.warn("\n  ".join([f"the playbook cannot be applied now: {refused.message}", *refused.details]))
    managed = _declared(work, live)
    if planned is not None:
        managed = set(planned.wanted.managed)
        for key in planned.wanted.unmanaged:
            reporter.note(f"unmanaged: {key}")
        for key in planned.wanted.outside:
            reporter.note(f"left alone (outside of `manage:`): {key}")
        reporter.data("unmanaged", [str(key) for key in planned.wanted.unmanaged])
        reporter.data("outside", [str(key) for key in planned.wanted.outside])
        pending = planned.plan.operations
        if pending:
            reporter.note(
                f"{counted(len(pending), 'operation')} declared and not yet applied: wgm-play {work.options.playbook} --check --diff"
            )
    last = next((run for run in ledger.last_runs() if run.status == "done"), None)
    recorded = ledger.snapshot_of(last.id, "after") if last is not None else None
    if ledger.access() == "unknown":
        reporter.warn(f"unknown whether there is drift: {UNKNOWN}")
        return []
    if recorded is None:
        reporter.note("no run is recorded for this database, so there is nothing to compare with")
        return []
    tables = {key.name for key in managed if key.kind == "table"}
    found = []
    for key in sorted({*recorded.rows, *live.rows}):
        inside = key in managed or (key.kind in ("column", "constraint") and key.name[:2] in tables)
        if (key.kind == "setting" or key.kind in ACCESS) and key not in managed:
            inside = False
        if inside and recorded.rows.get(key) != live.rows.get(key):
            found.append(f"drift: {_words(key, recorded, live)}")
    rows = [(one.removeprefix("drift: "),) for one in found]
    reporter.table("drift", ("what differs from the last run",), rows) if rows else reporter.note(
        "no drift since the last run"
    )
    return found


def _declared(work: Work, live: Catalog) -> set[Key]:
    """Return what the steps declare: what is managed where the plan that would tell exactly is refused."""
    from wgm_play.desired.overlay import same_object
    from wgm_play.playbook.fold import fold

    found: set[Key] = set()
    for key, declaration in fold(work.play.steps).declarations.items():
        found.update((key, *same_object(live, key), *declaration.parts))
    return found


def _words(key: Key, recorded: Catalog, live: Catalog) -> str:
    if key not in live.rows:
        return f"{key} is missing"
    if key not in recorded.rows:
        return f"{key} was added"
    was, now = recorded[key], live[key]
    return f"{key}: " + ", ".join(
        f"{name} was {getattr(was, name)!r}, is {getattr(now, name)!r}" for name in differing_fields(was, now)
    )


def _health(work: Work, reporter: Reporter) -> list[str]:
    from wgm_play.checks.health import health

    found = health(work.reading)
    if found:
        rows = [(one.check, one.severity, one.object, one.message, one.next) for one in found]
        reporter.table("health", ("check", "severity", "object", "what", "next"), rows)
    else:
        reporter.note("the server is in good health")
    return [f"health: {one.check}: {one.object}: {one.message}" for one in found if one.severity == "finding"]
