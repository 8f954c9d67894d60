"""NOT NULL with a name of its own, from PostgreSQL 18 on. The column says that it is NOT NULL; the constraint how it is called.

In: a situation and the key of such a constraint. Out: changes, which come after those of the column. A NOT NULL that is
NOT VALID is the constraint alone: the column does not say it yet.
"""

from __future__ import annotations

from wgm_play.catalog.constraint import NOT_NULL, Constraint, not_null_column
from wgm_play.catalog.model import Catalog, Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
)
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, automatic, ident

_NO_INHERIT = " NO INHERIT"


def column_of(key: Key, row: Constraint) -> Key:
    """Return the column that must not be NULL."""
    return Key("column", (*key.name[:2], not_null_column(row.definition)))


def again(catalog: Catalog, column: Key, *locks: Lock) -> list[Command]:
    """Return the commands after which the NOT NULL of a new column is called as it is to be, as PostgreSQL does or otherwise."""
    found = find(catalog, column)
    if found is None:
        return [named(column, automatic(column.name[1], column.name[2], "not_null"), *locks)]
    return _made(found, catalog[found], *locks)


def find(catalog: Catalog, column: Key) -> Key | None:
    """Return the constraint that is a column's NOT NULL with a name of its own."""
    return next(
        (
            key
            for key in catalog.of("constraint", *column.name[:2])
            if catalog[key].type == NOT_NULL and column_of(key, catalog[key]) == column
        ),
        None,
    )


def named(column: Key, name: str, *locks: Lock) -> Command:
    """Return the command that gives a column's NOT NULL a name, whatever its name is now."""
    table = str(ident(column.name[:2]))
    return command("online/name_not_null", *locks, table_text=table, name=column.name[2], wanted=name)


def _made(key: Key, row: Constraint, *locks: Lock) -> list[Command]:
    commands = [named(column_of(key, row), key.name[2], *locks)]
    if row.definition.endswith(_NO_INHERIT):
        commands.append(_inherits(key, Sql("NO INHERIT"), *locks))
    return [*commands, *comments(key, row.comment)]


def add(situation: PlanContext, key: Key) -> list[Change]:
    """Name the NOT NULL of a column; add one that is NOT VALID."""
    row, table = situation.wanted[key], key.name[:2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    commands = _made(key, row, lock)
    if not row.validated:
        given = {"table": table, "name": key.name[2], "definition": Sql(row.definition), "validated": False}
        commands = [command("constraint/add", lock, **given), *comments(key, row.comment)]
    return [create(situation, key, f"add not null {key.label}", commands, rank=30)]


def change(situation: PlanContext, key: Key) -> list[Change]:
    """Validate, let children inherit it or not, comment."""
    old, new = situation.current[key], situation.wanted[key]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)
    if column_of(key, old) != column_of(key, new) or (old.validated and not new.validated):
        return [*remove(situation, key), *add(situation, key)]  # the column's own change took the old one away
    changes: list[Change] = []
    if not old.validated and new.validated:
        light = Lock(SHARE_UPDATE_EXCLUSIVE, Key("table", key.name[:2]).label)
        proof = command("constraint/validate", light, table=key.name[:2], name=key.name[2], wait="long", scans=True)
        changes.append(alter(situation, key, f"validate not null {key.label}", [proof], rank=31, alone=True))
    if old.definition != new.definition:
        words = Sql("NO INHERIT" if new.definition.endswith(_NO_INHERIT) else "INHERIT")
        changes.append(
            alter(situation, key, f"change who inherits not null {key.label}", [_inherits(key, words, lock)])
        )
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)]))
    return changes


def remove(situation: PlanContext, key: Key) -> list[Change]:
    """Take the name away where the column stays NOT NULL; else it goes with the column's NOT NULL."""
    old, table = situation.current[key], key.name[:2]
    column = column_of(key, old)
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    row = situation.wanted.get(column)
    if row is None or (find(situation.wanted, column) not in (None, key)):
        return []
    if row.not_null:
        made = [comment(key, None)] if old.comment is not None else []
        made += [_inherits(key, Sql("INHERIT"), lock)] if old.definition.endswith(_NO_INHERIT) else []
        made.append(named(column, automatic(table[1], column.name[2], "not_null"), lock))
        return [drop(situation, key, f"let PostgreSQL name not null {key.label}", made, rank=30)]
    if old.validated:
        return []
    gone = command("constraint/drop", lock, table=table, name=key.name[2])
    return [drop(situation, key, f"drop not null {key.label}", [gone], rank=5)]


def _inherits(key: Key, words: Sql, *locks: Lock) -> Command:
    return command("constraint/alter", *locks, table=key.name[:2], name=key.name[2], attributes=words)
