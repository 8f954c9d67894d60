"""Rows that runs wrote are put back as they were.

In: what the ledger recorded of rows. Out: one change that puts them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.ledger import RowChange
from wgm_play.operations.base import Change
from wgm_play.plan import Command, Operation
from wgm_play.planning import rename
from wgm_play.planning.imperative import SEARCH_PATH
from wgm_play.planning.literals import spell
from wgm_play.rollback.past import Past
from wgm_play.sql import Sql, ident


def rewritten(past: Past) -> frozenset[Key]:
    """Return the tables of which rows are put back."""
    return frozenset(Key("table", tuple(row.relation)) for row in past.rows)


def put_back(past: Past, live: Catalog) -> dict[Key, Sql]:
    """Return the conditions that tell which rows of a live table are put back: they are no obstacle as they are now."""
    keys: dict[Key, dict[tuple[str, ...], list[Sql]]] = {}
    for row in past.rows:
        table = Key("table", tuple(row.relation))
        types = {key.name[2]: str(live[key].type) for key in live.of("column", *table.name)}
        if row.key and row.key.keys() <= types.keys():
            values = ", ".join(spell(value, types[name]) for name, value in row.key.items())
            keys.setdefault(table, {}).setdefault(tuple(row.key), []).append(Sql(f"({values})"))
    return {
        table: Sql(
            " OR ".join(
                f"({', '.join(ident(name) for name in columns)}) IN (VALUES {', '.join(rows)})"
                for columns, rows in found.items()
            )
        )
        for table, found in keys.items()
    }


def undone_rows(
    past: Past, live: Catalog, wanted: Catalog, renamed: rename.Renamed, current: Catalog | None
) -> list[Change]:
    """Return one change that puts the rows back that these runs wrote, the last first: before their tables are renamed,
    or after that, where `current` is the catalog by then."""
    commands: list[Command] = []
    back: list[dict[str, Any]] = []
    held = live if current is None else current
    for written in reversed(past.rows):
        table = Key("table", tuple(written.relation))
        if table not in live.rows or renamed.after(table) not in wanted.rows:
            continue
        row = written if current is None else _renamed_row(written, renamed)
        table = Key("table", tuple(row.relation))
        types = {key.name[2]: str(held[key].type) for key in held.of("column", *table.name)}
        sql = _row_back(table, row, types, held)
        if sql is None:
            continue
        commands.append(Command(sql, wait="data", shadow=False))
        back.append({"relation": list(row.relation), "key": dict(row.key), "before": row.after, "after": row.before})
    if not commands:
        return []
    title = f"put {len(commands)} row{'s' if len(commands) != 1 else ''} back"
    path = Command(SEARCH_PATH, shadow=False)
    key = Key("table", tuple(back[0]["relation"]))
    return [Change(Operation("run", key, title, (path, *commands), payload={"row_changes": back}))]


def _renamed_row(row: RowChange, renamed: rename.Renamed) -> RowChange:
    """Return a change of a row under the names after the renames."""
    table = Key("table", tuple(row.relation))

    def named(values: Mapping[str, Any]) -> dict[str, Any]:
        return {renamed.after(Key("column", (*table.name, name))).name[-1]: value for name, value in values.items()}

    before, after = row.before and named(row.before), row.after and named(row.after)
    return replace(row, relation=list(renamed.after(table).name), key=named(row.key), before=before, after=after)


def _row_back(table: Key, row: RowChange, types: Mapping[str, str], live: Catalog) -> str | None:
    """Return the statement that puts a row back; None where no column of it is left to put back."""
    from wgm_play.render import render

    where = [Sql(f"{ident(name)} = {spell(value, types[name])}") for name, value in row.key.items() if name in types]
    if row.before is None:
        return render("seed/delete.sql.j2", table=table.name, key=where).sql
    values = {name: value for name, value in row.before.items() if name in types and not _computed(live, table, name)}
    if row.after is None:
        always = any(live[key].identity == "a" for key in live.of("column", *table.name))
        listed = [[spell(value, types[name]) for name, value in values.items()]]
        return render("seed/insert.sql.j2", table=table.name, columns=list(values), rows=listed, overriding=always).sql
    fixed = {*row.key, *(key.name[2] for key in live.of("column", *table.name) if live[key].identity == "a")}
    sets = [Sql(f"{ident(name)} = {spell(value, types[name])}") for name, value in values.items() if name not in fixed]
    if not sets:
        return None
    return render("seed/update.sql.j2", table=table.name, sets=sets, key=where).sql


def _computed(live: Catalog, table: Key, name: str) -> bool:
    key = Key("column", (*table.name, name))
    return key in live.rows and bool(live[key].generated)
