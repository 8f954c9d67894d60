"""The swap that ends a type change: names change hands in one short transaction; old values that the new ones do not
tell go to the trash, others are dropped with their column.

In: a `Retyping` whose new columns are filled, indexed and proved. Out: one change for each column; the first holds the
statements, what comes after it (views, foreign keys) commits with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Key
from wgm_play.operations import column as columns
from wgm_play.operations import column_definition, index_marks, named_not_null
from wgm_play.operations import constraint as constraints
from wgm_play.operations.access import column_privileges
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comments,
    hazard,
    kept_labels,
    what_of,
)
from wgm_play.operations.index_marks import statistics_targets
from wgm_play.operations.online import names, spell
from wgm_play.operations.trash import COLUMN_PREFIX, NAMED, conversion_record, replaced_column, trash_name
from wgm_play.plan import Command, Lock
from wgm_play.render import render
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    from wgm_play.operations.online.model import Retyping, Twin

_KIND = {"p": "PRIMARY KEY", "u": "UNIQUE"}


def swap(situation: PlanContext, one: Retyping, prepared: list[Change]) -> list[Change]:
    """Return the changes that put the new columns in place of the old ones."""
    commands = [_command("online/lock", one, tables=[one.table.name])]
    commands += clear(situation, one)
    trash: list[dict[str, Any]] = []
    away: list[str] = []
    gone: list[Command] = []
    for twin in one.twins:
        place, exchanged = exchange(situation, one, twin)
        commands += exchanged
        away.append(place)
        if columns.loses_values(situation, twin.key):
            trash.append(replaced_column(situation, twin.key, twin.using, place))
        else:
            gone.append(drop_old(one, place))
    commands += restore(situation, one)
    commands += [_guard(one, away), *gone]
    records = {twin.key: conversion_record(situation, twin.key) for twin in one.twins}
    trash += [record for record in records.values() if record]
    made: list[Change] = []
    for twin in one.twins:
        old, new = situation.current[twin.key], situation.wanted[twin.key]
        record = records[twin.key]
        payload: dict[str, Any] = {} if made else {"trash": trash}
        covered = set() if made else one.covered  # the first one does it all, the others say it of their columns
        change = alter(
            situation,
            twin.key,
            f"put the new {twin.key.label} ({new.type}) in place of the old one ({old.type})",
            [] if made else commands,
            after=(*prepared[-1:], *made),
            payload=payload | ({"convert": record["definition"]} if record else {}),
            hazards=(
                hazard("C08", "names are swapped in a transaction of catalog changes only"),
                hazard(
                    "Q09",
                    "the new column stands last; INSERT and COPY without names of columns still meet the old one",
                    NAMED,
                ),
            ),
            irreversible=_irreversible(situation, twin),
        )
        change.stand_for(covered)
        made.append(change)
    proofs = [
        constraints.validate(situation, key, tuple(made[-1:])) for key in one.checks if situation.wanted[key].validated
    ]
    return [*made, *proofs, *_identities(situation, one, made[-1])]


def _irreversible(situation: PlanContext, twin: Twin) -> str | None:
    convert = situation.goal.converts.get(twin.key)
    return f"{twin.key} was converted without `back`" if convert and convert.back is None else None


def _command(template: str, one: Retyping, **values: Any) -> Command:
    return command(template, Lock(ACCESS_EXCLUSIVE, one.table.label), **values)


def clear(situation: PlanContext, one: Retyping) -> list[Command]:
    """End the synchronisation; drop the keys, checks and indexes of the old columns."""
    from wgm_play.operations.online.model import sync_name

    made = [
        _command("online/drop_trigger", one, name=sync_name(one), table=one.table.name, missing_ok=False),
        command("online/drop_function", name=sync_name(one), missing_ok=False),
    ]
    for key in (*one.checks, *one.keys):
        made.append(_command("constraint/drop", one, table=one.table.name, name=key.name[2]))
    for key in one.indexes:
        made.append(_command("index/drop", one, name=key.name, concurrently=False))
    return made


def drop_old(one: Retyping, place: str) -> Command:
    """Return the command that drops an old column, by its name after the exchange: nothing is lost with it."""
    return _command("column/drop", one, table=one.table.name, name=place)


def exchange(situation: PlanContext, one: Retyping, twin: Twin) -> tuple[str, list[Command]]:
    """Give the old column a name in the trash and the new one the old name, with default, identity and NOT NULL.

    Return the old column's name after that, and the commands.
    """
    from wgm_play.operations.online.model import check_name

    table, old, new = one.table.name, situation.current[twin.key], situation.wanted[twin.key]
    made: list[Command] = []
    if new.not_null:
        made.append(_command("column/set_not_null", one, table=table, name=twin.helper, not_null=True))
        made.append(_command("constraint/drop", one, table=table, name=check_name(twin)))
    if old.identity and new.identity:
        made.append(_move_identity(one, twin, new))
    elif old.identity:
        made.append(_command("column/drop_identity", one, table=table, name=twin.name))
    made += columns.remember_former(situation, twin.key)
    if old.default is not None:
        made.append(_command("column/set_default", one, table=table, name=twin.name, default=None))
    if old.not_null:
        made.append(_command("column/set_not_null", one, table=table, name=twin.name, not_null=False))
    away = trash_name(situation, twin.name, (twin.key, situation.current.rows[twin.key]), COLUMN_PREFIX)
    made.append(_command("column/rename", one, what=Sql("TABLE"), table=table, name=twin.name, to=away))
    made.append(_command("column/rename", one, what=Sql("TABLE"), table=table, name=twin.helper, to=twin.name))
    if new.not_null and situation.facts.version >= 180000:
        lock = Lock(ACCESS_EXCLUSIVE, one.table.label)
        made += named_not_null.again(situation.wanted, Key("column", (*table, twin.name)), lock)
    if new.default is not None:
        made.append(_command("column/set_default", one, table=table, name=twin.name, default=Sql(new.default)))
    for sequence in situation.current.of("sequence"):
        owner = situation.current[sequence].owned_by
        if owner and tuple(owner) == twin.key.name and sequence in situation.wanted.rows:
            made.append(command("sequence/owned_by", name=sequence.name, column=twin.key.name))
    made += column_privileges(situation, twin.key)
    made += kept_labels(situation, twin.key)
    made += [comment for comment in comments(twin.key, new.comment)]
    return away, made


def _move_identity(one: Retyping, twin: Twin, new: Any) -> Command:
    statement = render(
        "online/identity.sql.j2",
        table=one.table.name,
        name=twin.helper,
        identity=Sql(column_definition.IDENTITY[new.identity]),
        identity_options=column_definition.identity_options(new.identity_options),
    ).sql
    return _command(
        "online/move_identity",
        one,
        table=one.table.name,
        table_text=str(ident(one.table.name)),
        old=twin.name,
        new=twin.helper,
        statement=statement,
    )


def restore(situation: PlanContext, one: Retyping) -> list[Command]:
    """Give keys, indexes and checks their names, now that they are on the new columns."""
    table, made = one.table.name, []
    for key, helper in sorted(one.keys.items(), key=lambda pair: situation.wanted[pair[0]].type != "p"):
        row = situation.wanted[key]
        made.append(
            _command(
                "constraint/using_index",
                one,
                table=table,
                name=key.name[2],
                kind=Sql(_KIND[row.type]),
                index=helper,
                deferrable=spell.deferrable(row.definition),
            )
        )
        made += comments(key, row.comment)
    for key, helper in one.indexes.items():
        made.append(_command("object/rename", one, what=what_of(Key("index", (key.name[0], helper))), to=key.name[1]))
        row = situation.wanted[key]
        made += [*statistics_targets(key, None, row.statistics), *comments(key, row.comment)]
    made += index_marks.kept(situation, one.table, [key.name[-1] for key in (*one.keys, *one.indexes)])
    for key in one.checks:
        row = situation.wanted[key]
        made.append(
            _command(
                "constraint/add",
                one,
                table=table,
                name=key.name[2],
                definition=constraints.spelled(situation, key),
                validated=False,
            )
        )
        made += comments(key, row.comment)
    return made


def _guard(one: Retyping, away: list[str]) -> Command:
    return _command("online/guard", one, table_text=str(ident(one.table.name)), columns=away)


def _identities(situation: PlanContext, one: Retyping, after: Change) -> list[Change]:
    """Make columns identity columns that were none before."""
    made = []
    for twin in one.twins:
        if situation.wanted[twin.key].identity and not situation.current[twin.key].identity:
            change = columns.add_identity(situation, twin.key)
            change.wait_only_for(after)
            made.append(change)
    return made


__all__ = ["clear", "drop_old", "exchange", "names", "restore", "swap"]
