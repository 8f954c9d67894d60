"""The order in which the rows of a seed get values that no two rows may have.

In: the rows that come and those that change, the live rows, the unique keys of the table. Out: the same rows, in an order in
which each value is free when a row gets it; an error for each row whose value another one keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.planning.literals import plain
from wgm_play.planning.seed_rows import LiveSeedRows
from wgm_play.playbook.model import Seed, SeedRow


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that comes (`image` None), or that changes: what is live under its key."""

    row: SeedRow
    image: Mapping[str, Any] | None

    def after(self, columns: Sequence[str]) -> dict[str, Any] | None:
        """Return the values of a unique key that the row gets by this run; None where it keeps them, or has NULL."""
        values = {**(self.image or {}), **self.row.values}
        found = {name: plain(values.get(name)) for name in columns}
        kept = self.image is not None and not any(
            name in self.row.values and found[name] != self.image.get(name) for name in columns
        )
        return None if kept or any(one is None for one in found.values()) else found

    def gets_null(self, columns: Sequence[str]) -> bool:
        """Tell whether the row gives up the values of a unique key for NULL."""
        return any(name in self.row.values and self.row.values[name] is None for name in columns)


def in_order(
    seed: Seed,
    uniques: Sequence[Sequence[str]],
    moved: Sequence[Moved],
    gone: Sequence[Mapping[str, Any]],
    live: LiveSeedRows,
) -> tuple[list[Moved], list[WgmError]]:
    """Return the rows in an order in which no value is taken, and an error for each that is; `gone` go before."""
    waits: dict[int, set[int]] = {}
    problems: list[WgmError] = []
    keys = [_key(seed, one.image) if one.image is not None else None for one in moved]
    leaving = [_key(seed, image) for image in gone]
    for columns in uniques:
        getting = [(number, values) for number, one in enumerate(moved) if (values := one.after(columns)) is not None]
        held = live.holding(columns, [values for _, values in getting])
        found = [(*getting[at], _key(seed, holder), holder) for at, holder in held]
        leaves = {number for number, _ in getting} - {number for number, _, there, _ in found if there == keys[number]}
        leaves |= {number for number, one in enumerate(moved) if one.gets_null(columns)}
        for number, values, there, holder in found:
            if there == keys[number] or there in leaving:
                continue
            other = keys.index(there) if there in keys else None
            if other in leaves:
                waits.setdefault(number, set()).add(other)
            else:
                problems.append(_taken(seed, moved[number].row, values, holder))
    ordered = _sorted(len(moved), waits)
    if len(ordered) < len(moved):
        left = [number for number in range(len(moved)) if number not in ordered]
        problems.append(_exchange(seed, [moved[number].row for number in left]))
    return [moved[number] for number in ordered], problems


def _sorted(count: int, waits: Mapping[int, set[int]]) -> list[int]:
    """Return numbers, each after those that it waits for; those in a circle are left out."""
    made: list[int] = []
    left = list(range(count))
    while left:
        free = [number for number in left if waits.get(number, set()) <= set(made)]
        if not free:
            break
        made += free
        left = [number for number in left if number not in free]
    return made


def _key(seed: Seed, image: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(str(image.get(name)) for name in seed.key)


def _taken(seed: Seed, row: SeedRow, values: Mapping[str, Any], holder: Mapping[str, Any]) -> WgmError:
    shown = ", ".join(f"{name} = {'***' if seed.no_log else value}" for name, value in values.items())
    under = ", ".join(f"{name} = {holder.get(name)}" for name in seed.key)
    error = InputError(
        f"{seed.table} has a row with {shown} already, and no two may have it: that with {under}",
        where=getattr(row.values, "values_at", {}).get(next(iter(values))) or row.position,
        hint="list that row too, with another value or `state: absent`, or give this one another value",
    )
    if seed.no_log:
        error.private = True
    return error


def _exchange(seed: Seed, rows: Sequence[SeedRow]) -> WgmError:
    shown = "; ".join(", ".join(f"{name} = {plain(row.values[name])}" for name in seed.key) for row in rows[:5])
    error = InputError(
        f"rows of {seed.table} exchange values that no two rows may have: {shown}",
        where=rows[0].position,
        hint="let one of them have another value for a run, or change them by a `sql` step",
    )
    if seed.no_log:
        error.private = True
    return error


def unique_keys(table: Key, wanted: Catalog) -> list[list[str]]:
    """Return the columns of each unique key of a table that holds for all rows, at each statement's end at the latest."""
    from pglast import parse_sql

    found: list[list[str]] = []
    for key in wanted.of("constraint", *table.name):
        if wanted.value(key, "type") in ("p", "u"):
            text = f"ALTER TABLE x ADD {wanted.value(key, 'definition')}"
            node: Any = parse_sql(text)[0].stmt.cmds[0].def_  # type: ignore[union-attr]
            if not node.initdeferred and not node.without_overlaps:
                found.append([str(one.sval) for one in node.keys or ()])
    for key in wanted.of("index", table.name[0]):
        row = wanted[key]
        if not str(row.definition).startswith("CREATE UNIQUE INDEX") or row.table != table.name[1]:
            continue
        index: Any = parse_sql(str(row.definition))[0].stmt
        names = [one.name for one in index.indexParams or ()]
        if index.whereClause is None and all(names):
            found.append([str(name) for name in names])
    return [one for one in found if one]


def parents_first(table: Key, rows: Sequence[SeedRow], wanted: Catalog) -> list[SeedRow]:
    """Return the rows of a table that refers to itself, each after the one that it refers to."""
    waits: dict[int, set[int]] = {}
    for columns, parent, referenced in foreign_keys(table, wanted):
        if parent != table:
            continue
        there = {tuple(str(plain(row.values.get(name))) for name in referenced): at for at, row in enumerate(rows)}
        for number, row in enumerate(rows):
            found = there.get(tuple(str(plain(row.values.get(name))) for name in columns), number)
            if found != number:
                waits.setdefault(number, set()).add(found)
    ordered = _sorted(len(rows), waits)
    return [rows[number] for number in (*ordered, *(one for one in range(len(rows)) if one not in ordered))]


def refers_to_itself(table: Key, wanted: Catalog) -> bool:
    """Tell whether a foreign key of a table refers to the same one."""
    return any(parent == table for _, parent, _ in foreign_keys(table, wanted))


def foreign_keys(table: Key, wanted: Catalog, *, stopping: bool = False) -> Iterator[tuple[list[str], Key, list[str]]]:
    """Yield columns, table and columns referred to of each foreign key; only those that keep a row from going if `stopping`."""
    from pglast import parse_sql

    for key in wanted.of("constraint", *table.name):
        constraint = wanted[key]
        if constraint.type != "f":
            continue
        text = f"ALTER TABLE x ADD {constraint.definition}"
        statement: Any = parse_sql(text)[0].stmt
        node = statement.cmds[0].def_
        if stopping and str(node.fk_del_action or "a") not in ("a", "r"):
            continue
        parent = Key("table", (node.pktable.schemaname or "public", node.pktable.relname))
        yield [str(one.sval) for one in node.fk_attrs], parent, [str(one.sval) for one in node.pk_attrs or ()]
