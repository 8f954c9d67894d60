"""What a scratch database holds that statistics can be put on: relations, their files, the types of their columns.

In: a superuser's connection to it. Out: `ScratchRelation`s and `Type`s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import Sql

if TYPE_CHECKING:
    Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class ScratchAttribute:
    """A column of a table or of an index: `expression` is what an index computes, with its own type."""

    number: int
    name: str
    type: int
    modifier: int
    collation: int
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class ScratchRelation:
    """A table or an index in a scratch database. `keys` are an index's columns but for included ones; `key` their numbers in the table."""

    oid: int
    schema: str
    name: str
    kind: str
    table: int | None
    method: str | None
    file: str | None
    keys: int
    key: tuple[int, ...]
    attributes: tuple[ScratchAttribute, ...]
    predicate: str | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """A type: what it rests on where it is a domain, its element or range, the operators by which ANALYZE compares."""

    oid: int
    rests_on: int
    name: str
    kind: str
    element: int
    range: int
    lower: int
    equal: int


def relations(connection: Connection) -> list[ScratchRelation]:
    """Return the tables and indexes of a scratch database."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(render("stats/laid.sql.j2").sql.encode()).fetchall()
    names = {row["oid"]: (row["schema"], row["name"]) for row in rows}
    return [_relation(connection, row, names) for row in rows]


def _relation(connection: Connection, row: dict[str, Any], names: dict[int, tuple[str, str]]) -> ScratchRelation:
    expressions = row["expressions"] or []
    made = []
    for place, values in enumerate(
        zip(
            row["numbers"] or (),
            row["names"] or (),
            row["types"] or (),
            row["modifiers"] or (),
            row["collations"] or (),
            strict=True,
        )
    ):
        expression = expressions[place] if place < len(expressions) else None
        one = ScratchAttribute(*values, expression)
        if expression is not None:
            one = _computed(connection, one, names[row["table_oid"]])
        made.append(one)
    return ScratchRelation(
        row["oid"],
        row["schema"],
        row["name"],
        row["kind"],
        row["table_oid"],
        row["method"],
        row["file"],
        row["keys"],
        tuple(row["key"] or ()),
        tuple(made),
        row["predicate"],
    )


def _computed(connection: Connection, one: ScratchAttribute, table: tuple[str, str]) -> ScratchAttribute:
    """Return an index's column with the type that its expression has: what is stored may be another."""
    assert one.expression is not None  # noqa: S101 - asked for by the caller
    text = render("stats/expression_type.sql.j2", expression=Sql(one.expression), table=table).sql
    try:
        description = connection.execute(text.encode()).description
    except psycopg.Error:
        return one
    kind = description[0].type_code if description else one.type
    return ScratchAttribute(one.number, one.name, kind, -1, one.collation, one.expression)


def types(connection: Connection, oids: Iterable[int]) -> dict[int, Type]:
    """Return the types, and those of their elements and ranges."""
    found: dict[int, Type] = {}
    wanted = sorted(set(oids))
    while wanted:
        text = render(
            "stats/types.sql.j2", types=",".join(map(str, wanted)), version=connection.info.server_version
        ).sql
        for row in connection.execute(text.encode()).fetchall():
            found[row[0]] = Type(*row)
        wanted = sorted(
            {part for one in found.values() for part in (one.element, one.range) if part and part not in found}
        )
    return found
