"""What goes with an index: that a table is to CLUSTER on it, that it is the replica identity, statistics targets of expressions.

In: a table, the names of its indexes that are replaced; a column that changes its type. Out: the commands that mark those
which have their names now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from wgm_play.catalog.kinds import INDEXES
from wgm_play.catalog.model import Key
from wgm_play.catalog.table import Table
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    number,
)
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql

# What pg_class.relreplident's letters are called (manual: "ALTER TABLE").
REPLICA = {"d": "DEFAULT", "n": "NOTHING", "f": "FULL", "i": "USING INDEX"}


def cluster_on(table: Key, index: str | None) -> Command:
    """Return the command that marks an index for CLUSTER, or none."""
    return command("table/cluster_on", Lock(SHARE_UPDATE_EXCLUSIVE, table.label), name=table.name, index=index)


def replica_identity(table: Key, identity: str, index: str | None) -> Command:
    """Return the command that sets the replica identity."""
    lock = Lock(ACCESS_EXCLUSIVE, table.label)
    return command("table/replica_identity", lock, name=table.name, identity=Sql(REPLICA[identity]), index=index)


def kept(situation: PlanContext, table: Key, indexes: Collection[str]) -> list[Command]:
    """Mark again what was marked and stays so, among `indexes` that were made anew under their names."""
    old, new = situation.current.get(table), situation.wanted.get(table)
    if not isinstance(old, Table) or not isinstance(new, Table):
        return []
    made = []
    if new.replica_index in indexes and new.replica_index == old.replica_index:
        made.append(replica_identity(table, new.replica_identity, new.replica_index))
    if new.cluster_on in indexes and new.cluster_on == old.cluster_on:
        made.append(cluster_on(table, new.cluster_on))
    return made


def statistics_targets(key: Key, old: list[list[int]] | None, new: list[list[int]] | None) -> list[Command]:
    """Return the commands that set the statistics targets of an index's expressions."""
    before = {column: target for column, target in old or ()}
    after = {column: target for column, target in new or ()}
    changed = {column: after.get(column, -1) for column in {*before, *after} if before.get(column) != after.get(column)}
    return [
        command("index/set_statistics", name=key.name, column=number(column), statistics=number(target))
        for column, target in sorted(changed.items())
    ]


def targets_after_type(situation: PlanContext, column: Key) -> list[Command]:
    """Set the statistics targets again of the indexes that PostgreSQL makes anew as a column changes its type."""
    current, wanted = situation.current, situation.wanted
    indexes = {one for one, below in current.edges if below == column and one.kind == "index"}
    return [
        made
        for key in sorted(indexes)
        if current.rows[key] == wanted.rows.get(key)
        for made in statistics_targets(key, None, current[key].statistics)
    ]


def again(situation: PlanContext, changes: Iterable[Change]) -> list[Change]:
    """Return the changes that mark indexes again which the others drop and make anew; they name all of these in `needs`."""
    changes = list(changes)
    gone = {key for change in changes for key in change.removes if key.kind in INDEXES}
    gone &= {key for change in changes for key in change.makes}
    made = []
    for table in situation.wanted.of("table") if gone else ():
        names = {
            key.name[-1]: key for key in gone if table.name in (key.name[:2], (key.name[0], _table(situation, key)))
        }
        commands = kept(situation, table, names) if names else []
        if commands:
            change = alter(situation, table, f"mark the indexes of {table} that are made again", commands, rank=20)
            change.make_only()
            change.need(*names.values())
            made.append(change)
    return made


def in_one_moment(situation: PlanContext, changes: Sequence[Change]) -> list[tuple[Change, Change]]:
    """Return what commits together, so that no UPDATE finds a published table without replica identity.

    The identity moves to another index before the old one goes, and to one that is made anew as it is made.
    """
    joined: list[tuple[Change, Change]] = []
    for mark in changes:
        table = mark.operation.key
        if table.kind != "table" or not any(" REPLICA IDENTITY " in one.sql for one in mark.operation.commands):
            continue
        old = situation.current.get(table)
        before = getattr(old, "replica_index", None)
        marked = {Key("index", (table.name[0], str(before))), Key("constraint", (*table.name, str(before)))}
        for change in changes:
            if marked & change.removes and change is not mark:
                if mark.needs & change.removes:
                    joined.append((change, mark))
                elif not change.makes & marked:
                    change.wait_for(mark)
    return joined


def _table(situation: PlanContext, key: Key) -> str | None:
    return situation.wanted[key].table if key.kind == "index" else None
