"""The trash: what is removed is kept, so that a rollback brings the data back.

In: an object that goes. Out: a change that moves it to schema `wgm_trash` (tables, sequences) or renames it
(columns), with a payload from which the ledger, a rollback and `purge` know what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from typing import Any

from wgm_play.catalog.graph import parts_of_table
from wgm_play.catalog.kinds import (
    BY_METHOD,
    BY_TYPES,
    INDEXES,
    KINDS,
    PER_ROW,
    SWAPPED,
    TEXT_SEARCH,
    TYPES,
)
from wgm_play.catalog.model import Catalog, Key, Row, with_fields
from wgm_play.catalog.row_format import Reader, fields
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    create,
    drop,
    hazard,
    what_of,
)
from wgm_play.operations.range_names import moves as moved_to
from wgm_play.operations.range_names import renames
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, automatic, ident, shortened

SCHEMA = "wgm_trash"
COLUMN_PREFIX = "wgm_trash_"
# As much as a number behind a name that is taken.
_ROOM = "_999"
# What to do where a column lies in the trash among others (hazard Q09).
NAMED = "name the columns"
# What the ledger's trash holds beside data: how to take back what has no definition to compare.
RECORDS = ("conversion", "rename")


def trash_name(situation: PlanContext, name: str, definition: object, prefix: str = "") -> str:
    """Return a name for the trash that derives from the object's name and definition and is free there."""
    mark = hashlib.sha256(repr(definition).encode()).hexdigest()[:8]
    # Room is left for a number behind it.
    base = shortened(name, f"_{mark}{_ROOM}", before=prefix).removesuffix(_ROOM)
    made, number = base, 2
    while is_taken(situation, made):
        made, number = f"{base}_{number}", number + 1
    situation.findings.trash_names.add(made)
    return made


def is_taken(situation: PlanContext, name: str) -> bool:
    """Tell whether something in the trash has a name, or gets it by this plan."""
    return name in situation.facts.trash_names or name in situation.findings.trash_names


def trash_table(situation: PlanContext, key: Key) -> Change:
    """Move a table with its rows, indexes and keys to the trash; triggers and foreign keys go."""
    current = situation.current
    keys = [own for own in parts_of_table(current, key) if own not in situation.findings.apart]
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    kept = {own: current.rows[own] for own in [key, *keys] if not _goes(situation, own)}
    commands = []
    for own in keys:
        if _leans_on_gone(situation, own):
            commands += _let_go(situation, own, lock)
            if own in kept:
                kept[own] = _bare(kept[own], default_only=True)
            continue
        if own.kind in PER_ROW:
            commands.append(command(f"{own.kind}/drop", lock, name=own.name[2], table=key.name))
        elif own.kind == "constraint" and current[own].type == "f":
            commands.append(
                command("constraint/drop", lock, *_foreign_lock(current, own), name=own.name[2], table=key.name)
            )
    renamed = _renames(situation, [own for own in keys if own in kept])
    name = trash_name(situation, key.name[1], kept)
    moves = [
        command("object/trash_schema"),
        *(_rename(own, own.name[-1], to) for own, to in renamed.items()),
        command("object/rename", lock, what=what_of(key), to=name),
        command("object/set_schema", lock, what=Sql(f"TABLE {ident((key.name[0], name))}"), schema=SCHEMA),
    ]
    return drop(
        situation,
        key,
        f"move {key} to the trash",
        [*commands, *moves],
        removes=keys,
        verb="trash",
        rank=70,
        payload={"trash": _entry(key, name, kept, moves, renamed)},
    )


def _goes(situation: PlanContext, key: Key) -> bool:
    """Tell whether a part of a table does not go to the trash with it: it is made again when the table comes back."""
    current = situation.current
    if key.kind in PER_ROW or (key.kind == "constraint" and current[key].type == "f"):
        return True
    if not _leans_on_gone(situation, key):
        return False
    return key.kind != "column" or current[key].generated == "v"


# What is dropped for good: nothing in the trash may depend on it.
_GONE = BY_TYPES | BY_METHOD | TEXT_SEARCH | {"extension"}
# What lies in the trash may depend on these.
NEEDED = _GONE | SWAPPED


def _leans_on_gone(situation: PlanContext, key: Key) -> bool:
    """Tell whether an index, a rule, a default or a generated value uses what goes for good in this plan."""
    if key.kind not in (INDEXES | {"column"}):
        return False
    current, wanted = situation.current, situation.wanted
    needed = current.directly_needed(key)
    return any(ref.kind in _GONE and ref in current.rows and ref not in wanted.rows for ref in needed)


def _let_go(situation: PlanContext, key: Key, lock: Lock) -> list[Command]:
    """Return the command after which a part of a table uses nothing that goes for good."""
    table, name = key.name[:2], key.name[-1]
    if key.kind == "constraint":
        return [command("constraint/drop", lock, name=name, table=table)]
    if key.kind == "index":
        return [command("object/drop", lock, what=what_of(key))]
    generated = situation.current[key].generated
    if generated == "v":
        return [command("column/drop", lock, table=table, name=name)]
    if generated:
        return [command("column/drop_expression", lock, table=table, name=name)]
    return [command("column/set_default", lock, table=table, name=name, default=None)]


def _foreign_lock(catalog: Catalog, key: Key) -> list[Lock]:
    tables = [
        ref for dependent, ref in catalog.edges if dependent == key and ref.kind == "table" and ref.name != key.name[:2]
    ]
    return [Lock(ACCESS_EXCLUSIVE, table.label) for table in sorted(tables)]


def _renames(situation: PlanContext, keys: list[Key]) -> dict[Key, str]:
    """Return other names for indexes, keys and sequences where the trash already holds theirs."""
    renamed = {}
    for own in [_behind_identity(situation, key) or key for key in keys]:
        name = own.name[-1]
        indexed = own.kind == "constraint" and situation.current[own].type in "pux"
        if own.kind not in ("index", "sequence", _BEHIND_IDENTITY) and not indexed:
            continue
        if is_taken(situation, name):
            renamed[own] = trash_name(situation, name, own)
        situation.findings.trash_names.add(name)
    return renamed


# A sequence behind an identity column that has not the name that PostgreSQL would give it: a table was renamed. In a
# scratch database it has that name, and stays as it is.
_BEHIND_IDENTITY = "identity sequence"


def _behind_identity(situation: PlanContext, key: Key) -> Key | None:
    """Return the sequence behind an identity column."""
    name = situation.facts.identity_sequences.get(key)
    if name is None:
        return None
    usual = name == automatic(key.name[1], key.name[2], "seq")
    return Key("sequence" if usual else _BEHIND_IDENTITY, (key.name[0], name))


def _rename(own: Key, name: str, to: str) -> Command:
    """Return the command that renames what belongs to a table, from `name`."""
    if own.kind == "constraint":
        return command("constraint/rename", table=own.name[:2], name=name, to=to)
    if own.kind == _BEHIND_IDENTITY:
        what = what_of(Key("sequence", (*own.name[:-1], name)))
        return command("object/rename", what=what, to=to, shadow=False)
    return command("object/rename", what=what_of(Key(own.kind, (*own.name[:-1], name))), to=to)


def trash_object(situation: PlanContext, key: Key) -> Change:
    """Move a sequence with its value, or a type that removed data still have, to the trash."""
    row = situation.current[key]
    name = trash_name(situation, key.name[1], situation.current.rows[key])
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    commands = []
    if key.kind == "sequence" and row.owned_by:
        commands.append(command("sequence/owned_by", name=key.name, column=None))
        row = replace(row, owned_by=None)
    moves = _into_trash(situation, key, _names(situation, key), name, lock)
    kept = _with_checks(situation, key) | {key: astuple(row)}
    return drop(
        situation,
        key,
        f"move {key} to the trash",
        [*commands, *moves],
        verb="trash",
        rank=71,
        removes=set(kept) - {key},
        payload={"trash": _entry(key, name, kept, moves)},
    )


def _replaced(situation: PlanContext, key: Key, now: tuple[str, str | None]) -> tuple[list[Command], dict[str, Any]]:
    """Return what moves a type or a collation to the trash that is called `now`, as another has its name; and its entry."""
    name = trash_name(situation, key.name[1], situation.current.rows[key])
    before = _names(situation, key)
    entry = _entry(key, name, _with_checks(situation, key), _into_trash(situation, key, before, name))
    entry["definition"]["replaced"] = True
    return _into_trash(situation, key, now, name), entry


def make_way(
    situation: PlanContext, olds: dict[Key, tuple[str, str | None]], drop: Callable[[Key], Command]
) -> tuple[list[Command], dict[str, Any]]:
    """Return what moves types or a collation away that others took the place of, dependents first, and the payload.

    In: what each is called meanwhile, in the order in which they were made, and how one is dropped. Where the trash needs
    one of them, all go there.
    """
    kept = any(is_kept(situation, one) for one in olds)
    entries = [restored(one, back.place) for one in olds if (back := situation.goal.returning.get(one))]
    commands = []
    for one in reversed(olds):
        if kept:
            moves, entry = _replaced(situation, one, olds[one])
            commands += moves
            entries.append(entry)
        else:
            commands.append(drop(one))
    return commands, {"trash": entries} if entries else {}


def is_kept(situation: PlanContext, key: Key) -> bool:
    """Tell whether the trash needs what another takes the place of: something in it has it, or goes there by this plan."""
    if not situation.facts.trash:
        return False
    current, wanted = situation.current, situation.wanted
    if situation.facts.user_in_trash(current, key):
        return True
    return any(
        ref == key
        and dependent.kind in (TYPES | {"column"})
        and (dependent not in wanted.rows or _is_retyped(situation, dependent))
        for dependent, ref in current.edges
    )


def _is_retyped(situation: PlanContext, key: Key) -> bool:
    """Tell whether a column gets another type: its values may stay in the trash."""
    if key.kind != "column":
        return False
    old, new = situation.current[key], situation.wanted[key]
    return bool((old.type, old.collation) != (new.type, new.collation))


def _with_checks(situation: PlanContext, key: Key) -> dict[Key, Row]:
    """Return the rows of a sequence, a collation or a type, a domain's with those of its checks."""
    checks = situation.current.of("domain_constraint", *key.name) if key.kind == "domain" else []
    return {own: situation.current.rows[own] for own in (key, *checks)}


def _names(situation: PlanContext, key: Key) -> tuple[str, str | None]:
    """Return the name of an object, and that of a range type's multirange type."""
    return key.name[1], (situation.current[key].multirange or None) if key.kind == "range" else None


def _into_trash(situation: PlanContext, key: Key, now: tuple[str, str | None], to: str, *locks: Lock) -> list[Command]:
    """Return what moves a sequence, a collation or a type that is called `now` to the trash."""
    schema, row, word = key.name[0], situation.current[key], KINDS[key.kind].word
    into = command("object/trash_schema")
    if key.kind == "range":
        names = (to, row.multirange and several(to))
        return [into, *renames(row.subtype, schema, now, names), *moved_to(row.subtype, schema, names, SCHEMA)]
    return [
        into,
        command("object/rename", *locks, what=Sql(f"{word} {ident((schema, now[0]))}"), to=to),
        command("object/set_schema", *locks, what=Sql(f"{word} {ident((schema, to))}"), schema=SCHEMA),
    ]


def several(name: str) -> str:
    """Return the name that the multirange type of a range type has in the trash."""
    return shortened(name, "_multi")


def trash_column(situation: PlanContext, key: Key) -> Change:
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
    to = trash_name(situation, name, (key, situation.current.rows[key]), COLUMN_PREFIX)
    move = command("column/rename", lock, what=Sql("TABLE"), table=table, name=name, to=to)
    kept = {key: _bare(situation.current.rows[key])}
    return drop(
        situation,
        key,
        f"move {key} to the trash",
        [*commands, move],
        verb="trash",
        rank=40,
        payload={"trash": _entry(key, to, kept, [move])},
        hazards=(hazard("Q09", "it keeps its place: INSERT and COPY without names of columns still meet it", NAMED),),
    )


def replaced_column(situation: PlanContext, key: Key, using: Sql, place: str = "") -> dict[str, Any]:
    """Return the trash's entry for a column's values before a conversion; `using` says how they were converted."""
    row = situation.current.rows[key]
    place = place or trash_name(situation, key.name[2], (key, row), COLUMN_PREFIX)
    kept = Key("column", (*key.name[:2], place))
    entry = _entry(key, place, {kept: _bare(row)}, [])
    # As the column has them: spaces beyond a limit and decimals beyond a scale went with the assignment.
    entry["definition"] |= {"replaced": True, "using": f"({using})::{situation.wanted[key].type}"}
    return entry


def conversion_record(situation: PlanContext, key: Key) -> dict[str, Any] | None:
    """Return the record of a declared conversion, from which a rollback finds the way back; None where there is none."""
    convert = situation.goal.converts.get(key)
    if convert is None:
        return None
    definition = {
        "from": situation.current[key].type,
        "to": situation.wanted[key].type,
        "using": str(convert.using),
        "back": convert.back and str(convert.back),
    }
    place = ["conversion", *key.name]
    return {
        "event": "trashed",
        "kind": "conversion",
        "name": list(key.name),
        "trash_name": place,
        "definition": definition,
    }


def _bare(row: Row, *, default_only: bool = False) -> Row:
    """Return a column's row as it is while its values lie in the trash: no default, no NOT NULL, no identity."""
    if default_only:
        return with_fields("column", row, default=None, generated="", expression=None)
    return with_fields("column", row, default=None, not_null=False, identity="", identity_options=None)


def _entry(
    key: Key, name: str, kept: Mapping[Key, Row], moves: list[Command], renamed: Mapping[Key, str] | None = None
) -> dict[str, Any]:
    """Return what the ledger keeps of something in the trash: what it is there, and how such a thing gets there."""
    place = [*key.name[:2], name] if key.kind == "column" else [SCHEMA, name]
    return {
        "event": "trashed",
        "kind": key.kind,
        "name": list(key.name),
        "trash_name": place,
        "definition": {
            "fields": fields(own.kind for own in kept),
            "rows": [[own.kind, list(own.name), list(row)] for own, row in sorted(kept.items())],
            "commands": [made.sql for made in moves if made.shadow],
            "renamed": [[own.kind, list(own.name), to] for own, to in (renamed or {}).items()],
        },
    }


def kept_rows(definition: Mapping[str, Any]) -> dict[Key, Row]:
    """Return the rows that a trash entry keeps, by their keys before the move."""
    reader = Reader(definition.get("fields", {}))
    return {Key(kind, tuple(name)): reader.row(kind, row) for kind, name, row in definition["rows"]}


def restore(situation: PlanContext, key: Key, place: list[str], definition: Mapping[str, Any]) -> Change:
    """Bring an object back from the trash, where its name is `place`, under its old name."""
    name = place[-1]
    kept = kept_rows(definition)
    payload = {"trash": restored(key, name, place)}
    if key.kind == "column":
        lock = Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)
        back = command("column/rename", lock, what=Sql("TABLE"), table=key.name[:2], name=name, to=key.name[2])
        return alter(situation, key, f"bring {key} back from the trash", [back], verb="restore", payload=payload)
    commands = out_of_trash(key, name, kept)
    for kind, own, to in definition.get("renamed", ()):
        commands.append(_rename(Key(kind, tuple(own)), to, own[-1]))
    return create(
        situation, key, f"bring {key} back from the trash", commands, verb="restore", makes=kept, payload=payload
    )


def restored(key: Key, name: str, place: list[str] | None = None) -> dict[str, Any]:
    """Return what the ledger keeps of something that has come back: its entry is used up."""
    place = place or [SCHEMA, name]
    return {"event": "restored", "kind": key.kind, "name": list(key.name), "trash_name": place, "definition": {}}


def out_of_trash(key: Key, name: str, kept: Mapping[Key, Row]) -> list[Command]:
    """Return what moves an object that is no column out of the trash, where it is called `name`, to its place `key`."""
    if key.kind == "range":
        from wgm_play.operations.range_names import moves, renames

        subtype, multirange = str(kept[key][0]), kept[key][5]
        names = (name, multirange and several(name))
        return [
            *moves(subtype, SCHEMA, names, key.name[0]),
            *renames(subtype, key.name[0], names, (key.name[1], multirange)),
        ]
    word, lock = KINDS[key.kind].word, Lock(ACCESS_EXCLUSIVE, f"{SCHEMA}.{name}")
    return [
        command("object/set_schema", lock, what=Sql(f"{word} {ident((SCHEMA, name))}"), schema=key.name[0]),
        command("object/rename", lock, what=Sql(f"{word} {ident((key.name[0], name))}"), to=key.name[1]),
    ]
