"""Constraints of tables: add (plain, or proven online), validate, replace, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import re

from wgm_play.catalog.constraint import NOT_NULL
from wgm_play.catalog.model import Catalog, Key
from wgm_play.operations import named_not_null, partitioned_constraint
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    ROW_SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comment,
    comments,
    create,
    drop,
    hazard,
    options,
)
from wgm_play.operations.index import build_concurrently
from wgm_play.operations.online import names, spell
from wgm_play.operations.partitioned_index import is_partitioned
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.render import render
from wgm_play.sql import Sql, ident

_DEFERRABLE = re.compile(r"( DEFERRABLE( INITIALLY DEFERRED)?)$")
_KIND = {"p": "PRIMARY KEY", "u": "UNIQUE", "c": "CHECK", "f": "FOREIGN KEY", "x": "EXCLUDE"}


def spelled(situation: PlanContext, key: Key) -> Sql:
    """Return a constraint's definition, with what its index needs before the deferrable clause."""
    row = situation.wanted[key]
    text = str(row.definition)
    extra = ""
    if row.options:
        extra += f" WITH ({', '.join(options(row.options))})"
    if row.tablespace:
        extra += f" USING INDEX TABLESPACE {ident(row.tablespace)}"
    if not extra:
        return Sql(text)
    if row.type == "x":  # the index clauses of an exclusion constraint stand before its WHERE
        where = text.find(" WHERE (")
        place = where if where >= 0 else len(_DEFERRABLE.sub("", text))
    else:
        place = len(_DEFERRABLE.sub("", text))
    return Sql(text[:place] + extra + text[place:])


def inline(situation: PlanContext, key: Key) -> Sql:
    """Return a constraint's line of CREATE TABLE."""
    return Sql(render("constraint/_definition.sql.j2", name=key.name[2], definition=spelled(situation, key)).sql)


def referenced(catalog: Catalog, key: Key) -> Key | None:
    """Return the table that a foreign key refers to."""
    tables = [
        table for needed in catalog.needs(key) if (table := needed if needed.kind == "table" else needed.relation)
    ]
    others = [table for table in tables if table.name != key.name[:2]]
    return others[0] if others else (tables[0] if tables else None)


def create_constraint(situation: PlanContext, key: Key) -> list[Change]:
    """Add a constraint to a table that exists, or one that CREATE TABLE could not hold."""
    row, table = situation.wanted[key], Key("table", key.name[:2])
    if row.type == "f":
        return _add_foreign_key(situation, key)
    if row.type == NOT_NULL:
        return named_not_null.add(situation, key)
    enforced = not row.definition.endswith("NOT ENFORCED")
    if situation.online(table) and row.type == "c" and row.validated and enforced:
        return _add_then_validate(situation, key, Lock(ACCESS_EXCLUSIVE, table.label), (), "K01")
    whole = "WITHOUT OVERLAPS" not in row.definition
    by_index = whole and not is_partitioned(situation, table)
    if situation.online(table) and row.type in ("p", "u") and not row.options and not row.tablespace and by_index:
        return _as_columns_are(situation, key, _add_by_index(situation, key))
    if situation.online(table) and row.type in ("p", "u") and not row.options and not row.tablespace and whole:
        made = partitioned_constraint.add_by_index(situation, key, spelled(situation, key), _title(situation, key))
        return _as_columns_are(situation, key, made)
    lock = Lock(ACCESS_EXCLUSIVE, table.label)
    new = situation.is_new(table)
    added = command(
        "constraint/add",
        lock,
        table=table.name,
        name=key.name[2],
        definition=spelled(situation, key),
        validated=row.validated,
        scans=row.validated and not new,
    )
    hazards: tuple[Hazard, ...] = ()
    if situation.online(table) and (row.type == "x" or (row.type in "pu" and not by_index)):
        hazards = (_built_under_lock(row.type),)
    return [
        create(situation, key, f"add {_title(situation, key)}", [added, *comments(key, row.comment)], hazards=hazards)
    ]


def _as_columns_are(situation: PlanContext, key: Key, changes: list[Change]) -> list[Change]:
    """Let what is built for a key wait for the columns that it is on, in the form that they get."""
    columns = frozenset(below for below in situation.wanted.needs(key) if below.kind == "column")
    for change in changes:
        change.need(*columns)
    return changes


def _built_under_lock(kind: str) -> Hazard:
    """Return the hazard of a constraint whose index is built while nobody may use a large table, with the reason."""
    text = "the index is built under a lock that stops reads and writes; not online: "
    if kind == "x":
        return hazard("K06", text + "an exclusion constraint takes no index that is there", "do it in a quiet hour")
    return hazard(
        "K04",
        text + "a constraint WITHOUT OVERLAPS takes no index that is there",
        "do it in a quiet hour",
    )


def _title(situation: PlanContext, key: Key) -> str:
    return f"{_KIND[situation.wanted[key].type].lower()} {key.label}"


def _add_foreign_key(situation: PlanContext, key: Key) -> list[Change]:
    row, table = situation.wanted[key], Key("table", key.name[:2])
    parent = referenced(situation.wanted, key) or table
    locks = [Lock(SHARE_ROW_EXCLUSIVE, name.label) for name in sorted({table, parent})]
    if row.validated and situation.online(table) and not row.definition.endswith("NOT ENFORCED"):
        # A foreign key of a partitioned table cannot be NOT VALID before 18 (manual: "ALTER TABLE").
        if is_partitioned(situation, table) and situation.facts.version < 180000:
            definition = spelled(situation, key)
            return partitioned_constraint.add_foreign_key(situation, key, parent, definition, _title(situation, key))
        validating = (Lock(ROW_SHARE, parent.label),)
        return _add_then_validate(situation, key, locks[0], validating, "K02", *locks[1:])
    scans = row.validated and not situation.is_new(table)
    made = command(
        "constraint/add",
        *locks,
        table=table.name,
        name=key.name[2],
        definition=spelled(situation, key),
        validated=row.validated,
        scans=scans,
    )
    return [create(situation, key, f"add {_title(situation, key)}", [made, *comments(key, row.comment)], rank=30)]


def _add_then_validate(
    situation: PlanContext, key: Key, lock: Lock, validating: tuple[Lock, ...], code: str, *locks: Lock
) -> list[Change]:
    row, table = situation.wanted[key], key.name[:2]
    made = command(
        "constraint/add",
        lock,
        *locks,
        table=table,
        name=key.name[2],
        definition=spelled(situation, key),
        validated=False,
    )
    added = create(
        situation,
        key,
        f"add {_title(situation, key)} for new rows",
        [made, *comments(key, row.comment)],
        rank=30,
        alone=True,
        hazards=(hazard(code, "a scan under a strong lock is avoided: NOT VALID first, then VALIDATE"),),
    )
    return [added, validate(situation, key, (added,), validating)]


def validate(situation: PlanContext, key: Key, after: tuple[Change, ...] = (), locks: tuple[Lock, ...] = ()) -> Change:
    """Prove that the rows there are satisfy a constraint, while the application reads and writes."""
    light = Lock(SHARE_UPDATE_EXCLUSIVE, Key("table", key.name[:2]).label)
    proof = command("constraint/validate", light, *locks, table=key.name[:2], name=key.name[2], wait="long", scans=True)
    return alter(situation, key, f"validate {_title(situation, key)}", [proof], after=after, rank=31, alone=True)


def _add_by_index(situation: PlanContext, key: Key) -> list[Change]:
    """Add a unique or primary key by building its index concurrently first."""
    row, table = situation.wanted[key], Key("table", key.name[:2])
    name = key.name[2]
    helper = names.helper(names.NEW, name, row.definition)
    situation.findings.used_helpers.add(helper)
    statement = spell.key_index(row, table.name, helper)
    index = Key("index", (table.name[0], helper))
    built = build_concurrently(
        situation, index, table, statement, f"build the index of {_title(situation, key)}", step=situation.step_of(key)
    )
    made = command(
        "constraint/using_index",
        Lock(ACCESS_EXCLUSIVE, table.label),
        table=table.name,
        name=name,
        kind=Sql(_KIND[row.type]),
        index=helper,
        deferrable=spell.deferrable(row.definition),
    )
    added = create(
        situation,
        key,
        f"add {_title(situation, key)}",
        [made, *comments(key, row.comment)],
        after=tuple(built),
        rank=31,
    )
    return [*built, added]


def alter_constraint(situation: PlanContext, key: Key) -> list[Change]:
    """Validate, change deferrability or comment in place; replace where the definition changed."""
    old, new = situation.current[key], situation.wanted[key]
    table, name = key.name[:2], key.name[2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    same_index = (old.options, old.tablespace) == (new.options, new.tablespace)
    changes: list[Change] = []
    if old.type == new.type == NOT_NULL:
        return named_not_null.change(situation, key)
    if (
        old.type == new.type == "f"
        and old.definition != new.definition
        and _plain(old.definition) == _plain(new.definition)
    ):
        attributes = _DEFERRABLE.search(new.definition)
        made = command(
            "constraint/alter",
            lock,
            table=table,
            name=name,
            attributes=Sql(attributes.group(1).strip()) if attributes else Sql("NOT DEFERRABLE"),
        )
        changes.append(alter(situation, key, f"change when {_title(situation, key)} is checked", [made]))
    elif (
        old.definition != new.definition
        or old.type != new.type
        or not same_index
        or (old.validated and not new.validated)
    ):
        return replace(situation, key)
    if not old.validated and new.validated:
        parent = referenced(situation.wanted, key) if new.type == "f" else None
        locks = (Lock(ROW_SHARE, parent.label),) if parent else ()
        changes.append(validate(situation, key, (), locks))
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)]))
    return changes


def _plain(definition: str) -> str:
    return _DEFERRABLE.sub("", definition)


def replace(situation: PlanContext, key: Key) -> list[Change]:
    """Drop and add a constraint under the same name: in one transaction, so that no row escapes it in between."""
    table = Key("table", key.name[:2])
    gone = drop_constraint(situation, key)
    if situation.online(table) and situation.wanted[key].type in ("c", "f"):
        made = create_constraint(situation, key)
        first = gone[0].operation.commands + made[0].operation.commands
        joined = alter(
            situation, key, f"replace {_title(situation, key)} for new rows", first, hard=True, alone=True, rank=30
        )
        for change in made[1:]:
            change.wait_only_for(joined)
        return [joined, *made[1:]]
    made = create_constraint(situation, key)
    if len(made) == 1:
        commands = gone[0].operation.commands + made[0].operation.commands
        return [
            alter(
                situation,
                key,
                f"replace {_title(situation, key)}",
                commands,
                hard=True,
                hazards=made[0].operation.hazards,
            )
        ]
    return [*gone, *made]


def drop_constraint(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a constraint; a foreign key locks the table it refers to as well."""
    old, table = situation.current[key], Key("table", key.name[:2])
    if old.type == NOT_NULL:
        return named_not_null.remove(situation, key)
    locks = [Lock(ACCESS_EXCLUSIVE, table.label)]
    if old.type == "f":
        parent = referenced(situation.current, key)
        if parent and parent != table:
            locks.append(Lock(ACCESS_EXCLUSIVE, parent.label))
    made: Command = command(
        "constraint/drop", *sorted(locks, key=lambda lock: lock.relation), table=table.name, name=key.name[2]
    )
    return [drop(situation, key, f"drop {_KIND[old.type].lower()} {key.label}", [made], rank=5)]
