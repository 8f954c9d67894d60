"""Plans of queries on a server of our own that plans by statistics, before and after a change that was not made yet.

In: a play's plan, queries, statistics of a file or the target's own. Out: `JudgedChange`: the queries that become slower, the plans, what
is not known. Both states are made with the same statistics, so that what differs is the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.analysis import compare
from wgm_play.analysis.compare import FLOOR, Slower, slower
from wgm_play.analysis.plans import Subject
from wgm_play.analysis.target import Plans, search_path_of
from wgm_play.catalog.model import Catalog, Key
from wgm_play.finding import INFO, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted
from wgm_play.render import render
from wgm_play.stats.values import FULL

if TYPE_CHECKING:
    from wgm_play.analysis.advice import Advice
    from wgm_play.analysis.candidates import IndexCandidate
    from wgm_play.analysis.plans import QueryPlan
    from wgm_play.analysis.statements import Count
    from wgm_play.analysis.trying import Trial
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession
    from wgm_play.stats.file import StatisticsFile
    from wgm_play.stats.scratch import Planning

# What of a column's statistics holds for another type too.
_OF_ANY_TYPE = frozenset(["name", "inherited", "null_frac", "avg_width", "n_distinct"])


@dataclass(slots=True)
class JudgedChange:
    """What a change does to plans. `basis` says by which statistics that was judged, `notes` what is otherwise there.

    `depends` has, for the queries whose plans nobody knows, what was left out of the statistics that they depend on.
    """

    basis: str
    slower: list[Slower] = field(default_factory=list)
    before: Plans = field(default_factory=Plans)
    after: Plans = field(default_factory=Plans)
    depends: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def share(self) -> str:
        """How many of the plans are certain: those of the server whose statistics these are."""
        every = self.before.found.keys() | self.after.found.keys()
        return f"{len(every - self.depends.keys())} of {counted(len(every), 'plan')} certain"


def judge(
    work: PlaySession, planned: Planned, subjects: Sequence[Subject], statistics: StatisticsFile | None = None
) -> JudgedChange:
    """Plan the queries with the live catalog and with the wanted one. Raise `Refused` where no server is to be had."""
    if statistics is not None:
        statistics.hold_to(key.name for key in planned.live.of("table"))
    return judge_by(statistics or of_target(work), planned, subjects, search_path_of(work.reading))


def judge_by(known: StatisticsFile, planned: Planned, subjects: Sequence[Subject], path: str) -> JudgedChange:
    """Plan the queries with the live catalog and with the wanted one, by these statistics; names without a schema are looked
    for in `path`. Raise `Refused` where no server is to be had."""
    from wgm_play.stats.scratch import planning_server

    judged = JudgedChange(known.about())
    judged.notes += [f"not seen: {one['what']}: {one['why']}" for one in known.document["unseen"]]
    if known.values != FULL:  # example values say nothing where those of the rows are not told
        subjects = [replace(one, values=None) for one in subjects]
    with planning_server(known) as server:
        before = server.lay(planned.live, "before")
        _take(before, judged, judged.before, subjects, path)
        if planned.plan.groups:
            after = server.lay(planned.wanted.catalog, "after", renamed(known, planned))
            _take(after, judged, judged.after, subjects, path)
    judged.notes = list(dict.fromkeys(judged.notes))
    judged.slower = slower(subjects, judged.before.found, judged.after.found)
    return judged


def told(judged: JudgedChange, titles: Sequence[str], what: str) -> list[Finding]:
    """Return the queries that get slower plans by changes of these titles, and those of which nobody knows."""
    found = []
    for one in judged.slower:
        depends = judged.depends.get(one.subject.name, ())
        made = compare.finding(one, titles, what, severe=not depends)
        lines = (f"depends on what was left out: {name}" for name in depends)
        found.append(replace(made, evidence=(*made.evidence, *lines)))
    known = {one.subject.name for one in judged.slower}
    for name, depends in judged.depends.items():
        if name not in known:
            message = f"the plan of {name!r} is unknown: it depends on values that were left out of the statistics"
            remedy = "wgm-play stats PLAYBOOK --values full gives them"
            found.append(
                Finding(compare.UNKNOWN, INFO, message, name, evidence=depends, remedy=remedy, source=compare.SOURCE)
            )
    return found


def of_target(work: PlaySession) -> StatisticsFile:
    """Return the target's own statistics, as far as this role may read them; they are written nowhere."""
    from wgm_play.stats.file import StatisticsFile
    from wgm_play.stats.read import read

    return StatisticsFile(read(work.reading, work.environment.name, FULL), "the target's statistics")


def _take(planning: Planning, judged: JudgedChange, into: Plans, subjects: Sequence[Subject], path: str) -> None:
    planning.reading.execute(render("analysis/set_path.sql.j2", path=path).sql.encode())
    into.take(planning.reading, subjects)
    judged.notes += planning.notes
    if planning.statistics.values == FULL:
        return
    from wgm_play.stats.judge import judge as depends_on

    for one in subjects:
        if one.name in into.found and (open_to := depends_on(planning, one.text).depends_on):
            judged.depends[one.name] = tuple(dict.fromkeys((*judged.depends.get(one.name, ()), *open_to)))


def advise(
    work: PlaySession,
    planned: Planned,
    subjects: Sequence[Subject],
    plans: Mapping[str, QueryPlan],
    counts: Mapping[str, Count],
    statistics: StatisticsFile | None,
    depends: Mapping[str, tuple[str, ...]],
) -> tuple[list[tuple[Advice, Finding]], list[Finding]]:
    """Return the indexes that would help queries, with what the playbook declares already made; `plans` are those then. And
    what is said of those that are too many.

    HypoPG tries them on the target where it is there and nothing waits, else a scratch server. Raise `Refused` where there is none.
    """
    from wgm_play.analysis import advice

    catalog = planned.wanted.catalog if planned.plan.groups else planned.live
    if not any(plan.cost > FLOOR for plan in plans.values()):
        return [], []
    known = statistics or of_target(work)
    serving = advice.wanted(plans, catalog, subjects, known)
    if not serving:
        return [], []
    with _trial(work, planned, subjects, list(serving), known, hypothetical=statistics is None) as trial:
        asked = subjects if known.values == FULL else [replace(one, values=None) for one in subjects]
        chosen, left = advice.choose(trial, serving, asked, plans, counts)
        found = advice.advice(trial, chosen, catalog)
        names = advice.names_of(trial, found)
        told = [(one, advice.finding(one, trial, counts, known, depends, names)) for one in found]
        return told, advice.rest(left)


@contextmanager
def _trial(
    work: PlaySession,
    planned: Planned,
    subjects: Sequence[Subject],
    candidates: list[IndexCandidate],
    known: StatisticsFile,
    *,
    hypothetical: bool,
) -> Iterator[Trial]:
    from wgm_play.analysis.advice import is_partitioned
    from wgm_play.analysis.trying import OnScratch, by_hypopg, hypopg_schema, statement
    from wgm_play.stats.scratch import planning_server

    with ExitStack() as stack:
        # HypoPG knows neither GIN nor what comes with an index of a partitioned table, nor what was not made yet.
        plain = not planned.plan.groups and all(one.method == "btree" for one in candidates)
        plain = plain and not is_partitioned(planned.live, {one.table for one in candidates})
        if hypothetical and plain and work.trusted and (schema := hypopg_schema(work.reading)) is not None:
            trial = stack.enter_context(by_hypopg(work.asker, subjects, candidates, schema))
            if trial is not None:
                yield trial
                return
        server = stack.enter_context(planning_server(known))
        changed = bool(planned.plan.groups)
        path = search_path_of(work.reading)
        planning = server.lay(
            planned.wanted.catalog if changed else planned.live,
            "advice",
            renamed(known, planned) if changed else known,
            path=path,
            indexes=[statement(number, one) for number, one in enumerate(candidates)],
        )
        planning.reading.execute(render("analysis/set_path.sql.j2", path=path).sql.encode())
        yield OnScratch.of(planning, candidates)


# What is known of tables and columns that get another name or type ------------------------------------------------


def renamed(statistics: StatisticsFile, planned: Planned) -> StatisticsFile:
    """Return the statistics by the names that a plan gives, without the values of columns that it gives another type."""
    renames, live, wanted = planned.situation.goal.renames, planned.live, planned.wanted.catalog
    by_old = {old: new for new, old in renames.items()}
    tables = [dict(_table(one, by_old, live, wanted)) for one in statistics.tables]
    return replace(statistics, document={**statistics.document, "tables": tables})


def _table(
    said: Mapping[str, Any], by_old: Mapping[Key, Key], live: Catalog, wanted: Catalog
) -> Iterator[tuple[str, Any]]:
    old = Key("table", (said["schema"], said["name"]))
    new = by_old.get(old, old)
    yield from said.items()
    yield "schema", new.name[0]
    yield "name", new.name[1]
    yield "columns", [_column(one, old, new, by_old, live, wanted) for one in said["columns"]]
    yield "indexes", [_index(one, by_old) for one in said["indexes"]]


def _column(
    said: Mapping[str, Any], old: Key, new: Key, by_old: Mapping[Key, Key], live: Catalog, wanted: Catalog
) -> Mapping[str, Any]:
    was = Key("column", (*old.name, str(said["name"])))
    now = Key("column", (*new.name, by_old.get(was, was).name[2]))
    kept = said
    if was in live.rows and now in wanted.rows and live[was].type != wanted[now].type:
        kept = {name: value for name, value in said.items() if name in _OF_ANY_TYPE}
    return {**kept, "name": now.name[2]}


def _index(said: Mapping[str, Any], by_old: Mapping[Key, Key]) -> Mapping[str, Any]:
    key = Key("index", (said["schema"], said["name"]))
    new = by_old.get(key, key)
    return {**said, "schema": new.name[0], "name": new.name[1]}
