"""Type changes of large tables by expand and contract.

In: a `PlanContext`, the keys that differ, what must step aside for them. Out: `Retypings`: the changes that add new
columns beside the old ones, keep them in step by a trigger, fill them in batches, build their indexes concurrently,
prove NOT NULL, and then swap names in one short transaction; old values that could be lost stay in the trash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from wgm_play.catalog.graph import children
from wgm_play.catalog.model import Key
from wgm_play.operations import column as columns
from wgm_play.operations import column_definition
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    hazard,
    options,
)
from wgm_play.operations.index import with_tablespace
from wgm_play.operations.online import acting, names, spell
from wgm_play.operations.online.fill import fill
from wgm_play.operations.online.model import Retyping, Twin, check_name, sync_name
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident

# Types without an equality operator: their values are compared as text.
_NO_EQUALITY = ("json", "xml", "point", "polygon", "circle", "box", "line", "path")
_TIMES = ("time", "date", "interval")


def obstacle(situation: PlanContext, table: Key, keys: Collection[Key]) -> str | None:
    """Return why columns of a large table cannot change type online, or None."""
    row = situation.current[table]
    if row.partition_by or row.parents or table in children(situation.current):
        return "the table has partitions or children"
    if any(_live_name(situation, key) is None for key in keys):
        return "its values are converted while it, or its table, gets another name"
    for key in _with_those_over_views(situation, _dependents(situation, keys)):
        old = situation.current[key]
        if key.kind == "column" and key not in keys and old.generated:
            return f"the generated column {key.label} is computed from it"
        if key.kind == "constraint" and old.type == "x":
            return f"the exclusion constraint {key.label} cannot be built concurrently"
        if key.kind == "materialized_view":
            return f"the materialized view {key.label} would be filled again inside the swap"
    if any(
        trigger.name[2] > names.SYNC
        for trigger in situation.current.of("trigger", *table.name)
        if " BEFORE " in situation.current[trigger].definition
    ):
        return "a trigger that fires BEFORE has a name after wgm_sync"
    return None


def _live_name(situation: PlanContext, key: Key) -> str | None:
    """Return the name that a column has until the swap; None where it cannot keep it until then.

    A conversion that keeps the type commits together with the rename: afterwards nothing tells whether it was made.
    """
    if key not in situation.goal.forced:
        return key.name[2]
    old = situation.goal.renames.get(key)
    return old.name[2] if old is not None and old.name[:2] == key.name[:2] else None


def _dependents(situation: PlanContext, keys: Collection[Key]) -> list[Key]:
    found = {dependent for dependent, referenced in situation.current.edges if referenced in keys}
    return sorted(key for key in found if key in situation.current.rows)


def _with_those_over_views(situation: PlanContext, keys: Iterable[Key]) -> list[Key]:
    """Return what depends on a column, with what is over a view among it: all that is made again in the swap."""
    found: set[Key] = set()
    todo = list(keys)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += _dependents(situation, [key]) if key.kind == "view" else []
    return sorted(found)


def retyping(situation: PlanContext, table: Key, keys: list[Key], types: Mapping[str, str] | None = None) -> Retyping:
    """Return the columns of a table with all that goes with them."""
    twins = _before_rename(situation, [_twin(situation, key) for key in sorted(keys)])
    one = Retyping(table, twins, types=types or {})
    over = {dependent for dependent, referenced in situation.wanted.edges if referenced in keys} | set(
        _dependents(situation, keys)
    )
    for key in sorted(over):
        if key not in situation.current.rows or key not in situation.wanted.rows:
            continue
        new = situation.wanted[key]
        if key.kind == "index" and new.table == table.name[1] and situation.current[key].table == new.table:
            one.indexes[key] = names.helper(names.NEW, key.name[1], new.definition, sorted(one.columns.items()))
        elif key.kind == "constraint" and key.name[:2] == table.name and new.type in ("p", "u"):
            one.keys[key] = names.helper(names.NEW, key.name[2], new.definition, sorted(one.columns.items()))
        elif (
            key.kind == "constraint"
            and key.name[:2] == table.name
            and new.type == "c"
            and situation.current[key].type == "c"
        ):
            one.checks.append(key)
    return one


def _twin(situation: PlanContext, key: Key) -> Twin:
    old, new, name = situation.current[key], situation.wanted[key], key.name[2]
    convert = situation.goal.converts.get(key)
    using = Sql(str(convert.using)) if convert else columns.plain_value(situation, key)
    filled = situation.goal.backfills.get(key)
    if filled is not None and new.not_null and not old.not_null:
        using = Sql(f"COALESCE({using}, {filled})")
    own = {other.name[2] for other in situation.current.of("column", *key.name[:2])}
    sources = tuple(dict.fromkeys([name, *(one for one in spell.columns_named(using) if one in own)]))
    helper = names.helper(names.NEW, name, new.type, new.collation, str(using))
    return Twin(key, helper, using, sources, name, new.type)


def _before_rename(situation: PlanContext, twins: list[Twin]) -> list[Twin]:
    """Return the twins in the words of the table as it is until the swap."""
    words = {twin.name: str(_live_name(situation, twin.key)) for twin in twins}
    words = {new: old for new, old in words.items() if new != old}
    if not words:
        return twins
    return [
        replace(
            twin,
            using=spell.renamed_columns(twin.using, words),
            sources=tuple(words.get(source, source) for source in twin.sources),
            live=words.get(twin.name, twin.name),
        )
        for twin in twins
    ]


# The transactions before the swap


def expand_and_fill(situation: PlanContext, one: Retyping, after: Change | None = None) -> list[Change]:
    """Return the changes before the swap: columns, their values, their indexes, the proof of NOT NULL."""
    expanded = _expand(situation, one)
    expanded.wait_only_for(*([after] if after else ()))
    filled = _fill(situation, one, expanded)
    made = [expanded, filled, _analyze(situation, one, filled)]
    made += _indexes(situation, one, made[-1])
    made += _not_nulls(situation, one, made[-1])
    for change in made:
        change.stand_for(())
    return made


def _expand(situation: PlanContext, one: Retyping) -> Change:
    table, name = one.table.name, sync_name(one)
    lock, done = Lock(ACCESS_EXCLUSIVE, one.table.label), names.there("trigger", table, name)
    commands = [
        command("online/create_wgm", done=names.there("schema", (), "wgm")),
        _function(situation, one, name, done),
    ]
    for twin in one.twins:
        new = situation.wanted[twin.key]
        values = {
            **column_definition.spelled(new),
            "type": Sql(twin.type),
            "default": None,
            "not_null": False,
            "identity": "",
            "identity_options": None,
        }
        commands.append(command("column/add", lock, table=table, name=twin.helper, done=done, **values))
        commands += _attributes(situation, twin, done)
        if new.not_null:
            check = Sql(f"CHECK ({ident(twin.helper)} IS NOT NULL)")
            commands.append(
                command(
                    "constraint/add",
                    lock,
                    table=table,
                    name=check_name(twin),
                    definition=check,
                    validated=False,
                    done=done,
                )
            )
    light = Lock(SHARE_ROW_EXCLUSIVE, one.table.label)
    commands.append(command("online/sync_trigger", light, name=name, table=table, done=done))
    always = Sql("ENABLE ALWAYS")  # rows that a subscription writes need it too
    commands.append(
        command("trigger/enable", light, table=table, name=name, action=always, done=names.there("always", table, name))
    )
    needs = {ref for dependent, ref in situation.wanted.edges if dependent in {twin.key for twin in one.twins}}
    listed = ", ".join(f"{twin.name} as {situation.wanted[twin.key].type}" for twin in one.twins)
    change = alter(
        situation,
        one.table,
        f"add {listed} beside the old column of {one.table.label}, kept in step",
        commands,
        alone=True,
        step=max(situation.step_of(twin.key) for twin in one.twins),
        hazards=(
            hazard("C08", "a rewrite under a lock is avoided: a new column beside the old one, then a swap of names"),
            hazard(
                "C15",
                "prepared statements fail once: 0A000 where a result changes its type, 42883 where a value is still sent in"
                " the old one",
                "reconnect or DISCARD PLANS",
            ),
            *acting.whole_rows(situation, one.table),
        ),
    )
    change.need(*(needs - {one.table}))
    situation.findings.used_helpers.update([name, *one.columns.values(), *(check_name(twin) for twin in one.twins)])
    return change


def _function(situation: PlanContext, one: Retyping, name: str, done: str) -> Command:
    listed: list[dict[str, Any]] = []
    utc = False
    for twin in one.twins:
        later = {other.live: other.name for other in one.twins}
        types = [
            situation.current[Key("column", (*one.table.name, later.get(source, source)))].type
            for source in twin.sources
        ]
        utc = utc or any(part in kind for kind in (*types, situation.wanted[twin.key].type) for part in _TIMES)
        compared = [
            Sql(f"{ident(source)}{'::text' if kind.startswith(_NO_EQUALITY) else ''}")
            for source, kind in zip(twin.sources, types, strict=True)
        ]
        listed.append({"helper": twin.helper, "sources": compared, "expression": twin.using})
    return command("online/sync_function", name=name, table=one.table.name, columns=listed, utc=utc, done=done)


def _attributes(situation: PlanContext, twin: Twin, done: str) -> list[Command]:
    """Return storage, statistics and options of the new column: what its definition cannot say."""
    row, table = situation.wanted[twin.key], twin.key.name[:2]
    made: list[Command] = []
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    if row.storage:
        made.append(
            command(
                "column/set_storage",
                lock,
                table=table,
                name=twin.helper,
                storage=Sql(column_definition.STORAGE[row.storage]),
                done=done,
            )
        )
    if row.statistics is not None:
        made.append(
            command(
                "column/set_statistics",
                lock,
                table=table,
                name=twin.helper,
                statistics=Sql(str(int(row.statistics))),
                done=done,
            )
        )
    if row.options:
        made.append(
            command("column/set_options", lock, table=table, name=twin.helper, options=options(row.options), done=done)
        )
    return made


def _fill(situation: PlanContext, one: Retyping, after: Change) -> Change:
    left = Sql(" OR ".join(f"({ident(twin.helper)} IS NULL AND ({twin.using}) IS NOT NULL)" for twin in one.twins))
    assignments = [Sql(f"{ident(twin.helper)} = {twin.using}") for twin in one.twins]
    listed = ", ".join(twin.name for twin in one.twins)
    step = max(situation.step_of(twin.key) for twin in one.twins)
    change = fill(
        situation,
        one.twins[0].key,
        f"fill the new {listed} of {one.table.label} in batches",
        list(one.columns.values()),
        assignments,
        where=left,
        left=left,
        after=(after,),
    )
    change.operation = _stepped(change, step)
    return change


def _stepped(change: Change, step: int) -> Any:
    return replace(change.operation, step=step)


def _analyze(situation: PlanContext, one: Retyping, after: Change) -> Change:
    light = Lock(SHARE_UPDATE_EXCLUSIVE, one.table.label)
    made = command(
        "online/analyze", light, table=one.table.name, columns=list(one.columns.values()), wait="long", scans=True
    )
    return alter(
        situation,
        one.twins[0].key,
        f"count the new values of {one.table.label} for the planner",
        [made],
        after=(after,),
        alone=True,
    )


def _indexes(situation: PlanContext, one: Retyping, after: Change) -> list[Change]:
    made: list[Change] = []
    for key, name in (*one.keys.items(), *one.indexes.items()):
        row = situation.wanted[key]
        if key.kind == "index":
            placed = with_tablespace(row.definition, row.tablespace)
            definition = spell.index_over(placed, name, one.columns, one.types)
        else:
            definition = spell.index_over(spell.key_index(row, one.table.name, name), name, one.columns)
        after = _build(situation, one, key, name, definition, after)
        made.append(after)
        situation.findings.used_helpers.add(name)
    return made


def _build(situation: PlanContext, one: Retyping, key: Key, name: str, definition: Sql, after: Change) -> Change:
    schema = one.table.name[0]
    light = Lock(SHARE_UPDATE_EXCLUSIVE, one.table.label)
    commands = []
    if any(
        helper.kind == "index" and helper.name == name and not valid
        for helper, valid in situation.facts.helpers.items()
    ):
        commands.append(
            command(
                "online/drop_index",
                light,
                name=(schema, name),
                wait="long",
                transactional=False,
                done=names.there("index", one.table.name, name),
                shadow=False,
            )
        )
    commands.append(
        command(
            "index/create",
            light,
            definition=definition,
            wait="long",
            transactional=False,
            scans=True,
            done=names.there("index", one.table.name, name),
        )
    )
    return alter(
        situation,
        key,
        f"build {key} on the new column concurrently",
        commands,
        after=(after,),
        alone=True,
        step=situation.step_of(one.twins[0].key),
        hazards=(hazard("I01", "waits for transactions that are older than it", "end idle transactions"),),
    )


def _not_nulls(situation: PlanContext, one: Retyping, after: Change) -> list[Change]:
    made: list[Change] = []
    light = Lock(SHARE_UPDATE_EXCLUSIVE, one.table.label)
    for twin in one.twins:
        if not situation.wanted[twin.key].not_null:
            continue
        done = names.there("constraint", one.table.name, check_name(twin), validated=True)
        proof = command(
            "constraint/validate",
            light,
            table=one.table.name,
            name=check_name(twin),
            wait="long",
            scans=True,
            done=done,
        )
        after = alter(
            situation,
            twin.key,
            f"prove that the new {twin.key.label} holds no NULL",
            [proof],
            after=(after,),
            alone=True,
        )
        made.append(after)
    return made
