"""Rewrite rules and event triggers: create, enable, make again, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.catalog.rule import EventTrigger, Rule
from wgm_play.operations.base import ACCESS_EXCLUSIVE, PlanContext, command
from wgm_play.operations.defined import Defined, changed
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident, literal

_ENABLE = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def _locks(situation: PlanContext, key: Key) -> list[Lock]:
    return [Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)]


def make_rule(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a rule, and say when it works where that is not always."""
    row: Rule = situation.wanted[key]
    made = command("rule/create", *_locks(situation, key), definition=Sql(row.definition.rstrip().rstrip(";")))
    return [made] if row.enabled == "O" else [made, _enable_rule(situation, key, row)]


def _enable_rule(situation: PlanContext, key: Key, row: Rule) -> Command:
    name, table = ident(key.name[2]), ident(key.name[:2])
    return command("rule/enable", *_locks(situation, key), table=table, name=name, action=Sql(_ENABLE[row.enabled]))


def change_rule(situation: PlanContext, key: Key, old: Rule, new: Rule) -> list[Command] | None:
    """Replace a rule, which keeps whether it works, and enable or disable it."""
    commands = []
    if old.definition != new.definition:
        text = new.definition.rstrip().rstrip(";").replace("CREATE RULE", "CREATE OR REPLACE RULE", 1)
        commands.append(command("rule/create", *_locks(situation, key), definition=Sql(text)))
    if old.enabled != new.enabled:
        commands.append(_enable_rule(situation, key, new))
    return commands


def make_event_trigger(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make an event trigger."""
    row: EventTrigger = situation.wanted[key]
    made = command(
        "event_trigger/create",
        name=ident(key.name),
        event=ident(row.event),
        tags=[literal(tag) for tag in row.tags or ()],
        function=Sql(row.function),
    )
    return [made] if row.enabled == "O" else [made, _enable_event_trigger(key, row)]


def _enable_event_trigger(key: Key, row: EventTrigger) -> Command:
    return command("event_trigger/enable", name=ident(key.name), action=Sql(_ENABLE[row.enabled]))


def change_event_trigger(
    situation: PlanContext, key: Key, old: EventTrigger, new: EventTrigger
) -> list[Command] | None:
    """Enable or disable an event trigger."""
    return None if changed(old, new) - {"comment", "enabled"} else [_enable_event_trigger(key, new)]


RULE = Defined(make_rule, change_rule, rank=45, drop_rank=1, locks=_locks)
# An event trigger watches statements: it comes after the others of its step, and goes before them.
EVENT_TRIGGER = Defined(make_event_trigger, change_event_trigger, rank=99, drop_rank=-1)
