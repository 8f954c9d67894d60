"""Tables: create with columns and keys, alter, drop through the trash.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.constraint import NOT_NULL
from wgm_play.catalog.graph import parts_of_table
from wgm_play.catalog.model import Key
from wgm_play.catalog.table import Table
from wgm_play.errors import Refused
from wgm_play.operations import column as columns
from wgm_play.operations import column_definition, index_marks
from wgm_play.operations import constraint as constraints
from wgm_play.operations import policy as policies
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
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
)
from wgm_play.operations.default_partition import default_beside
from wgm_play.operations.granted import privileges
from wgm_play.operations.named_not_null import column_of
from wgm_play.operations.trash import trash_table
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.sql import Sql


def create_table(situation: PlanContext, key: Key) -> list[Change]:
    """Create a table with its columns and constraints, foreign keys apart: they wait for the table they refer to."""
    wanted = situation.wanted
    row = wanted[key]
    mine = sorted((made for made in wanted.of("column", *key.name)), key=lambda made: (wanted.extra(made).number, made))
    own = [made for made in mine if not wanted[made].inherited]
    inline = _inline(situation, key)
    said = {column_of(made, wanted[made]) for made in inline if wanted[made].type == NOT_NULL}
    lines = [column_definition.definition(situation, made, not_null=made not in said) for made in own]
    lines += [constraints.inline(situation, made) for made in inline]
    commands = _created(situation, key, row, lines)
    commands += comments(key, row.comment)
    for made in own:
        commands += column_definition.after_create(situation, made)
    for made in inline:
        commands += comments(made, wanted[made].comment)
    if row.row_security:
        commands.append(command("table/row_security", name=key.name, action=Sql("ENABLE")))
    if row.force_row_security:
        commands.append(command("table/row_security", name=key.name, action=Sql("FORCE")))
    commands += privileges(situation, key)
    # What a child changes of an inherited column comes afterwards, but the column is there: a check may name it.
    made_table = create(
        situation, key, f"create {key}", commands, makes=[*mine, *inline], hazards=_reads_default(situation, row)
    )
    # A sequence that has the name of an identity column's own: that one takes the next free name.
    made_table.need(*(key for made in own if wanted[made].identity for key in columns.own_sequence(made)))
    return [made_table, *_index_marks(situation, key, None, made_table)]


def _reads_default(situation: PlanContext, row: Table) -> tuple[Hazard, ...]:
    """Return the hazard of a partition that is made beside a large default one."""
    parent = Key("table", tuple(row.parents[0])) if row.bound is not None and row.parents else None
    default = default_beside(situation.current, parent) if parent in situation.current.rows else None
    if default is None or not situation.online(default):
        return ()
    return (
        hazard(
            "P01",
            f"{default.label}, the default partition, is locked against reads and writes and read",
            "make the new one a table of its own first, and a partition in the next run: then a check is proved before",
        ),
    )


_KEY_COLUMNS = re.compile(r"(?:PRIMARY KEY|UNIQUE(?: NULLS NOT DISTINCT)?) (\(.*)", re.DOTALL)


def _inline(situation: PlanContext, key: Key) -> list[Key]:
    """Return the constraints that CREATE TABLE makes: of keys over the same columns the first one, as it merges them."""
    wanted, made, seen = situation.wanted, [], set()
    for one in sorted(wanted.of("constraint", *key.name), key=lambda one: wanted[one].type != "p"):
        row = wanted[one]
        if row.type == "f" or not row.validated:
            continue
        if row.type in "pu":
            found = _KEY_COLUMNS.match(row.definition)
            columns = found.group(1).partition(")")[0] if found else row.definition
            if columns in seen:
                continue
            seen.add(columns)
        made.append(one)
    return sorted(made)


def _created(situation: PlanContext, key: Key, row: Table, lines: list[Sql]) -> list[Command]:
    """Return the statements that make a table: of a large partitioned one beside it, so that nobody waits."""
    values = {
        "name": key.name,
        "unlogged": row.unlogged,
        "options": options(row.options),
        "tablespace": row.tablespace,
        "access_method": row.access_method if row.access_method != "heap" else None,
        "partition_by": row.partition_by and Sql(row.partition_by),
    }
    parents = [tuple(parent) for parent in row.parents or ()]
    if row.bound is None:
        return [command("table/create", lines=lines, parents=parents, **values)]
    parent = Key("table", parents[0])
    bound = Sql(row.bound)
    default = default_beside(situation.current, parent) if not situation.is_new(parent) else None
    others = [Lock(ACCESS_EXCLUSIVE, default.label)] if default else []
    # A partition that is made as one lies where its parent does, whatever the database's tablespace is.
    elsewhere = row.tablespace is None and getattr(situation.wanted.get(parent), "tablespace", None) is not None
    if not situation.online(parent) and not elsewhere:
        locks = [] if situation.is_new(parent) else [Lock(ACCESS_EXCLUSIVE, parent.label)]
        return [
            command(
                "table/create_partition",
                *locks,
                *others,
                lines=lines,
                parent=parent.name,
                bound=bound,
                scans=bool(default),
                **values,
            )
        ]
    alike = command("table/create_like", lines=lines, parent=parent.name, version=situation.facts.version, **values)
    return [alike, attach(parent, key, bound, *others)]


def attach(parent: Key, child: Key, bound: Sql, *locks: Lock) -> Command:
    """Return the command that makes a table a partition; `locks` are those of the default one, which is read."""
    light, own = Lock(SHARE_UPDATE_EXCLUSIVE, parent.label), Lock(ACCESS_EXCLUSIVE, child.label)
    return command("table/attach", light, own, *locks, parent=parent.name, child=child.name, bound=bound)


def _index_marks(situation: PlanContext, key: Key, old: object, made: Change | None) -> list[Change]:
    """Mark the index for CLUSTER and the replica identity; both wait for the index."""
    row = situation.wanted[key]
    changes = []
    before = getattr(old, "cluster_on", None)
    after = (made,) if made else ()
    if before != row.cluster_on:
        marked = index_marks.cluster_on(key, row.cluster_on)
        title = f"mark {row.cluster_on} for CLUSTER of {key}" if row.cluster_on else f"unmark {key} for CLUSTER"
        changes.append(_waiting(situation, key, title, marked, row.cluster_on, after))
    if (getattr(old, "replica_identity", "d"), getattr(old, "replica_index", None)) != (
        row.replica_identity,
        row.replica_index,
    ):
        marked = index_marks.replica_identity(key, row.replica_identity, row.replica_index)
        changes.append(_waiting(situation, key, f"set the replica identity of {key}", marked, row.replica_index, after))
    return changes


def _waiting(
    situation: PlanContext, key: Key, title: str, made: Command, index: str | None, after: tuple[Change, ...]
) -> Change:
    change = alter(situation, key, title, [made], after=after, rank=20)
    change.make_only()
    if index:
        change.need(Key("index", (key.name[0], index)), Key("constraint", (*key.name, index)))
    return change


def alter_table(situation: PlanContext, key: Key) -> list[Change]:
    """Change what a table has beside its columns and constraints."""
    old, new = situation.current[key], situation.wanted[key]
    exclusive, light = Lock(ACCESS_EXCLUSIVE, key.label), Lock(SHARE_UPDATE_EXCLUSIVE, key.label)
    changes: list[Change] = []
    _same_family(key, old, new)

    def one(title: str, *commands: Command, **more: Any) -> None:
        change = alter(situation, key, title, commands, **more)
        change.make_only()
        changes.append(change)

    if old.unlogged != new.unlogged:
        made = command("table/set_logged", exclusive, name=key.name, unlogged=new.unlogged, rewrites=True)
        one(f"set {key} {'un' if new.unlogged else ''}logged", made, hazards=(_REWRITE_LOGGED,))
    if old.tablespace != new.tablespace:
        place = new.tablespace or situation.facts.tablespace
        made = command("table/set_tablespace", exclusive, name=key.name, tablespace=place, rewrites=True)
        one(f"move {key} to tablespace {place}", made, hazards=(_REWRITE_TABLESPACE,))
    if old.access_method != new.access_method:
        made = command(
            "table/set_access_method", exclusive, name=key.name, access_method=new.access_method, rewrites=True
        )
        one(f"set the access method of {key}", made, hazards=(_REWRITE_TABLESPACE,))
    to_set, to_reset = changed_options(old.options, new.options)
    if to_set:
        one(
            f"set {', '.join(to_set)} of {key}",
            command("table/set_options", light, name=key.name, options=options(to_set)),
        )
    if to_reset:
        made = command("table/reset_options", light, name=key.name, options=option_names(to_reset))
        one(f"reset {', '.join(to_reset)} of {key}", made)
    for field, on, off in (("row_security", "ENABLE", "DISABLE"), ("force_row_security", "FORCE", "NO FORCE")):
        if getattr(old, field) != getattr(new, field):
            action = on if getattr(new, field) else off
            made = command("table/row_security", exclusive, name=key.name, action=Sql(action))
            if field == "row_security":
                changes.append(policies.switch(situation, key, [made]))
                continue
            one(f"{action.lower()} row level security of {key}", made, rank=16)
    if old.comment != new.comment:
        one(f"comment on {key}", comment(key, new.comment))
    return changes + _index_marks(situation, key, old, None)


def _same_family(key: Key, old: Table, new: Table) -> None:
    """Raise where rows would have to move to other tables: PostgreSQL has no statement for it."""
    if old.partition_by != new.partition_by:
        raise Refused(
            f"{key} is {_spread(old)} and shall be {_spread(new)}: no statement changes that",
            hint="declare a new table with its partitions, copy the rows in a `sql` step, rename both",
        )
    if (old.parents, old.bound) != (new.parents, new.bound):
        raise Refused(
            f"{key} cannot change its parents in this plan", hint="do it in a run of its own, before the rest"
        )


def _spread(row: Table) -> str:
    return f"partitioned by {row.partition_by}" if row.partition_by else "not partitioned"


_REWRITE_LOGGED = hazard(
    "T06", "the table is rewritten under a lock that stops reads and writes", "do it while the table is small"
)
_REWRITE_TABLESPACE = hazard(
    "T07", "the table is copied under a lock that stops reads and writes", "do it while the table is small"
)


def drop_table(situation: PlanContext, key: Key) -> list[Change]:
    """Move a table to the trash, or drop it for good."""
    if situation.facts.trash:
        return [trash_table(situation, key)]
    made = command("table/drop", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name)
    return [
        drop(
            situation,
            key,
            f"drop {key} for good",
            [made],
            removes=[own for own in parts_of_table(situation.current, key) if own not in situation.findings.apart],
            rank=70,
            hazards=(hazard("T01", "the rows are gone", "leave out --no-trash"),),
            irreversible="the table was dropped without the trash",
        )
    ]
