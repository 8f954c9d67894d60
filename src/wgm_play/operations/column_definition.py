"""A column as ADD COLUMN and CREATE TABLE write it, and what it gets right after that.

In: a column of the wanted catalog. Out: its definition as SQL; statements for storage, compression, statistics, comment.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.operations.access import against_defaults, column_privileges
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    PlanContext,
    command,
    comments,
    kept_labels,
    number,
    options,
)
from wgm_play.plan import Command, Lock
from wgm_play.render import render
from wgm_play.sql import Sql

STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}

COMPRESSION = {"p": "pglz", "l": "lz4"}

IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}

GENERATED = {"s": "STORED", "v": "VIRTUAL"}


def spelled(row: Any) -> dict[str, Any]:
    """Return what the template of a column's definition needs."""
    return {
        "type": Sql(row.type),
        "collation": row.collation and Sql(row.collation),
        "compression": row.compression and Sql(COMPRESSION[row.compression]),
        "expression": row.expression and Sql(row.expression),
        "generated": row.generated and Sql(GENERATED[row.generated]),
        "identity": row.identity and Sql(IDENTITY[row.identity]),
        "identity_options": row.identity_options and identity_options(row.identity_options),
        "default": row.default and Sql(row.default),
        "not_null": row.not_null and not row.identity,
        "sequence": None,
    }


def identity_options(numbers: list[int], prefix: str = "") -> Sql:
    """Return the sequence options of an identity column."""
    start, increment, minimum, maximum, cache, cycle = numbers
    parts = [
        f"START WITH {start}",
        f"INCREMENT BY {increment}",
        f"MINVALUE {minimum}",
        f"MAXVALUE {maximum}",
        f"CACHE {cache}",
        "CYCLE" if cycle else "NO CYCLE",
    ]
    return Sql(" ".join(prefix + part for part in parts))


def definition(situation: PlanContext, key: Key, *, not_null: bool = True) -> Sql:
    """Return a column's line of CREATE TABLE; without its NOT NULL where a constraint says it (not `not_null`)."""
    values = spelled(situation.wanted[key])
    values["not_null"] = values["not_null"] and not_null
    values["sequence"] = situation.wanted.extra(key).owner
    return Sql(render("column/_definition.sql.j2", name=key.name[2], **values).sql)


def after_create(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements for what a column's definition cannot say."""
    row, table, name = situation.wanted[key], key.name[:2], key.name[2]
    commands = stored(key, row.storage, None)
    if row.statistics is not None:
        commands.append(command("column/set_statistics", table=table, name=name, statistics=number(row.statistics)))
    if row.options:
        commands.append(command("column/set_options", table=table, name=name, options=options(row.options)))
    if key in situation.current.rows:  # it is made again
        commands += column_privileges(situation, key)
    elif row.identity:
        commands += against_defaults(situation, key)
    return commands + comments(key, row.comment) + kept_labels(situation, key)


def stored(key: Key, storage: str | None, compression: str | None) -> list[Command]:
    """Return the statements that set a storage and a compression, where they are not the type's own."""
    table, name = key.name[:2], key.name[2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    made = []
    if storage:
        made.append(command("column/set_storage", lock, table=table, name=name, storage=Sql(STORAGE[storage])))
    if compression:
        how = Sql(COMPRESSION[compression])
        made.append(command("column/set_compression", lock, table=table, name=name, compression=how))
    return made


def after_type(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements for what ALTER COLUMN TYPE puts back to the type's own: storage and compression."""
    row = situation.wanted[key]
    return stored(key, row.storage, row.compression)
