"""`analyze`: the play's queries and the server's dearest: what they cost, how they are planned, what changes that.

In: a play's work. Out: findings; a table of the queries. Nothing of the queries is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.analysis import compare, statements
from wgm_play.analysis.plans import from_data, subject_of
from wgm_play.analysis.statements import Count, Statements
from wgm_play.analysis.target import Plans, plans_of
from wgm_play.analysis.watch import QuerySnapshot, keep, top_subjects
from wgm_play.commands.acknowledged import acknowledged
from wgm_play.commands.declared import planned_or_refused
from wgm_play.errors import Refused
from wgm_play.finding import INFO, WARNING, Finding, ordered
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.query_records import QueryRecord, newest
from wgm_play.quantities import counted
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.analysis.plans import Subject
    from wgm_play.analysis.stage import JudgedChange
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession
    from wgm_play.stats.file import StatisticsFile

SOURCE = compare.SOURCE
# What `check` finds that plans depend on, or that queries pay for.
HEALTH = frozenset(
    [
        "never_analyzed",
        "stale_statistics",
        "statistics_without_data",
        "autovacuum_off",
        "autovacuum_late",
        "duplicate_indexes",
        "overlapping_indexes",
        "unused_indexes",
    ]
)
# A query is slower that takes so many times as long, where it was called so often, and so much longer for each call.
CALLS, MILLISECONDS = 10, 5.0
_TEXT = 60


@dataclass(slots=True)
class AnalyzedQueries:
    """What was looked at: the queries, their plans, their counts since the last record."""

    subjects: Sequence[Subject]
    plans: Plans
    counts: Statements
    since: Mapping[str, Count]
    record: QueryRecord | None
    found: list[Finding] = field(default_factory=list)


def look(work: PlaySession, reporter: Reporter, *, top: int, record: bool, file: str | None = None) -> list[Finding]:
    """Look at the queries; return what is found. With `record`, keep counts and plans; with `file`, judge by its statistics."""
    work.check_marker()
    given = _given(file, reporter)
    planned, found = planned_or_refused(work, reporter)
    seen = _seen(work, top)
    seen.found += found
    judged = _judged(work, planned, seen, given, reporter)
    if judged is not None and given is not None:
        seen.plans = judged.before  # as the server plans them whose statistics these are
    _tell(work, seen, reporter)
    seen.found += _unseen(work, seen)
    if given is None:
        seen.found += _health(work)
        seen.found += _since_the_run(work, seen)
    if judged is not None and planned is not None:
        seen.found += _waiting(planned, judged, reporter)
    if planned is not None:
        seen.found += _advice(work, planned, seen, judged, given, reporter)
    if record:
        keep(work, QuerySnapshot(seen.subjects, seen.plans, seen.counts), None)
        reporter.note(
            f"recorded: {counted(len(seen.plans.found), 'plan')}, the counts of {len(seen.counts.counts)} statements"
        )
    return ordered(acknowledged(work.play, seen.found, of_queries=True))


def _given(file: str | None, reporter: Reporter) -> StatisticsFile | None:
    """Return the statistics of a file, and say what is odd about them."""
    if file is None:
        return None
    from wgm_play.stats.file import load

    found = load(file)
    for remark in found.remarks():
        reporter.warn(remark)
    return found


def _seen(work: PlaySession, top: int) -> AnalyzedQueries:
    counts = statements.read(work.reading)
    record = newest(work.reading, work.environment.name, work.play.name)
    since = counts.since(_counts(record), record.reset) if record is not None else counts.counts
    declared = [subject_of(one) for one in work.play.queries]
    others = top_subjects(declared, since.values(), top) if work.trusted else []
    subjects = [*declared, *others]
    return AnalyzedQueries(subjects, plans_of(work.asker, subjects), counts, since, record)


def _counts(record: QueryRecord) -> dict[str, Count]:
    return {str(one["key"]): Count(**one) for one in record.counts}


# What is shown --------------------------------------------------------------------------------------------------


def _tell(work: PlaySession, seen: AnalyzedQueries, reporter: Reporter) -> None:
    total = sum(one.milliseconds for one in seen.since.values()) or 1.0
    rows, told = [], []
    for one in seen.subjects:
        count, plan = seen.since.get(one.key), seen.plans.found.get(one.name)
        how = plan.way if plan is not None else f"no plan: {seen.plans.without.get(one.name, '')}"
        numbers: tuple[Any, ...] = (
            (count.calls, f"{count.mean:.1f}", f"{count.pages_each:,.0f}", f"{100 * count.milliseconds / total:.0f} %")
            if count is not None
            else ("", "", "", "")
        )
        rows.append((_short(one), *numbers, "" if plan is None else f"{plan.cost:,.0f}", how))
        told.append(
            {
                "query": one.name,
                "declared": one.declared,
                "sql": mask(one.text),
                "count": count.data() if count else None,
                "plan": plan.lines() if plan else None,
                "cost": plan.cost if plan else None,
                "without": seen.plans.without.get(one.name),
            }
        )
    reporter.data("queries", told)
    if rows:
        reporter.table("queries", ("query", "calls", "ms each", "pages each", "of the time", "cost", "plan"), rows)
    since = seen.record.at if seen.record is not None and seen.counts.reset == seen.record.reset else seen.counts.reset
    if seen.since:
        when = f"{since:%Y-%m-%d %H:%M}" if since else "the server began to count"
        reporter.note(f"counted since {when}{' (the last record)' if seen.record and since == seen.record.at else ''}")
    if work.options.verbosity:
        for one in seen.subjects:
            if one.name in seen.plans.found:
                lines = [f"{one.name}:", *(f"  {line}" for line in seen.plans.found[one.name].lines())]
                reporter.note("\n  ".join(lines))


def _short(one: Subject) -> str:
    return one.name if len(one.name) <= _TEXT else one.name[: _TEXT - 3] + "..."


def _unseen(work: PlaySession, seen: AnalyzedQueries) -> list[Finding]:
    """Return what cannot be seen: that no query is slow is not known then."""
    found = [
        Finding("statements_unseen", INFO, one.what, "pg_stat_statements", remedy=one.remedy, source=SOURCE)
        for one in seen.counts.unseen
    ]
    if not work.play.queries:
        found.append(
            Finding(
                "no_queries",
                INFO,
                "the play declares no queries: what the application needs is not known",
                remedy="add `queries:` to the play: wgm-play doc query",
                source=SOURCE,
            )
        )
    found += [
        Finding(
            "query_unplanned",
            WARNING if one.declared else INFO,
            f"the query {one.name!r} has no plan here: {seen.plans.without[one.name]}",
            one.name,
            where=one.position,
            source=SOURCE,
        )
        for one in seen.subjects
        if one.name in seen.plans.without
    ]
    return found


def _health(work: PlaySession) -> list[Finding]:
    from wgm_play.health import CHECKS
    from wgm_play.health.looking import look as look_at_health

    return look_at_health(work.reading, None, {one.name for one in CHECKS} - HEALTH)


# What changed ---------------------------------------------------------------------------------------------------


def _since_the_run(work: PlaySession, seen: AnalyzedQueries) -> list[Finding]:
    """Compare with how things were when the last run began."""
    before = newest(work.reading, work.environment.name, work.play.name, of_run=True)
    if before is None or before.run is None:
        return []
    titles = Ledger(work.reading).titles_since(before.run)
    plans = {name: from_data(one) for name, one in before.plans.items()}
    found = [
        compare.finding(one, titles, f"since the run {before.run}", severe=False)
        for one in compare.slower(seen.subjects, plans, seen.plans.found)
    ]
    return found + _measured(seen, before, titles)


def _measured(seen: AnalyzedQueries, before: QueryRecord, titles: Sequence[str]) -> list[Finding]:
    """Return the queries that take longer since the last run than they did before it."""
    earlier = _counts(before)
    found = []
    for key, now in seen.counts.since(earlier, before.reset).items():
        was = earlier.get(key)
        if was is None or min(was.calls, now.calls) < CALLS or seen.counts.reset != before.reset:
            continue
        if now.mean >= compare.TIMES * was.mean and now.mean - was.mean >= MILLISECONDS:
            name = next((one.name for one in seen.subjects if one.key == key), now.text)
            text = " ".join(now.text.split())
            found.append(
                Finding(
                    "slower_query",
                    WARNING,
                    f"since the run {before.run}, a call of {' '.join(name.split())[:_TEXT]!r} takes {now.mean:.1f} ms, was {was.mean:.1f} ms",
                    key,
                    evidence=(
                        f"query: {text}",
                        f"pages for a call: {now.pages_each:,.0f}, was {was.pages_each:,.0f}",
                        *([f"the change: {'; '.join(titles[: compare.SHOWN])}"] if titles else []),
                    ),
                    remedy="look at its plan: wgm-play analyze -v",
                    source=SOURCE,
                )
            )
    return found


def _judged(
    work: PlaySession, planned: Planned | None, seen: AnalyzedQueries, given: StatisticsFile | None, reporter: Reporter
) -> JudgedChange | None:
    """Judge the edits that wait, on a server of our own; with statistics of a file, also how things are."""
    if planned is None or not seen.subjects or not (planned.plan.groups or given):
        return None
    from wgm_play.analysis.stage import judge

    with reporter.progress("plans by statistics"):
        return judge(work, planned, seen.subjects, given)


def _advice(
    work: PlaySession,
    planned: Planned,
    seen: AnalyzedQueries,
    judged: JudgedChange | None,
    given: StatisticsFile | None,
    reporter: Reporter,
) -> list[Finding]:
    """Return the indexes that would help."""
    from wgm_play.analysis.stage import advise

    plans = judged.after if judged is not None and planned.plan.groups else seen.plans
    depends = judged.depends if judged is not None else {}
    try:
        with reporter.progress("indexes that would help"):
            found, rest = advise(work, planned, seen.subjects, plans.found, seen.since, given, depends)
    except Refused as refused:
        remedy = refused.hint or ""
        return [Finding("index_advice", INFO, f"no index was tried: {refused.message}", remedy=remedy, source=SOURCE)]
    reporter.data("advice", [one.step for one, _ in found])
    return [*(finding for _, finding in found), *rest]


def _waiting(planned: Planned, judged: JudgedChange, reporter: Reporter) -> list[Finding]:
    """Return the queries that get slower plans with the edits that wait, and those of which nobody knows."""
    from wgm_play.analysis.stage import told

    reporter.note(f"judged by {judged.basis}: {judged.share}")
    for note in judged.notes:
        reporter.note(note)
    return told(judged, [one.title for one in planned.plan.operations], "with the edits that wait")
