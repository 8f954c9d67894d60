"""`report`: a run, and how the database is now, as one HTML page.

In: a play's work, the number of a run (the last one without). Out: what the page tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wgm_play import __version__
from wgm_play.commands.check import look
from wgm_play.commands.status import is_running, outcome
from wgm_play.errors import WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.query_records import around
from wgm_play.quantities import format_duration
from wgm_play.rehearsal.certificate import KIND, SYNTHETIC
from wgm_play.report.findings.html import tiles as counts
from wgm_play.report.page import rehearsal, run
from wgm_play.report.page.model import PageContent, RehearsalStory, ReportTable, ShownPlan, Story
from wgm_play.reporter import Reporter

if TYPE_CHECKING:
    from wgm_play.analysis.plans import QueryPlan
    from wgm_play.ledger.model import Run
    from wgm_play.options import Options
    from wgm_play.run.work import PlaySession

# As much of the history as is read.
RUNS_SHOWN = 12
# As many rehearsals are looked through for the one of a run.
REHEARSALS = 20


@dataclass(slots=True)
class _Tables(Reporter):
    """Keeps the tables that commands show."""

    kept: dict[str, ReportTable] = field(default_factory=dict)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Keep a table as texts."""
        self.kept[title] = ReportTable(
            title.capitalize(), columns, [["" if value is None else str(value) for value in row] for row in rows]
        )


def tell(work: PlaySession, options: Options, number: int | None) -> PageContent:
    """Gather all that the page tells."""
    heard = _Tables()
    findings = look(work, options, heard)
    ledger = Ledger(work.reading)
    story = run.story_of(ledger, number)
    if story is not None:
        story = replace(story, plans=_plans(work, story.number))
    if work.play.backup is not None:
        from wgm_play.commands.backups import show

        try:
            show(work, heard)
        except WgmError as error:
            heard.table("backups", ("what",), [(error.message,)])
    about = f"run {story.number}" if story else "check"
    return PageContent(
        title=f"{work.target}: {about}",
        subtitle=f"{work.play.name} · database {work.reading.info.dbname} · {work.playbook.path}",
        version=__version__,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        tiles=[*(run.tiles_of(story) if story else ()), *counts(findings)],
        story=story,
        findings=findings,
        tables=[*heard.kept.values(), _history(ledger)],
        rehearsed=_rehearsed(work, ledger, story),
    )


def _plans(work: PlaySession, number: int) -> list[ShownPlan]:
    """Return the queries with their plans before a run, and after it: as the next record has them, else as they are now."""
    before, after = around(work.reading, work.environment.name, work.play.name, number)
    if before is None:
        return []
    from wgm_play.analysis.plans import from_data
    from wgm_play.analysis.target import plans_of
    from wgm_play.analysis.watch import subjects_of
    from wgm_play.report.page.plans import side_by_side

    now: dict[str, QueryPlan]
    if after is not None:
        now = {name: from_data(one) for name, one in after.plans.items()}
    else:
        now = plans_of(work.asker, [one for one in subjects_of(work) if one.name in before.plans]).found
    return side_by_side({name: from_data(one) for name, one in before.plans.items()}, now)


def _rehearsed(work: PlaySession, ledger: Ledger, story: Story | None) -> RehearsalStory | None:
    """Return the rehearsal of the run, else one that was made since it: of what is pending."""
    known = [
        one
        for kind in (KIND, SYNTHETIC)
        for one in ledger.evidence(kind, work.environment.name, work.play.name, REHEARSALS)
    ]
    known.sort(key=lambda one: one.at, reverse=True)
    if story is None:
        return rehearsal.rehearsed(known[0].content) if known else None
    for one in known:
        of_it = (
            story.began is not None and one.at < story.began and one.content.get("catalog_before") == story.began_from
        )
        if of_it or (story.last_ended is not None and one.at > story.last_ended):
            return rehearsal.rehearsed(one.content)
    return None


def _history(ledger: Ledger) -> ReportTable:
    running = is_running(ledger.connection)
    rows = [
        (
            str(one.id),
            f"{one.started_at:%Y-%m-%d %H:%M:%S}",
            one.command,
            outcome(one, running=running),
            str(one.operations),
            _took(one),
            one.role,
            one.version,
        )
        for one in ledger.last_runs(RUNS_SHOWN)
    ]
    return ReportTable(
        "Runs", ("run", "started (UTC)", "command", "status", "operations", "took", "role", "version"), rows
    )


def _took(run: Run) -> str:
    return format_duration((run.ended_at - run.started_at).total_seconds()) if run.ended_at else ""
