"""A new column of a large table whose values differ from row to row: a volatile default, serial, identity, a backfill.

In: a wanted column. Out: changes that add it under a helper's name, without a rewrite; fill it in batches; prove NOT
NULL; then give it its name. Nobody sees a half-filled column under the name that was declared.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.graph import children
from wgm_play.catalog.model import Key
from wgm_play.operations import column_definition, named_not_null
from wgm_play.operations.base import ACCESS_EXCLUSIVE, Change, PlanContext, alter, command, create, hazard
from wgm_play.operations.online import acting, names, not_null
from wgm_play.operations.online.fill import fill
from wgm_play.operations.online.spell import varies
from wgm_play.plan import Command, Lock
from wgm_play.render import render
from wgm_play.sql import Sql, ident, literal


def wants_batches(situation: PlanContext, key: Key) -> bool:
    """Tell whether a new column of a large table must be filled row by row."""
    row, table = situation.wanted[key], Key("table", key.name[:2])
    if not situation.online(table) or row.generated or row.inherited or situation.current[table].partition_by:
        return False
    if table in children(situation.current):
        return False  # batches walk the pages or keys of one table
    return bool(row.identity) or key in situation.goal.backfills or (row.default is not None and varies(row.default))


def add_filled(situation: PlanContext, key: Key) -> list[Change]:
    """Add a column under a helper's name, fill it in batches, then give it its own."""
    row, table, name = situation.wanted[key], key.name[:2], key.name[2]
    helper = names.helper(
        names.NEW,
        name,
        row.type,
        row.collation,
        row.default,
        row.identity,
        str(situation.goal.backfills.get(key) or ""),
    )
    situation.findings.used_helpers.add(helper)
    sequence = names.helper(names.NEW, f"{table[1]}_{name}", *table, helper) if row.identity else None
    given = None if row.identity else situation.goal.backfills.get(key)
    # The helper has the default: its text is not read once more.
    value = given or (_value(row, sequence) if row.identity else Sql("DEFAULT"))
    added = _add(situation, key, helper, sequence)
    null = Sql(f"{ident(helper)} IS NULL")
    filled = fill(
        situation,
        key,
        f"fill the new {key} in batches",
        [helper],
        [Sql(f"{ident(helper)} = {value}")],
        where=null,
        left=null if row.not_null or row.identity else None,
        after=(added,),
    )
    made = [added, filled]
    if row.not_null or row.identity:
        made += not_null.prove(situation, key, (filled,), column=helper, value=value)
    for change in made:
        change.stand_for(())
    return [*made, _name(situation, key, helper, sequence, made[-1])]


def _value(row: Any, sequence: str | None) -> Sql:
    return (
        Sql(f"pg_catalog.nextval({literal(str(ident(('wgm', sequence))))}::pg_catalog.regclass)")
        if sequence
        else Sql(row.default)
    )


def _add(situation: PlanContext, key: Key, helper: str, sequence: str | None) -> Change:
    row, table = situation.wanted[key], key.name[:2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    done = names.there("column", table, helper)
    commands: list[Command] = []
    if sequence is not None:
        situation.findings.used_helpers.add(sequence)
        commands += [
            command("online/create_wgm", done=names.there("schema", (), "wgm")),
            command(
                "online/create_sequence",
                name=("wgm", sequence),
                done=done,
                options=column_definition.identity_options(row.identity_options),
            ),
            command("online/open_sequence", name=("wgm", sequence), done=done, shadow=False),
        ]
    default = _value(row, sequence) if sequence else row.default and Sql(row.default)
    values = {
        **column_definition.spelled(row),
        "default": None,
        "not_null": False,
        "identity": "",
        "identity_options": None,
    }
    commands.append(command("column/add", lock, table=table, name=helper, done=done, **values))
    if default is not None:
        # Its own statement: a default in ADD COLUMN is for the rows there are as well, and rewrites the table.
        last = names.there("default", table, helper)
        commands.append(command("column/set_default", lock, table=table, name=helper, default=default, done=last))
    change = alter(
        situation,
        key,
        f"add {key} for new rows",
        commands,
        alone=True,
        hazards=(
            hazard(
                "C03" if row.identity else "C01", "a rewrite under a lock is avoided: added empty, filled in batches"
            ),
            *acting.whole_rows(situation, Key("table", table)),
        ),
    )
    change.need(*(ref for dependent, ref in situation.wanted.edges if dependent == key))
    return change


def _name(situation: PlanContext, key: Key, helper: str, sequence: str | None, after: Change) -> Change:
    row, table, name = situation.wanted[key], key.name[:2], key.name[2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    commands = [command("online/lock", lock, tables=[table])]
    commands.append(command("column/rename", lock, what=Sql("TABLE"), table=table, name=helper, to=name))
    if row.not_null and situation.facts.version >= 180000:
        commands += named_not_null.again(situation.wanted, key, lock)
    if sequence is not None:
        commands += _identity(situation, key, sequence, lock)
    commands += column_definition.after_create(situation, key)
    return create(situation, key, f"name the new column {key.label}", commands, after=(after,), alone=True)


def _identity(situation: PlanContext, key: Key, sequence: str, lock: Lock) -> list[Command]:
    """Make it an identity column that goes on where the sequence is that filled it."""
    row, table, name = situation.wanted[key], key.name[:2], key.name[2]
    source = literal(str(ident(("wgm", sequence))))
    return [
        command("column/set_default", lock, table=table, name=name, default=None),
        command(
            "column/add_identity",
            lock,
            table=table,
            name=name,
            identity=Sql(column_definition.IDENTITY[row.identity]),
            identity_options=column_definition.identity_options(row.identity_options),
            sequence=situation.wanted.extra(key).owner,
        ),
        Command(
            render("online/continue.sql.j2", table_text=str(ident(table)), name=name, source=source).sql, shadow=False
        ),
        command("sequence/drop", name=("wgm", sequence)),
    ]


__all__ = ["add_filled", "wants_batches"]
