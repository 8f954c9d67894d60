"""What only the rows can tell: how many break a constraint, and which keys refer to nothing.

In: rows of a check's query. Out: the same with what was counted; values of rows are never shown, but the query that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from wgm_play.asking.ask import NotAsked
from wgm_play.checks.data import (
    check_expression,
    rows_breaking_check,
    rows_breaking_foreign_key,
    rows_breaking_not_null,
)
from wgm_play.errors import WgmError
from wgm_play.finding import INFO
from wgm_play.health.model import Row
from wgm_play.quantities import counted
from wgm_play.render import render
from wgm_play.secret import without_values
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    from wgm_play.asking.ask import Asker
    from wgm_play.render import Statement

# One table after the other; one that takes longer is told as not counted.
SECONDS = 600.0


class NotCounted(Exception):
    """Why a table was not read."""


def _unvalidated(asker: Asker, rows: Iterable[Row]) -> Iterator[Row]:
    """Count the rows that break each constraint."""
    for row in rows:
        statement = _breaking(row)
        if statement is None:
            yield row
            continue
        try:
            number = _count(asker, statement)
        except NotCounted as reason:
            yield {**row, "evidence": (f"not counted: {reason}",)}
            continue
        shown = (f"{counted(number, 'row')} break it", _flat(statement)) if number else ("no row breaks it",)
        yield {**row, "evidence": shown}


def _orphans(asker: Asker, rows: Iterable[Row]) -> Iterator[Row]:
    """Leave the foreign keys that rows break; one that could not be looked at is advice."""
    for row in rows:
        statement = _foreign_key(row, row["name"])
        other = f"{row['other_schema']}.{row['other_name']}"
        try:
            number = _count(asker, statement)
        except NotCounted as reason:
            told = {"number": "unknown how many rows", "severity": INFO, "rows": f"not counted: {reason}"}
            yield {**row, **told, "other": other}
            continue
        if number:
            yield {**row, "number": counted(number, "row"), "other": other, "rows": _flat(statement)}


def _breaking(row: Row) -> Statement | None:
    """Return the SELECT of the rows that break a constraint; None for one of a kind that has no such rows."""
    if row["relation"] is None:  # a domain has no rows of its own
        return None
    relation = ident((row["schema"], row["relation"]))
    if row["type"] == "f":
        return _foreign_key(row, row["relation"])
    if row["type"] == "c":
        return rows_breaking_check(relation, check_expression(row["definition"]), limit=None)
    if row["type"] == "n":
        return rows_breaking_not_null(relation, row["columns"][0], limit=None)
    return None


def _foreign_key(row: Row, relation: str) -> Statement:
    child, parent = ident((row["schema"], relation)), ident((row["other_schema"], row["other_name"]))
    return rows_breaking_foreign_key(
        child, row["columns"], parent, row["other_columns"], match=row["match"], limit=None
    )


def _count(asker: Asker, statement: Statement) -> int:
    import psycopg

    try:
        answer = asker.ask(render("checks/count.sql.j2", rows=Sql(statement.sql)).sql, seconds=SECONDS)
    except psycopg.Error as error:
        raise NotCounted(without_values(error)) from error
    except (NotAsked, WgmError) as error:
        raise NotCounted(str(error)) from error
    return int(answer.rows[0][0])


def _flat(statement: Statement) -> str:
    """Return the SELECT as one line, to be typed."""
    return f"{' '.join(statement.sql.removesuffix('LIMIT NULL').split())};"


LOOKS: dict[str, Callable[[Asker, Iterable[Row]], Iterator[Row]]] = {
    "unvalidated_constraints": _unvalidated,
    "orphans": _orphans,
}
