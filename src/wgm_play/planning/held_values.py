"""Rows that hold a value of a type, wherever the value lies: in arrays, domains, composite types, ranges.

In: a connection, a type, what is asked of its values. Out: for each column of a table, the condition that is true of such rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    import psycopg


# Returns the condition on a value, given as SQL.
Asked = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ValueHolder:
    """A column of a live table that has values of a type; `inside` where they lie within another type."""

    column: Key
    condition: Sql
    inside: bool


@dataclass(slots=True)
class _Types:
    """What holds what, by type number: (how, number of the type inside, attribute)."""

    inside: dict[int, list[tuple[str, int, str | None]]] = field(default_factory=dict)
    sought: int = 0
    depth: int = 0

    def is_one(self, number: int) -> bool:
        """Tell whether values of a type are those of the one that is sought: it is that one, or a domain over it."""
        return number == self.sought or any(
            how == "domain" and self.is_one(inner) for how, inner, _ in self.inside.get(number, ())
        )

    def holds(self, number: int, value: str, asked: Asked) -> str:
        """Return the condition that is true where a value of a type holds one of which `asked` is true."""
        if number == self.sought:
            return asked(value)
        return " OR ".join(f"({one})" for one in self._each(number, value, asked))

    def _each(self, number: int, value: str, asked: Asked) -> Iterator[str]:
        for how, inner, attribute in self.inside.get(number, ()):
            if how == "domain":
                yield self.holds(inner, value, asked)
            elif how == "composite":
                yield self.holds(inner, f"({value}).{ident(str(attribute))}", asked)
            elif how == "range":
                for end in ("lower", "upper"):
                    yield self.holds(inner, f"pg_catalog.{end}({value})", asked)
            else:
                self.depth += 1
                one = f"wgm_one_{self.depth}"
                yield f"EXISTS (SELECT FROM pg_catalog.unnest({value}) AS {one} WHERE {self.holds(inner, one, asked)})"


def one_of(labels: Sequence[str]) -> Asked:
    """Return what is asked of an enum's values: whether it is one of these labels."""
    listed = ", ".join(str(literal(label)) for label in labels)
    return lambda value: f"({value})::pg_catalog.text = ANY (ARRAY[{listed}]::pg_catalog.text[])"


def holding(connection: psycopg.Connection[Any], sought: Key, asked: Asked) -> Iterator[ValueHolder]:
    """Yield the columns of live tables that may hold values of a type, each with the condition of the rows that do."""
    schema, name = sought.name
    statement = render("checks/value_users.sql.j2", schema=schema, name=name, version=connection.info.server_version)
    types = _Types()
    columns: list[tuple[Key, int]] = []
    for what, outer, inner, how, attribute, table_schema, table in connection.execute(
        statement.sql.encode()
    ).fetchall():
        if what == "type":
            types.inside.setdefault(outer, []).append((how, inner, attribute))
        elif what == "enum":
            types.sought = outer
        else:
            columns.append((Key("column", (table_schema, table, attribute)), outer))
    for column, number in columns:
        condition = types.holds(number, str(ident(column.name[2])), asked)
        yield ValueHolder(column, Sql(condition), not types.is_one(number))
