"""Enums, domains: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations import composite
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE,
    Change,
    Situation,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
    hazard,
    name_of,
    operation,
    privileges,
)
from wgm_play.operations.column import after_type
from wgm_play.operations.online import names
from wgm_play.operations.trash import trash_object
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.sql import Sql, ident
from wgm_play.units import counted


def create_enum(situation: Situation, key: Key) -> list[Change]:
    """Create an enum."""
    wanted = situation.wanted[key]
    commands = [command("enum/create", name=key.name, labels=wanted.labels or []), *comments(key, wanted.comment)]
    commands += privileges(situation, key)
    return [create(situation, key, f"create {key}", commands)]


def alter_enum(situation: Situation, key: Key) -> list[Change]:
    """Add values in place; swap the type where values are removed or reordered."""
    old, new = situation.current[key], situation.wanted[key]
    changes: list[Change] = []
    before, after = old.labels or [], new.labels or []
    if before != after:
        if [label for label in after if label in before] == before:
            changes += _add_values(situation, key, before, after)
        else:
            changes.append(swap_type(situation, key))
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)], after=tuple(changes)))
    return changes


def _add_values(situation: Situation, key: Key, before: list[str], after: list[str]) -> list[Change]:
    changes: list[Change] = []
    known = list(before)
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
            alter(situation, key, title, [made], alone=True, hazards=(_NEW_VALUE,), after=tuple(changes[-1:]))
        )
        known.insert(place, label)
    return changes


_NEW_VALUE = hazard(
    "Y01", "a new value cannot be used in the transaction that adds it", "it is added in its own transaction"
)


def users_of(situation: Situation, key: Key) -> list[Key]:
    """Return the live columns whose type is this enum or domain, in order."""
    return sorted(
        dependent
        for dependent, referenced in situation.current.edges
        if referenced == key and dependent.kind == "column" and _is_of(situation, dependent, key)
    )


def _is_of(situation: Situation, column: Key, key: Key) -> bool:
    if column not in situation.current.rows:
        return False
    spelled = {str(ident(key.name))}
    if key.kind == "range" and situation.current[key].multirange:
        spelled.add(str(ident((key.name[0], situation.current[key].multirange))))
    return str(situation.current[column].type).removesuffix("[]") in spelled


def nested_in(situation: Situation, key: Key) -> tuple[Key, ...]:
    """Return the domains, composite and range types over a type, those that need others after these."""
    found: list[Key] = []
    todo = [key]
    while todo:
        below = todo.pop(0)
        for dependent, referenced in sorted(situation.current.edges):
            there = dependent in situation.wanted.rows and dependent in situation.current.rows
            if referenced == below and dependent.kind in ("domain", "composite", "range") and there:
                if dependent in found:
                    found.remove(dependent)
                found.append(dependent)
                todo.append(dependent)
    return tuple(found)


def swap_type(situation: Situation, key: Key) -> Change:
    """Replace a type by its wanted form under the same name, with the types over it; columns are converted through text."""
    types = [key, *situation.nested.get(key, ())]
    makes: list[Key] = []
    removes: list[Key] = []
    used: list[Key] = []
    commands: list[Command] = []
    for one in types:
        commands += _beside(situation, one)
    for one in types:
        columns = [column for column in users_of(situation, one) if column in situation.wanted.rows]
        columns = [column for column in columns if not situation.current[column].generated]  # made again: see compare
        for column in columns:
            commands += _swap_column(situation, column, one)
        used += columns
        makes += [one, *columns, *situation.wanted.of("domain_constraint", *one.name)]
        removes += [one, *columns, *situation.current.of("domain_constraint", *one.name)]
    for one in reversed(types):
        commands.append(command(f"{one.kind}/drop", name=_old_name(one)))
    for one in types:
        commands += comments(one, situation.wanted[one].comment)
        commands += privileges(situation, one)
    hazards = (_rewritten(situation, key, used),) if used else ()
    return Change(
        operation(situation, "alter", key, f"replace {key}", commands, hazards=hazards),
        makes=frozenset(makes),
        removes=frozenset(removes),
    )


def _old_name(key: Key) -> tuple[str, str]:
    return (key.name[0], names.helper(names.OLD, key.name[1], key.kind))


def _beside(situation: Situation, key: Key) -> list[Command]:
    """Return the statements that make a type beside the old one, which gets another name."""
    old_name = _old_name(key)
    commands: list[Command] = []
    if key.kind != "range":
        what = Sql(f"{'DOMAIN' if key.kind == 'domain' else 'TYPE'} {name_of(key)}")
        commands.append(command("object/rename", what=what, to=old_name[1]))
    if key.kind == "enum":
        commands.append(command("enum/create", name=key.name, labels=situation.wanted[key].labels or []))
    elif key.kind == "domain":
        commands += domain_commands(situation, key)
    else:
        if key.kind == "range":
            old = situation.current[key]
            several = old.multirange and names.helper(names.OLD, key.name[1], old.multirange)
            commands += composite.renames(
                old.subtype, key.name[0], (key.name[1], old.multirange), (old_name[1], several)
            )
        commands += composite.commands_of(situation, key)
    return commands


def _rewritten(situation: Situation, key: Key, columns: list[Key]) -> Hazard:
    """Return the hazard of a type whose columns are rewritten; for large tables with the way that is online."""
    text = f"{counted(len(columns), 'column')} of this type rewritten"
    large = sorted({table.label for column in columns if situation.online(table := Key("table", column.name[:2]))})
    if not large:
        return hazard("Y04", text)
    return hazard(
        "Y04",
        f"{text} under locks that stop reads and writes, among them those of large tables ({', '.join(large)});"
        f" not online: {situation.obstacles.get(key) or 'only the values of an enum change online'}",
        "declare a new type under another name and give the columns that type, with `convert`: this goes online (C08)",
    )


def _swap_column(situation: Situation, column: Key, key: Key) -> list[Command]:
    table, name = column.name[:2], column.name[2]
    old, new = situation.current[column], situation.wanted[column]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    array = Sql("[]") if old.type.endswith("[]") else Sql("")
    commands = []
    if old.default is not None:
        commands.append(command("column/set_default", lock, table=table, name=name, default=None))
    wanted = Sql(new.type) if key.kind == "range" else Sql(f"{name_of(key)}{array}")
    using = composite.using(situation, column, key) or Sql(f"{ident(name)}::text{array}::{wanted}")
    commands.append(
        command(
            "column/type", lock, table=table, name=name, type=wanted, collation=None, using=using, kept=None,
            rewrites=not situation.is_new(Key("table", table)),
        )
    )  # fmt: skip
    commands += after_type(situation, column)
    if new.default is not None:
        commands.append(command("column/set_default", lock, table=table, name=name, default=Sql(new.default)))
    return commands


def drop_enum(situation: Situation, key: Key) -> list[Change]:
    """Move an enum to the trash, because removed data may have its type, or drop it."""
    if situation.trash:
        return [trash_object(situation, key)]
    return [drop(situation, key, f"drop {key}", [command("enum/drop", name=key.name)], rank=60)]


def domain_commands(situation: Situation, key: Key) -> list[Command]:
    """Return the statements that make a domain with its checks."""
    wanted = situation.wanted[key]
    commands = [
        command(
            "domain/create",
            name=key.name,
            type=Sql(wanted.type),
            collation=wanted.collation and Sql(wanted.collation),
            default=wanted.default and Sql(wanted.default),
            not_null=wanted.not_null,
        )
    ]
    for check in situation.wanted.of("domain_constraint", *key.name):
        commands += _add_check(situation, check)
    return commands


def create_domain(situation: Situation, key: Key) -> list[Change]:
    """Create a domain with its checks."""
    commands = [*domain_commands(situation, key), *comments(key, situation.wanted[key].comment)]
    commands += privileges(situation, key)
    return [
        create(situation, key, f"create {key}", commands, makes=situation.wanted.of("domain_constraint", *key.name))
    ]


def alter_domain(situation: Situation, key: Key) -> list[Change]:
    """Change default, NOT NULL or comment in place; swap the type where the base type changes."""
    old, new = situation.current[key], situation.wanted[key]
    if (old.type, old.collation) != (new.type, new.collation):
        return [swap_type(situation, key)]
    commands = []
    if old.default != new.default:
        commands.append(command("domain/set_default", name=key.name, default=new.default and Sql(new.default)))
    if old.not_null != new.not_null:
        commands.append(
            command(
                "domain/set_not_null", *_locks(situation, key), name=key.name, not_null=new.not_null, scans=new.not_null
            )
        )
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    return [alter(situation, key, f"alter {key}", commands)]


def drop_domain(situation: Situation, key: Key) -> list[Change]:
    """Move a domain with its checks to the trash, because removed data may have its type, or drop it."""
    if situation.trash:
        return [trash_object(situation, key)]
    made = command("domain/drop", name=key.name)
    return [
        drop(
            situation, key, f"drop {key}", [made], removes=situation.current.of("domain_constraint", *key.name), rank=60
        )
    ]


def create_domain_constraint(situation: Situation, key: Key) -> list[Change]:
    """Add a check to a domain."""
    return [create(situation, key, f"add {key}", _add_check(situation, key))]


def _add_check(situation: Situation, key: Key) -> list[Command]:
    wanted = situation.wanted[key]
    locks = _locks(situation, Key("domain", key.name[:2]))
    made = command(
        "domain_constraint/add", *locks, domain=key.name[:2], name=key.name[2], definition=Sql(wanted.definition),
        validated=wanted.validated, scans=bool(locks),
    )  # fmt: skip
    return [made, *comments(key, wanted.comment)]


def _locks(situation: Situation, domain: Key) -> list[Lock]:
    return [Lock(SHARE, Key("table", column.name[:2]).label) for column in users_of(situation, domain)]


def alter_domain_constraint(situation: Situation, key: Key) -> list[Change]:
    """Validate a domain's check, change its comment, or replace it."""
    old, new = situation.current[key], situation.wanted[key]
    if old.definition != new.definition or (old.validated and not new.validated):
        gone = command("domain_constraint/drop", domain=key.name[:2], name=key.name[2])
        return [alter(situation, key, f"replace {key}", [gone, *_add_check(situation, key)], hard=True)]
    commands = []
    if old.validated != new.validated:
        commands.append(
            command("domain_constraint/validate", domain=key.name[:2], name=key.name[2], wait="long", scans=True)
        )
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    return [alter(situation, key, f"alter {key}", commands)]


def drop_domain_constraint(situation: Situation, key: Key) -> list[Change]:
    """Drop a domain's check."""
    gone = command("domain_constraint/drop", domain=key.name[:2], name=key.name[2])
    return [drop(situation, key, f"drop {key}", [gone])]
