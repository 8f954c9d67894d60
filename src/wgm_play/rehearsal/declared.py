"""Which rows a plan is declared to change: what conversions, backfills, seeds and imperative SQL write.

In: a plan. Out: `Declared`, and the steps whose SQL cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wgm_play.plan import Operation, Plan
from wgm_play.rehearsal.state import Declared

Column = tuple[tuple[str, str], str]


def of(plan: Plan) -> tuple[Declared, list[str]]:
    """Return what a plan declares to change, and the titles of operations whose SQL may change anything."""
    columns: set[Column] = set()
    tables: set[tuple[str, str]] = set()
    unknown: list[str] = []
    for operation in plan.operations:
        columns |= set(_columns(operation))
        if operation.key.kind == "cron_job":
            tables.add(("cron", "job"))
        if operation.key.kind == "partition_set":
            tables.add(_name(_last(operation).relation))
        if operation.verb != "run":
            continue
        if "row_changes" in operation.payload or operation.key.kind == "table":
            tables.add((operation.key.name[0], operation.key.name[1]))
            continue
        if "backfill" in operation.payload:
            continue
        written = _written(operation)
        if written is None:
            unknown.append(operation.title)
        else:
            tables |= written[0]
            columns |= written[1]
    return Declared(frozenset(columns), frozenset(tables), bool(unknown)), unknown


def _last(operation: Operation) -> Any:
    from pglast import parse_sql

    return parse_sql(operation.commands[-1].sql)[0].stmt


def _columns(operation: Operation) -> Iterator[Column]:
    name = operation.key.name
    if operation.key.kind == "column":
        yield (name[0], name[1]), name[2]
    task = operation.payload.get("backfill")
    if task:
        for column in task.get("columns", ()):
            yield (task["table"][0], task["table"][1]), column


def _written(operation: Operation) -> tuple[set[tuple[str, str]], set[Column]] | None:
    """Return the tables and columns that SQL writes; None where it may write anything (a DO block, a call)."""
    from pglast import ast, parse_sql
    from pglast.parser import ParseError

    tables: set[tuple[str, str]] = set()
    columns: set[Column] = set()
    for command in operation.commands:
        try:
            parsed = parse_sql(command.sql)
        except ParseError:
            return None
        for raw in parsed:
            statement: Any = raw.stmt
            if isinstance(statement, ast.VariableSetStmt):
                continue
            if isinstance(statement, ast.UpdateStmt) and not statement.withClause:
                table = _name(statement.relation)
                columns |= {(table, target.name) for target in statement.targetList or ()}
            elif isinstance(statement, ast.InsertStmt | ast.DeleteStmt | ast.MergeStmt) and not statement.withClause:
                tables.add(_name(statement.relation))
            else:
                return None
    return tables, columns


def _name(relation: Any) -> tuple[str, str]:
    return relation.schemaname or "public", relation.relname
