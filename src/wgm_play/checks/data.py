"""Data that would break what is declared, found before anything is changed.

In: a FROM item as SQL (`public.nodes`, or `(SELECT ...) AS t` for what the table will be), expressions and columns.
Out: SELECTs that return the offending rows, and the rows whose conversion fails, with the server's reason.
All of it works in a READ ONLY transaction, on a standby too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import Connection, Error
from psycopg.errors import Diagnostic
from psycopg.rows import dict_row

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import Statement, render
from wgm_play.sql import Sql, ident

# As many as a person reads; that there are more is said by asking for one more.
SHOWN_ROWS = 10
_MARK = "wgm-row "


@dataclass(frozen=True, slots=True)
class FailingRow:
    """A row whose expression fails: its key as texts, and the server's reason."""

    key: Mapping[str, str | None]
    error: str
    sqlstate: str


def check_expression(definition: str) -> Sql:
    """Return what stands between the brackets of `CHECK (...)`, as PostgreSQL writes a constraint."""
    inner = definition.removeprefix("CHECK (")
    return Sql(inner[: inner.rindex(")")])


def rows_breaking_check(
    relation: Sql, expression: Sql, key_columns: Sequence[str] = (), limit: int | None = SHOWN_ROWS
) -> Statement:
    """Build the SELECT of the rows for which a check is false (null passes, as in a CHECK constraint)."""
    return render(
        "checks/breaking_check.sql.j2",
        relation=relation,
        expression=expression,
        keys=_columns(key_columns),
        limit=limit,
    )


def rows_breaking_not_null(
    relation: Sql, column: str, key_columns: Sequence[str] = (), limit: int | None = SHOWN_ROWS
) -> Statement:
    """Build the SELECT of the rows in which a column (or an expression, as Sql) is null."""
    return render(
        "checks/breaking_not_null.sql.j2",
        relation=relation,
        column=_column(column),
        keys=_columns(key_columns),
        limit=limit,
    )


def rows_breaking_unique(
    relation: Sql,
    columns: Sequence[str],
    *,
    nulls_not_distinct: bool = False,
    where: Sql | None = None,
    limit: int | None = SHOWN_ROWS,
) -> Statement:
    """Build the SELECT of the values (columns, or expressions as Sql) that occur more than once, with `rows`."""
    written = _columns(columns)
    conditions = [] if nulls_not_distinct else [Sql(f"({column}) IS NOT NULL") for column in written]
    if where:
        conditions.append(Sql(f"({where})", where.position))
    return render(
        "checks/breaking_unique.sql.j2", relation=relation, columns=written, conditions=conditions, limit=limit
    )


def rows_breaking_foreign_key(
    child: Sql,
    columns: Sequence[str],
    parent: Sql,
    parent_columns: Sequence[str],
    *,
    match: str = "simple",
    key_columns: Sequence[str] = (),
    limit: int | None = SHOWN_ROWS,
) -> Statement:
    """Build the SELECT of the rows of `child` without their row of `parent`; `match` is simple or full."""
    own = [ident(("wgm_child", column)) for column in columns]
    others = [ident(("wgm_parent", column)) for column in parent_columns]
    nulls = " AND ".join(f"{column} IS {'' if match == 'full' else 'NOT '}NULL" for column in own)
    shown = dict.fromkeys([*(ident(("wgm_child", column)) for column in key_columns), *own])
    return render(
        "checks/breaking_foreign_key.sql.j2",
        child=child,
        parent=parent,
        shown=list(shown),
        considered=Sql(f"NOT ({nulls})" if match == "full" else nulls),
        pairs=[Sql(f"{right} = {left}") for left, right in zip(own, others, strict=True)],
        limit=limit,
    )


def rows_failing_expression(
    connection: Connection[Any],
    relation: Sql,
    expression: Sql,
    key_columns: Sequence[str] = (),
    limit: int = SHOWN_ROWS,
) -> list[FailingRow]:
    """Return the rows for which evaluating `expression` (a conversion as `id::uuid`) fails, at most `limit`.

    One pass over the table where nothing fails. The key should be unique and indexed: each row is then looked at by
    it. Without a key the row's place (ctid) is the key, or, where the relation has none, only the reason is told.
    """
    failed = _fails(connection, render("checks/converts.sql.j2", relation=relation, expression=expression, rows=True))
    if not failed:
        return []
    keys = list(key_columns) or ["ctid"]
    found: list[FailingRow] = []

    def heard(diagnostic: Diagnostic) -> None:
        message = diagnostic.message_primary or ""
        if message.startswith(_MARK):
            row = json.loads(message[len(_MARK) :])
            found.append(FailingRow(dict(zip(keys, row["key"], strict=True)), row["error"], row["sqlstate"]))

    statement = _row_by_row(relation, expression, keys, limit)
    connection.add_notice_handler(heard)
    try:
        with connection.transaction():
            setting = render("checks/set_local.sql.j2", name="client_min_messages", value="notice")
            connection.execute(setting.sql.encode())
            connection.execute(statement.sql.encode())
    except Error:
        # Not to be told row by row, as without a key and ctid; a lost connection is for the caller.
        if connection.closed:
            raise
    finally:
        connection.remove_notice_handler(heard)
    return found or [FailingRow({}, failed.diag.message_primary or str(failed), failed.sqlstate or "XX000")]


def fails_without_rows(connection: Connection[Any], relation: Sql, expression: Sql) -> Error | None:
    """Return the error of an expression that fails for no row too, as where it names what is yet to be made."""
    return _fails(connection, render("checks/converts.sql.j2", relation=relation, expression=expression, rows=False))


def _fails(connection: Connection[Any], statement: Statement) -> Error | None:
    """Run a statement in a savepoint; return its error where the data cause it."""
    from psycopg.errors import InsufficientPrivilege, OperationalError, QueryCanceled

    try:
        with connection.transaction():
            connection.execute(statement.sql.encode())
    except (InsufficientPrivilege, OperationalError, QueryCanceled):
        raise
    except Error as error:
        return error
    return None


def _row_by_row(relation: Sql, expression: Sql, keys: Sequence[str], limit: int) -> Statement:
    from wgm_play.checks.probe import dollar_quoted

    numbered = [(_column(key), Sql(f"wgm_key.k{number}")) for number, key in enumerate(keys)]
    body = render(
        "checks/failing_rows_body.sql.j2",
        relation=relation,
        expression=expression,
        named_keys=[Sql(f"{column} AS k{number}") for number, (column, _) in enumerate(numbered)],
        conditions=[Sql(f"{column} = {value}") for column, value in numbered],
        key_texts=[Sql(f"{value}::pg_catalog.text") for _, value in numbered],
        mark=_MARK,
        limit=limit,
    ).sql
    return render("checks/failing_rows.sql.j2", body=dollar_quoted(body)[0])


def read_rows(connection: Connection[Any], statement: Statement) -> list[dict[str, Any]]:
    """Run one of the SELECTs above and return its rows."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.sql.encode()).fetchall()


def count_rows(connection: Connection[Any], statement: Statement) -> int:
    """Return how many rows one of the SELECTs above has, built with `limit=None`."""
    row = connection.execute(render("checks/count.sql.j2", rows=Sql(statement.sql)).sql.encode()).fetchone()
    return int(row[0]) if row else 0


def as_lines(rows: Iterable[Mapping[str, Any] | FailingRow], *, masked: bool = False) -> list[str]:
    """Return rows as lines for an error's details; `masked` (no_log) shows the columns and no value."""
    lines: list[str] = []
    for row in rows:
        values: Mapping[str, Any] = row.key if isinstance(row, FailingRow) else row
        shown = ", ".join(f"{name}={'***' if masked else _shown(value)}" for name, value in values.items())
        reason = f"{row.sqlstate if masked else row.error}" if isinstance(row, FailingRow) else ""
        lines.append(": ".join(part for part in (shown, reason) if part))
    return lines


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _column(column: str) -> Sql:
    return Sql(f"({column})", column.position) if isinstance(column, Sql) else ident(column)


def _columns(columns: Sequence[str]) -> list[Sql]:
    return [_column(column) for column in columns] or [Sql("*")]
