"""Which type changes are made online, and how they stand together with the rest of the plan.

In: a `PlanContext`, the keys that differ, what must step aside for them. Out: `Retypings`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from wgm_play.catalog.kinds import IN_TABLE
from wgm_play.catalog.model import Key
from wgm_play.operations import column as columns
from wgm_play.operations.base import (
    Change,
    PlanContext,
)
from wgm_play.operations.online.model import Retypings
from wgm_play.operations.online.retype import expand_and_fill, obstacle, retyping
from wgm_play.operations.online.swap import swap


def choose(situation: PlanContext, altered: Iterable[Key]) -> Retypings:
    """Return the tables whose columns change type by expand and contract, with their changes."""
    rewritten: dict[Key, list[Key]] = {}
    for key in altered:
        if key.kind == "column" and _rewrites(situation, key):
            rewritten.setdefault(Key("table", key.name[:2]), []).append(key)
    online = {table for table in rewritten if situation.online(table)}
    online = _with_neighbours(situation, online, rewritten) if online else online
    found = {table: keys for table, keys in rewritten.items() if table in online}
    made = Retypings()
    for table in sorted(found):
        why = obstacle(situation, table, found[table])
        situation.findings.obstacles.update((key, why) for key in found[table] if why is not None)
        if why is None:
            one = retyping(situation, table, found[table])
            made.tables.append(one)
            prepared = expand_and_fill(situation, one)
            made.preparations += prepared
            situation.findings.prepared += prepared
            swapped = swap(situation, one, prepared)
            made.changes += [*prepared, *swapped]
            last = tuple(change for change in swapped if change.removes)
            situation.findings.delayed.update(
                (twin.key, (tuple(prepared), last)) for twin in one.twins if twin.live != twin.name
            )
    _enums(situation, altered, made, rewritten)
    return made


def _enums(situation: PlanContext, altered: Iterable[Key], made: Retypings, rewritten: Collection[Key]) -> None:
    """Add the enums that lose values while large tables have columns of them."""
    from wgm_play.operations.online import enum

    taken = set(rewritten)
    for key in altered:
        users = enum.tables_of(situation, key) if key.kind == "enum" and enum.loses_values(situation, key) else {}
        if not users:
            continue
        why = enum.why_not(situation, key, users, taken)
        if why is not None:
            situation.findings.obstacles[key] = why
            continue
        taken |= users.keys()
        tables, prepared, swapped = enum.change(situation, key, users)
        made.tables += tables
        made.swapped.add(key)
        made.preparations += prepared
        situation.findings.prepared += prepared
        made.changes += [*prepared, *swapped]


# A table with fewer rows is rewritten inside the swap of its neighbour: that takes as long as a few catalog changes.
FEW_ROWS = 500


def _with_neighbours(situation: PlanContext, online: set[Key], rewritten: Mapping[Key, list[Key]]) -> set[Key]:
    """Return also those tables that must change together with a large one, because of a foreign key between them.

    A small table would be rewritten in the transaction that holds the locks of the large one.
    """
    joined: dict[Key, set[Key]] = {}
    for constraint, column in situation.current.edges:
        if constraint.kind == "constraint" and column.kind == "column":
            joined.setdefault(constraint, {Key("table", constraint.name[:2])}).add(Key("table", column.name[:2]))
    found, todo = set(online), set(online)
    while todo:
        near = set().union(*(tables for tables in joined.values() if tables & todo))
        todo = {table for table in near - found if table in rewritten and situation.rows(table) > FEW_ROWS}
        found |= todo
    return found


def _rewrites(situation: PlanContext, key: Key) -> bool:
    old, new = situation.current[key], situation.wanted[key]
    if old.generated or new.generated:
        return False
    if (old.type, old.collation) == (new.type, new.collation):
        return key in situation.goal.forced
    return key in situation.goal.converts or old.collation != new.collation or not columns.coercible(old.type, new.type)


def join(situation: PlanContext, found: Retypings, others: Iterable[Change], rebuilt: frozenset[Key]) -> None:
    """Let what steps aside wait until all new columns are ready, and lock all tables of the swap at its beginning."""
    if not found.tables:
        return
    ready = tuple(found.preparations)
    swaps = [change for change in found.changes if change.removes]
    for change in (*others, *swaps):
        if change.removes & rebuilt:
            change.wait_for(*ready)
    tables = {one.table for one in found.tables}
    for key in rebuilt:
        if key.kind in (IN_TABLE | {"trigger"}):
            tables.add(Key("table", key.name[:2]))
        if key.kind == "constraint":
            tables.update(
                ref.relation for dependent, ref in situation.current.edges if dependent == key and ref.relation
            )
    locked = sorted(table.name for table in tables if table in situation.current.rows)
    for change in swaps:
        change.operation.payload["swap"] = [list(name) for name in locked]
