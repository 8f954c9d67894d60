"""Policies: create, alter, replace, drop; together with the switch of row level security where it is thrown too.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
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
from wgm_play.sql import Sql, ident


def create_policy(situation: PlanContext, key: Key) -> list[Change]:
    """Create a policy; the statement that switches row level security on brings it along (hazard V05)."""
    if key not in situation.current.rows and switched(situation, Key("table", key.name[:2])) == "on":
        return []
    change = create(situation, key, f"create {key}", commands(situation, key), rank=15)
    return [_needing(change, situation.wanted[key].roles)]


def _needing(change: Change, roles: list[str]) -> Change:
    change.need(*(Key("role", (name,)) for name in roles))
    return change


def switched(situation: PlanContext, table: Key) -> str:
    """Return whether row level security of a table that is there goes `on` or `off`, or neither."""
    old, new = situation.current.get(table), situation.wanted.get(table)
    if old is None or new is None or old.row_security == new.row_security:
        return ""
    return "on" if new.row_security else "off"


def commands(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a policy."""
    row: Any = situation.wanted[key]
    made = command(
        "policy/create",
        _lock(key),
        name=key.name[2],
        table=key.name[:2],
        permissive=row.permissive,
        command=Sql(row.command.upper()),
        using=row.using and Sql(row.using),
        with_check=row.with_check and Sql(row.with_check),
    )
    return [made, *([_roles(key, row.roles)] if row.roles else []), *comments(key, row.comment)]


def _lock(key: Key) -> Lock:
    return Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)


def _roles(key: Key, roles: list[str]) -> Command:
    listed = [ident(name) for name in roles] or [Sql("PUBLIC")]
    return command("policy/roles", _lock(key), name=key.name[2], table=key.name[:2], roles=listed, shadow=False)


def alter_policy(situation: PlanContext, key: Key) -> list[Change]:
    """Change what ALTER POLICY can; replace a policy for another command, or one that loses an expression."""
    old, new = situation.current[key], situation.wanted[key]
    lost = (old.using and not new.using) or (old.with_check and not new.with_check)
    if old.command != new.command or old.permissive != new.permissive or lost:
        both = [*drop_commands(key), *commands(situation, key)]
        return [_needing(alter(situation, key, f"replace {key}", both, hard=True, rank=15), new.roles)]
    made = []
    if (old.using, old.with_check) != (new.using, new.with_check):
        made.append(
            command(
                "policy/alter",
                _lock(key),
                name=key.name[2],
                table=key.name[:2],
                using=Sql(new.using) if new.using and new.using != old.using else None,
                with_check=Sql(new.with_check) if new.with_check and new.with_check != old.with_check else None,
            )
        )
    if old.roles != new.roles:
        made.append(_roles(key, new.roles))
    if old.comment != new.comment:
        made.append(comment(key, new.comment))
    return [_needing(alter(situation, key, f"alter {key}", made, rank=15), new.roles)]


def drop_commands(key: Key) -> list[Command]:
    """Return the statement that drops a policy."""
    return [command("policy/drop", _lock(key), name=key.name[2], table=key.name[:2])]


def drop_policy(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a policy; the statement that switches row level security off takes it along."""
    if key not in situation.wanted.rows and switched(situation, Key("table", key.name[:2])) == "off":
        return []
    return [drop(situation, key, f"drop {key}", drop_commands(key), rank=3)]


def switch(situation: PlanContext, table: Key, made: list[Command]) -> Change:
    """Switch row level security on after its policies are there, or off before they go: in one transaction."""
    way = switched(situation, table)
    wanted, current = situation.wanted, situation.current
    if way == "on":
        own = [key for key in wanted.of("policy", *table.name) if key not in current.rows]
        made = [*(one for key in own for one in commands(situation, key)), *made]
        change = alter(situation, table, f"enable row level security of {table}", made, makes=own, rank=15)
        change.make_only(*own)
        return _needing(change, [role for key in own for role in wanted[key].roles])
    own = [key for key in current.of("policy", *table.name) if key not in wanted.rows]
    made = [*made, *(one for key in own for one in drop_commands(key))]
    change = alter(situation, table, f"disable row level security of {table}", made, removes=own, rank=3)
    change.make_only()
    return change
