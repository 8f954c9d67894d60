"""Composite and range types: create, alter, drop; where columns have the type, it is swapped like an enum.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wgm_play.catalog.composite import Composite
from wgm_play.catalog.model import Catalog, Key
from wgm_play.operations.base import Change, PlanContext, alter, command, comment, comments, create, drop
from wgm_play.operations.granted import privileges
from wgm_play.operations.trash import trash_object
from wgm_play.operations.type_definition import commands_of, remarks
from wgm_play.operations.type_swap import swap_type
from wgm_play.plan import Command
from wgm_play.sql import Sql


def create_type(situation: PlanContext, key: Key) -> list[Change]:
    """Create a composite or range type."""
    commands = [*commands_of(situation, key), *comments(key, situation.wanted[key].comment)]
    return [create(situation, key, f"create {key}", [*commands, *privileges(situation, key)])]


def alter_type(situation: PlanContext, key: Key) -> list[Change]:
    """Add, drop and alter attributes in place where PostgreSQL can; swap the type where it cannot."""
    old, new = situation.current[key], situation.wanted[key]
    if is_swapped(situation, key):
        swapped = swap_type(situation, key)
        swapped.operation = replace(swapped.operation, irreversible=_lost(situation, key))
        return [swapped]
    commands = _attribute_changes(key, old, new) if key.kind == "composite" else []
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    return [
        alter(
            situation,
            key,
            f"alter {key}",
            commands,
            hard=touches_users(situation, key),
            irreversible=_lost(situation, key),
        )
    ]


def _attribute_changes(key: Key, old: Composite, new: Composite) -> list[Command]:
    before = {str(one[0]): one for one in old.attributes or ()}
    after = {str(one[0]): one for one in new.attributes or ()}
    commands = [command("composite/drop_attribute", type=key.name, name=name) for name in before if name not in after]
    for name, one in after.items():
        if before.get(name) != one:
            verb = "alter" if name in before else "add"
            spelled = Sql(f"{one[1]}" + (f" COLLATE {one[2]}" if one[2] else ""))
            commands.append(command(f"composite/{verb}_attribute", type=key.name, name=name, attribute=spelled))
    return [*commands, *remarks(key, old, new)]


def is_swapped(situation: PlanContext, key: Key) -> bool:
    """Tell whether a type must be replaced: another range, attributes in another order, or, where columns have the
    type, attributes of another type (manual: ALTER TYPE)."""
    old, new = situation.current[key], situation.wanted[key]
    if key in situation.goal.forced or any(key in nested for nested in situation.findings.nested.values()):
        return True
    if key.kind == "range":
        return any(getattr(old, name) != getattr(new, name) for name in old.__slots__ if name != "comment")
    before = {str(one[0]): one for one in old.attributes or ()}
    after = {str(one[0]): one for one in new.attributes or ()}
    kept = [name for name in before if name in after]
    if list(after)[: len(kept)] != kept:
        return True
    return any(before[name] != after[name] for name in kept) and stored(situation.current, key)


def reordered(situation: PlanContext) -> list[Key]:
    """Return the composite types that are replaced, and whose attributes are others, or in another order."""
    current, wanted = situation.current, situation.wanted
    return [
        key
        for key in wanted.of("composite")
        if key in current.rows
        and [one[0] for one in current[key].attributes or ()] != [one[0] for one in wanted[key].attributes or ()]
        and is_swapped(situation, key)
    ]


def retyped(situation: PlanContext) -> Iterator[tuple[Key, str, str]]:
    """Yield (composite type, attribute, its new type) for the attributes whose values are converted."""
    current, wanted = situation.current, situation.wanted
    for key in wanted.of("composite"):
        if key in current.rows and is_swapped(situation, key):
            before = {str(one[0]): str(one[1]) for one in current[key].attributes or ()}
            for one in wanted[key].attributes or ():
                if before.get(str(one[0]), one[1]) != one[1]:
                    yield key, str(one[0]), str(one[1])


def stored(current: Catalog, key: Key) -> bool:
    """Tell whether a live column has the type, so that rows hold its attributes."""
    return any(ref == key and dependent.kind == "column" for dependent, ref in current.edges)


def _lost(situation: PlanContext, key: Key) -> str | None:
    """Return why a change cannot be taken back: rows hold attributes that go."""
    if key.kind != "composite" or not stored(situation.current, key):
        return None
    after = {one[0] for one in situation.wanted[key].attributes or ()}
    gone = [str(one[0]) for one in situation.current[key].attributes or () if one[0] not in after]
    return f"the values of {', '.join(gone)} in rows of {key} are not kept" if gone else None


def touches_users(situation: PlanContext, key: Key) -> bool:
    """Tell whether views and functions over the type must step aside: attributes go or change."""
    old, new = situation.current[key], situation.wanted[key]
    if key.kind == "range" or is_swapped(situation, key):
        return is_swapped(situation, key)
    after = {str(one[0]): one for one in new.attributes or ()}
    return any(after.get(str(one[0])) != one for one in old.attributes or ())


def drop_type(situation: PlanContext, key: Key) -> list[Change]:
    """Move a type to the trash, because removed data may have it, or drop it."""
    if situation.facts.trash:
        return [trash_object(situation, key)]
    return [drop(situation, key, f"drop {key}", [command(f"{key.kind}/drop", name=key.name)], rank=60)]
