"""Seed rows that refer to a row which neither is there nor is declared, and rows that go though others refer to them:
found before anything is changed.

In: the seeds, the live database, the wanted catalog. Out: one error for each such row, or for each foreign key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, WgmError
from wgm_play.planning.literals import spell
from wgm_play.planning.seed_order import foreign_keys
from wgm_play.planning.seeds import private, types_of
from wgm_play.playbook.model import Seed, SeedRow
from wgm_play.render import render
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    import psycopg


def missing_references(
    connection: psycopg.Connection[Any],
    hidden: Collection[Key],
    moved: Sequence[Seed],
    seeds: Sequence[Seed],
    live: Catalog,
    current: Catalog,
    wanted: Catalog,
) -> list[WgmError]:
    """Return an error for each row of the `moved` seeds whose foreign key leads nowhere.

    A parent that something else may write before (a trigger's function that names it, a row without the column that is
    referred to, a table that is renamed now), or whose rows may be hidden from us, is left to the server.
    """
    import psycopg as library

    problems: list[WgmError] = []
    for seed in moved:
        for columns, parent, referenced in foreign_keys(seed.table, wanted):
            if parent in hidden or (parent in current.rows and parent not in live.rows):
                continue
            declared = _declared([one for one in seeds if one.step <= seed.step], parent, referenced)
            later = _declared([one for one in seeds if one.step > seed.step], parent, referenced)
            if declared is None or later is None or _written_by_triggers(seeds, parent, wanted):
                continue
            rows = [
                row for row in seed.rows if not row.absent and all(row.values.get(name) is not None for name in columns)
            ]
            try:
                with connection.transaction():
                    lost = _lost(connection, seed, rows, columns, parent, referenced, declared, live, wanted)
                    never = _lost(connection, seed, lost, columns, parent, referenced, later, live, wanted)
            except library.Error as error:
                if error.sqlstate is None:
                    raise
                continue  # a type or column that this run makes
            problems += [_problem(seed, row, columns, parent, comes=row not in never) for row in lost]
    return problems


def still_referred_to(
    connection: psycopg.Connection[Any],
    hidden: Collection[Key],
    removed: Mapping[Key, Sequence[Mapping[str, Any]]],
    written: Mapping[Key, Sequence[Mapping[str, Any]]],
    seeds: Sequence[Seed],
    live: Catalog,
    wanted: Catalog,
) -> list[WgmError]:
    """Return an error for each foreign key that keeps rows of seeds from going: their table -> the rows that go.

    Rows that seeds change or remove, by their keys in `written`, keep nothing; a table whose triggers may write, and one whose
    rows may be hidden is left to the server.
    """
    import psycopg as library

    losing = [one for one in seeds if removed.get(one.table) and not wanted.of("trigger", *one.table.name)]
    if not losing:
        return []
    problems: list[WgmError] = []
    children = sorted(key for key in wanted.of("table") if key in live.rows and key not in hidden)
    keys = [(child, *key) for child in children for key in foreign_keys(child, wanted, stopping=True)]
    for seed in losing:
        for child, columns, _, referenced in (key for key in keys if key[2] == seed.table and key[3]):
            try:
                with connection.transaction():
                    number = _referring(
                        connection,
                        child,
                        columns,
                        referenced,
                        removed[seed.table],
                        seed,
                        wanted,
                        written.get(child, ()),
                    )
            except library.Error as error:
                if error.sqlstate is None:
                    raise
                continue  # a column that this run makes
            if number:
                problems.append(_kept(seed, child, columns, number))
    return problems


def _referring(
    connection: psycopg.Connection[Any],
    child: Key,
    columns: Sequence[str],
    referenced: Sequence[str],
    images: Sequence[Mapping[str, Any]],
    seed: Seed,
    wanted: Catalog,
    written: Sequence[Mapping[str, Any]],
) -> int:
    types, own = types_of(seed.table, wanted), types_of(child, wanted)
    rows = [[spell(image[name], types[name]) for name in referenced] for image in images]
    without: dict[tuple[str, ...], list[list[Sql]]] = {}
    for key in written:
        without.setdefault(tuple(key), []).append([spell(value, own[name]) for name, value in key.items()])
    statement = render(
        "checks/still_referred_to.sql.j2",
        child=child.name,
        columns=list(columns),
        rows=rows,
        without=[(list(names), values) for names, values in without.items()],
    )
    row = connection.execute(statement.sql.encode()).fetchone()
    return int(row[0]) if row else 0


def _kept(seed: Seed, child: Key, columns: Sequence[str], number: int) -> WgmError:
    refer = "row refers" if number == 1 else "rows refer"
    return InputError(
        f"rows of {seed.table} are to go, and {number} {refer} to them: {child.label}({', '.join(columns)})",
        where=seed.position,
        hint="list them again, or let a `sql` step change what refers to them",
    )


def _declared(seeds: Sequence[Seed], parent: Key, referenced: Sequence[str]) -> list[SeedRow] | None:
    """Return the rows that seeds put into the parent; None where one leaves the column to its default."""
    rows = [row for seed in seeds if seed.table == parent for row in seed.rows if not row.absent]
    return rows if all(row.values.get(name) is not None for row in rows for name in referenced) else None


def _written_by_triggers(seeds: Sequence[Seed], parent: Key, wanted: Catalog) -> bool:
    if not any(wanted.of("trigger", *seed.table.name) for seed in seeds):
        return False
    functions = (row for key, row in wanted.rows.items() if key.kind == "function")
    return any("trigger" in map(str, row) and parent.name[1] in str(row) for row in functions)


def _lost(
    connection: psycopg.Connection[Any],
    seed: Seed,
    rows: Sequence[SeedRow],
    columns: Sequence[str],
    parent: Key,
    referenced: Sequence[str],
    declared: Sequence[SeedRow],
    live: Catalog,
    wanted: Catalog,
) -> list[SeedRow]:
    if not rows or not referenced:
        return []
    own, theirs = types_of(seed.table, wanted), types_of(parent, wanted)
    there = {key.name[2] for key in live.of("column", *parent.name)}
    statement = render(
        "checks/missing_reference.sql.j2",
        rows=[
            [Sql(str(number)), *(spell(row.values[name], own[name]) for name in columns)]
            for number, row in enumerate(rows)
        ],
        columns=list(columns),
        parent=parent.name if set(referenced) <= there else None,
        pairs=[Sql(f"p.{ident(name)} = v.wgm_{number}") for number, name in enumerate(referenced, 1)],
        declared=[[spell(row.values[name], theirs[name]) for name in referenced] for row in declared],
        referenced=list(referenced),
    )
    return [rows[number] for (number,) in connection.execute(statement.sql.encode()).fetchall()]


def _problem(seed: Seed, row: SeedRow, columns: Sequence[str], parent: Key, *, comes: bool) -> WgmError:
    places = getattr(row.values, "values_at", {})
    shown = ", ".join(f"{name} = {'***' if seed.no_log else row.values[name]}" for name in columns)
    error = InputError(
        f"a row of {seed.table} refers to a row of {parent} that is not there{' yet' if comes else ''}: {shown}",
        where=places.get(columns[0]) or row.position,
        hint=f"put this step after the one that declares the row of {parent}"
        if comes
        else f"declare the row of {parent} in a seed, or refer to one that is there",
    )
    return private(error) if seed.no_log else error
