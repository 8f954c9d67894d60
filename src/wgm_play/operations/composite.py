"""Composite and range types: create, alter, drop; where columns have the type, it is swapped like an enum.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wgm_play.catalog.composite import Composite, Range
from wgm_play.catalog.model import Catalog, Key
from wgm_play.operations.base import (
    Change,
    Situation,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
    privileges,
)
from wgm_play.operations.trash import trash_object
from wgm_play.plan import Command
from wgm_play.sql import Sql, ident


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a composite type, as SQL."""

    name: Sql
    type: Sql
    collation: Sql | None


def _attributes(row: Composite) -> list[Attribute]:
    return [
        Attribute(ident(str(name)), Sql(str(type_)), Sql(collation) if collation else None)
        for name, type_, collation in row.attributes or ()
    ]


def make_composite(situation: Situation, key: Key) -> list[Command]:
    """Return the statements that make a composite type with the comments of its attributes."""
    row: Composite = situation.wanted[key]
    made = command("composite/create", name=ident(key.name), attributes=_attributes(row))
    return [made, *_remarks(key, None, row)]


def _remarks(key: Key, old: Composite | None, new: Composite) -> list[Command]:
    before = {name: text for name, text in (old.attribute_comments if old else None) or ()}
    after = {name: text for name, text in new.attribute_comments or ()}
    there = {one[0] for one in new.attributes or ()}
    return [
        command("object/comment", what=Sql(f"COLUMN {ident((*key.name, name))}"), text=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) and name in there
    ]


def make_range(situation: Situation, key: Key) -> list[Command]:
    """Return the statement that makes a range type."""
    row: Range = situation.wanted[key]
    given = (
        ("SUBTYPE_OPCLASS", row.opclass),
        ("COLLATION", row.collation),
        ("CANONICAL", row.canonical),
        ("SUBTYPE_DIFF", row.subtype_diff),
        ("MULTIRANGE_TYPE_NAME", str(ident((key.name[0], row.multirange))) if row.multirange else None),
    )
    options = [Sql(f"{name} = {value}") for name, value in given if value]
    return [command("range/create", name=ident(key.name), subtype=Sql(row.subtype), options=options)]


def renames(subtype: str, schema: str, old: tuple[str, str | None], new: tuple[str, str | None]) -> list[Command]:
    """Return the statements that rename a range type, its multirange type and the constructors of both.

    PostgreSQL renames and moves only the type itself (manual: "ALTER TYPE"); `old` and `new` are both names.
    """
    made = []
    for function, to in _constructors(subtype, schema, old, new):
        if not function.startswith(f"{ident((schema, to))}("):
            made.append(command("object/rename", what=Sql(f"FUNCTION {function}"), to=to))
    for name, to_name in zip(old, new, strict=True):
        if name is not None and to_name is not None and name != to_name:
            made.append(command("object/rename", what=Sql(f"TYPE {ident((schema, name))}"), to=to_name))
    return made


def moves(subtype: str, schema: str, names: tuple[str, str | None], to: str) -> list[Command]:
    """Return the statements that move a range type, its multirange type and the constructors of both to a schema."""
    functions = [Sql(f"FUNCTION {function}") for function, _ in _constructors(subtype, schema, names, names)]
    types = [Sql(f"TYPE {ident((schema, name))}") for name in names if name is not None]
    return [command("object/set_schema", what=what, schema=to) for what in (*functions, *types)]


def _constructors(
    subtype: str, schema: str, old: tuple[str, str | None], new: tuple[str, str | None]
) -> list[tuple[str, str]]:
    name, multirange = old
    itself = ident((schema, name))
    found = [(f"{itself}({subtype}, {subtype})", new[0]), (f"{itself}({subtype}, {subtype}, text)", new[0])]
    if multirange is not None and new[1] is not None:
        several = ident((schema, multirange))
        found += [(f"{several}()", new[1]), (f"{several}({itself})", new[1]), (f"{several}({itself}[])", new[1])]
    return found


def commands_of(situation: Situation, key: Key) -> list[Command]:
    """Return the statements that make a composite or range type."""
    return make_composite(situation, key) if key.kind == "composite" else make_range(situation, key)


def create_type(situation: Situation, key: Key) -> list[Change]:
    """Create a composite or range type."""
    commands = [*commands_of(situation, key), *comments(key, situation.wanted[key].comment)]
    return [create(situation, key, f"create {key}", [*commands, *privileges(situation, key)])]


def alter_type(situation: Situation, key: Key) -> list[Change]:
    """Add, drop and alter attributes in place where PostgreSQL can; swap the type where it cannot."""
    from wgm_play.operations.types import swap_type

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
    return [*commands, *_remarks(key, old, new)]


def is_swapped(situation: Situation, key: Key) -> bool:
    """Tell whether a type must be replaced: another range, attributes in another order, or, where columns have the
    type, attributes of another type (manual: ALTER TYPE)."""
    old, new = situation.current[key], situation.wanted[key]
    if any(key in nested for nested in situation.nested.values()):
        return True
    if key.kind == "range":
        return any(getattr(old, name) != getattr(new, name) for name in old.__slots__ if name != "comment")
    before = {str(one[0]): one for one in old.attributes or ()}
    after = {str(one[0]): one for one in new.attributes or ()}
    kept = [name for name in before if name in after]
    if list(after)[: len(kept)] != kept:
        return True
    return any(before[name] != after[name] for name in kept) and stored(situation.current, key)


def stored(current: Catalog, key: Key) -> bool:
    """Tell whether a live column has the type, so that rows hold its attributes."""
    return any(ref == key and dependent.kind == "column" for dependent, ref in current.edges)


def _lost(situation: Situation, key: Key) -> str | None:
    """Return why a change cannot be taken back: rows hold attributes that go."""
    if key.kind != "composite" or not stored(situation.current, key):
        return None
    after = {one[0] for one in situation.wanted[key].attributes or ()}
    gone = [str(one[0]) for one in situation.current[key].attributes or () if one[0] not in after]
    return f"the values of {', '.join(gone)} in rows of {key} are not kept" if gone else None


def touches_users(situation: Situation, key: Key) -> bool:
    """Tell whether views and functions over the type must step aside: attributes go or change."""
    old, new = situation.current[key], situation.wanted[key]
    if key.kind == "range" or is_swapped(situation, key):
        return is_swapped(situation, key)
    after = {str(one[0]): one for one in new.attributes or ()}
    return any(after.get(str(one[0])) != one for one in old.attributes or ())


def drop_type(situation: Situation, key: Key) -> list[Change]:
    """Move a type to the trash, because removed data may have it, or drop it."""
    if situation.trash:
        return [trash_object(situation, key)]
    return [drop(situation, key, f"drop {key}", [command(f"{key.kind}/drop", name=key.name)], rank=60)]


def using(situation: Situation, column: Key, key: Key) -> Sql | None:
    """Return how a column's values become the new form of a composite type; None where it is done through text."""
    if key.kind != "composite" or situation.current[column].type.endswith("[]"):
        return None
    name = ident(column.name[2])
    old = {str(one[0]) for one in situation.current[key].attributes or ()}
    fields = [
        f"({name}).{ident(str(one[0]))}::text::{one[1]}" if one[0] in old else "NULL"
        for one in situation.wanted[key].attributes or ()
    ]
    return Sql(f"CASE WHEN {name}::text IS NOT NULL THEN ROW({', '.join(fields)})::{ident(key.name)} END")
