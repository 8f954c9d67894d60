"""What of a rollback comes before what: rows between the rules, joining tables last, names free before they are taken.

In: changes. Out: the same changes with their edges, or those that come first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from wgm_play.catalog.graph import parents_of, parts_of_table
from wgm_play.catalog.model import Catalog, Key, Row, with_fields
from wgm_play.operations.base import Change, PlanContext
from wgm_play.operations.order import name_space
from wgm_play.planning import inheritance


def before_joining(wanted: Catalog, current: Catalog, last: Sequence[Change]) -> Catalog:
    """Return the wanted catalog with the tables that join a parent last as tables of their own, as what came out of the
    trash: what joining does not give them (keys, triggers, defaults that went with a function) is made before that."""
    if not last:
        return wanted
    made = wanted.copy()
    for table in {change.operation.key for change in last}:
        made.rows[table] = current.rows[table]
        for key in parts_of_table(wanted, table):
            if key.kind == "column":
                made.rows[key] = with_fields("column", wanted.rows[key], inherited=False)
        for key in parts_of_table(current, table):
            if key not in wanted.rows:
                made.rows[key] = _as_its_parents(wanted, table, key, current.rows[key])
    return made


def _as_its_parents(wanted: Catalog, table: Key, key: Key, row: Row) -> Row:
    """Return a part of a table that belongs to a parent once it has joined: a column then has that parent's default."""
    if key.kind != "column":
        return row
    above = _inherited_from(wanted, table, key.name[2])
    return row if above is None else with_fields("column", row, default=above.default)


def _inherited_from(wanted: Catalog, table: Key, name: str) -> Any:
    """Return the column that a table's column is inherited from: the nearest one that says something of its own."""
    for parent in parents_of(wanted, table):
        found = wanted.get(Key("column", (*parent.name, name))) or _inherited_from(wanted, parent, name)
        if found is not None:
            return found
    return None


def take_over(wanted: Catalog, made: Catalog, last: Sequence[Change]) -> None:
    """Take what was found out about dependents into the wanted catalog."""
    if wanted is made:
        return
    joining = {key for change in last for key in (change.operation.key, *parts_of_table(made, change.operation.key))}
    for key, row in made.rows.items():
        if key in wanted.rows and key not in joining:
            wanted.rows[key] = row
    wanted.edges |= made.edges


def after_what_returns(
    situation: PlanContext,
    changes: Sequence[Change],
    moves: inheritance.Moves,
    early: Sequence[Change],
    restored: Sequence[Change],
    late: Sequence[Change],
) -> None:
    """Let what the diff found wait for old names and for data out of the trash, unless it frees a name for them.

    What returns waits for the `early` renames; `late` ones come after the swaps of values.
    """
    made = [change for change in changes if change.operation.key.kind == "schema" and change.makes]
    for change in early[:1]:  # what is moved back needs the schema that it was in
        change.wait_for(*(one for one in made if not any(one.makes & first.removes for first in early)))
    for change in restored:
        change.wait_for(*early)
    for change in moves.changes:
        change.wait_for(*early, *restored)
    taken = frozenset[Key]().union(*(change.makes for change in (*early, *restored, *moves.changes)))
    first = _free_names_first(changes, taken)
    after_all = [change for change in changes if id(change) not in first and not any(change is one for one in made)]
    for change in after_all:
        prepares = any(change is one for one in situation.findings.prepared)
        change.wait_for(*early, *restored, *(() if prepares else late))
    moves.order(after_all)


def join_last(wanted: Catalog, changes: Sequence[Change], restored: Sequence[Change], last: Sequence[Change]) -> None:
    """Let tables join their parents when all else is done, but for what looks for their rows there."""
    joined = {parent for one in last for parent in parents_of(wanted, one.operation.key)}
    full = inheritance.referring(wanted, joined) | inheritance.filled_from(wanted, joined)
    for change in last:
        change.wait_for(*restored, *(one for one in changes if one.operation.key not in full))
    for change in changes:
        if change.operation.key in full:
            change.wait_for(*last)


def _free_names_first(changes: Sequence[Change], taken: Collection[Key]) -> set[int]:
    """Return the changes (by `id`) that free a name which something brought back takes, and those before them."""
    spaces = {name_space(key) for key in taken}
    todo = [change for change in changes if any(name_space(key) in spaces for key in change.removes - change.makes)]
    found: set[int] = set()
    while todo:
        change = todo.pop()
        if id(change) not in found:
            found.add(id(change))
            todo += change.after
    return found


def loosening(changes: Sequence[Change]) -> set[int]:
    """Return the changes (by `id`) that only take a rule away, and wait for no other one: they need nothing that comes."""
    found: set[int] = set()
    those = {id(change) for change in changes}
    for change in changes:
        if not any(id(other) in those - found for other in change.after) and _loosens(change):
            found.add(id(change))
    for change in changes:
        if id(change) in found:
            change.make_only()
    return found


def _loosens(change: Change) -> bool:
    operation = change.operation
    if operation.key.kind == "constraint":
        return operation.verb == "drop"
    return operation.key.kind == "column" and all("DROP NOT NULL" in made.sql for made in operation.commands)


def put_rows_between(
    sqls: Sequence[Change],
    rows: Sequence[Change],
    restored: Sequence[Change],
    changes: Sequence[Change],
    loosening: set[int],
) -> None:
    """Let rows go back when no rule of the run stands in their way, and before the rules of before return."""
    free = [change for change in changes if id(change) in loosening]
    first = (*sqls, *(() if loosening else rows))
    for change in (*restored, *free):
        change.wait_for(*first)
    for change in rows:
        change.wait_for(*sqls, *(restored if loosening else ()), *free)
    for change in changes:
        if id(change) not in loosening:
            change.wait_for(*sqls, *rows)
