"""Compare a playbook as it is with what it was: each play is planned from its base on a scratch server of our own.

In: options of the playbook as it is, and of it as it was. Out: a `ComparedPlay` for each play; where steps wait for flags of the application,
another one for when these are on, if that is another plan, or `UnplannedPlay`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from wgm_play.environment import Embedded, Environment
from wgm_play.errors import InputError, Refused, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.planning.model import Planned
from wgm_play.playbook.model import Declarations, Play
from wgm_play.review.base import BaseCatalog
from wgm_play.review.excerpt import Excerpt, excerpt
from wgm_play.review.statistics import of_environment
from wgm_play.review.target import Assumed
from wgm_play.review.work import ReviewWork, flags_waited_for, scratch_connections
from wgm_play.run import last_run
from wgm_play.run.opening import Loaded
from wgm_play.run.plans import plan
from wgm_play.shadow import Shadow, open_shadow

if TYPE_CHECKING:
    from wgm_play.analysis.stage import JudgedChange
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.stats.file import StatisticsFile

# Where an application's queries look for names, as PostgreSQL has it.
_PATH = '"$user", public'


@dataclass(frozen=True, slots=True)
class ComparedPlay:
    """One play, planned from its base. `version` is the server's on which that was done, `wanted_version` the one asked for.

    `before` and `before_environment` are None where the play is new; `waited` are steps that wait for what others register.
    `given` says what is taken for granted besides: that flags are on. `judged` is what becomes of the play's queries, by the
    `statistics`; `remarks` say what is odd about these.
    """

    play: Play
    environment: Environment
    before: Play | None
    before_environment: Environment | None
    base: BaseCatalog
    planned: Planned
    folded: Declarations
    refused: tuple[Refused, ...]
    work: ReviewWork
    version: int
    wanted_version: int
    said_by: str
    waited: frozenset[str] = frozenset()
    statistics: StatisticsFile | None = None
    given: str = ""
    judged: JudgedChange | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnplannedPlay:
    """One play that cannot be planned once its flags are on, as `given` says: the database goes on until then."""

    play: Play
    environment: Environment
    version: int
    said_by: str
    given: str
    error: InputError | Refused


def pairs(
    now: Sequence[Loaded], before: Sequence[Loaded], *, one_database: bool = True
) -> Iterator[tuple[Loaded, Loaded | None]]:
    """Yield each play with the one that it was: of its environment and name, else the only one of its environment.

    Without `one_database` two playbooks for different databases are compared: then one play is compared with one.
    """
    left = list(before)
    for one in now:
        same = [other for other in left if (other[1].hosts, other[1].name) == (one[1].hosts, one[1].name)]
        same = same or [other for other in left if other[1].hosts == one[1].hosts]
        if not same and not one_database and len(now) == len(before) == 1:
            same = list(left)
        if same:
            left.remove(same[0])
        yield one, same[0] if same else None


def version_of(environment: Environment, statistics: StatisticsFile | None = None) -> tuple[int, str]:
    """Return the major version that an environment's server has, and what says so: its statistics know it best."""
    if statistics is not None:
        return statistics.server_version // 10000, "stats"
    if environment.server_version is not None:
        return environment.server_version, "server_version"
    if environment.embedded is not None:
        return environment.embedded.version, "embedded"
    return Embedded().version, "nothing"


def assumed(environment: Environment) -> Assumed:
    """Return what is taken for granted of the database: what the environment says of it."""
    if environment.embedded is not None:
        return Assumed(environment.embedded.user or "postgres", environment.embedded.database, superuser=True)
    return Assumed("the role that runs", environment.name)


def compare(
    now: Options, before: Options | None, plays: Sequence[tuple[Loaded, Loaded | None]], reporter: Reporter
) -> Generator[ComparedPlay | UnplannedPlay]:
    """Yield each play, planned from its base: as it is until flags of the application are on, and as it is then."""
    with ExitStack() as stack:
        shadows: dict[int, Shadow] = {}
        for this, was in plays:
            statistics = of_environment(this[2], now.stats)
            major, said_by = version_of(this[2], statistics)
            if major not in shadows:
                connections = scratch_connections(this[2])
                shadows[major] = stack.enter_context(open_shadow(connections.scratch(major)))
            of_this = (now, before, this, was, shadows[major], (major, said_by), reporter, statistics)
            yield (until := _compared(*of_this))
            if flags := flags_waited_for([this[1], *([was[1]] if was else [])]):
                given = f"once the flag{'s' if flags[1:] else ''} {', '.join(map(repr, flags))} {'are' if flags[1:] else 'is'} on"
                try:
                    then = _compared(*of_this, given=given)
                except (InputError, Refused) as error:
                    yield UnplannedPlay(this[1], this[2], major, said_by, given, error)
                    continue
                if _done(then) != _done(until):
                    yield then


def _done(one: ComparedPlay) -> list[tuple[str, ...]]:
    """Return what a plan does, as it would be read."""
    return [(each.title, *(command.sql for command in each.commands)) for each in one.planned.plan.operations]


def _compared(
    now: Options,
    before: Options | None,
    this: Loaded,
    was: Loaded | None,
    shadow: Shadow,
    version: tuple[int, str],
    reporter: Reporter,
    statistics: StatisticsFile | None,
    given: str = "",
) -> ComparedPlay:
    number, play, environment, playbook = this
    granted = assumed(environment)
    remarks = list(statistics.remarks(environment=environment.name)) if statistics is not None else []

    def work(options: Options, one: Loaded) -> ReviewWork:
        return ReviewWork(
            options,
            reporter,
            one[2],
            one[3],
            one[1],
            one[0],
            shadow=shadow,
            assumed=granted,
            statistics=statistics,
            flags_on=bool(given),
        )

    made = work(now, this)
    made.wait_for_flags()
    waited = frozenset(step.name for step in play.steps if step.deferred)
    if was is not None and before is not None:
        old = work(before, was)
        folded = old.fold_base()
        made.said_before = last_run.digests(folded)
    else:
        old, folded = (
            work(now, (number, Play(play.name, play.hosts, play.position, ()), environment, playbook)),
            Declarations({}),
        )
    if statistics is not None and (foreign := _foreign(statistics, folded, named=now.stats is not None)):
        remarks.append(f"{foreign}: they are not used")
        statistics = made.statistics = old.statistics = None
    planned = None
    if was is not None and not (statistics and made.play.queries):  # whose plans want all that there is
        part = excerpt(folded, made.folded(None), old.play, made.play)
        planned = _in_excerpt(shadow, old, made, folded, part) if part is not None else None
    if planned is None:
        planned = _planned(shadow, old, made, folded)
    judged = None if given or statistics is None else _judged(made, planned, statistics, remarks)
    assert made.request is not None and made.plan_answers is not None  # noqa: S101 - the plan was made by these
    assert made.base is not None  # noqa: S101 - made before
    return ComparedPlay(
        made.play,
        environment,
        was[1] if was else None,
        was[2] if was else None,
        made.base,
        planned,
        made.request.folded,
        tuple(made.plan_answers.all_refused()),
        made,
        shadow.version // 10000,
        *version,
        waited,
        statistics,
        given,
        judged,
        tuple(remarks),
    )


def _foreign(statistics: StatisticsFile, base: Declarations, *, named: bool) -> str:
    """Return what to say of statistics that know no table of the base. Raise `InputError` where the command line names them."""
    tables = [key.name for key in base.declarations if key.kind == "table"]
    if named:
        statistics.hold_to(tables)
    return statistics.foreign(tables)


def _judged(work: ReviewWork, planned: Planned, statistics: StatisticsFile, remarks: list[str]) -> JudgedChange | None:
    """Judge the plans of the play's queries before and after the change, on a server without rows that plans by the statistics."""
    if not work.play.queries or not planned.plan.groups or not work.trusted:
        return None
    from wgm_play.analysis.plans import subject_of
    from wgm_play.analysis.stage import judge_by

    subjects = [subject_of(one) for one in work.play.queries]
    try:
        with work.reporter.progress("plans of queries before and after"):
            judged = judge_by(statistics, planned, subjects, _PATH)
    except Refused as refused:
        remarks.append(f"the plans of the queries are not judged: {refused.message}")
        return None
    remarks.append(f"{work.environment.name}: plans judged by {judged.basis}: {judged.share}")
    remarks += judged.notes
    return judged


def _planned(shadow: Shadow, old: ReviewWork, made: ReviewWork, folded: Declarations) -> Planned:
    """Make the base in a scratch database, and plan from there."""
    with shadow.database() as session:
        old.session = made.session = session
        made.base = old.make_base(folded)
        return plan(made, partial=True)


def _in_excerpt(
    shadow: Shadow, old: ReviewWork, made: ReviewWork, folded: Declarations, part: Excerpt
) -> Planned | None:
    """Plan the excerpt that the difference is about; None where something stands in the way: the whole tells what."""
    import psycopg as library

    old.excerpt = made.excerpt = part
    try:
        planned = _planned(shadow, old, made, folded)
        if not made.refused:
            return planned
    except (WgmError, library.Error):
        pass
    old.excerpt = made.excerpt = None
    return None
