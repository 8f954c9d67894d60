"""The plan of one statement, as the planner makes it now; nothing is run.

In: a connection in a transaction in which the statement may be sent. Out: a `QueryPlan`, or `UnplannedStatement` with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.analysis.statements import key_of
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.model import Query
from wgm_play.playbook.queries import prepared
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.sql import Sql

if TYPE_CHECKING:
    import psycopg

# pg_stat_statements writes $1 where the application wrote a text: `interval $1` is no SQL, `$1::interval` is.
_TYPED = re.compile(
    r"\b(interval|date|timestamp(?:\s+with(?:out)?\s+time\s+zone)?|timestamptz|time|timetz|inet|uuid|json|jsonb|numeric|regclass)"
    r"\s+(\$\d+)",
    re.IGNORECASE,
)
# What says nothing about the way to the rows.
_PASSED = ("Gather", "Gather Merge", "Limit", "Result", "Materialize", "Memoize", "Hash", "Unique", "LockRows")


class UnplannedStatement(Exception):
    """A statement without a plan, with the reason in words."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A statement whose plan is asked for: one of the play's `queries`, or one that the server counted.

    `key` is that of its counts; `values` are those of its parameters, None for the plan that is made for any.
    """

    name: str
    text: str
    values: tuple[str | None, ...] | None = None
    position: Position | None = None
    declared: bool = True
    key: str = ""


@dataclass(frozen=True, slots=True)
class PlanNode:
    """A node of a plan: what it does, on what, by which index; cost and rows as estimated."""

    type: str
    relation: str = ""
    index: str = ""
    cost: float = 0.0
    rows: float = 0.0
    depth: int = 0
    filter: str = ""
    condition: str = ""

    @property
    def shown(self) -> str:
        """What it does, in EXPLAIN's words."""
        by = f" using {self.index}" if self.index else ""
        return f"{self.type}{by}{f' on {self.relation}' if self.relation else ''}"


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A plan: its nodes from the top down, its whole cost. `root` is EXPLAIN's own words, while they are at hand."""

    nodes: tuple[PlanNode, ...]
    root: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def cost(self) -> float:
        """The cost of all of it, in the planner's units: one page read in order is 1."""
        return self.nodes[0].cost

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """What tells two plans apart: how each table is read and joined; costs and names of indexes do not."""
        return tuple((one.type, one.relation) for one in self.nodes if one.type not in _PASSED)

    @property
    def indexes(self) -> tuple[str, ...]:
        """The indexes that it uses."""
        return tuple(dict.fromkeys(one.index for one in self.nodes if one.index))

    @property
    def way(self) -> str:
        """How it gets to the rows, in one line."""
        scans = [one.shown for one in self.nodes if one.relation] or [self.nodes[0].shown]
        return ", ".join(dict.fromkeys(scans))

    def lines(self) -> list[str]:
        """Return it as EXPLAIN writes it, a line for each node."""
        return [f"{'  ' * one.depth}{one.shown}  (cost {one.cost:,.0f}, rows {one.rows:,.0f})" for one in self.nodes]

    def data(self) -> list[list[Any]]:
        """Return what is kept of it; conditions, in which values may stand, are not."""
        return [[one.type, one.relation, one.index, one.cost, one.rows, one.depth] for one in self.nodes]


def from_data(kept: Sequence[Sequence[Any]]) -> QueryPlan:
    """Return the plan that `data` kept."""
    return QueryPlan(tuple(PlanNode(*one) for one in kept))


def subject_of(query: Query) -> Subject:
    """Return a query of a play as what is planned."""
    made = prepared(query)
    return Subject(query.name, made.text, made.values, query.position, key=key_of(made.text))


def rewritten(text: str) -> str:
    """Return a statement as the server normalised it in a form that it reads again."""
    return _TYPED.sub(r"\2::\1", text)


def plan(connection: psycopg.Connection[Any], subject: Subject) -> QueryPlan:
    """Return the plan of a statement, within a savepoint. Raise `UnplannedStatement`."""
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            _send(connection, "plan_mode", generic=subject.values is None)
            _send(connection, "prepare", query=Sql(subject.text))
            try:
                (number,) = _send(connection, "parameters").fetchone() or (0,)
                values = list(subject.values) if subject.values is not None else [None] * number
                (told,) = _send(connection, "explain", values=values).fetchone() or ("[]",)
            finally:
                if connection.info.transaction_status.name == "INTRANS":
                    _send(connection, "deallocate")
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise UnplannedStatement(mask(str(error.diag.message_primary or error).strip())) from None
    finally:
        _forget(connection)
    found = json.loads(told) if isinstance(told, str) else told
    return QueryPlan(tuple(_nodes(found[0]["Plan"])), found[0]["Plan"])


def _forget(connection: psycopg.Connection[Any]) -> None:
    """Drop the prepared statement that a refusal left: it is of the session, no rollback takes it away."""
    left = _send(connection, "parameters").fetchone() if not connection.closed else None
    if left is not None:
        _send(connection, "deallocate")


def _send(connection: psycopg.Connection[Any], name: str, **values: Any) -> psycopg.Cursor[Any]:
    from psycopg.rows import tuple_row

    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(render(f"analysis/{name}.sql.j2", **values).sql.encode(), prepare=True)
    return cursor


def _nodes(node: Mapping[str, Any], depth: int = 0) -> Iterator[PlanNode]:
    schema = node.get("Schema")
    relation = node.get("Relation Name") or node.get("CTE Name") or node.get("Function Name") or ""
    kind = str(node["Node Type"])
    if kind == "ModifyTable":
        kind = str(node.get("Operation", kind))
    if kind == "Bitmap Index Scan":
        relation = ""
    join = node.get("Join Type")
    index = str(node.get("Index Name") or "")
    if kind == "Bitmap Heap Scan":
        index = ", ".join(_indexes(node))
    named = f"{schema}.{relation}" if schema and relation else str(relation)
    yield PlanNode(
        f"{kind} ({join})" if join not in (None, "Inner") else kind,
        named,
        index,
        float(node["Total Cost"]),
        float(node["Plan Rows"]),
        depth,
        str(node.get("Filter") or ""),
        str(node.get("Index Cond") or node.get("Recheck Cond") or ""),
    )
    for below in node.get("Plans") or ():
        yield from _nodes(below, depth + 1)


def _indexes(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the indexes that a bitmap is made of."""
    for below in node.get("Plans") or ():
        if "Index Name" in below:
            yield str(below["Index Name"])
        yield from _indexes(below)
