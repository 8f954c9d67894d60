"""How objects hang together, told once: what belongs to what, what depends on what, which tables inherit from which.

In: a catalog, keys. Out: keys. Nobody else walks the edges of a catalog from one object to the next, or the parents of a
table; what a caller leaves out of an answer it says where it asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from wgm_play.catalog.kinds import (
    IN_TABLE,
    INSIDE,
    KINDS,
    OF_OBJECT,
    OF_TABLE,
    ON_VIEW,
    OUTSIDE_SCHEMAS,
    RELATIONS,
    UNSTORED,
    WITH_PARTS,
)
from wgm_play.catalog.model import Catalog, Key

Names = tuple[str, ...]
FOREIGN_KEY = "f"

# By kind, what is a part of it under its name; triggers and rules of views and foreign tables as well.
_PARTS: dict[str, tuple[str, ...]] = {
    kind: tuple(one.kind for one in KINDS.values() if one.part_of == kind or (kind in UNSTORED and one.kind in ON_VIEW))
    for kind in KINDS
}
_ABOUT = sorted(OF_OBJECT)


# What belongs to what.


def object_of(key: Key) -> Key:
    """Return the object that a grant, an owner or a label is about."""
    name = key.name[1:] if key.kind == "owner" else key.name[1:-1]
    return Key(key.name[0], name)


def relation_of(catalog: Catalog, key: Key) -> Names | None:
    """Return the name of the table, view or foreign table that an object is a part of; None where it is of none."""
    if key.kind in OF_TABLE:
        return key.name[:2]
    if key.kind == "index" and key in catalog.rows:
        return (key.name[0], str(catalog.value(key, "table")))
    return None


def indexes_of(catalog: Catalog, relation: Key) -> list[Key]:
    """Return the indexes on a table or materialized view, in order; not those behind its constraints."""
    schema, name = relation.name
    return [key for key in catalog.having("index", "table", name) if key.name[0] == schema]


def owner_column(catalog: Catalog, sequence: Key) -> Key | None:
    """Return the column that owns a sequence: they go together."""
    owner = catalog.value(sequence, "owned_by") if sequence in catalog.rows else None
    return Key("column", tuple(owner)) if owner else None


def container(catalog: Catalog, key: Key) -> Key | None:
    """Return what an object lies in: a column's table, a table's schema."""
    if key.kind in (IN_TABLE | {"policy"}):
        return Key("table", key.name[:2])
    if key.kind in ON_VIEW:
        places = [Key(kind, key.name[:2]) for kind in sorted(RELATIONS - {"materialized_view"})]
        return next((place for place in places if place in catalog.rows), None)
    if KINDS[key.kind].part_of and key.kind not in OUTSIDE_SCHEMAS:
        return Key(KINDS[key.kind].part_of, key.name[:2])
    if key.kind == "extension":
        return Key("schema", (catalog.value(key, "schema"),))
    if KINDS[key.kind].part_of == "publication":
        return Key("publication", key.name[:1])
    return None if key.kind in OUTSIDE_SCHEMAS else Key("schema", key.name[:1])


def root_of(catalog: Catalog, key: Key) -> Key:
    """Return what a step declares an object with: a column, or a sequence that it owns, with its table."""
    if key.kind in IN_TABLE:
        return Key("table", key.name[:2])
    if key.kind == "domain_constraint":
        return Key("domain", key.name[:2])
    owner = owner_column(catalog, key) if key.kind == "sequence" else None
    return Key("table", owner.name[:2]) if owner else key


def parts_of(catalog: Catalog, wholes: Collection[Key]) -> Iterator[Key]:
    """Yield what belongs to objects: what lies in them, is said about them, or is owned by a column of theirs."""
    relations = sorted({key.name for key in wholes if key.kind in RELATIONS})
    for whole in wholes:
        for kind in _PARTS.get(whole.kind, ()):
            yield from catalog.of(kind, *whole.name)
        for kind in _ABOUT:
            yield from catalog.of(kind, whole.kind, *whole.name)
            if whole.kind in RELATIONS:
                yield from catalog.of(kind, "column", *whole.name)
    # Each relation is asked about what is its own: a playbook may have thousands of both.
    for name in relations:
        yield from indexes_of(catalog, Key("table", name))
        for column in catalog.of("column", *name):
            yield from catalog.having("sequence", "owned_by", column.name)


def parts_of_table(catalog: Catalog, table: Key) -> list[Key]:
    """Return all that goes where a table goes, in order: its parts without its rules, which go by themselves."""
    return sorted(key for key in parts_of(catalog, [table]) if key.kind != "rule")


# What depends on what.


def users(catalog: Catalog) -> Mapping[Key, Collection[Key]]:
    """Return who depends directly on what: referenced -> dependents."""
    found: dict[Key, list[Key]] = {}
    for dependent, referenced in catalog.edges:
        found.setdefault(referenced, []).append(dependent)
    return found


def dependents(catalog: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return all that depends on `keys`, directly or not, without them."""
    above = users(catalog)
    start = set(keys)
    return reached(start, lambda key: above.get(key, ())) - start


def closure(catalog: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return `keys` with all that they need: what they depend on, and a table's columns and keys.

    Foreign keys and triggers of tables that are only needed by something stay out: they would draw in the rest.
    """
    own: dict[Names, list[Key]] = {}
    for key in catalog.rows:
        if key.kind in INSIDE or (key.kind == "constraint" and catalog.value(key, "type") != FOREIGN_KEY):
            own.setdefault(key.name[:2], []).append(key)

    def needed(key: Key) -> Iterator[Key]:
        yield from (other for other in catalog.directly_needed(key) if other in catalog.rows)
        if key.kind in WITH_PARTS:
            yield from own.get(key.name, ())
        if key.kind == "table":  # its row names them, and no dependency does
            row = catalog[key]
            yield from (Key("index", (key.name[0], name)) for name in (row.cluster_on, row.replica_index) if name)
        owner = owner_column(catalog, key) if key.kind == "sequence" else None
        if owner is not None:
            yield Key("table", owner.name[:2])

    return reached({key for key in keys if key in catalog.rows}, needed) & catalog.rows.keys()


def touched(catalog: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return the part of a live catalog in which a plan that touches `keys` can be proved."""
    keys = list(keys)
    exact = {key for key in keys if key in catalog.rows}
    names = {key.name[:2] for key in keys if key.kind in _OWN or key.kind == "table"}
    names |= {name for key in exact if key.kind == "index" and (name := relation_of(catalog, key))}
    tables = {Key("table", name) for name in names} & catalog.rows.keys()
    below = children(catalog)
    tables |= {one for table in tables for one in descendants(below, table)}
    around = exact | dependents(catalog, exact - tables) | tables
    for key in catalog.rows:
        if key.kind in _OWN or key.kind == "index":
            name = relation_of(catalog, key)
        elif key.kind == "publication_table":
            name = key.name[1:]
        else:
            continue
        if name is not None and Key("table", name) in tables:
            around.add(key)
    return closure(catalog, around)


# What of a table is made with it wherever it is tried.
_OWN = IN_TABLE | {"trigger"}


def reached(start: Iterable[Key], following: Callable[[Key], Iterable[Key]]) -> set[Key]:
    """Return all that is reached from `start`, with it; `following` is what comes after one."""
    found = set(start)
    todo = list(found)
    while todo:
        for other in following(todo.pop()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


# Which tables inherit from which: partitions and children have no rows of their own for what they inherit.


def parents_of(catalog: Catalog, table: Key) -> list[Key]:
    """Return the tables that a table inherits from directly, or is a partition of."""
    names = catalog.value(table, "parents") if table in catalog.rows else None
    return [Key("table", tuple(name)) for name in names or ()]


def ancestors(catalog: Catalog, table: Key) -> list[Key]:
    """Return the tables that a table descends from, the nearest first."""
    return _walked(lambda one: parents_of(catalog, one), table)


def children(catalog: Catalog) -> dict[Key, list[Key]]:
    """Return the partitions and children of each table that has some."""
    found: dict[Key, list[Key]] = {}
    for table in catalog.of("table"):
        for parent in parents_of(catalog, table):
            found.setdefault(parent, []).append(table)
    return found


def descendants(below: Mapping[Key, Sequence[Key]], table: Key) -> list[Key]:
    """Return the partitions and children of a table at every depth, the nearest first; `below` are all `children`."""
    return _walked(lambda one: below.get(one, ()), table)


def _walked(following: Callable[[Key], Iterable[Key]], start: Key) -> list[Key]:
    found: dict[Key, None] = {}
    todo = deque([start])
    while todo:
        more = [one for one in following(todo.popleft()) if one not in found]
        found.update(dict.fromkeys(more))
        todo += more
    return list(found)


def parent_column(catalog: Catalog, column: Key) -> Key | None:
    """Return the column that an inherited one is inherited from, as far up as it has a row of its own."""
    return next(iter(parent_columns(catalog, column)), None)


def parent_columns(catalog: Catalog, column: Key) -> list[Key]:
    """Return all columns with rows that an inherited one is inherited from, the nearest first."""
    above = ancestors(catalog, Key("table", column.name[:2]))
    return [key for table in above if (key := Key("column", (*table.name, column.name[2]))) in catalog.rows]


def copies(catalog: Catalog, columns: Iterable[Key]) -> dict[Key, Key]:
    """Return the columns that partitions and children have of these: copy -> column."""
    columns = list(columns)
    below = children(catalog) if columns else {}
    return {
        Key("column", (*table.name, column.name[2])): column
        for column in columns
        for table in descendants(below, Key("table", column.name[:2]))
    }
