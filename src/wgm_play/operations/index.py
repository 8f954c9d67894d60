"""Indexes: create, replace, drop; concurrently on large tables.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.graph import children, descendants
from wgm_play.catalog.model import Key
from wgm_play.catalog.table import Table
from wgm_play.operations import index_marks, partitioned_index
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    changed_options,
    command,
    comment,
    comments,
    create,
    drop,
    hazard,
    option_names,
    options,
    what_of,
)
from wgm_play.operations.online import names as helpers
from wgm_play.plan import Lock
from wgm_play.sql import Sql, ident
from wgm_play.sqltext.index import under_name

_HEAD = re.compile(r"CREATE (UNIQUE )?INDEX ")


def table_of(situation: PlanContext, key: Key, *, wanted: bool = True) -> Key:
    """Return the table or materialized view that an index is on."""
    catalog = situation.wanted if wanted else situation.current
    name = (key.name[0], str(catalog.value(key, "table")))
    table = Key("table", name)
    return table if table in catalog.rows else Key("materialized_view", name)


def create_index(situation: PlanContext, key: Key) -> list[Change]:
    """Build an index: in the transaction on a new or small table, concurrently on a large one."""
    row, table = situation.wanted[key], table_of(situation, key)
    definition = with_tablespace(row.definition, row.tablespace)
    if situation.online(table):
        made = build_concurrently(situation, key, table, definition, f"build {key} concurrently", row.comment)
        targets = index_marks.statistics_targets(key, None, row.statistics)
        if targets:
            made.append(alter(situation, key, f"set the statistics targets of {key}", targets, after=tuple(made[-1:])))
        return made
    new = situation.is_new(table)
    built = command("index/create", Lock(SHARE, table.label), definition=Sql(definition), scans=not new)
    commands = [built, *index_marks.statistics_targets(key, None, row.statistics), *comments(key, row.comment)]
    change = create(situation, key, f"create {key}", commands, rank=10)
    change.need(*_keys_below(situation, table))
    return [change]


def _keys_below(situation: PlanContext, table: Key) -> frozenset[Key]:
    """Return the keys of a table's partitions: an index that is made after them takes theirs in, where they fit."""
    wanted = situation.wanted
    row = wanted.get(table)
    parts = descendants(children(wanted), table) if isinstance(row, Table) and row.partition_by else []
    return frozenset(
        key for part in parts for key in wanted.of("constraint", *part.name) if wanted.value(key, "type") in "pu"
    )


def with_tablespace(definition: str, tablespace: str | None) -> str:
    """Return an index's statement with the tablespace, which stands before its WHERE."""
    if tablespace is None:
        return definition
    place, quote = len(definition), ""
    for start, letter in enumerate(definition):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif definition.startswith(" WHERE (", start):
            place = start
            break
    return f"{definition[:place]} TABLESPACE {ident(tablespace)}{definition[place:]}"


def build_concurrently(
    situation: PlanContext, key: Key, table: Key, definition: str, title: str, text: str | None = None, **more: Any
) -> list[Change]:
    """Build an index while the application writes; a build that failed before is removed first."""
    if partitioned_index.is_partitioned(situation, table):
        return partitioned_index.build(situation, key, table, definition, title, text, **more)
    changes: list[Change] = []
    if key in situation.current.rows and not situation.current[key].valid:
        changes.append(_drop_concurrently(situation, key, table, f"remove the failed build of {key}", **more))
    light = Lock(SHARE_UPDATE_EXCLUSIVE, table.label)
    statement = Sql(_HEAD.sub(lambda head: head.group(0) + "CONCURRENTLY ", definition, count=1))
    build = command(
        "index/create",
        light,
        definition=statement,
        wait="long",
        transactional=False,
        scans=True,
        done=helpers.there("index", table.name, key.name[1]) if key.name[1].startswith(helpers.NEW) else None,
    )
    commands = [*partitioned_index.failed_helper(situation, key, light), build]
    done = create(
        situation,
        key,
        title,
        commands,
        alone=True,
        rank=10,
        after=tuple(changes),
        hazards=(hazard("I01", "waits for transactions that are older than it", "end idle transactions"),),
        **more,
    )
    changes.append(done)
    if text is not None:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, text)], after=(done,)))
    return changes


def _drop_concurrently(situation: PlanContext, key: Key, table: Key, title: str, **more: Any) -> Change:
    if partitioned_index.is_partitioned(situation, table):
        exclusive = command("index/drop", Lock(ACCESS_EXCLUSIVE, table.label), name=key.name, concurrently=False)
        return drop(situation, key, title.replace(" concurrently", ""), [exclusive], alone=True, rank=5, **more)
    light = Lock(SHARE_UPDATE_EXCLUSIVE, table.label)
    gone = command("index/drop", light, name=key.name, concurrently=True, wait="long", transactional=False)
    return drop(situation, key, title, [gone], alone=True, rank=5, **more)


def alter_index(situation: PlanContext, key: Key) -> list[Change]:
    """Replace an index whose definition changed; change its comment in place."""
    old, new = situation.current[key], situation.wanted[key]
    if _rest(old) == _rest(new) and old.valid == new.valid and old.table == new.table:
        return [alter(situation, key, f"comment on {key}", [comment(key, new.comment)])]
    if (in_place := change_options(situation, key)) is not None:
        return in_place
    table = table_of(situation, key)
    if old.table != new.table:  # it goes with its table, where that goes too
        before = table_of(situation, key, wanted=False)
        gone = drop_index(situation, key) if before in situation.wanted.rows else []
        return [*gone, *create_index(situation, key)]
    if not old.valid and old.definition == new.definition and situation.online(table):
        return create_index(situation, key)
    if situation.online(table) and old.valid and old.table == new.table:
        return _replace_online(situation, key, table)
    gone, made = drop_index(situation, key), create_index(situation, key)
    together = len(gone) == len(made) == 1 and not made[0].operation.alone and not gone[0].operation.alone
    if together and not _column_changes(situation, key):  # it would change between the two
        commands = gone[0].operation.commands + made[0].operation.commands
        return [alter(situation, key, f"replace {key}", commands, hard=True, rank=10)]
    return [*gone, *made]


def _column_changes(situation: PlanContext, key: Key) -> bool:
    """Tell whether a column that an index is on gets another type."""
    current, wanted = situation.current, situation.wanted
    columns = [below for below in current.needs(key) if below.kind == "column" and below in wanted.rows]
    return any(current[one].type != wanted[one].type for one in columns)


# Storage parameters as pg_get_indexdef writes them, and those that only a rebuild puts into effect.
_OPTIONS = re.compile(r" WITH \(((?:\w+='[^']*'(?:, )?)+)\)")
_BUILT_IN = frozenset(["pages_per_range", "buffering"])


def change_options(situation: PlanContext, key: Key) -> list[Change] | None:
    """Return the changes of an index that differs only in storage parameters and comment; None for another one."""
    old, new = situation.current[key], situation.wanted[key]
    if (_OPTIONS.sub("", old.definition), old.valid) != (_OPTIONS.sub("", new.definition), new.valid):
        return None
    before, after = (
        [pair.replace("'", "") for found in _OPTIONS.findall(one.definition) for pair in found.split(", ")]
        for one in (old, new)
    )
    to_set, to_reset = changed_options(before, after)
    if old.table != new.table:
        return None
    if _BUILT_IN & {pair.partition("=")[0] for pair in (*to_set, *to_reset)}:
        return None
    lock = Lock(SHARE_UPDATE_EXCLUSIVE, table_of(situation, key).label)
    changes = []
    if to_reset:
        made = command("index/reset_options", lock, name=key.name, options=option_names(to_reset))
        changes.append(alter(situation, key, f"reset {', '.join(to_reset)} of {key}", [made]))
    if to_set:
        made = command("index/set_options", lock, name=key.name, options=options(to_set))
        changes.append(alter(situation, key, f"set {', '.join(to_set)} of {key}", [made]))
    if old.tablespace != new.tablespace:
        place = new.tablespace or situation.facts.tablespace
        exclusive = Lock(ACCESS_EXCLUSIVE, key.label)
        made = command("index/set_tablespace", exclusive, name=key.name, tablespace=place, rewrites=True)
        copied = (hazard("I04", "the index is copied under a lock that stops its use", "do it in a quiet hour"),)
        changes.append(alter(situation, key, f"move {key} to tablespace {place}", [made], hazards=copied))
    targets = index_marks.statistics_targets(key, old.statistics, new.statistics)
    if targets:
        changes.append(alter(situation, key, f"set the statistics targets of {key}", targets))
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)]))
    return changes


def _rest(row: Any) -> tuple[Any, ...]:
    return (row.definition, row.tablespace, row.statistics)


def _replace_online(situation: PlanContext, key: Key, table: Key) -> list[Change]:
    """Build the new index beside the old one, then swap their names: at no moment is there none."""
    new = situation.wanted[key]
    schema, name = key.name
    other = Key("index", (schema, helpers.helper(helpers.NEW, name, new.definition)))
    definition = with_tablespace(under_name(new.definition, other.name[1]), new.tablespace)
    built = build_concurrently(
        situation, other, table, definition, f"build the new {key} beside the old one", step=situation.step_of(key)
    )
    old_name = helpers.helper(helpers.OLD, name, new.definition)
    situation.findings.used_helpers.update([other.name[1], old_name])
    light = Lock(SHARE_UPDATE_EXCLUSIVE, table.label)
    swap = [
        command("object/rename", light, what=what_of(key), to=old_name),
        command("object/rename", light, what=what_of(other), to=name),
        *index_marks.statistics_targets(key, None, new.statistics),
        *comments(key, new.comment),
        *index_marks.kept(situation, table, [name]),
    ]
    swapped = alter(situation, key, f"put the new {key} in place of the old one", swap, after=tuple(built), alone=True)
    gone = _drop_concurrently(
        situation, Key("index", (schema, old_name)), table, f"drop the old {key}", step=situation.step_of(key)
    )
    gone.wait_only_for(swapped)
    return [*built, swapped, gone]


def drop_index(situation: PlanContext, key: Key) -> list[Change]:
    """Drop an index."""
    table = table_of(situation, key, wanted=False)
    if situation.online(table):
        return [_drop_concurrently(situation, key, table, f"drop {key} concurrently")]
    made = command("index/drop", Lock(ACCESS_EXCLUSIVE, table.label), name=key.name, concurrently=False)
    return [drop(situation, key, f"drop {key}", [made], rank=5)]
