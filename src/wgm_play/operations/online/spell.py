"""Rewrite SQL for the column that will take another one's place.

In: definitions of indexes, expressions. Out: the same over other column names; which columns an expression names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wgm_play.operations.base import options
from wgm_play.sql import Sql, ident

# Functions that give old rows no other values than one: a column with such a default is added without a rewrite.
_STEADY = frozenset(
    [
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "current_database",
        "lower",
        "upper",
        "length",
        "jsonb_build_object",
        "jsonb_build_array",
        "to_jsonb",
        "round",
        "floor",
        "ceil",
        "abs",
        "concat",
        "format",
        "md5",
        "make_interval",
        "date_trunc",
        "timezone",
        "coalesce",
    ]
)


def columns_named(expression: str) -> list[str]:
    """Return the names that an expression uses as columns."""
    from pglast import ast, parse_sql
    from pglast.visitors import Visitor

    found: list[str] = []

    class Names(Visitor):
        def visit_ColumnRef(self, ancestors: Any, node: Any) -> None:
            last = node.fields[-1]
            if isinstance(last, ast.String) and str(last.sval) not in found:
                found.append(str(last.sval))

    Names()(parse_sql(f"SELECT {expression}"))
    return found


def varies(expression: str) -> bool:
    """Tell whether a default may differ from row to row: unless each function that it calls is known not to."""
    from pglast import parse_sql
    from pglast.visitors import Visitor

    called: list[str] = []

    class Calls(Visitor):
        def visit_FuncCall(self, ancestors: Any, node: Any) -> None:
            called.append(node.funcname[-1].sval)

    Calls()(parse_sql(f"SELECT {expression}"))
    return any(name not in _STEADY for name in called)


def renamed_columns(expression: Sql, names: Mapping[str, str]) -> Sql:
    """Return an expression over the row's old column names with their new ones."""
    return replaced_columns(expression, {old: ident(new) for old, new in names.items()})


def replaced_columns(expression: Sql, by: Mapping[str, Sql]) -> Sql:
    """Return an expression in which columns stand for other expressions."""
    from pglast import ast, parse_sql
    from pglast.stream import RawStream
    from pglast.visitors import Visitor

    def tree_of(text: str) -> Any:
        made: Any = parse_sql(f"SELECT {text}")
        return made[0].stmt.targetList[0].val

    class Replacer(Visitor):
        def visit_ColumnRef(self, ancestors: Any, node: Any) -> Any:
            last = node.fields[-1]
            if isinstance(last, ast.String) and last.sval is not None and last.sval in by:
                return tree_of(by[last.sval])
            return None

    tree: Any = parse_sql(f"SELECT {expression}")
    Replacer()(tree)
    return Sql(RawStream()(tree).removeprefix("SELECT "), expression.position)


def index_over(definition: str, name: str, columns: Mapping[str, str], types: Mapping[str, str] | None = None) -> Sql:
    """Return a CREATE INDEX CONCURRENTLY statement with another name, other columns and other names of types."""
    from pglast import ast, parse_sql
    from pglast.stream import RawStream
    from pglast.visitors import Visitor

    class Renamer(Visitor):
        def visit_ColumnRef(self, ancestors: Any, node: Any) -> None:
            last = node.fields[-1]
            if isinstance(last, ast.String) and str(last.sval) in columns:
                node.fields = (*node.fields[:-1], ast.String(sval=columns[str(last.sval)]))

        def visit_IndexElem(self, ancestors: Any, node: Any) -> None:
            if node.name in columns:
                node.name = columns[node.name]

        def visit_TypeName(self, ancestors: Any, node: Any) -> None:
            found = (types or {}).get(".".join(str(ident(part.sval)) for part in node.names or ()))
            if found is not None:
                made: Any = parse_sql(f"SELECT NULL::{found}")
                node.names = made[0].stmt.targetList[0].val.typeName.names

    tree: Any = parse_sql(definition)
    Renamer()(tree)
    tree[0].stmt.idxname = name
    tree[0].stmt.concurrent = True
    return Sql(re.sub(r"\s+", " ", RawStream()(tree)))


_DEFERRABLE = re.compile(r"( DEFERRABLE( INITIALLY DEFERRED)?)$")


def key_index(row: Any, table: tuple[str, ...], name: str) -> str:
    """Return the CREATE UNIQUE INDEX statement of a primary or unique key's index."""
    body = _DEFERRABLE.sub("", row.definition).removeprefix("PRIMARY KEY").removeprefix("UNIQUE").strip()
    nulls = ""
    if body.startswith("NULLS NOT DISTINCT"):
        body, nulls = body.removeprefix("NULLS NOT DISTINCT").strip(), " NULLS NOT DISTINCT"
    listed, _, include = body.partition(" INCLUDE ")
    made = f"CREATE UNIQUE INDEX {ident(name)} ON {ident(table)} USING btree {listed}"
    made += (f" INCLUDE {include}" if include else "") + nulls
    if row.options:
        made += f" WITH ({', '.join(options(row.options))})"
    if row.tablespace:
        made += f" TABLESPACE {ident(row.tablespace)}"
    return made


def deferrable(definition: str) -> Sql | None:
    """Return the DEFERRABLE clause of a key's definition, or None."""
    found = _DEFERRABLE.search(definition)
    return Sql(found.group(1).strip()) if found else None
