"""Rebuild a part of a live catalog in a scratch database.

In: a catalog. Out: the statements that make it in an empty database; and which objects a part of it needs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from wgm_play.catalog.kinds import IN_TABLE, INSIDE, WITH_PARTS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.catalog.table import Table
from wgm_play.diff.compare import diff
from wgm_play.environment import Policy
from wgm_play.operations.base import Situation
from wgm_play.operations.order import order

# Parts of a table that come with it when the table itself is touched.
_PARENTS = Table.__slots__.index("parents")
_OWN = IN_TABLE | {"trigger"}


def statements_for(catalog: Catalog) -> list[str]:
    """Return the statements that make everything in `catalog` in an empty database, in order."""
    empty = Catalog(version=catalog.version)
    public = Key("schema", ("public",))
    if public in catalog.rows:
        empty.rows[public] = (None,)  # it is there, without a comment of anybody's
    situation = Situation(empty, catalog, Policy(), catalog.version)
    changes = order(diff(situation).changes, (), catalog.edges)
    return [
        command.sql
        for change in changes
        for command in change.operation.commands
        if command.shadow and not command.sql.startswith("REFRESH ")
    ]


def closure(catalog: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return `keys` with all that they need: what they depend on, and a table's columns and keys.

    Foreign keys and triggers of tables that are only needed by something stay out: they would draw in the rest.
    """
    needs: dict[Key, list[Key]] = defaultdict(list)
    own: dict[tuple[str, ...], list[Key]] = defaultdict(list)
    for dependent, referenced in catalog.edges:
        needs[dependent].append(referenced)
    for key in catalog.rows:
        if key.kind in INSIDE or (key.kind == "constraint" and catalog.rows[key][0] != "f"):
            own[key.name[:2]].append(key)
    found: set[Key] = set()
    todo = [key for key in keys if key in catalog.rows]
    while todo:
        key = todo.pop()
        if key in found:
            continue
        found.add(key)
        todo += [other for other in needs[key] if other in catalog.rows and other not in found]
        if key.kind in WITH_PARTS:
            todo += [other for other in own[key.name] if other not in found]
        sequence = catalog[key].owned_by if key.kind == "sequence" else None
        if sequence:
            todo.append(Key("table", tuple(sequence[:2])))
    return found


def dependents(catalog: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return all that depends on `keys`, directly or not, without them."""
    above: dict[Key, list[Key]] = defaultdict(list)
    for dependent, referenced in catalog.edges:
        above[referenced].append(dependent)
    start = set(keys)
    found: set[Key] = set()
    todo = list(start)
    while todo:
        for other in above[todo.pop()]:
            if other not in found and other not in start:
                found.add(other)
                todo.append(other)
    return found


def _children(catalog: Catalog, tables: set[Key]) -> set[Key]:
    """Return the partitions and children of `tables`: what happens to a parent happens to them."""
    below: dict[Key, list[Key]] = defaultdict(list)
    for key, row in catalog.rows.items():
        if key.kind == "table" and row[_PARENTS]:
            for parent in row[_PARENTS]:
                below[Key("table", tuple(parent))].append(key)
    found: set[Key] = set()
    todo = list(tables)
    while todo:
        more = [key for key in below[todo.pop()] if key not in found]
        found.update(more)
        todo += more
    return found


def touched(catalog: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return the part of a live catalog in which a plan that touches `keys` can be proved."""
    exact = {key for key in keys if key in catalog.rows}
    tables = {
        Key("table", key.name[:2]) for key in keys if key.kind in _OWN or key.kind == "table"
    } & catalog.rows.keys()
    tables |= {
        Key("table", (key.name[0], str(catalog.rows[key][0]))) for key in exact if key.kind == "index"
    } & catalog.rows.keys()
    tables |= _children(catalog, tables)
    around = exact | dependents(catalog, exact - tables) | tables
    for key in catalog.rows:
        if (
            (key.kind in _OWN and Key("table", key.name[:2]) in tables)
            or (key.kind == "index" and Key("table", (key.name[0], str(catalog.rows[key][0]))) in tables)
            or (key.kind == "publication_table" and Key("table", key.name[1:]) in tables)
        ):
            around.add(key)
    return closure(catalog, around)
