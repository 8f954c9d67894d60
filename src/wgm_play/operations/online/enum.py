"""Values of an enum that go, or change their order, while large tables have columns of it.

In: an enum, the tables with columns of it. Out: the changes that make the new type under a helper's name, give each table
a column of it beside the old one (as `retype.py` does), and swap names of columns and types in one short transaction.
The values stay what they are, so the old columns go with the old type: nothing needs the trash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from wgm_play.catalog.kinds import INDEXES, OF_OBJECT, WITH_BODY, WITH_TABLE
from wgm_play.catalog.model import Key
from wgm_play.operations import constraint as constraints
from wgm_play.operations.base import ACCESS_EXCLUSIVE, Change, PlanContext, alter, command, comments, create, hazard
from wgm_play.operations.granted import privileges
from wgm_play.operations.online import names, swap
from wgm_play.operations.online.model import Retyping, Twin
from wgm_play.operations.online.retype import expand_and_fill, obstacle, retyping
from wgm_play.operations.trash import is_kept, make_way
from wgm_play.operations.type_definition import users_of
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident

# What may depend on an enum and steps aside, or goes along with the columns.
_MOVABLE = INDEXES | WITH_BODY | WITH_TABLE | (OF_OBJECT - {"security_label"}) | {"view"}


def loses_values(situation: PlanContext, key: Key) -> bool:
    """Tell whether an enum that is there must be made anew: no statement removes a value or moves it."""
    before, after = situation.current[key].labels or [], situation.wanted[key].labels or []
    return key in situation.goal.forced or [label for label in after if label in before] != before


def tables_of(situation: PlanContext, key: Key) -> dict[Key, list[Key]]:
    """Return the tables with columns of an enum, and these columns; none where no table is large."""
    found: dict[Key, list[Key]] = {}
    for column in users_of(situation, key):
        if column in situation.wanted.rows:
            found.setdefault(Key("table", column.name[:2]), []).append(column)
    return found if any(situation.online(table) for table in found) else {}


def why_not(situation: PlanContext, key: Key, found: dict[Key, list[Key]], retyped: Collection[Key]) -> str | None:
    """Return why an enum cannot change online, or None."""
    if key in situation.goal.returning:
        return "the one that it was comes back from the trash"
    for table, columns in found.items():
        if table in retyped:
            return f"{table.label} changes the type of another column too: change one after the other, in two runs"
        if any(situation.current.value(column, "type") != situation.wanted.value(column, "type") for column in columns):
            return "a column gets another type at the same time"
        if any(situation.current[column].generated or situation.wanted[column].generated for column in columns):
            return "a column of it is generated"
        why = obstacle(situation, table, columns)
        if why is not None:
            return why
    columns = [column for listed in found.values() for column in listed]
    for dependent, referenced in situation.current.edges:
        row = situation.current.get(dependent) if referenced in (key, *columns) else None
        if dependent.kind == "table" and is_kept(situation, key) and row is not None and not row.partition_by:
            continue  # a column of it in the trash, which keeps the old one
        if row is not None and referenced == key and dependent.kind not in _MOVABLE:
            return f"the {dependent.kind.replace('_', ' ')} {dependent.label} is built on it"
        if row is not None and dependent.kind == "constraint" and row.type == "f":
            return f"the foreign key {dependent.label} is over columns of it"
    return None


def change(
    situation: PlanContext, key: Key, found: dict[Key, list[Key]]
) -> tuple[list[Retyping], list[Change], list[Change]]:
    """Return the tables that take part, the changes before the swap, and the swap with what follows it."""
    helper = (key.name[0], names.helper(names.NEW, key.name[1], situation.wanted[key].labels))
    situation.findings.used_helpers.add(helper[1])
    made = create(
        situation,
        key,
        f"make the new {key} beside the old one",
        [
            command(
                "enum/create",
                name=helper,
                labels=situation.wanted[key].labels or [],
                done=names.there("type", helper[:1], helper[1]),
            )
        ],
        alone=True,
    )
    tables, before = [], [made]
    for table in sorted(found):
        one = retyping(situation, table, found[table], {str(ident(key.name)): str(ident(helper))})
        one.twins[:] = [_typed(situation, twin, key, helper) for twin in one.twins]
        tables.append(one)
        before += expand_and_fill(situation, one, before[-1])
    for prepared in before:
        prepared.stand_for(())
        prepared.not_need(key)  # what the columns need has another name until the swap
    return tables, before, _swap(situation, key, helper, tables, before[-1])


def _typed(situation: PlanContext, twin: Twin, key: Key, helper: tuple[str, ...]) -> Twin:
    array = "[]" if situation.wanted[twin.key].type.endswith("[]") else ""
    type_name = f"{ident(helper)}{array}"
    using = Sql(f"{ident(twin.live)}::text{array}::{type_name}")
    return replace(twin, type=type_name, using=using)


def _swap(
    situation: PlanContext, key: Key, helper: tuple[str, ...], tables: list[Retyping], after: Change
) -> list[Change]:
    old = (key.name[0], names.helper(names.OLD, key.name[1], situation.current[key].labels))
    commands: list[Command] = [
        command(
            "online/lock",
            *(Lock(ACCESS_EXCLUSIVE, one.table.label) for one in tables),
            tables=[one.table.name for one in tables],
        )
    ]
    for one in tables:
        commands += swap.clear(situation, one)
    commands += [_rename(key.name, old[1]), _rename(helper, key.name[1])]
    for one in tables:
        for twin in one.twins:
            place, exchanged = swap.exchange(situation, one, twin)
            commands += [*exchanged, swap.drop_old(one, place)]
        commands += swap.restore(situation, one)
    away, payload = make_way(situation, {key: (old[1], None)}, lambda _: command("enum/drop", name=old))
    commands += away
    commands += comments(key, situation.wanted[key].comment)
    commands += privileges(situation, key)
    covered = frozenset([key, *(own for one in tables for own in one.covered)])
    swapped = alter(
        situation,
        key,
        f"put the new {key} in place of the old one",
        commands,
        after=(after,),
        payload=payload,
        hazards=(hazard("Y04", "a rewrite under a lock is avoided: columns of a new type, then a swap of names"),),
    )
    swapped.stand_for(covered)
    checks: Iterable[Key] = (check for one in tables for check in one.checks if situation.wanted[check].validated)
    return [swapped, *(constraints.validate(situation, check, (swapped,)) for check in checks)]


def _rename(name: tuple[str, ...], to: str) -> Command:
    return command("object/rename", what=Sql(f"TYPE {ident(name)}"), to=to)
