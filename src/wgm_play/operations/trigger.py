"""Triggers: create, replace, enable, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_ROW_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
)
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql

_ENABLE = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def create_trigger(situation: PlanContext, key: Key) -> list[Change]:
    """Create a trigger."""
    return [create(situation, key, f"create {key}", _commands(situation, key), rank=20)]


# PostgreSQL replaces a trigger in place since this version, under a lock that lets others read.
_IN_PLACE = 140000


def _replaceable(situation: PlanContext, key: Key) -> bool:
    """Tell whether a trigger is replaced in place: a constraint trigger never is, partitions have their own."""
    table = situation.current.get(Key("table", key.name[:2]))
    constraint = any(c[key].definition.startswith(_CONSTRAINT) for c in (situation.current, situation.wanted))
    return situation.facts.version >= _IN_PLACE and not constraint and not (table and table.partition_by)


_CONSTRAINT = "CREATE CONSTRAINT"


def _commands(situation: PlanContext, key: Key, *, replaced: bool = False) -> list[Command]:
    row = situation.wanted[key]
    lock = Lock(SHARE_ROW_EXCLUSIVE, Key("table", key.name[:2]).label)
    text = "CREATE OR REPLACE" + row.definition.removeprefix("CREATE") if replaced else row.definition
    commands = [command("trigger/create", lock, definition=Sql(text))]
    if row.enabled != "O":
        commands.append(enable(key, row.enabled))
    return commands + comments(key, row.comment)


def enable(key: Key, enabled: str) -> Command:
    """Return the command that says when a trigger fires."""
    lock = Lock(SHARE_ROW_EXCLUSIVE, Key("table", key.name[:2]).label)
    return command("trigger/enable", lock, table=key.name[:2], name=key.name[2], action=Sql(_ENABLE[enabled]))


def alter_trigger(situation: PlanContext, key: Key) -> list[Change]:
    """Replace a trigger in one transaction, or change whether it fires."""
    old, new = situation.current[key], situation.wanted[key]
    if old.definition != new.definition:
        if _replaceable(situation, key):
            made = _commands(situation, key, replaced=True)
            text = [comment(key, new.comment)] if old.comment is not None and new.comment is None else []
            return [alter(situation, key, f"replace {key}", [*made, *text], hard=True)]
        gone = drop_trigger(situation, key)[0].operation.commands
        return [alter(situation, key, f"replace {key}", [*gone, *_commands(situation, key)], hard=True)]
    commands = []
    if old.enabled != new.enabled:
        commands.append(enable(key, new.enabled))
    if old.comment != new.comment:
        commands.append(comment(key, new.comment))
    return [alter(situation, key, f"alter {key}", commands)]


def drop_trigger(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a trigger."""
    made = command(
        "trigger/drop", Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label), name=key.name[2], table=key.name[:2]
    )
    return [drop(situation, key, f"drop {key}", [made], rank=3)]
