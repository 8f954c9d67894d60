"""Rows that hold a value which goes from an enum, wherever the value lies: in arrays, domains, composite types, ranges.

In: a connection, an enum, the labels that it loses. Out: for each column of a table, the condition that is true of such rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Key
from wgm_play.render import render
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    import psycopg


@dataclass(slots=True)
class _Types:
    """What holds what, by type number: (how, number of the type inside, attribute)."""

    inside: dict[int, list[tuple[str, int, str | None]]] = field(default_factory=dict)
    enum: int = 0
    depth: int = 0

    def holds(self, number: int, value: str, listed: str) -> str:
        """Return the condition that is true where a value of a type holds one of the labels."""
        if number == self.enum:
            return f"({value})::pg_catalog.text = ANY (ARRAY[{listed}]::pg_catalog.text[])"
        return " OR ".join(f"({one})" for one in self._each(number, value, listed))

    def _each(self, number: int, value: str, listed: str) -> Iterator[str]:
        for how, inner, attribute in self.inside.get(number, ()):
            if how == "domain":
                yield self.holds(inner, value, listed)
            elif how == "composite":
                yield self.holds(inner, f"({value}).{ident(str(attribute))}", listed)
            elif how == "range":
                for end in ("lower", "upper"):
                    yield self.holds(inner, f"pg_catalog.{end}({value})", listed)
            else:
                self.depth += 1
                one = f"wgm_one_{self.depth}"
                yield f"EXISTS (SELECT FROM pg_catalog.unnest({value}) AS {one} WHERE {self.holds(inner, one, listed)})"


def holding(connection: psycopg.Connection[Any], enum: Key, labels: Sequence[str]) -> Iterator[tuple[Key, Sql]]:
    """Yield the columns of live tables that may hold these labels, each with the condition of the rows that do."""
    schema, name = enum.name
    statement = render("checks/value_users.sql.j2", schema=schema, name=name, version=connection.info.server_version)
    types = _Types()
    columns: list[tuple[Key, int]] = []
    for what, outer, inner, how, attribute, table_schema, table in connection.execute(
        statement.sql.encode()
    ).fetchall():
        if what == "type":
            types.inside.setdefault(outer, []).append((how, inner, attribute))
        elif what == "enum":
            types.enum = outer
        else:
            columns.append((Key("column", (table_schema, table, attribute)), outer))
    listed = ", ".join(str(literal(label)) for label in labels)
    for column, number in columns:
        yield column, Sql(types.holds(number, str(ident(column.name[2])), listed))
