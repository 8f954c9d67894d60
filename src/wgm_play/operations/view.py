"""Views and materialized views: create, replace, drop and make again with their privileges and comments.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    Change,
    Situation,
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
    privileges,
)
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident


def create_view(situation: Situation, key: Key) -> list[Change]:
    """Create a view."""
    return [create(situation, key, f"create {key}", [_spell(situation, key), *_around(situation, key)], rank=40)]


def _spell(situation: Situation, key: Key, *, replace: bool = False) -> Command:
    row = situation.wanted[key]
    locks = (Lock(ACCESS_EXCLUSIVE, key.label),) if replace else ()
    return command(
        "view/create",
        *locks,
        name=key.name,
        options=options(row.options),
        query=Sql(row.query.rstrip(";")),
        replace=replace,
    )


def _around(situation: Situation, key: Key) -> list[Command]:
    row = situation.wanted[key]
    commands = comments(key, row.comment)
    commands += [_column_comment(key, name, text) for name, text in row.column_comments or ()]
    return commands + privileges(key, situation.extra(key), situation.role)


def _column_comment(key: Key, column: str, text: str | None) -> Command:
    return command("object/comment", what=Sql(f"COLUMN {ident((*key.name, column))}"), text=text)


def replaceable(situation: Situation, key: Key) -> bool:
    """Tell whether CREATE OR REPLACE VIEW can make the change: it may only add columns at the end."""
    old, new = situation.current[key], situation.wanted[key]
    return bool(new.columns[: len(old.columns)] == old.columns)


def alter_view(situation: Situation, key: Key) -> list[Change]:
    """Change query, options or comments in place where PostgreSQL can, otherwise drop and create."""
    old, new = situation.current[key], situation.wanted[key]
    changes: list[Change] = []
    if (old.query, old.columns) != (new.query, new.columns):
        if not replaceable(situation, key):
            return [*drop_view(situation, key), *create_view(situation, key)]
        made = _spell(situation, key, replace=True)
        changes.append(alter(situation, key, f"replace {key}", [made], hazards=(_LOCKED,)))
        return changes + _changed_comments(situation, key)  # with the query, the options were replaced
    to_set, to_reset = changed_options(old.options, new.options)
    if to_reset:
        made = command(
            "view/reset_options", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name, options=option_names(to_reset)
        )
        changes.append(alter(situation, key, f"reset {', '.join(to_reset)} of {key}", [made]))
    if to_set:
        made = command("view/set_options", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name, options=options(to_set))
        changes.append(alter(situation, key, f"set {', '.join(to_set)} of {key}", [made]))
    return changes + _changed_comments(situation, key)


_LOCKED = hazard("V04", "the view is locked against readers for a moment")


def _changed_comments(situation: Situation, key: Key) -> list[Change]:
    old, new = situation.current[key], situation.wanted[key]
    before = dict(map(tuple, old.column_comments or ()))
    after = dict(map(tuple, new.column_comments or ()))
    changes = []
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)]))
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            made = _column_comment(key, name, after.get(name))
            changes.append(alter(situation, key, f"comment on column {key.label}.{name}", [made]))
    return changes


def drop_view(situation: Situation, key: Key) -> list[Change]:
    """Drop a view; its definition stays in the snapshot."""
    made = command("view/drop", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name)
    return [drop(situation, key, f"drop {key}", [made], rank=2)]


def create_materialized_view(situation: Situation, key: Key) -> list[Change]:
    """Create a materialized view with its data."""
    row = situation.wanted[key]
    made = command(
        "materialized_view/create", name=key.name, query=Sql(row.query.rstrip(";")), options=options(row.options), with_data=True,
        tablespace=row.tablespace, access_method=row.access_method if row.access_method != "heap" else None, wait="data",
    )  # fmt: skip
    return [create(situation, key, f"create {key}", [made, *_around(situation, key)], rank=45)]


def alter_materialized_view(situation: Situation, key: Key) -> list[Change]:
    """Make a materialized view again where its query changed; change comments and options in place."""
    old, new = situation.current[key], situation.wanted[key]
    definition = ("query", "columns", "tablespace", "access_method")
    if any(getattr(old, name) != getattr(new, name) for name in definition):
        return [*drop_materialized_view(situation, key), *create_materialized_view(situation, key)]
    changes = []
    to_set, to_reset = changed_options(old.options, new.options)
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    if to_reset:
        made = command("view/reset_options", lock, name=key.name, options=option_names(to_reset))
        changes.append(alter(situation, key, f"reset {', '.join(to_reset)} of {key}", [_materialized(made)]))
    if to_set:
        made = command("view/set_options", lock, name=key.name, options=options(to_set))
        changes.append(alter(situation, key, f"set {', '.join(to_set)} of {key}", [_materialized(made)]))
    return changes + _changed_comments(situation, key)


def _materialized(made: Command) -> Command:
    from dataclasses import replace

    return replace(made, sql=made.sql.replace("ALTER VIEW", "ALTER MATERIALIZED VIEW", 1))


def drop_materialized_view(situation: Situation, key: Key) -> list[Change]:
    """Drop a materialized view with its indexes; it can be computed again."""
    made = command("materialized_view/drop", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name)
    own = [
        index for index in situation.current.of("index", key.name[0]) if situation.current.rows[index][0] == key.name[1]
    ]
    return [drop(situation, key, f"drop {key}", [made], removes=own, rank=2)]
