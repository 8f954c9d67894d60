"""Collations: create, make again with the columns that use them, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.collation import Collation
from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    Change,
    PlanContext,
    command,
    comments,
    hazard,
    name_of,
    operation,
)
from wgm_play.operations.column_definition import after_type
from wgm_play.operations.defined import Defined, changed
from wgm_play.operations.granted import privileges
from wgm_play.operations.online import names
from wgm_play.operations.trash import make_way, out_of_trash, trash_object
from wgm_play.plan import Command, Lock
from wgm_play.quantities import counted
from wgm_play.sql import Sql, ident, literal

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def create(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a collation."""
    row: Collation = situation.wanted[key]
    options = [Sql(f"PROVIDER = {_PROVIDERS[row.provider]}")]
    if not row.deterministic:
        options.append(Sql("DETERMINISTIC = false"))
    if row.provider == "c":
        options += [
            Sql(f"LC_COLLATE = {literal(row.lc_collate or '')}"),
            Sql(f"LC_CTYPE = {literal(row.lc_ctype or '')}"),
        ]
    else:
        options.append(Sql(f"LOCALE = {literal(row.locale or row.lc_collate or '')}"))
    if row.rules is not None:
        options.append(Sql(f"RULES = {literal(row.rules)}"))
    return [command("collation/create", name=ident(key.name), source=None, options=options)]


def swap_collation(situation: PlanContext, key: Key) -> list[Change]:
    """Replace a collation under the same name; the columns that use it get the new one, their indexes are rebuilt."""
    if key not in situation.goal.forced and not changed(situation.current[key], situation.wanted[key]) - {"comment"}:
        return COLLATION.alter(situation, key)
    back = situation.goal.returning.get(key)
    old_name = (key.name[0], names.helper(names.OLD, key.name[1], key.kind))
    commands = [
        command("object/rename", what=Sql(f"COLLATION {name_of(key)}"), to=old_name[1]),
        *(out_of_trash(key, back.place, back.rows) if back else create(situation, key)),
    ]
    columns = users_of(situation, key)
    for column in columns:
        lock = Lock(ACCESS_EXCLUSIVE, Key("table", column.name[:2]).label)
        commands.append(
            command(
                "column/type",
                lock,
                table=column.name[:2],
                name=column.name[2],
                type=Sql(situation.wanted[column].type),
                collation=name_of(key),
                using=None,
                kept=None,
                scans=True,
            )
        )
        commands += after_type(situation, column)
    away, payload = make_way(
        situation,
        {key: (old_name[1], None)},
        lambda _: command("object/drop", what=Sql(f"COLLATION {ident(old_name)}")),
    )
    commands += away
    commands += comments(key, situation.wanted[key].comment)
    commands += privileges(situation, key)
    hazards = (hazard("Y05", f"the indexes over {counted(len(columns), 'column')} are built again"),) if columns else ()
    return [
        Change(
            operation(
                situation,
                "alter",
                key,
                f"replace {key}",
                commands,
                hazards=hazards,
                payload=payload,
            ),
            makes=frozenset([key, *columns]),
            removes=frozenset([key, *columns]),
        )
    ]


def users_of(situation: PlanContext, key: Key) -> list[Key]:
    """Return the columns that have this collation, in order."""
    spelled = str(ident(key.name))
    return [
        column
        for column in sorted(situation.current.rows)
        if column.kind == "column"
        and column in situation.wanted.rows
        and situation.current[column].collation == situation.wanted[column].collation
        and situation.current[column].collation == spelled
    ]


def drop_collation(situation: PlanContext, key: Key) -> list[Change]:
    """Move a collation to the trash, because removed data may have it, or drop it."""
    return [trash_object(situation, key)] if situation.facts.trash else COLLATION.drop(situation, key)


COLLATION = Defined(create)
