"""Keys of large partitioned tables: each partition proves its own, and the parent's takes them in without reading a row.

In: a key of a partitioned table. Out: changes. Until the last one, which is one short transaction, the partitions' keys
and indexes have helpers' names; so a change that was cut short is seen as not made, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    ROW_SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comments,
    create,
    hazard,
)
from wgm_play.operations.index import build_concurrently
from wgm_play.operations.online import names, spell
from wgm_play.operations.partitioned_index import name_in_partition
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql


def leaves(situation: PlanContext, table: Key) -> Iterator[Key]:
    """Yield the live partitions that hold rows, of partitions too."""
    for part in situation.wanted.of("table"):
        row = situation.wanted[part]
        if row.bound is None or Key("table", tuple(row.parents[0])) != table:
            continue
        if row.partition_by is not None:
            yield from leaves(situation, part)
        elif not situation.is_new(part):
            yield part


def add_foreign_key(situation: PlanContext, key: Key, parent: Key, definition: Sql, title: str) -> list[Change]:
    """Add a foreign key to each partition, prove it there, then add the parent's, which takes valid ones over unread."""
    changes: list[Change] = []
    closing: list[Command] = []
    locked = {Key("table", key.name[:2]), parent}
    for part in leaves(situation, Key("table", key.name[:2])):
        helper = names.helper(names.NEW, key.name[2], part.name, definition)
        situation.findings.used_helpers.add(helper)
        locks = [Lock(SHARE_ROW_EXCLUSIVE, one.label) for one in sorted({part, parent})]
        there = names.there("constraint", part.name, helper)
        added = command(
            "constraint/add", *locks, table=part.name, name=helper, definition=definition, validated=False, done=there
        )
        _step(situation, key, f"add {title} to {part.label} for new rows", added, changes)
        proof = command(
            "constraint/validate",
            Lock(SHARE_UPDATE_EXCLUSIVE, part.label),
            Lock(ROW_SHARE, parent.label),
            table=part.name,
            name=helper,
            wait="long",
            scans=True,
            done=names.there("constraint", part.name, helper, validated=True),
        )
        _step(situation, key, f"validate {title} of {part.label}", proof, changes)
        lock = Lock(ACCESS_EXCLUSIVE, part.label)
        closing.append(command("constraint/rename", lock, table=part.name, name=helper, to=key.name[2]))
    locks = [Lock(SHARE_ROW_EXCLUSIVE, one.label) for one in sorted(locked)]
    made = command(
        "constraint/add", *locks, table=key.name[:2], name=key.name[2], definition=definition, validated=True
    )
    said = hazard(
        "K02", "a scan that stops writers is avoided: each partition's key is proved, then the parent's takes them in"
    )
    return [*changes, _last(situation, key, title, [*closing, made], changes, said, 30)]


def add_by_index(situation: PlanContext, key: Key, definition: Sql, title: str) -> list[Change]:
    """Build each partition's unique index concurrently, then make keys of them all, and the parent's, at once."""
    row, kind = situation.wanted[key], {"p": "PRIMARY KEY", "u": "UNIQUE"}[situation.wanted[key].type]
    changes: list[Change] = []
    closing: list[Command] = []
    for part in leaves(situation, Key("table", key.name[:2])):
        helper = names.helper(names.NEW, key.name[2], part.name, row.definition)
        situation.findings.used_helpers.add(helper)
        statement = spell.key_index(row, part.name, helper)
        built = build_concurrently(
            situation,
            Key("index", (part.name[0], helper)),
            part,
            statement,
            f"build the index of {title} on {part.label}",
            step=situation.step_of(key),
        )
        built[0].wait_for(*changes[-1:])
        changes += built
        closing.append(
            command(
                "constraint/using_index",
                Lock(ACCESS_EXCLUSIVE, part.label),
                table=part.name,
                kind=Sql(kind),
                index=helper,
                name=name_in_partition(part.name[1], key.name[2]),
                deferrable=spell.deferrable(row.definition),
            )
        )
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)
    made = command("constraint/add", lock, table=key.name[:2], name=key.name[2], definition=definition, validated=True)
    said = hazard(
        "K04", "a build under a strong lock is avoided: the partitions' indexes are built concurrently, then taken in"
    )
    return [*changes, _last(situation, key, title, [*closing, made], changes, said, 31)]


def _step(situation: PlanContext, key: Key, title: str, made: Command, changes: list[Change]) -> None:
    change = alter(situation, key, title, [made], after=tuple(changes[-1:]), alone=True, rank=30)
    change.make_only()
    change.need(*(ref for dependent, ref in situation.wanted.edges if dependent == key))
    changes.append(change)


def _last(
    situation: PlanContext,
    key: Key,
    title: str,
    commands: list[Command],
    changes: list[Change],
    said: object,
    rank: int,
) -> Change:
    commands = [*commands, *comments(key, situation.wanted[key].comment)]
    return create(
        situation, key, f"add {title}", commands, after=tuple(changes[-1:]), alone=True, rank=rank, hazards=(said,)
    )
