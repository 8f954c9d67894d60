"""A type that cannot be altered in place: the new one is made beside the old one, the columns move over, the old one goes.

In: a type before and after. Out: one change, which rewrites the tables that have such columns.
"""

from __future__ import annotations

from wgm_play.catalog.graph import users
from wgm_play.catalog.kinds import TYPES
from wgm_play.catalog.model import Key
from wgm_play.operations import range_names, type_definition
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    Change,
    PlanContext,
    command,
    comments,
    hazard,
    name_of,
    operation,
)
from wgm_play.operations.column_definition import after_type
from wgm_play.operations.granted import privileges
from wgm_play.operations.online import names
from wgm_play.operations.trash import make_way, out_of_trash
from wgm_play.operations.type_definition import domain_commands, users_of
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.quantities import counted
from wgm_play.sql import Sql, ident


def nested_in(situation: PlanContext, key: Key) -> tuple[Key, ...]:
    """Return the domains, composite and range types over a type, those that need others after these."""
    above = users(situation.current)
    found: list[Key] = []
    todo = [key]
    while todo:
        below = todo.pop(0)
        for dependent in sorted(above.get(below, ())):
            there = dependent in situation.wanted.rows and dependent in situation.current.rows
            if dependent.kind in (TYPES - {"enum"}) and there:
                if dependent in found:
                    found.remove(dependent)
                found.append(dependent)
                todo.append(dependent)
    return tuple(found)


def swap_type(situation: PlanContext, key: Key) -> Change:
    """Replace a type by its wanted form under the same name, with the types over it; columns are converted through text."""
    types = [key, *situation.findings.nested.get(key, ())]
    makes: list[Key] = []
    removes: list[Key] = []
    used: list[Key] = []
    commands: list[Command] = []
    for one in types:
        commands += _beside(situation, one)
    for one in types:
        columns = [column for column in users_of(situation, one) if column in situation.wanted.rows]
        columns = [column for column in columns if not situation.current[column].generated]  # made again: see compare
        columns = [column for column in columns if situation.current[column].type == situation.wanted[column].type]
        for column in columns:
            commands += _swap_column(situation, column, one)
        used += columns
        makes += [one, *columns, *situation.wanted.of("domain_constraint", *one.name)]
        removes += [one, *columns, *situation.current.of("domain_constraint", *one.name)]
    olds = {one: _old_names(situation, one) for one in types}
    away, payload = make_way(situation, olds, lambda one: command(f"{one.kind}/drop", name=_old_name(one)))
    commands += away
    for one in types:
        commands += comments(one, situation.wanted[one].comment)
        commands += privileges(situation, one)
    hazards = (_rewritten(situation, key, used),) if used else ()
    return Change(
        operation(
            situation,
            "alter",
            key,
            f"replace {key}",
            commands,
            hazards=hazards,
            payload=payload,
        ),
        makes=frozenset(makes),
        removes=frozenset(removes),
    )


def _old_name(key: Key) -> tuple[str, str]:
    return (key.name[0], names.helper(names.OLD, key.name[1], key.kind))


def _old_names(situation: PlanContext, key: Key) -> tuple[str, str | None]:
    """Return the names that a type has beside the new one: its own, and that of a multirange type."""
    several = situation.current[key].multirange if key.kind == "range" else None
    return _old_name(key)[1], names.helper(names.OLD, key.name[1], several) if several else None


def _beside(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a type beside the old one, which gets another name."""
    old_name = _old_names(situation, key)
    if key.kind == "range":
        old = situation.current[key]
        commands = range_names.renames(old.subtype, key.name[0], (key.name[1], old.multirange), old_name)
    else:
        what = Sql(f"{'DOMAIN' if key.kind == 'domain' else 'TYPE'} {name_of(key)}")
        commands = [command("object/rename", what=what, to=old_name[0])]
    if back := situation.goal.returning.get(key):
        return [*commands, *out_of_trash(key, back.place, back.rows)]
    if key.kind == "enum":
        return [*commands, command("enum/create", name=key.name, labels=situation.wanted[key].labels or [])]
    if key.kind == "domain":
        return [*commands, *domain_commands(situation, key)]
    return [*commands, *type_definition.commands_of(situation, key)]


def _rewritten(situation: PlanContext, key: Key, columns: list[Key]) -> Hazard:
    """Return the hazard of a type whose columns are rewritten; for large tables with the way that is online."""
    text = f"{counted(len(columns), 'column')} of this type rewritten"
    large = sorted({table.label for column in columns if situation.online(table := Key("table", column.name[:2]))})
    if not large:
        return hazard("Y04", text)
    return hazard(
        "Y04",
        f"{text} under locks that stop reads and writes, among them those of large tables ({', '.join(large)});"
        f" not online: {situation.findings.obstacles.get(key) or 'only the values of an enum change online'}",
        "declare a new type under another name and give the columns that type, with `convert`: this goes online (C08)",
    )


def _swap_column(situation: PlanContext, column: Key, key: Key) -> list[Command]:
    table, name = column.name[:2], column.name[2]
    old, new = situation.current[column], situation.wanted[column]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    array = Sql("[]") if old.type.endswith("[]") else Sql("")
    commands = []
    if old.default is not None:
        commands.append(command("column/set_default", lock, table=table, name=name, default=None))
    wanted = Sql(new.type) if key.kind == "range" else Sql(f"{name_of(key)}{array}")
    using = type_definition.using(situation, column, key) or Sql(f"{ident(name)}::text{array}::{wanted}")
    commands.append(
        command(
            "column/type",
            lock,
            table=table,
            name=name,
            type=wanted,
            collation=None,
            using=using,
            kept=None,
            rewrites=not situation.is_new(Key("table", table)),
        )
    )
    commands += after_type(situation, column)
    if new.default is not None:
        commands.append(command("column/set_default", lock, table=table, name=name, default=Sql(new.default)))
    return commands
