"""Columns that are ours alone, helpers and those in the trash, are not seen by subscribers.

In: the changes of a plan in order. Out: the same; where a published table gets or loses such a column, its publications
list the others in the same transaction. Where they cannot (before 15, FOR ALL TABLES, TABLES IN SCHEMA, REPLICA IDENTITY
FULL, another owner) the change has a hazard that needs consent: the subscriber lacks the column, and stops.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from wgm_play.catalog.graph import children, descendants
from wgm_play.catalog.model import Key
from wgm_play.catalog.publication import PublicationTable
from wgm_play.operations.base import SHARE_UPDATE_EXCLUSIVE, Change, PlanContext, command, hazard
from wgm_play.plan import Command, Lock
from wgm_play.render import render
from wgm_play.sql import Sql, ident, unquoted
from wgm_play.sqltext.scan import NAME

LISTS_SINCE = 150000
# What our templates send to change the columns of a table, and with it of its partitions and children unless ONLY.
_TABLE = rf"ALTER TABLE (?P<only>ONLY )?(?P<schema>{NAME})\.(?P<table>{NAME}) "
_OURS = re.compile(rf"{_TABLE}.*\b(?:ADD|DROP|RENAME) COLUMN .*\bwgm_(?:new|trash)_", re.DOTALL)
_COLUMNS = re.compile(rf"{_TABLE}(?:(?:ADD|DROP) COLUMN |ALTER COLUMN {NAME} TYPE )")
# A column that is in a list can neither be dropped nor get another type, and keeps its place there under another name.
_STUCK = re.compile(rf"{_TABLE}.*(?:(?:DROP|RENAME) COLUMN |ALTER COLUMN {NAME} TYPE )", re.DOTALL)


def kept_in(situation: PlanContext, ordered: Sequence[Change], hidden: Collection[tuple[str, ...]]) -> list[Change]:
    """Return the changes with what keeps our columns in; `hidden` are the tables that have such columns already."""
    publications = situation.current.of("publication")
    if not publications:
        return list(ordered)
    hiding = set(hidden)
    members = {key: situation.current[key] for key in situation.current.of("publication_table")}
    kept = [one for one in publications if one in situation.wanted.rows]
    below = children(situation.current)
    descended = {table.name: {one.name for one in descendants(below, table)} for table in below}
    for change in ordered:
        for one in change.removes:
            members.pop(one, None)
        members |= {one: situation.wanted[one] for one in change.makes if one.kind == "publication_table"}
        key, texts = change.operation.key, [one.sql for one in change.operation.commands]
        if (
            key.kind == "publication_table"
            and key.name[1:] in hiding
            and key in members
            and members[key].columns is None
        ):
            _append(change, [_relist(key.name[1:], [key.name[0]])])
        ours = _tables(_OURS, texts, descended)
        hiding |= ours
        for table in sorted(ours | (hiding & _tables(_COLUMNS, texts, descended))):
            stuck = table in _tables(_STUCK, texts, descended)
            _keep_in(situation, change, table, kept, members, ours=table in ours, stuck=stuck)
    return list(ordered)


def sends_ledger(situation: PlanContext, ordered: Sequence[Change]) -> None:
    """Say before the first run that a publication of all tables sends the ledger that this run makes."""
    named = [one.name[0] for one in situation.current.of("publication") if situation.current[one].all_tables]
    if named and ordered:
        found = hazard(
            "R04",
            f"publication {', '.join(named)} is FOR ALL TABLES: it sends those of the ledger (schema wgm), which subscribers lack: they stop",
            "publish FOR TABLES IN SCHEMA (PostgreSQL 15) or FOR TABLE; or make the tables of schema wgm on the subscribers as they"
            " are here, and refresh the subscriptions",
            consent=True,
        )
        first = ordered[0]
        first.operation = replace(first.operation, hazards=(*first.operation.hazards, found))


def _tables(
    pattern: re.Pattern[str], texts: Sequence[str], descended: Mapping[tuple[str, ...], set[tuple[str, ...]]]
) -> set[tuple[str, ...]]:
    """Return the tables that statements of this form reach: an enum's swap has several."""
    found: set[tuple[str, ...]] = set()
    for match in filter(None, map(pattern.match, texts)):
        table = (unquoted(match["schema"]), unquoted(match["table"]))
        found |= {table} if match["only"] else {table} | descended.get(table, set())
    return found


def _keep_in(
    situation: PlanContext,
    change: Change,
    table: tuple[str, ...],
    publications: Sequence[Key],
    members: Mapping[Key, PublicationTable],
    *,
    ours: bool,
    stuck: bool,
) -> None:
    listed: list[str] = []
    open_to: list[str] = []
    for one in publications:
        member = Key("publication_table", (*one.name, *table))
        if member in members:
            if members[member].columns is not None:
                continue  # it lists columns
            (listed if _may_list(situation, one, table) else open_to).append(one.name[0])
        elif (
            situation.current[one].all_tables
            or Key("publication_schema", (*one.name, table[0])) in situation.current.rows
        ):
            open_to.append(one.name[0])
    if listed and stuck:
        before = [
            made for name in listed for made in _whole(members[Key("publication_table", (name, *table))], table, name)
        ]
        change.operation = replace(change.operation, commands=(*before, *change.operation.commands))
    if listed:
        _append(change, [_relist(table, listed)])
    if open_to and ours:
        found = hazard(
            "R04",
            f"publication {', '.join(open_to)} sends a column named wgm_…, which subscribers lack: they stop",
            "publish the table FOR TABLE (PostgreSQL 15, no REPLICA IDENTITY FULL) as the publication's owner; or change it"
            " with `online: never` and --no-trash",
            consent=True,
        )
        if found not in change.operation.hazards:
            change.operation = replace(change.operation, hazards=(*change.operation.hazards, found))


def _may_list(situation: PlanContext, publication: Key, table: tuple[str, ...]) -> bool:
    current = situation.current
    row = current.get(Key("table", table))
    owner = current.get(Key("owner", ("publication", *publication.name)))
    return (
        situation.facts.version >= LISTS_SINCE
        and row is not None
        and row.replica_identity != "f"
        and (not row.partition_by or current[publication].via_root)
        and not current.of("publication_schema", *publication.name)
        and (situation.facts.superuser or owner is None or owner.role == situation.facts.role)
    )


def _append(change: Change, commands: Sequence[Command]) -> None:
    change.operation = replace(change.operation, commands=(*change.operation.commands, *commands))


def _lock(table: tuple[str, ...]) -> Lock:
    return Lock(SHARE_UPDATE_EXCLUSIVE, Key("table", table).label)


def _relist(table: tuple[str, ...], publications: Sequence[str]) -> Command:
    return command(
        "publication/relist", _lock(table), table_text=str(ident(table)), publications=publications, shadow=False
    )


def relist_own(table: tuple[str, ...]) -> Command:
    """Return the command after which publications list columns of a table only while some are ours."""
    return _relist(table, [])


def _whole(row: PublicationTable, table: tuple[str, ...], publication: str) -> list[Command]:
    """Return the commands that take a table out of a publication and put it in again without a list."""
    where = Sql(row.where) if row.where else None
    both = [
        Sql(render("publication/table.sql.j2", table=ident(table), columns=[], where=one).sql) for one in (None, where)
    ]
    return [
        command(f"publication/{verb}", _lock(table), name=ident(publication), member=member, shadow=False)
        for verb, member in zip(("drop", "add"), both, strict=True)
    ]
