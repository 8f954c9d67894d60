"""A copy that no backup is needed for: the live catalog, and rows made from the statistics.

In: the live catalog, production's statistics (where they may be read). Out: `ScratchServer`, for one block. No row of production's
is read; the most common values of a column are, where PostgreSQL shows them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from wgm_play.backup import target
from wgm_play.backup.base import ScratchServer
from wgm_play.backup.copying import LOADING, SETTINGS, harmless
from wgm_play.catalog.model import Catalog, Key
from wgm_play.embedded import apart
from wgm_play.embedded.programs import scratch_version
from wgm_play.errors import InputError, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import TableSize
from wgm_play.planning.versions import make_live
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.server import connect_to
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    import psycopg

    from wgm_play.environment import Policy

# More rows than that show nothing more, and take time.
MOST_ROWS = 20_000
# Values by the category of their type (manual: pg_type.typcategory); `number` counts the rows from 1.
_BY_CATEGORY = {
    "N": "(number % 30000)",
    "S": "left(pg_catalog.md5(number::text), {length})",
    "B": "(number % 2 = 0)",
    "D": "(timestamptz '2026-01-01 00:00:00+00' + number * interval '1 minute')",
    "A": "'{{}}'",
    "E": "(pg_catalog.enum_range(null::{type}))[1 + number % pg_catalog.array_length(pg_catalog.enum_range(null::{type}), 1)]",
    "I": "('10.0.0.0'::inet + number)",
    "T": "(number * interval '1 second')",
}
_BY_TYPE = {
    "uuid": "pg_catalog.md5(number::text)::uuid",
    "json": "'{{}}'",
    "jsonb": "'{{}}'",
    "bytea": "pg_catalog.decode(pg_catalog.md5(number::text), 'hex')",
    "integer": "number",
    "bigint": "number",
    "numeric": "number",
    "time without time zone": "(time '00:00' + number * interval '1 second')",
    "tsvector": "''",
    "xml": "'<x/>'",
}


@contextmanager
def made_up(
    reading: psycopg.Connection[Any],
    live: Catalog,
    sizes: Mapping[Key, TableSize],
    settings: Mapping[str, str],
    policy: Policy,
    login: str,
) -> Iterator[ScratchServer]:
    """Give a scratch server with the live catalog and made-up rows. Raise `Refused`."""
    try:
        version = scratch_version(live.version // 10000)
    except InputError as error:
        raise Refused(error.message, hint=error.hint) from error
    given, notes = harmless(settings)
    with apart(version, SETTINGS | given | LOADING, in_memory=False) as server:
        url, admin = _database(server.url, reading, login, live)
        with connect_to(url, policy=policy, application_name="wgm-play rehearse") as connection:
            connection.execute(render("backup/patience.sql.j2", version=connection.info.server_version).sql)
            make_live(connection, live.only(key for key in live.rows if key.kind != "extension"))
            tables = _tables(connection, reading, sizes)
            rows = {}
            for table in tables:
                rows[table.name], why = _fill(connection, table, {one.oid: one for one in tables})
                if why:
                    notes.append(f"no rows could be made for {table.name}: {why}")
            connection.execute(render("backup/analyze.sql.j2").sql)
        yield ScratchServer(url, admin, version, "rows made from the statistics", 0.0, rows=rows, notes=tuple(notes))


def _database(server: str, reading: psycopg.Connection[Any], login: str, live: Catalog) -> tuple[str, str]:
    """Make the database and its owner; return its URLs for the owner and for the superuser."""
    import psycopg

    name, password = reading.info.dbname, secrets.token_urlsafe(18)
    facts = target.facts(reading)
    with target.connect(target.with_database(server, "template1"), "wgm-play rehearse") as admin:
        admin.execute(render("backup/drop_database.sql.j2", name="postgres").sql)
        admin.execute(render("backup/proof_role.sql.j2", name=login, password=password).sql)
        if admin.info.server_version >= 150000:
            admin.execute(render("rehearsal/replicate.sql.j2", login=login).sql)
        target.create(admin, name, facts, login)
    own = target.with_database(server, name)
    with target.connect(own, "wgm-play rehearse") as admin:
        for key in live.of("extension"):
            try:
                schema = live[key].schema
                if schema not in ("public", "pg_catalog"):
                    admin.execute(render("backup/proof_schema.sql.j2", name=schema, role=login).sql)
                admin.execute(render("backup/proof_extension.sql.j2", name=key.name[0], schema=schema).sql)
            except psycopg.Error:
                continue  # what needs it is not made, and the plan on the copy says so
    return target.with_database(server, name, user=login, password=password), own


@dataclass(frozen=True, slots=True)
class _SyntheticColumn:
    name: str
    type: str
    category: str
    length: int
    common: str | None
    refers: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class _SyntheticTable:
    oid: int
    name: str
    rows: int
    columns: tuple[_SyntheticColumn, ...]


def _tables(connection: Any, reading: psycopg.Connection[Any], sizes: Mapping[Key, TableSize]) -> list[_SyntheticTable]:
    """Return the tables with what is known of their columns, those that are referred to first."""
    rows = reading.execute(render("rehearsal/common_values.sql.j2").sql).fetchall()
    common = {tuple(column): values for *column, values in rows}
    found: dict[int, _SyntheticTable] = {}
    refers: dict[int, set[int]] = {}
    for oid, schema, name, columns in connection.execute(render("rehearsal/made_columns.sql.j2").sql).fetchall():
        size = sizes.get(Key("table", (schema, name)), TableSize())
        made = tuple(
            _SyntheticColumn(
                one["name"],
                one["type"],
                one["category"],
                one["length"],
                None if one["unique"] else common.get((schema, name, one["name"])),
                (one["parent"], one["parent_column"]) if one["parent"] else None,
            )
            for one in columns
        )
        found[oid] = _SyntheticTable(oid, str(ident((schema, name))), int(min(size.rows, MOST_ROWS)), made)
        refers[oid] = {one.refers[0] for one in made if one.refers and one.refers[0] != oid}
    try:
        ordered = list(TopologicalSorter(refers).static_order())
    except CycleError:
        ordered = list(found)
    return [found[oid] for oid in ordered if oid in found]


def _fill(connection: Any, table: _SyntheticTable, tables: Mapping[int, _SyntheticTable]) -> tuple[int, str]:
    """Make a table's rows; return how many, and why none."""
    import psycopg

    if table.rows < 1 or not table.columns:
        return 0, ""
    values = [_value(table, column, tables) for column in table.columns]
    text = render(
        "rehearsal/make_rows.sql.j2",
        table=Sql(table.name),
        columns=[ident(one.name) for one in table.columns],
        values=[Sql(one) for one in values],
        rows=table.rows,
    ).sql
    try:
        with connection.transaction():
            if connection.info.server_version >= 150000:
                connection.execute(render("rehearsal/no_triggers.sql.j2").sql)
            connection.execute(text.encode())
            connection.execute(render("rehearsal/advance_sequences.sql.j2", oid=table.oid, rows=table.rows).sql)
        return table.rows, ""
    except psycopg.Error as error:
        return 0, mask(str(error.diag.message_primary or error))


def _value(table: _SyntheticTable, column: _SyntheticColumn, tables: Mapping[int, _SyntheticTable]) -> str:
    """Return the SQL of a column's value in row `number`."""
    if column.refers is not None:
        parent = tables.get(column.refers[0])
        there = None if parent is None else next((one for one in parent.columns if one.name == column.refers[1]), None)
        if parent is None or there is None or not parent.rows or parent is table:
            return "null"
        inner = _value(parent, there, tables)
        return f"(select {inner} from (select 1 + (number - 1) % {parent.rows} as number) as referred)"
    if column.common is not None:
        array = f"({_literal(column.common)}::{column.type}[])"
        return f"{array}[1 + number % pg_catalog.array_length({array}, 1)]"
    form = _BY_TYPE.get(column.type) or _BY_CATEGORY.get(column.category)
    return "null" if form is None else f"{form.format(length=column.length, type=column.type)}::{column.type}"


def _literal(text: str) -> str:
    return str(literal(text))
