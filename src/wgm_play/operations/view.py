"""Views and materialized views: create, replace, drop and make again with their privileges and comments.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from collections.abc import Iterator

from wgm_play.catalog.column import own_storage
from wgm_play.catalog.graph import indexes_of, reached
from wgm_play.catalog.kinds import WITH_BODY
from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
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
    what_of,
)
from wgm_play.operations.column_definition import COMPRESSION, STORAGE
from wgm_play.operations.granted import privileges
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident


def create_view(situation: PlanContext, key: Key) -> list[Change]:
    """Create a view."""
    return [create(situation, key, f"create {key}", [_spell(situation, key), *_around(situation, key)], rank=40)]


def _spell(situation: PlanContext, key: Key, *, replace: bool = False) -> Command:
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


def _around(situation: PlanContext, key: Key) -> list[Command]:
    row = situation.wanted[key]
    commands = comments(key, row.comment)
    commands += [_column_comment(key, name, text) for name, text in row.column_comments or ()]
    if key.kind == "view":
        commands += [_default(key, name, text) for name, text in row.defaults or ()]
    else:
        commands += [made for one in row.column_settings or () for made in _column_settings(situation, key, None, one)]
    return commands + privileges(situation, key)


def _column_comment(key: Key, column: str, text: str | None) -> Command:
    return command("object/comment", what=Sql(f"COLUMN {ident((*key.name, column))}"), text=text)


def _default(key: Key, column: str, text: str | None) -> Command:
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    return command("view/set_default", lock, name=key.name, column=column, default=text and Sql(text))


def _changed_defaults(situation: PlanContext, key: Key) -> list[Change]:
    before = dict(map(tuple, situation.current[key].defaults or ()))
    after = dict(map(tuple, situation.wanted[key].defaults or ()))
    return [
        alter(situation, key, f"change the default of {key.label}.{name}", [_default(key, name, after.get(name))])
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _column_settings(
    situation: PlanContext, key: Key, old: list[str | None] | None, new: list[str | None]
) -> list[Command]:
    """Return what leads from one column's settings to another's."""
    name, before = ident(str(new[0])), old or [None] * 5
    actions = []
    if before[1] != new[1]:
        actions.append(f"SET STATISTICS {-1 if new[1] is None else int(new[1])}")
    for place, word, known in ((2, "STORAGE", STORAGE), (3, "COMPRESSION", COMPRESSION)):
        if before[place] != new[place]:
            value = new[place]
            usual = "DEFAULT"
            if word == "STORAGE" and situation.facts.version < 160000:
                types = (
                    one.removeprefix(f"{name} ") for one in situation.wanted[key].columns if one.startswith(f"{name} ")
                )
                usual = own_storage(next(types, "text"))
            actions.append(f"SET {word} {known[value] if value else usual}")
    was, now = (one[4].split(", ") if one[4] else None for one in (before, new))
    to_set, to_reset = changed_options(was, now)
    actions += [f"RESET ({', '.join(option_names(to_reset))})"] if to_reset else []
    actions += [f"SET ({', '.join(options(to_set))})"] if to_set else []
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    return [
        command("materialized_view/alter", lock, name=key.name, action=Sql(f"ALTER COLUMN {name} {one}"))
        for one in actions
    ]


def _changed_settings(situation: PlanContext, key: Key) -> list[Change]:
    before = {str(one[0]): one for one in situation.current[key].column_settings or ()}
    after = {str(one[0]): one for one in situation.wanted[key].column_settings or ()}
    return [
        alter(
            situation,
            key,
            f"change the settings of {key.label}.{name}",
            _column_settings(situation, key, before.get(name), after.get(name, [name, None, None, None, None])),
        )
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _cluster(situation: PlanContext, key: Key) -> list[Change]:
    """Mark the index that CLUSTER follows: it may be a new one."""
    name = situation.wanted[key].cluster_on
    action = Sql(f"CLUSTER ON {ident(name)}") if name else Sql("SET WITHOUT CLUSTER")
    made = command("materialized_view/alter", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name, action=action)
    change = alter(situation, key, f"cluster {key.label} on {name or 'nothing'}", [made], rank=46)
    change.make_only()
    change.need(key, *([Key("index", (key.name[0], name))] if name else []))
    return [change]


def replaceable(situation: PlanContext, key: Key) -> bool:
    """Tell whether CREATE OR REPLACE VIEW can make the change: it may only add columns at the end."""
    old, new = situation.current[key], situation.wanted[key]
    return bool(new.columns[: len(old.columns)] == old.columns)


def alter_view(situation: PlanContext, key: Key) -> list[Change]:
    """Change query, options or comments in place where PostgreSQL can, otherwise drop and create."""
    old, new = situation.current[key], situation.wanted[key]
    changes: list[Change] = []
    if (old.query, old.columns) != (new.query, new.columns):
        if not replaceable(situation, key):
            return [*drop_view(situation, key), *create_view(situation, key)]
        made = _spell(situation, key, replace=True)
        changes.append(alter(situation, key, f"replace {key}", [made], hazards=(_LOCKED,)))
        changes += _changed_comments(situation, key)  # with the query, the options were replaced
        return changes + _changed_defaults(situation, key)
    to_set, to_reset = changed_options(old.options, new.options)
    if to_reset:
        made = command(
            "view/reset_options", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name, options=option_names(to_reset)
        )
        changes.append(alter(situation, key, f"reset {', '.join(to_reset)} of {key}", [made]))
    if to_set:
        made = command("view/set_options", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name, options=options(to_set))
        changes.append(alter(situation, key, f"set {', '.join(to_set)} of {key}", [made]))
    return changes + _changed_comments(situation, key) + _changed_defaults(situation, key)


_LOCKED = hazard("V04", "the view is locked against readers for a moment")


def _changed_comments(situation: PlanContext, key: Key) -> list[Change]:
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


def drop_view(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a view; its definition stays in the snapshot."""
    made = command("view/drop", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name)
    return [drop(situation, key, f"drop {key}", [made], rank=2)]


def create_materialized_view(situation: PlanContext, key: Key) -> list[Change]:
    """Create a materialized view, and fill it; one that is made again holds no data where it held none."""
    row = situation.wanted[key]
    made = command(
        "materialized_view/create",
        name=key.name,
        query=Sql(row.query.rstrip(";")),
        options=options(row.options),
        with_data=False,
        tablespace=row.tablespace,
        access_method=row.access_method if row.access_method != "heap" else None,
    )
    commands = [made, *_around(situation, key), *_declared_owner(situation, key)]
    # Filled last: what it calls runs with the rights of its owner, never with those of who makes it for him.
    if situation.goal.renames.get(key, key) not in situation.facts.unfilled:
        commands.append(command("materialized_view/refresh", name=key.name, wait="data"))
    made_here = [create(situation, key, f"create {key}", commands, rank=45)]
    made_here[0].need(*_lets_read(situation, key))
    return [*made_here, *(_cluster(situation, key) if row.cluster_on else [])]


def _lets_read(situation: PlanContext, key: Key) -> frozenset[Key]:
    """Return the owners and privileges of what a view reads: its owner must have them when it is filled."""
    wanted = situation.wanted

    def uses(one: Key) -> Iterator[Key]:
        if one == key or one.kind in (WITH_BODY | {"view"}):
            yield from (used.relation or used for used in wanted.directly_needed(one))

    read = reached({key}, uses)
    schemas = {Key("schema", used.name[:1]) for used in read if len(used.name) > 1}
    about = {(used.kind, *used.name) for used in (read | schemas) - {key}}
    found = {one for one in (*wanted.of("owner"), *wanted.of("grant")) if one.name in about or one.name[:-1] in about}
    return frozenset([*found, *wanted.of("membership")])


def _declared_owner(situation: PlanContext, key: Key) -> list[Command]:
    """Return the command that gives a new one its owner before it is filled."""
    row = situation.wanted.get(Key("owner", (key.kind, *key.name)))
    if row is None or row.role in (situation.facts.role, situation.extra(key).owner):
        return []
    return [command("object/owner", what=what_of(key), owner=row.role, shadow=False)]


def alter_materialized_view(situation: PlanContext, key: Key) -> list[Change]:
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
    changes += [*_changed_comments(situation, key), *_changed_settings(situation, key)]
    return changes + (_cluster(situation, key) if old.cluster_on != new.cluster_on else [])


def _materialized(made: Command) -> Command:
    from dataclasses import replace

    return replace(made, sql=made.sql.replace("ALTER VIEW", "ALTER MATERIALIZED VIEW", 1))


def drop_materialized_view(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a materialized view with its indexes; it can be computed again."""
    made = command("materialized_view/drop", Lock(ACCESS_EXCLUSIVE, key.label), name=key.name)
    return [drop(situation, key, f"drop {key}", [made], removes=indexes_of(situation.current, key), rank=2)]
