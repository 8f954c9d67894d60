"""Expressions that pretty printing would flatten: an AND within an AND is written so that it comes back as it was.

In: rows as the catalog queries give them with pretty printing, the plain queries. Out: the rows; those with such an
expression have it with all its brackets, and BETWEEN where two comparisons came of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.catalog import NAME_PARTS
from wgm_play.catalog.model import Row
from wgm_play.catalog.normal_form import PLACES, groups_within, with_between
from wgm_play.render import render
from wgm_play.sql import Sql

if TYPE_CHECKING:
    import psycopg

# How many values stand after the compared ones: the first of them is the oid.
_EXTRA = 5


def kept(
    connection: psycopg.Connection[Any], found: dict[str, list[Row]], plain: dict[str, str]
) -> dict[str, list[Row]]:
    """Return the rows of each query, with nested expressions as they are; `plain` are queries without pretty printing."""
    made = dict(found)
    for name, rows in found.items():
        oids = {row[-_EXTRA] for row in rows if name in plain and row[0] in PLACES and any(map(_suspect, _texts(row)))}
        if not oids:
            continue
        columns = [Sql(f"c{number}") for number in range(len(rows[0]))]
        text = render(
            "inspect/of_oids.sql.j2",
            query=Sql(plain[name]),
            columns=columns,
            oid=columns[-_EXTRA],
            oids=[Sql(str(oid)) for oid in sorted(oids)],
        ).sql
        whole = {_key(row): row for row in connection.execute(text.encode()).fetchall()}
        made[name] = [_nested(row, whole[_key(row)]) if _key(row) in whole else row for row in rows]
    return made


def _key(row: Row) -> tuple[Any, ...]:
    return row[: 1 + NAME_PARTS[row[0]]]


def _places(row: Row) -> list[int]:
    return [1 + NAME_PARTS[row[0]] + place for place in PLACES[row[0]]]


def _texts(row: Row) -> list[Any]:
    return [row[place] for place in _places(row)]


def _suspect(value: Any) -> bool:
    """Tell whether there may be brackets that pretty printing left out."""
    if isinstance(value, list):
        return any(map(_suspect, value))
    return isinstance(value, str) and (value.count(" AND") > 1 or value.count(" OR") > 1)


def _nested(row: Row, whole: Row) -> Row:
    made = list(row)
    for place in _places(row):
        made[place] = _chosen(row[place], whole[place])
    return tuple(made)


def _chosen(pretty: Any, whole: Any) -> Any:
    if isinstance(pretty, list) and isinstance(whole, list) and len(pretty) == len(whole):
        return [_chosen(one, other) for one, other in zip(pretty, whole, strict=True)]
    return with_between(whole) if isinstance(whole, str) and groups_within(whole) else pretty
