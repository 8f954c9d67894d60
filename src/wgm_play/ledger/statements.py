"""The ledger's SQL: templates as texts, rendered once, and the one place that sends them.

In: the name of a file in `templates/ledger/` and values for its `$1`, `$2`. Out: a cursor with the rows.
"""

from __future__ import annotations

import functools
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from wgm_play import fault
from wgm_play.render import render

Connection = psycopg.Connection[Any]


@functools.lru_cache(maxsize=128)
def text(name: str, /, **values: Any) -> str:
    """Return the SQL of `templates/NAME.sql.j2`, as `ledger/runs`."""
    return render(f"{name}.sql.j2", **values).sql


def send(connection: Connection, sql: str, *values: Any, row_factory: Any = tuple_row) -> psycopg.Cursor[Any]:
    """Run one statement with `$n` values on `connection`; return its cursor."""
    if not values:
        fault.before_statement(connection, sql)
    cursor = psycopg.RawCursor(connection, row_factory=row_factory)
    cursor.execute(sql.encode(), values or None)
    fault.after_statement()
    return cursor


def run(connection: Connection, name: str, *values: Any, row_factory: Any = tuple_row) -> psycopg.Cursor[Any]:
    """Run the statement file `templates/ledger/NAME.sql.j2`; return its cursor."""
    return send(connection, text(f"ledger/{name}"), *values, row_factory=row_factory)
