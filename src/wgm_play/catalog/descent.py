"""Partitions and children: what happens to a column of a table happens to theirs, which have no rows of their own.

In: a catalog. Out: who descends from which table, and the columns that others are copies of.
"""

from __future__ import annotations

from collections.abc import Iterable

from wgm_play.catalog.model import Catalog, Key

Names = tuple[str, ...]


def below(catalog: Catalog) -> dict[Names, set[Names]]:
    """Return the partitions and children of each table that has some, at every depth."""
    found: dict[Names, set[Names]] = {}
    for table in catalog.of("table"):
        for name in above(catalog, table.name):
            found.setdefault(name, set()).add(table.name)
    return found


def above(catalog: Catalog, table: Names) -> list[Names]:
    """Return the tables that a table descends from, the nearest first."""
    found: list[Names] = []
    todo = [table]
    while todo:
        row = catalog.get(Key("table", todo.pop(0)))
        more = [tuple(name) for name in (row.parents if row is not None else None) or ()]
        found += more
        todo += more
    return found


def copies(catalog: Catalog, columns: Iterable[Key]) -> dict[Key, Key]:
    """Return the columns that partitions and children have of these: copy -> column."""
    columns = list(columns)
    tables = below(catalog) if columns else {}
    return {
        Key("column", (*table, column.name[2])): column
        for column in columns
        for table in tables.get(column.name[:2], ())
    }
