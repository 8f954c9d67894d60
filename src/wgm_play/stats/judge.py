"""The plan of a query by production's statistics, and whether it would be another if we knew the values that were left out.

In: a database that plans by statistics, queries. Out: `JudgedQuery` plans; `compare` says of two whether they are equal, different, or
that nobody knows.

Where the file holds no values, the planner is asked again under suppositions that lie at the ends of what is possible: the
value that a query looks for is the most common one; all rows lie below, or above, or within what it asks for; two columns
that are joined have all their common values in common, or none. A plan that stays the same through all of them does not
depend on the values. One that does not is unknown, and so is one whose conditions are of a kind that cannot be supposed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import Sql
from wgm_play.stats import assumptions
from wgm_play.stats.put import KnownStatistics, write
from wgm_play.stats.uses import Use as Made
from wgm_play.stats.uses import expression_key, uses

if TYPE_CHECKING:
    from wgm_play.stats.scratch import Planning
    from wgm_play.stats.uses import Use, Uses

EQUAL, DIFFERENT, UNKNOWN = "equal", "different", "unknown"
# More suppositions than that are not tried: then nobody knows.
MOST = 60
_SHAPE = (
    "Node Type", "Strategy", "Partial Mode", "Operation", "Join Type", "Parallel Aware", "Scan Direction", "Index Name",
    "Schema", "Relation Name", "Alias", "CTE Name", "Function Name", "Subplan Name", "Parent Relationship",
)  # fmt: skip
_CONDITIONS = (
    "Filter",
    "Join Filter",
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Order By",
    "TID Cond",
    "One-Time Filter",
)

Shape = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPlan:
    """A plan as EXPLAIN (VERBOSE, FORMAT JSON) tells it: `shape` is what makes two plans the same."""

    root: Mapping[str, Any]

    @property
    def shape(self) -> Shape:
        """The nodes without costs, rows and conditions."""
        return shape(self.root)

    @property
    def cost(self) -> float:
        """The whole cost."""
        return float(self.root["Total Cost"])

    def nodes(self) -> Iterator[Mapping[str, Any]]:
        """Yield all nodes."""
        todo = [self.root]
        while todo:
            node = todo.pop()
            yield node
            todo += node.get("Plans", ())

    def conditions(self) -> Iterator[str]:
        """Yield what its nodes compare."""
        for node in self.nodes():
            yield from (node[name] for name in _CONDITIONS if name in node)


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query's plan; `depends_on` names what it would depend on that was left out: empty, and the plan is production's."""

    query: str
    plan: ExplainedPlan | None
    depends_on: tuple[str, ...] = ()
    error: str = ""

    @property
    def certain(self) -> bool:
        """Whether production plans so."""
        return self.plan is not None and not self.depends_on


def shape(node: Mapping[str, Any]) -> Shape:
    """Return what makes two plans the same."""
    own = tuple((name, node[name]) for name in _SHAPE if name in node)
    return (*own, *(shape(one) for one in node.get("Plans", ())))


def compare(before: JudgedQuery, after: JudgedQuery) -> tuple[str, tuple[str, ...]]:
    """Return whether two plans are equal or different, or unknown, with what that depends on."""
    if before.plan is None or after.plan is None:
        return UNKNOWN, tuple(one.error for one in (before, after) if one.error)
    if not (before.certain and after.certain):
        return UNKNOWN, tuple(dict.fromkeys((*before.depends_on, *after.depends_on)))
    return (EQUAL if before.plan.shape == after.plan.shape else DIFFERENT), ()


def explain(connection: Any, query: str) -> ExplainedPlan:
    """Return the plan of a query; one with parameters has the plan that is good for all of their values."""
    with connection.transaction(force_rollback=True):
        if "$" not in query:
            return _explained(connection, render("stats/explain.sql.j2", query=_sql(query)).sql)
        connection.execute(render("stats/generic.sql.j2").sql)
        connection.execute(render("stats/prepare.sql.j2", query=_sql(query)).sql.encode())
        try:
            (count,) = connection.execute(render("stats/parameters.sql.j2").sql).fetchone()
            return _explained(connection, render("stats/explain_prepared.sql.j2", values=[None] * count).sql)
        finally:
            connection.execute(render("stats/deallocate.sql.j2").sql)


def _sql(query: str) -> Any:
    return Sql(query.strip().rstrip(";"))


def _explained(connection: Any, statement: str) -> ExplainedPlan:
    (found,) = connection.execute(statement.encode()).fetchone()
    return ExplainedPlan((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def judge(planning: Planning, query: str) -> JudgedQuery:
    """Return a query's plan, and what it depends on that was left out."""
    import psycopg

    try:
        plan = explain(planning.reading, query)
    except psycopg.Error as error:
        return JudgedQuery(query, None, error=str(error.diag.message_primary or error).strip())
    found, dark = _open(planning, plan, query)
    if dark:
        return JudgedQuery(query, plan, tuple(dark))
    if not found:
        return JudgedQuery(query, plan)
    own = assumptions.real(planning, found)
    with _supposing(planning, own):
        plan = explain(planning.reading, query)
        tried = list(assumptions.suppositions(planning, found, own))
        if len(tried) > MOST:
            return JudgedQuery(query, plan, tuple(one.label for one, _ in found))
        depends: dict[str, None] = {}
        for what, supposition in tried:
            try:
                with _supposing(planning, {**own, **supposition}, own):
                    same = explain(planning.reading, query).shape == plan.shape
            except psycopg.Error:  # what cannot be supposed is not known
                same = False
            if not same:
                depends |= dict.fromkeys(one.label for one in what)
    return JudgedQuery(query, plan, tuple(depends))


@contextmanager
def _supposing(
    planning: Planning,
    what: Mapping[KnownStatistics, Mapping[str, Any]],
    otherwise: Mapping[KnownStatistics, Mapping[str, Any]] | None = None,
) -> Iterator[None]:
    """Let the planner suppose something of columns for a `with` block."""
    changed = [one for one in what if otherwise is None or what[one] != otherwise.get(one)]
    _put(planning, ((one, what[one]) for one in changed))
    try:
        yield
    finally:
        _put(planning, ((one, (otherwise or {}).get(one, one.said)) for one in changed))


def _put(planning: Planning, what: Iterator[tuple[KnownStatistics, Mapping[str, Any]]]) -> None:
    with planning.admin.transaction():
        for known, said in what:
            write(planning.admin, known, planning.laid.types, said)


def _open(planning: Planning, plan: ExplainedPlan, query: str) -> tuple[list[tuple[KnownStatistics, Use]], list[str]]:
    """Return the columns that a plan may depend on and whose values were left out; and those of which nothing can be supposed."""
    used = uses(query, (*plan.conditions(), *_predicates(planning, plan)))
    relations = _relations(planning, plan)
    found: list[tuple[KnownStatistics, Use]] = []
    dark: list[str] = []
    for relation, attribute in planning.laid.unknown:
        if relation.oid in relations and _use(used, attribute.expression, attribute.name) is not None:
            dark.append(f"{relation.schema}.{relation.name}: {attribute.expression or attribute.name} is not known")
    for known in planning.laid.known:
        if known.relation.oid not in relations or not left_out(known.said):
            continue
        use = _use(used, known.attribute.expression, known.attribute.name)
        if use is None:
            continue
        if assumptions.possible(planning, known, use):
            found.append((known, use))
        else:
            dark.append(known.label)
    dark += _extended(planning, relations, used, set(re.findall(r"\w+", query)))
    return found, list(dict.fromkeys(dark))


def _use(used: Uses, expression: str | None, name: str) -> Use | None:
    if expression is not None:
        return used.get(expression_key(expression))
    return used.get(name) or (Made(joined=True) if used.natural else None)


def left_out(said: Mapping[str, Any]) -> bool:
    """Tell whether something that the planner knew of a column is not in the file."""
    return any(name in said and "values" not in said[name] for name in ("common", "elements")) or any(
        name.endswith("_count") for name in said
    )


def _extended(planning: Planning, relations: frozenset[int], used: Uses, words: Container[str]) -> Iterator[str]:
    """Yield extended statistics that the scratch database lacks and that count where two of their columns are used.

    What is common together counts for conditions, the rest for groups too.
    """
    for oid, name, columns, common in planning.laid.extended:
        where = used if common else words
        if oid in relations and (sum(column in where for column in columns) > 1 or not (common or columns)):
            yield f"extended statistics {name}"


def _relations(planning: Planning, plan: ExplainedPlan) -> frozenset[int]:
    """Return the relations of a plan, those that they are parts of, and their indexes."""
    laid = planning.laid
    by_name = {(one.schema, one.name): one.oid for one in laid.tables.values()}
    found = {
        by_name[node["Schema"], node["Relation Name"]]
        for node in plan.nodes()
        if (node.get("Schema"), node.get("Relation Name")) in by_name
    }
    todo = list(found)
    while todo:
        for parent in laid.parents.get(todo.pop(), ()):
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return frozenset(found | {index.oid for oid in found for index in laid.indexes.get(oid, ())})


def _predicates(planning: Planning, plan: ExplainedPlan) -> Iterator[str]:
    """Yield the predicates of the indexes that a plan uses: what they say is in none of its conditions."""
    names = {node["Index Name"] for node in plan.nodes() if "Index Name" in node}
    for indexes in planning.laid.indexes.values():
        for one in indexes:
            if one.name in names and one.predicate:
                yield one.predicate


def shares(judged: Sequence[JudgedQuery]) -> dict[str, int]:
    """Return how many plans are certain, and how many depend on what was left out."""
    certain = sum(one.certain for one in judged)
    return {"certain": certain, UNKNOWN: len(judged) - certain}
