"""Sequences: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from collections.abc import Iterable

from wgm_play.catalog.model import Key
from wgm_play.catalog.sequence import Sequence
from wgm_play.operations.base import (
    SHARE_ROW_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
    hazard,
    number,
)
from wgm_play.operations.granted import privileges
from wgm_play.operations.trash import trash_object
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident, literal


def create_sequence(situation: PlanContext, key: Key) -> list[Change]:
    """Create a sequence; the column that owns it may come later."""
    wanted = situation.wanted[key]
    commands = [_spell(situation, "sequence/create", key), *comments(key, wanted.comment)]
    commands += privileges(situation, key)
    made = create(situation, key, f"create {key}", commands)
    return [made, *_own(situation, key, made)] if wanted.owned_by else [made]


def _own(situation: PlanContext, key: Key, made: Change | None) -> list[Change]:
    column = situation.wanted[key].owned_by
    owner = Key("column", tuple(column)) if column else None
    title = f"let {owner} own {key}" if owner else f"let nothing own {key}"
    change = alter(
        situation,
        key,
        title,
        [command("sequence/owned_by", name=key.name, column=column)],
        after=(made,) if made else (),
        rank=50,
        hazards=(_STAYS,) if _was_serial(situation, key) else (),
    )
    change.make_only()
    change.need(*([owner] if owner else ()))
    return [change]


_STAYS = hazard(
    "Q02",
    "it stays with its privileges, and the column takes its numbers elsewhere: who calls nextval() of it by name gets others",
    "a step `sequence: {name: …}` with `state: absent` moves it to the trash",
)


def _was_serial(situation: PlanContext, key: Key) -> bool:
    """Tell whether a sequence gave the numbers of a column that becomes an identity column."""
    if key not in situation.current.rows or not situation.current[key].owned_by:
        return False
    column = Key("column", tuple(situation.current[key].owned_by))
    new = situation.wanted.get(column)
    return new is not None and bool(new.identity) and not situation.current[column].identity


def _spell(situation: PlanContext, template: str, key: Key, *locks: Lock) -> Command:
    wanted = situation.wanted[key]
    numbers = {name: number(getattr(wanted, name)) for name in ("increment", "minimum", "maximum", "start", "cache")}
    return command(
        template, *locks, name=key.name, type=Sql(wanted.type), cycle=wanted.cycle, unlogged=wanted.unlogged, **numbers
    )


def alter_sequence(situation: PlanContext, key: Key) -> list[Change]:
    """Change a sequence's parameters, owner column or comment; its value stays."""
    old, new = situation.current[key], situation.wanted[key]
    lock = Lock(SHARE_ROW_EXCLUSIVE, key.label)
    commands = []
    parameters = ("type", "start", "increment", "minimum", "maximum", "cache", "cycle")
    if any(getattr(old, name) != getattr(new, name) for name in parameters):
        commands += _kept_within(key, old, new, lock)
        commands.append(_spell(situation, "sequence/alter", key, lock))
    if old.unlogged != new.unlogged:
        commands.append(command("sequence/set_logged", lock, name=key.name, unlogged=new.unlogged))
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    changes = [alter(situation, key, f"alter {key}", commands)] if commands else []
    if old.owned_by != new.owned_by:
        freed = [_let_go(situation, key)] if new.owned_by and outlives_its_owner(situation, key) else []
        changes += [*freed, *_own(situation, key, freed[0] if freed else None)]
    return changes


def outlives_its_owner(situation: PlanContext, key: Key) -> bool:
    """Tell whether a sequence stays while the column goes that owns it, and would take it along."""
    old, new = situation.current.get(key), situation.wanted.get(key)
    owner = Key("column", tuple(old.owned_by)) if old and old.owned_by else None
    return new is not None and owner is not None and owner not in situation.wanted.rows


def _let_go(situation: PlanContext, key: Key) -> Change:
    title = f"let nothing own {key}"
    change = alter(situation, key, title, [command("sequence/owned_by", name=key.name, column=None)])
    change.make_only()
    return change


def let_go_first(situation: PlanContext, changes: Iterable[Change]) -> None:
    """Let what removes the owner of a sequence that stays wait until nothing owns it."""
    changes = list(changes)
    for freed in changes:
        key = freed.operation.key
        if (
            key.kind == "sequence"
            and freed.operation.title == f"let nothing own {key}"
            and key in situation.current.rows
        ):
            owner = situation.current[key].owned_by or ()
            gone = {Key("column", tuple(owner)), Key("table", tuple(owner[:2]))}
            for change in changes:
                if gone & change.removes and not gone & change.makes:
                    change.wait_for(freed)


def _kept_within(key: Key, old: Sequence, new: Sequence, lock: Lock) -> list[Command]:
    """Return what moves the value of a sequence into its new limits: ALTER SEQUENCE refuses limits that leave it out."""
    if new.minimum <= old.minimum and new.maximum >= old.maximum:
        return []
    widest = {"minimum": number(min(old.minimum, new.minimum)), "maximum": number(max(old.maximum, new.maximum))}
    # Of the two types the one that has room for both limits.
    largest = max(old.type, new.type, key=("smallint", "integer", "bigint").index)
    wider = [command("sequence/limits", lock, name=key.name, type=Sql(largest), **widest)]
    overlapping = new.minimum <= old.maximum and new.maximum >= old.minimum
    into = command(
        "sequence/into_limits",
        name=key.name,
        sequence=literal(str(ident(key.name))),
        minimum=number(new.minimum),
        maximum=number(new.maximum),
        wait="data",
    )
    return [*([] if overlapping else wider), into]


def drop_sequence(situation: PlanContext, key: Key) -> list[Change]:
    """Move a sequence to the trash with its value, or drop it."""
    if situation.facts.trash:
        return [trash_object(situation, key)]
    return [drop(situation, key, f"drop {key}", [command("sequence/drop", name=key.name)], rank=60)]
