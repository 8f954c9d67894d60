"""Indexes of large partitioned tables: CREATE INDEX CONCURRENTLY knows no partitioned tables, so each partition gets its
own, and the parent's index takes them in (manual: "ALTER INDEX", ATTACH PARTITION).

In: the index's statement, the partitions as they are. Out: changes; at no moment are writes stopped for longer than a
catalog change takes. A build that was cut short goes on where it was.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.catalog.table import Table
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comments,
    create,
    hazard,
)
from wgm_play.operations.online import names as helpers
from wgm_play.plan import Command, Lock
from wgm_play.sql import NAME_BYTES, Sql, ident, literal
from wgm_play.sqltext.index import on_table

_WAITS = hazard("I01", "waits for transactions that are older than it", "end idle transactions")


def is_partitioned(situation: PlanContext, table: Key) -> bool:
    """Tell whether a table that is there is partitioned."""
    row = situation.current.get(table)
    return isinstance(row, Table) and row.partition_by is not None


def build(
    situation: PlanContext, key: Key, table: Key, definition: str, title: str, text: str | None = None, **more: Any
) -> list[Change]:
    """Build an index on every partition, one after the other, while the application writes."""
    live = situation.current.get(key)
    resumes = live is not None and not live.valid and live.definition == situation.wanted[key].definition
    commands: list[Command] = []
    changes: list[Change] = []
    if not resumes:
        if live is not None and not live.valid:
            gone = command("index/drop", Lock(ACCESS_EXCLUSIVE, table.label), name=key.name, concurrently=False)
            commands.append(gone)
        commands.append(_only(definition, key.name, table))
        begun = alter(situation, key, f"{title}: the parent's, still empty", commands, alone=True, rank=10, **more)
        begun.make_only()
        changes.append(begun)
    _below(situation, key, key, table, definition, changes, more, resumes)
    if not resumes and len(changes) == 1:
        return [create(situation, key, title, [*commands, *comments(key, text)], rank=10, **more)]
    if changes:
        changes[-1].make_only(key)
    if text is not None and (live is None or live.comment != text):
        after = tuple(changes[-1:])
        changes.append(alter(situation, key, f"comment on {key}", comments(key, text), after=after, **more))
    return changes


def _only(definition: str, name: tuple[str, ...], table: Key, words: str = "ONLY ", **own: Any) -> Command:
    return command(
        "index/create", Lock(SHARE, table.label), definition=on_table(definition, name[-1], table.name, words), **own
    )


def _below(
    situation: PlanContext,
    key: Key,
    above: Key,
    table: Key,
    definition: str,
    changes: list[Change],
    more: dict[str, Any],
    resumes: bool,
) -> None:
    """Append the changes for the partitions of `table`; what a run that was cut short has attached is not made again.

    The shadow has the index of a live parent on all partitions: where the build `resumes`, it has nothing to try.
    """
    wanted, shadow = situation.wanted, not resumes

    def one(title: str, *commands: Command, **own: Any) -> None:
        made = alter(situation, key, title, commands, after=tuple(changes[-1:]), alone=True, rank=10, **own, **more)
        made.make_only()
        changes.append(made)

    for part in wanted.of("table"):
        row = wanted[part]
        if row.bound is None or Key("table", tuple(row.parents[0])) != table:
            continue
        name = Key("index", (part.name[0], name_in_partition(part.name[1], key.name[1])))
        there = command(
            "index/attached", parent=literal(str(ident(above.name))), table=literal(str(ident(part.name)))
        ).sql
        light = Lock(SHARE_UPDATE_EXCLUSIVE, part.label)
        attached = command("index/attach", light, parent=above.name, child=name.name, done=there, shadow=shadow)
        if row.partition_by is not None:
            made = _only(definition, name.name, part, done=there, shadow=shadow)
            one(f"make {name} for the partitions of {part.label}", made, attached)
            _below(situation, key, name, part, definition, changes, more, resumes)
            continue
        if situation.is_new(part):  # nobody waits for an empty table
            plain = _only(definition, name.name, part, "", done=there, shadow=shadow)
            one(f"attach {name} to {above.label}", plain, attached)
            changes[-1].need(part)
            continue
        helper = Key("index", (part.name[0], helpers.helper(helpers.NEW, name.name[1], definition)))
        situation.findings.used_helpers.add(helper.name[1])
        built_already = _either(helpers.there("index", part.name, helper.name[1]), there)
        statement = on_table(definition, helper.name[1], part.name, concurrently="CONCURRENTLY ")
        built = command(
            "index/create",
            light,
            definition=statement,
            wait="long",
            transactional=False,
            scans=True,
            done=built_already,
            shadow=shadow,
        )
        title = f"build {name} concurrently"
        one(title, *failed_helper(situation, helper, light), built, hazards=(_WAITS,))
        renamed = command(
            "object/rename", light, what=Sql(f"INDEX {ident(helper.name)}"), to=name.name[1], done=there, shadow=shadow
        )
        one(f"attach {name} to {above.label}", renamed, attached)


def _either(one: str, other: str) -> str:
    return f"SELECT ({one}) OR ({other})"


def failed_helper(situation: PlanContext, key: Key, light: Lock) -> list[Command]:
    """Return the command that removes a helper index whose build failed: the catalog does not show helpers."""
    failed = any(
        one.kind == "index" and one.name == key.name[1] and not valid for one, valid in situation.facts.helpers.items()
    )
    done = helpers.there("index", key.name[:1], key.name[1])
    drops = command(
        "online/drop_index", light, name=key.name, wait="long", transactional=False, done=done, shadow=False
    )
    return [drops] if failed else []


def name_in_partition(partition: str, index: str) -> str:
    """Return a name for a partition's index or key: names of attached ones are not compared."""
    made = f"{partition}_{index}"
    return made if len(made.encode()) <= NAME_BYTES else helpers.helper("", made)
