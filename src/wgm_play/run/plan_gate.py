"""`gate: plans`: a change that makes a query slow is refused before the run, and told after it.

In: a play's plan. Out: nothing, or a refusal (11); findings after the run. What is judged are the play's `queries:` and the
server's dearest statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wgm_play.errors import Refused
from wgm_play.quantities import counted

if TYPE_CHECKING:
    from psycopg import Connection

    from wgm_play.analysis.compare import Slower
    from wgm_play.analysis.watch import QuerySnapshot
    from wgm_play.finding import Finding
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession

PLANS = "plans"


def refuse(work: PlaySession, planned: Planned) -> None:
    """Raise `Refused` where a query would get a slower plan."""
    if problem := slowed(work, planned):
        raise problem


def slowed(work: PlaySession, planned: Planned) -> Refused | None:
    """Return the queries that a plan would make slow, with both plans and the change; None where there are none."""
    if work.play.gate != PLANS or not planned.plan.groups:
        return None
    from wgm_play.analysis.stage import judge
    from wgm_play.analysis.watch import subjects_of

    subjects = subjects_of(work)
    if not subjects:
        work.reporter.warn("gate: plans has no query to judge: add `queries:` to the play")
        return None
    with work.reporter.progress("plans of queries before and after"):
        judged = judge(work, planned, subjects)
    bad = _findings(work, planned, judged.slower, "with this change")
    if not bad:
        return None
    details = [line for one in bad for line in (_headed(one), *(f"  {line}" for line in one.evidence))]
    return Refused(
        f"{counted(len(bad), 'query gets a slower plan', 'queries get slower plans')}; nothing was touched",
        where=bad[0].where,
        details=[*details, f"judged by {judged.basis}: {judged.share}"],
        hint="keep an index that serves it, or change the query first; what is meant to be so is said under `acknowledge:` "
        "with `check: slower_plan`",
    )


def _headed(one: Finding) -> str:
    return f"{one.message} [{one.where}]" if one.where else one.message


def _findings(work: PlaySession, planned: Planned, slower: Iterable[Slower], what: str) -> list[Finding]:
    """Return what counts of these queries: what somebody took on does not."""
    from wgm_play.analysis import compare
    from wgm_play.commands.acknowledged import acknowledged

    titles = [one.title for one in planned.plan.operations]
    found = [compare.finding(one, titles, what) for one in slower]
    return [
        one
        for one in acknowledged(work.play, found, of_queries=True)
        if one.code == compare.CODE and not one.acknowledged
    ]


# After the run --------------------------------------------------------------------------------------------------


def begin(work: PlaySession, run: int, connection: Connection[Any]) -> QuerySnapshot | None:
    """Keep what queries cost and how they are planned before a run; None where the play is about no queries."""
    if not (work.play.queries or work.play.gate == PLANS):
        return None
    import psycopg

    from wgm_play.analysis.watch import keep, look

    try:
        seen = look(work)
        keep(work, seen, run, connection)
    except psycopg.Error as error:
        work.reporter.warn(f"what queries cost before the run is not known: {error.diag.message_primary or error}")
        return None
    return seen


def finish(
    work: PlaySession, planned: Planned, before: QuerySnapshot | None, connection: Connection[Any]
) -> list[Finding]:
    """Return the queries whose plans a run made slow, by the statistics as they are now."""
    if before is None or work.play.gate != PLANS:
        return []
    import psycopg

    from wgm_play.analysis.compare import slower
    from wgm_play.analysis.target import plans_of

    try:
        _analyze(planned, connection)
        after = plans_of(work.asker, before.subjects)
    except psycopg.Error as error:
        work.reporter.warn(f"what queries cost after the run is not known: {error.diag.message_primary or error}")
        return []
    return _findings(work, planned, slower(before.subjects, before.plans.found, after.found), "after the run")


def _analyze(planned: Planned, connection: Connection[Any]) -> None:
    """Gather the statistics of the tables that a run changed: a new type or index has none until then."""
    from wgm_play.catalog.kinds import OF_TABLE
    from wgm_play.catalog.model import Key
    from wgm_play.render import render

    keys = [one.key for one in planned.plan.operations]
    tables = {Key("table", key.name[:2]) for key in keys if key.kind == "table" or key.kind in OF_TABLE}
    tables |= {
        Key("table", (key.name[0], str(row[0])))
        for key in keys
        if key.kind == "index" and (row := planned.wanted.catalog.rows.get(key))
    }
    for table in sorted(tables & planned.wanted.catalog.rows.keys()):
        connection.execute(render("analysis/analyze.sql.j2", table=table.name).sql.encode())
