"""Functions and procedures: create, replace, drop and make again.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.access import PUBLIC
from wgm_play.catalog.kinds import INDEXES, KINDS
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
    name_of,
)
from wgm_play.operations.granted import privileges
from wgm_play.plan import Hazard
from wgm_play.sql import Sql


def create_function(situation: PlanContext, key: Key) -> list[Change]:
    """Create a function; its body was checked in the shadow, so the tables it reads may come later."""
    row = situation.wanted[key]
    made = command("function/create", definition=Sql(row.definition.strip()))
    commands = [made, *comments(key, row.comment), *privileges(situation, key)]
    return [create(situation, key, f"create {key}", commands, hazards=_definer(situation, key))]


def replaceable(situation: PlanContext, key: Key) -> bool:
    """Tell whether CREATE OR REPLACE can make the change: result and argument names must stay (manual: CREATE FUNCTION)."""
    old, new = situation.current[key], situation.wanted[key]
    return bool(old.result == new.result and old.arguments == new.arguments)


def alter_function(situation: PlanContext, key: Key) -> list[Change]:
    """Replace a function in place where PostgreSQL can, otherwise drop and create it."""
    old, new = situation.current[key], situation.wanted[key]
    changes: list[Change] = []
    if old.definition != new.definition or old.arguments != new.arguments or old.result != new.result:
        if not replaceable(situation, key):
            return [*drop_function(situation, key), *create_function(situation, key)]
        hazards = (*((_USED,) if _has_users(situation, key) else ()), *_definer(situation, key))
        made = command("function/create", definition=Sql(new.definition.strip()))
        changes.append(alter(situation, key, f"replace {key}", [made], hazards=hazards))
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)]))
    return changes


_USED = hazard(
    "I12",
    "an index, check or generated column uses the function: what is stored keeps its old answers",
    "rebuild the index or validate the constraint again if the answers change",
)


_OPEN = hazard(
    "V06",
    "everybody may execute it, with the rights of its owner: a trigger function too, on a table of anybody's",
    "add `grants: {}` beside `security_definer: true`, or name who may; a trigger needs no EXECUTE to fire",
)
_PATH = hazard(
    "V06",
    "it runs with the rights of its owner and the search_path of whoever calls it",
    'add `set: {search_path: "pg_catalog, pg_temp"}` beside `security_definer: true`',
)


def _definer(situation: PlanContext, key: Key) -> tuple[Hazard, ...]:
    """Return what is dangerous in a function that runs with its owner's rights."""
    # pg_get_functiondef writes what a function is on lines of its own before its body.
    head = situation.wanted[key].definition.partition("\nAS ")[0]
    if "SECURITY DEFINER" not in head:
        return ()
    closed = Key("grant", (key.kind, *key.name, PUBLIC)) in situation.wanted.rows
    return (*(() if closed else (_OPEN,)), *(() if "SET search_path" in head else (_PATH,)))


def _has_users(situation: PlanContext, key: Key) -> bool:
    return any(
        ref == key
        and (dependent.kind in INDEXES or (dependent.kind == "column" and situation.current[dependent].generated))
        for dependent, ref in situation.current.edges
        if dependent in situation.current.rows
    )


def drop_function(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a function; its definition stays in the snapshot."""
    made = command("function/drop", what=Sql(KINDS[key.kind].word), name=name_of(key))
    return [drop(situation, key, f"drop {key}", [made], rank=60)]
