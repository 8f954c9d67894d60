"""Enums, domains: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import re

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    Change,
    PlanContext,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
    hazard,
)
from wgm_play.operations.granted import privileges
from wgm_play.operations.trash import trash_object
from wgm_play.operations.type_definition import add_check, domain_commands, domain_locks, users_of
from wgm_play.operations.type_swap import swap_type
from wgm_play.sql import Sql, ident
from wgm_play.sqltext.scan import QUOTED, WORD


def create_enum(situation: PlanContext, key: Key) -> list[Change]:
    """Create an enum."""
    wanted = situation.wanted[key]
    commands = [command("enum/create", name=key.name, labels=wanted.labels or []), *comments(key, wanted.comment)]
    commands += privileges(situation, key)
    return [create(situation, key, f"create {key}", commands)]


def alter_enum(situation: PlanContext, key: Key) -> list[Change]:
    """Add values in place; swap the type where values are removed or reordered."""
    old, new = situation.current[key], situation.wanted[key]
    changes: list[Change] = []
    before, after = old.labels or [], new.labels or []
    if before != after or key in situation.goal.forced:
        if key not in situation.goal.forced and [label for label in after if label in before] == before:
            changes += _add_values(situation, key, before, after)
        else:
            changes.append(swap_type(situation, key))
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)], after=tuple(changes)))
    return changes


def _add_values(situation: PlanContext, key: Key, before: list[str], after: list[str]) -> list[Change]:
    changes: list[Change] = []
    known = list(before)
    lasting = _in_partition_key(situation, key)
    for place, label in enumerate(after):
        if label in known:
            continue
        if place and after[place - 1] in known:
            side, neighbour = Sql("AFTER"), after[place - 1]
        else:
            side, neighbour = Sql("BEFORE"), next((other for other in after[place + 1 :] if other in known), "")
        made = command("enum/add_value", name=key.name, label=label, side=side, neighbour=neighbour)
        title = f"add value {label!r} to {key}"
        changes.append(
            alter(
                situation,
                key,
                title,
                [made],
                alone=True,
                hazards=(_NEW_VALUE,),
                after=tuple(changes[-1:]),
                irreversible=lasting,
            )
        )
        known.insert(place, label)
    return changes


_NAMES = re.compile(rf"{QUOTED}|{WORD}")


def _in_partition_key(situation: PlanContext, key: Key) -> str | None:
    """Say which table is partitioned by values of a type: PostgreSQL lets such a column have no other type."""
    for column in users_of(situation, key):
        table = Key("table", column.name[:2])
        by = situation.current.value(table, "partition_by") if table in situation.current.rows else None
        if by and str(ident(column.name[2])) in _NAMES.findall(str(by)):
            return f"{table} is partitioned by {column.name[2]}: a value of its type can not be taken away"
    return None


_NEW_VALUE = hazard(
    "Y01", "a new value cannot be used in the transaction that adds it", "it is added in its own transaction"
)


def drop_enum(situation: PlanContext, key: Key) -> list[Change]:
    """Move an enum to the trash, because removed data may have its type, or drop it."""
    if situation.facts.trash:
        return [trash_object(situation, key)]
    return [drop(situation, key, f"drop {key}", [command("enum/drop", name=key.name)], rank=60)]


def create_domain(situation: PlanContext, key: Key) -> list[Change]:
    """Create a domain with its checks."""
    commands = [*domain_commands(situation, key), *comments(key, situation.wanted[key].comment)]
    commands += privileges(situation, key)
    return [
        create(situation, key, f"create {key}", commands, makes=situation.wanted.of("domain_constraint", *key.name))
    ]


def alter_domain(situation: PlanContext, key: Key) -> list[Change]:
    """Change default, NOT NULL or comment in place; swap the type where the base type changes."""
    old, new = situation.current[key], situation.wanted[key]
    if (old.type, old.collation) != (new.type, new.collation) or key in situation.goal.forced:
        return [swap_type(situation, key)]
    commands = []
    if old.default != new.default:
        commands.append(command("domain/set_default", name=key.name, default=new.default and Sql(new.default)))
    if old.not_null != new.not_null:
        commands.append(
            command(
                "domain/set_not_null",
                *domain_locks(situation, key),
                name=key.name,
                not_null=new.not_null,
                scans=new.not_null,
            )
        )
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    return [alter(situation, key, f"alter {key}", commands)]


def drop_domain(situation: PlanContext, key: Key) -> list[Change]:
    """Move a domain with its checks to the trash, because removed data may have its type, or drop it."""
    if situation.facts.trash:
        return [trash_object(situation, key)]
    made = command("domain/drop", name=key.name)
    return [
        drop(
            situation, key, f"drop {key}", [made], removes=situation.current.of("domain_constraint", *key.name), rank=60
        )
    ]


def create_domain_constraint(situation: PlanContext, key: Key) -> list[Change]:
    """Add a check to a domain."""
    return [create(situation, key, f"add {key}", add_check(situation, key))]


def alter_domain_constraint(situation: PlanContext, key: Key) -> list[Change]:
    """Validate a domain's check, change its comment, or replace it."""
    old, new = situation.current[key], situation.wanted[key]
    if old.definition != new.definition or (old.validated and not new.validated):
        gone = command("domain_constraint/drop", domain=key.name[:2], name=key.name[2])
        return [alter(situation, key, f"replace {key}", [gone, *add_check(situation, key)], hard=True)]
    commands = []
    if old.validated != new.validated:
        commands.append(
            command("domain_constraint/validate", domain=key.name[:2], name=key.name[2], wait="long", scans=True)
        )
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    return [alter(situation, key, f"alter {key}", commands)]


def drop_domain_constraint(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a domain's check."""
    gone = command("domain_constraint/drop", domain=key.name[:2], name=key.name[2])
    return [drop(situation, key, f"drop {key}", [gone])]
