"""The trash: what is removed is kept, so that a rollback brings the data back.

In: an object that goes. Out: a change that moves it to schema `wgm_trash` (tables, sequences) or renames it
(columns), with a payload from which the ledger, a rollback and `purge` know what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import Any

from wgm_play.catalog.model import Catalog, Key, Row
from wgm_play.catalog.shape import Reader, fields
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    WHAT,
    Change,
    Situation,
    alter,
    command,
    create,
    drop,
    what_of,
)
from wgm_play.plan import Command, Lock
from wgm_play.sql import NAME_BYTES, Sql, ident

SCHEMA = "wgm_trash"
COLUMN_PREFIX = "wgm_trash_"
# What the ledger's trash holds beside data: how to take back what has no definition to compare.
RECORDS = ("conversion", "rename")


def own_keys(catalog: Catalog, table: Key) -> list[Key]:
    """Return the keys of all that goes where a table goes: columns, constraints, indexes, triggers, owned sequences."""
    keys = [
        key for key in catalog.rows if key.kind in ("column", "constraint", "trigger") and key.name[:2] == table.name
    ]
    keys += [key for key in catalog.of("index", table.name[0]) if catalog.rows[key][0] == table.name[1]]
    keys += [key for key in catalog.of("sequence") if tuple((catalog[key].owned_by or ("", ""))[:2]) == table.name]
    return sorted(keys)


def trash_name(situation: Situation, name: str, definition: object, limit: int = NAME_BYTES) -> str:
    """Return a name for the trash that derives from the object's name and definition and is free there."""
    mark = hashlib.sha256(repr(definition).encode()).hexdigest()[:8]
    base = f"{name.encode()[: limit - 13].decode(errors='ignore')}_{mark}"
    made, number = base, 2
    while made in situation.trash_names:
        made, number = f"{base}_{number}", number + 1
    situation.trash_names.add(made)
    return made


def trash_table(situation: Situation, key: Key) -> Change:
    """Move a table with its rows, indexes and keys to the trash; triggers and foreign keys go."""
    current = situation.current
    keys = [own for own in own_keys(current, key) if own not in situation.apart]
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    kept = {own: current.rows[own] for own in [key, *keys] if not _goes(current, own)}
    commands = [command("object/trash_schema")]
    for own in keys:
        if own.kind == "trigger":
            commands.append(command("trigger/drop", lock, name=own.name[2], table=key.name))
        elif own.kind == "constraint" and current[own].type == "f":
            commands.append(
                command("constraint/drop", lock, *_foreign_lock(current, own), name=own.name[2], table=key.name)
            )
    commands += _renames(situation, key, keys)
    name = trash_name(situation, key.name[1], kept)
    commands.append(command("object/rename", lock, what=what_of(key), to=name))
    commands.append(command("object/set_schema", lock, what=Sql(f"TABLE {ident((key.name[0], name))}"), schema=SCHEMA))
    return drop(
        situation, key, f"move {key} to the trash", commands, removes=keys, verb="trash", rank=70,
        payload={"trash": _entry(key, name, kept, commands)},
    )  # fmt: skip


def _goes(catalog: Catalog, key: Key) -> bool:
    return key.kind == "trigger" or (key.kind == "constraint" and catalog[key].type == "f")


def _foreign_lock(catalog: Catalog, key: Key) -> list[Lock]:
    tables = [
        ref for dependent, ref in catalog.edges if dependent == key and ref.kind == "table" and ref.name != key.name[:2]
    ]
    return [Lock(ACCESS_EXCLUSIVE, table.label) for table in sorted(tables)]


def _renames(situation: Situation, key: Key, keys: list[Key]) -> list[Command]:
    """Give indexes, keys and sequences another name where the trash already holds theirs."""
    commands = []
    for own in keys:
        name = own.name[-1]
        indexed = own.kind in ("index", "sequence") or (
            own.kind == "constraint" and situation.current[own].type in "pux"
        )
        if not indexed:
            continue
        if name not in situation.trash_names:
            situation.trash_names.add(name)
            continue
        free = trash_name(situation, name, key)
        if own.kind == "constraint":
            commands.append(command("constraint/rename", table=key.name, name=name, to=free))
        else:
            commands.append(command("object/rename", what=what_of(own), to=free))
    return commands


def trash_object(situation: Situation, key: Key) -> Change:
    """Move a sequence with its value, or a type that removed data still have, to the trash."""
    row = situation.current[key]
    name = trash_name(situation, key.name[1], situation.current.rows[key])
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    commands = [command("object/trash_schema")]
    if key.kind == "sequence" and row.owned_by:
        commands.append(command("sequence/owned_by", name=key.name, column=None))
        row = replace(row, owned_by=None)
    moved = Sql(f"{WHAT[key.kind]} {ident((key.name[0], name))}")
    commands += [
        command("object/rename", lock, what=what_of(key), to=name),
        command("object/set_schema", lock, what=moved, schema=SCHEMA),
    ]
    kept = {key: astuple(row)}
    checks = situation.current.of("domain_constraint", *key.name) if key.kind == "domain" else []
    kept.update({check: situation.current.rows[check] for check in checks})
    return drop(
        situation, key, f"move {key} to the trash", commands, verb="trash", rank=71, removes=checks,
        payload={"trash": _entry(key, name, kept, commands)},
    )  # fmt: skip


def trash_column(situation: Situation, key: Key) -> Change:
    """Keep a column's values under another name; default, NOT NULL and identity go, so that writers need not know it."""
    table, name = key.name[:2], key.name[2]
    old = situation.current[key]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    commands = []
    if old.identity:
        commands.append(command("column/drop_identity", lock, table=table, name=name))
    if old.default is not None:
        commands.append(command("column/set_default", lock, table=table, name=name, default=None))
    if old.not_null:
        commands.append(command("column/set_not_null", lock, table=table, name=name, not_null=False))
    to = COLUMN_PREFIX + trash_name(
        situation, name, (key, situation.current.rows[key]), NAME_BYTES - len(COLUMN_PREFIX)
    )
    commands.append(command("column/rename", lock, what=Sql("TABLE"), table=table, name=name, to=to))
    kept = {key: _bare(situation.current.rows[key])}
    return drop(
        situation, key, f"move {key} to the trash", commands, verb="trash", rank=40,
        payload={"trash": _entry(key, to, kept, commands)},
    )  # fmt: skip


def _bare(row: Row) -> Row:
    """Return a column's row as it is while its values lie in the trash: no default, no NOT NULL, no identity."""
    made = list(row)
    made[2], made[3], made[4], made[5] = None, False, "", None
    return tuple(made)


def _entry(key: Key, name: str, kept: Mapping[Key, Row], commands: list[Command]) -> dict[str, Any]:
    place = [*key.name[:2], name] if key.kind == "column" else [SCHEMA, name]
    return {
        "event": "trashed",
        "kind": key.kind,
        "name": list(key.name),
        "trash_name": place,
        "definition": {
            "fields": fields(own.kind for own in kept),
            "rows": [[own.kind, list(own.name), list(row)] for own, row in sorted(kept.items())],
            "commands": [made.sql for made in commands],
        },
    }


def kept_rows(definition: Mapping[str, Any]) -> dict[Key, Row]:
    """Return the rows that a trash entry keeps, by their keys before the move."""
    reader = Reader(definition.get("fields", {}))
    return {Key(kind, tuple(name)): reader.row(kind, row) for kind, name, row in definition["rows"]}


def restore(situation: Situation, key: Key, place: list[str], definition: Mapping[str, Any]) -> Change:
    """Bring an object back from the trash, where its name is `place`, under its old name."""
    name = place[-1]
    kept = kept_rows(definition)
    payload = {
        "trash": {"event": "restored", "kind": key.kind, "name": list(key.name), "trash_name": place, "definition": {}}
    }
    if key.kind == "column":
        lock = Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)
        back = command("column/rename", lock, what=Sql("TABLE"), table=key.name[:2], name=name, to=key.name[2])
        return alter(situation, key, f"bring {key} back from the trash", [back], verb="restore", payload=payload)
    word = WHAT[key.kind]
    lock = Lock(ACCESS_EXCLUSIVE, f"{SCHEMA}.{name}")
    commands = [
        command("object/set_schema", lock, what=Sql(f"{word} {ident((SCHEMA, name))}"), schema=key.name[0]),
        command("object/rename", lock, what=Sql(f"{word} {ident((key.name[0], name))}"), to=key.name[1]),
    ]
    return create(
        situation, key, f"bring {key} back from the trash", commands, verb="restore", makes=kept, payload=payload
    )
