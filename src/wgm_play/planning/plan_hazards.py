"""Hazards that only the whole plan shows: what SELECT * returns afterwards, what subscribers can no longer be told.

In: the groups of a plan, the catalog before and after it. Out: the groups, whose operations have these hazards too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from wgm_play.catalog.graph import ancestors
from wgm_play.catalog.kinds import OF_PUBLICATION, RELATIONS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.operations.base import hazard
from wgm_play.plan import Command, Group, Hazard, Operation
from wgm_play.sql import unquoted
from wgm_play.sqltext.scan import NAME

# What our templates send to change the columns of a relation.
_COLUMNS = re.compile(
    rf"ALTER (?:TABLE|FOREIGN TABLE|VIEW|MATERIALIZED VIEW) (?:ONLY )?({NAME})(?:\.({NAME}))? "
    rf"(?:ADD COLUMN|DROP COLUMN|RENAME COLUMN|ALTER COLUMN {NAME} TYPE)"
)
_CACHED = "a session that prepared SELECT * of {0} gets an error once (0A000)"
_RECONNECT = "reconnect or DISCARD PLANS, or name the columns"
_NEEDS_IDENTITY = ("update", "delete")


def announced(groups: Iterable[Group], current: Catalog, wanted: Catalog) -> tuple[Group, ...]:
    """Return the groups with the hazards that the two catalogs show."""
    groups = tuple(groups)
    lost = _lost_identities(groups, current, wanted)

    def told(operation: Operation) -> Operation:
        more = [*_cached_plans(operation, current, wanted), *lost.get(id(operation), ())]
        return replace(operation, hazards=(*operation.hazards, *more)) if more else operation

    return tuple(replace(group, operations=tuple(map(told, group.operations))) for group in groups)


def _cached_plans(operation: Operation, current: Catalog, wanted: Catalog) -> Iterator[Hazard]:
    """Yield the hazard of an operation after which SELECT * of an existing relation returns something else."""
    if any(one.code == "C15" for one in operation.hazards):
        return
    own = _relation(operation.key.name[:2], current)
    changed = {own} if own is not None and _other_columns(own, current, wanted) else set()
    # A type that is made again changes the columns of many tables.
    changed |= {found for one in operation.commands if (found := _changed(one, own, current)) is not None}
    if changed:
        yield hazard("C15", _CACHED.format(", ".join(sorted(one.label for one in changed))), _RECONNECT)


def _changed(command: Command, own: Key | None, current: Catalog) -> Key | None:
    """Return the relation whose columns a statement changes; one that has another name by then is the operation's own."""
    found = _COLUMNS.match(command.sql)
    if found is None:
        return None
    names = tuple(unquoted(name) for name in found.groups() if name is not None)
    return (_relation(names, current) if len(names) == 2 else None) or own


def _relation(name: tuple[str, ...], current: Catalog) -> Key | None:
    """Return the live relation of a name."""
    return next((one for kind in sorted(RELATIONS) if (one := Key(kind, name)) in current.rows), None)


def _other_columns(relation: Key, current: Catalog, wanted: Catalog) -> bool:
    """Tell whether a relation whose columns are in its own row has others afterwards."""
    if relation.kind == "table" or relation not in wanted.rows:
        return False
    before, after = current[relation].columns or [], wanted[relation].columns or []
    if relation.kind == "foreign_table":
        before, after = ([column[:3] for column in columns] for columns in (before, after))
    return bool(before != after)


def _lost_identities(groups: Iterable[Group], current: Catalog, wanted: Catalog) -> dict[int, list[Hazard]]:
    """Return, by the operation (its `id`), what follows for tables whose UPDATEs and DELETEs can no longer be published."""
    if not wanted.of("publication"):
        return {}
    operations = [operation for group in groups for operation in group.operations]
    names = {operation.key.name for operation in operations}
    found: dict[int, list[Hazard]] = {}
    for table in wanted.of("table"):
        if (
            wanted[table].partition_by
            or not _stuck(wanted, table)
            or (table in current.rows and _stuck(current, table))
        ):
            continue
        family = {table.name, *(ancestor.name for ancestor in _partition_of(wanted, table))}
        publications = set(_publications(wanted, table))
        if not any(name[:2] in family or name[0] in publications for name in names):
            continue
        had = table in current.rows and _publications(current, table)
        chosen = _taking(operations, family) if had else _publishing(operations, publications, family)
        if chosen is None:
            continue
        code = "R01" if had else "R02"
        found.setdefault(id(chosen), []).append(
            hazard(
                code,
                f"UPDATE and DELETE of {table.label} fail from then on: {', '.join(sorted(publications))} publishes them, "
                "and nothing tells its rows apart",
                "declare a primary key, or `replica_identity:` the name of a unique index of NOT NULL columns, or full",
                consent=table in current.rows,
            )
        )
    return found


def _taking(operations: Iterable[Operation], family: set[tuple[str, ...]]) -> Operation | None:
    """Return the operation that takes a key or replica identity away from one of these tables."""
    mine = [one for one in operations if one.key.name[:2] in family]
    gone = [one for one in mine if one.key.kind == "constraint" and one.verb == "drop"]
    return next(iter([*gone, *(one for one in mine if one.key.kind == "table"), *mine]), None)


def _publishing(
    operations: Iterable[Operation], publications: set[str], family: set[tuple[str, ...]]
) -> Operation | None:
    """Return the operation that publishes one of these tables."""
    kinds = OF_PUBLICATION | {"publication"}
    mine = [one for one in operations if one.key.kind in kinds and one.key.name[0] in publications]
    exact = [one for one in mine if one.key.name[1:] in family]
    return next(iter([*exact, *mine, *(one for one in operations if one.key.name[:2] in family)]), None)


def _stuck(catalog: Catalog, table: Key) -> bool:
    """Tell whether UPDATE and DELETE of a table fail: they are published, and it has no replica identity."""
    return bool(_publications(catalog, table)) and not _has_identity(catalog, table)


def _publications(catalog: Catalog, table: Key) -> list[str]:
    """Return the publications that publish UPDATE or DELETE of a table, or of what it is a partition of."""
    if catalog[table].unlogged:
        return []
    family = (table, *_partition_of(catalog, table))
    return [
        key.name[0]
        for key in catalog.of("publication")
        if any(word in catalog[key].publish for word in _NEEDS_IDENTITY)
        and (
            catalog[key].all_tables
            or any(Key("publication_table", (*key.name, *one.name)) in catalog.rows for one in family)
            or any(Key("publication_schema", (*key.name, one.name[0])) in catalog.rows for one in family)
        )
    ]


def _has_identity(catalog: Catalog, table: Key) -> bool:
    row = catalog[table]
    if row.replica_identity == "i":
        own = (Key("index", (table.name[0], row.replica_index)), Key("constraint", (*table.name, row.replica_index)))
        # That of a partition may be attached to its parent's, which the catalog does not list.
        return any(key in catalog.rows for key in own) or bool(row.bound)
    if row.replica_identity != "d":
        return bool(row.replica_identity == "f")
    family = (table, *_partition_of(catalog, table))
    return any(catalog[key].type == "p" for one in family for key in catalog.of("constraint", *one.name))


def _partition_of(catalog: Catalog, table: Key) -> list[Key]:
    """Return what a partition is a partition of, the nearest first."""
    return ancestors(catalog, table) if table in catalog.rows and catalog.value(table, "bound") else []
