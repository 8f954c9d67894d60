"""Statements that call functions of people see the search_path that their bodies were written for.

In: the groups of a plan, the catalogs before and after. Out: the groups, in which a statement that may call a function
whose body is text stands between one that sets the database's own search_path and one that takes it back.

Everything that we send is qualified, so that search_path is empty. The body of a function is not ours: nearly all name
things without a schema.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from wgm_play.catalog.graph import indexes_of, reached, relation_of
from wgm_play.catalog.kinds import (
    IN_TABLE,
    INDEXES,
    INSIDE,
    ON_TABLE,
    RELATIONS,
    ROUTINES,
    STORED,
    WITH_BODY,
    WITH_PARTS,
)
from wgm_play.catalog.model import Catalog, Key
from wgm_play.plan import Command, Group, Operation

_KINDS = INDEXES | WITH_PARTS | STORED | INSIDE
# What evaluates expressions over rows, or for a value that is kept.
_EVALUATES = re.compile(
    r"\bADD\s+COLUMN\b.*\b(?:DEFAULT|GENERATED)\b|\bADD\s+(?:CONSTRAINT|CHECK)\b|\bVALIDATE\s+CONSTRAINT\b|\bTYPE\b|\bSET\s+EXPRESSION\b|\bINDEX\b|\bATTACH\s+PARTITION\b"
    r"|\bREFRESH\s+MATERIALIZED\s+VIEW\b",
    re.DOTALL,
)
# What sets off the application's triggers and calls what stands in them.
_FILLS = re.compile(r"UPDATE\b")
_REWRITES = re.compile(r"\bTYPE\b|\bATTACH\s+PARTITION\b|\bSET\s+EXPRESSION\b")
_RELATIONS = RELATIONS | {"schema"}
_WORDS = re.compile(r"[\w$]+")
# Extensions with functions in SQL whose bodies name things without a schema: `earth` is a type of earthdistance.
_EXTENSIONS = frozenset(Key("extension", (name,)) for name in ("earthdistance", "xml2"))
# What is called for other reasons than that an expression is evaluated.
_NOT_CALLED = ON_TABLE | {"view"}


def calling(groups: Sequence[Group], before: Catalog, after: Catalog) -> tuple[Group, ...]:
    """Return the groups, with the database's search_path where functions are called."""
    bodies = {key for catalog in (before, after) for key in catalog.rows if _is_text(key, catalog)}
    if not bodies:
        return tuple(groups)
    return tuple(
        replace(group, operations=tuple(_with_path(one, bodies, before, after) for one in group.operations))
        for group in groups
    )


def _is_text(key: Key, catalog: Catalog) -> bool:
    """Tell whether a function's body is text that names mean something in, as search_path says."""
    if key.kind not in WITH_BODY:
        return key in _EXTENSIONS
    row = catalog[key]
    head, text, _ = row.definition.partition("\nAS $")
    return bool(text) and row.language not in ("c", "internal") and "\n SET search_path" not in head


def calls(operation: Operation) -> bool:
    """Tell whether an operation of `calling` calls functions."""
    return any(one.sql.endswith("search_path TO DEFAULT") for one in operation.commands)


def called(operation: Operation, before: Catalog, after: Catalog, table: Key | None = None) -> set[Key]:
    """Return the functions and operators that an operation may call, as far as is recorded; or those of a `table`."""
    return _called(operation, before, after, table) - _EXTENSIONS


def _called(operation: Operation, before: Catalog, after: Catalog, table: Key | None = None) -> set[Key]:
    """Return them with the extensions whose bodies need a search_path, of whose functions no more is recorded."""
    found: set[Key] = set()
    for catalog in (before, after):
        around = _around(catalog, table or operation.key)
        if table is None and not _rewrites(operation) and operation.key in catalog.rows:
            around = {operation.key} if operation.key.kind != "domain" else around
        found |= _reached(catalog, around)
    return found


def _rewrites(operation: Operation) -> bool:
    """Tell whether all rows of a table are written again, or read by rules that are not the operation's own."""
    return any(_REWRITES.search(one.sql) for one in operation.commands)


def evaluates(operation: Operation) -> bool:
    """Tell whether expressions of a table, a domain or a materialized view are evaluated."""
    return operation.key.kind in _KINDS and any(_EVALUATES.search(one.sql) for one in operation.commands)


def tables_of(operation: Operation, before: Catalog, after: Catalog) -> list[Key]:
    """Return the tables whose rows an operation reads by their rules, or writes."""
    found: set[Key] = set()
    if evaluates(operation):
        found.add(Key("table", operation.key.name[:2]))
        for catalog in (before, after):
            on = relation_of(catalog, operation.key) if operation.key.kind == "index" else None
            if on is not None:
                found |= {Key("table", on), Key("materialized_view", on)}
    if operation.verb == "run" or "backfill" in operation.payload:
        words = {word for one in operation.commands for word in _WORDS.findall(one.sql)}
        found |= {key for key in before.of("table") if key.name[1] in words}
    return sorted(found & {*before.rows, *after.rows})


def _planned_on_path(operation: Operation, bodies: set[Key], after: Catalog) -> Operation:
    """Return a fill in batches that is read with the database's search_path, where it calls functions in SQL.

    While a statement is planned PostgreSQL puts their bodies in the place of their calls, and looks names in them up.
    """
    task = operation.payload["backfill"]
    inlined = {key for key in bodies if key in after.rows and key.kind in WITH_BODY and after[key].language == "sql"}
    words = set(_WORDS.findall(f"{task['set']} {task.get('where')} {task.get('left')}"))
    if task.get("path") or not (
        inlined & _reached(after, {operation.key}) or any(key.name[1].partition("(")[0] in words for key in inlined)
    ):
        return operation
    return replace(operation, payload={**operation.payload, "backfill": {**task, "path": True}})


def _with_path(operation: Operation, bodies: set[Key], before: Catalog, after: Catalog) -> Operation:
    if "backfill" in operation.payload:
        operation = _planned_on_path(operation, bodies, after)
    evaluated = evaluates(operation) and bool(_called(operation, before, after) & bodies)
    at_once = operation.key.kind == "column" and "backfill" not in operation.payload
    filled = at_once and any(_FILLS.match(one.sql) for one in operation.commands)
    if not evaluated and not filled:
        return operation
    commands: list[Command] = []
    for one in operation.commands:
        if not (evaluated and _EVALUATES.search(one.sql)) and not (filled and _FILLS.match(one.sql)):
            commands.append(one)
            continue
        local = "LOCAL " if one.transactional else ""
        commands += [
            Command(f"SET {local}search_path TO DEFAULT", transactional=one.transactional, shadow=one.shadow),
            one,
            Command(f"SET {local}search_path TO ''", transactional=one.transactional, shadow=one.shadow),
        ]
    return replace(operation, commands=tuple(commands))


def _around(catalog: Catalog, key: Key) -> set[Key]:
    """Return what is evaluated with an object: for a table or a part of it all columns, rules and indexes."""
    table = Key("table", relation_of(catalog, key) or key.name[:2])
    if table not in catalog.rows:
        domain = Key("domain", key.name[:2])
        return {one for one in (key, domain) if one in catalog.rows} | {
            one for one in catalog.of("domain_constraint") if one.name[:2] == domain.name and domain in catalog.rows
        }
    parts = (one for kind in IN_TABLE for one in catalog.of(kind, *table.name))
    return {table, *parts, *indexes_of(catalog, table)}


def _reached(catalog: Catalog, keys: Collection[Key]) -> set[Key]:
    """Return the functions that `keys` need, directly or not; those of a materialized view also behind views."""
    behind = {"view"} if any(key.kind == "materialized_view" for key in keys) else set()

    def called(key: Key) -> Iterator[Key]:
        if key.kind == "domain":
            yield from catalog.of("domain_constraint", *key.name)
        for other in catalog.directly_needed(key) if key.kind not in _NOT_CALLED - behind else ():
            if other.kind not in _RELATIONS or other.kind in behind:
                yield other

    return {key for key in reached(keys, called) if key.kind in (ROUTINES | {"operator"}) or key in _EXTENSIONS}
