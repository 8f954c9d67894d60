"""Indexes of large partitioned tables: CREATE INDEX CONCURRENTLY knows no partitioned tables, so each partition gets its
own, and the parent's index takes them in (manual: "ALTER INDEX", ATTACH PARTITION).

In: the index's statement, the partitions as they are. Out: changes; at no moment are writes stopped for longer than a
catalog change takes. A build that was cut short is begun anew.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.catalog.table import Table
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    Situation,
    alter,
    command,
    comments,
    create,
    hazard,
)
from wgm_play.operations.online import names as helpers
from wgm_play.plan import Command, Lock
from wgm_play.sql import NAME_BYTES, Sql, ident

_HEAD = re.compile(r"CREATE (UNIQUE )?INDEX \S.*? ON ", re.DOTALL)
_WAITS = hazard("I01", "waits for transactions that are older than it", "end idle transactions")


def is_partitioned(situation: Situation, table: Key) -> bool:
    """Tell whether a table that is there is partitioned."""
    row = situation.current.get(table)
    return isinstance(row, Table) and row.partition_by is not None


def build(
    situation: Situation, key: Key, table: Key, definition: str, title: str, text: str | None = None, **more: Any
) -> list[Change]:
    """Build an index on every partition, one after the other, while the application writes."""
    commands: list[Command] = []
    if key in situation.current.rows and not situation.current[key].valid:
        commands.append(command("index/drop", Lock(ACCESS_EXCLUSIVE, table.label), name=key.name, concurrently=False))
    commands.append(_only(definition, key.name, table))
    begun = alter(situation, key, f"{title}: the parent's, still empty", commands, alone=True, rank=10, **more)
    begun.makes = frozenset()
    changes = [begun]
    _below(situation, key, key, table, definition, changes, more)
    last = changes[-1]
    last.makes = frozenset([key])
    if text is not None:
        changes.append(alter(situation, key, f"comment on {key}", comments(key, text), after=(last,), **more))
    if len(changes) == 1:
        return [create(situation, key, title, [*commands, *comments(key, text)], rank=10, **more)]
    return changes


def _only(definition: str, name: tuple[str, ...], table: Key) -> Command:
    return command("index/create", Lock(SHARE, table.label), definition=_on(definition, name[-1], table, "ONLY "))


def _on(definition: str, name: str, table: Key, words: str = "", concurrently: str = "") -> Sql:
    """Return the statement for another name and table."""
    found = _HEAD.match(definition)
    assert found is not None  # noqa: S101 - it is what pg_get_indexdef says
    rest = definition[found.end() :]
    rest = rest[rest.index(" USING ") :]
    unique = found.group(1) or ""
    return Sql(f"CREATE {unique}INDEX {concurrently}{ident(name)} ON {words}{ident(table.name)}{rest}")


def _below(
    situation: Situation, key: Key, above: Key, table: Key, definition: str, changes: list[Change], more: dict[str, Any]
) -> None:
    wanted = situation.wanted
    for part in wanted.of("table"):
        row = wanted[part]
        if row.bound is None or Key("table", tuple(row.parents[0])) != table:
            continue
        name = Key("index", (part.name[0], _name(part.name[1], key.name[1])))
        attached = command("index/attach", Lock(SHARE_UPDATE_EXCLUSIVE, part.label), parent=above.name, child=name.name)
        if row.partition_by is not None:
            made = alter(
                situation, key, f"make {name} for the partitions of {part.label}", [_only(definition, name.name, part), attached],
                after=(changes[-1],), alone=True, rank=10, **more,
            )  # fmt: skip
            made.makes = frozenset()
            changes.append(made)
            _below(situation, key, name, part, definition, changes, more)
            continue
        if situation.is_new(part):  # nobody waits for an empty table
            plain = command("index/create", Lock(SHARE, part.label), definition=_on(definition, name.name[1], part))
            made = alter(
                situation, key, f"attach {name} to {above.label}", [plain, attached], after=(changes[-1],), alone=True, rank=10, **more
            )  # fmt: skip
            made.makes, made.needs = frozenset(), frozenset([part])
            changes.append(made)
            continue
        helper = helpers.helper(helpers.NEW, name.name[1], definition)
        situation.used_helpers.add(helper)
        light = Lock(SHARE_UPDATE_EXCLUSIVE, part.label)
        statement = _on(definition, helper, part, concurrently="CONCURRENTLY ")
        built = command(
            "index/create", light, definition=statement, wait="long", transactional=False, scans=True,
            done=helpers.there("index", part.name, helper),
        )  # fmt: skip
        title = f"build {name} concurrently"
        one = alter(
            situation, key, title, [built], after=(changes[-1],), alone=True, rank=10, hazards=(_WAITS,), **more
        )
        old = Key("index", (part.name[0], helper))
        renamed = command("object/rename", light, what=Sql(f"INDEX {ident(old.name)}"), to=name.name[1])
        taken = alter(
            situation,
            key,
            f"attach {name} to {above.label}",
            [renamed, attached],
            after=(one,),
            alone=True,
            rank=10,
            **more,
        )
        one.makes = taken.makes = frozenset()
        changes += [one, taken]


def _name(partition: str, index: str) -> str:
    """Return a name for a partition's index: names of attached indexes are not compared."""
    made = f"{partition}_{index}"
    return made if len(made.encode()) <= NAME_BYTES else helpers.helper("", made)
