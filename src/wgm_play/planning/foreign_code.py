"""A superuser's run calls no code of a role that is none: it would run with the superuser's rights.

In: the operations of a plan, the catalogs before and after, the target. Out: nothing, or a refusal that names each object,
its owner and the operation that would run it.

Code are functions, and the expressions of tables that belong to others: these may call what only superusers may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import reached, relation_of
from wgm_play.catalog.kinds import INDEXES, RELATIONS, ROUTINES, VIEWS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Position, Refused
from wgm_play.operations.search_path import called, calls, evaluates, tables_of
from wgm_play.plan import Operation
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

Steps = Mapping[int, tuple[Position | None, str | None]]
_CODE = ROUTINES | {"operator"}
_MAY_RUN = _CODE | VIEWS | {"table"} | {"domain"}
_WORD = re.compile(r"[\w$]+")
_SHOWN = 10


def refuse_others_code(
    target: psycopg.Connection[Any],
    operations: Sequence[Operation],
    live: Catalog,
    wanted: Catalog,
    trusted: Iterable[str],
    steps: Steps,
) -> None:
    """Refuse operations that would run code of a role that is neither a superuser nor `trusted`, as a superuser."""
    row = target.execute(render("asking/superuser.sql.j2").sql).fetchone()
    if not (row and row[0]):
        return
    superusers = {name for (name,) in target.execute(render("checks/superusers.sql.j2").sql).fetchall()}
    known = superusers | set(trusted)
    owners = {key: extra.owner for key, extra in live.extras.items() if extra.owner and extra.owner not in known}
    if not any(key.kind in _MAY_RUN for key in owners):
        return
    found: list[tuple[Operation, Key, str]] = []
    reserved: frozenset[str] | None = None
    for operation in operations:
        if operation.key.kind == "index" and owners.keys() & set(tables_of(operation, live, wanted)):
            continue  # an index is built with the rights of its table's owner
        for key in sorted(_run_by(operation, live, wanted)):
            if key in owners:
                found.append((operation, key, str(owners[key])))
        for key in tables_of(operation, live, wanted):
            if key not in owners:
                continue
            if reserved is None:
                reserved = frozenset(
                    name for (name,) in target.execute(render("checks/reserved_functions.sql.j2").sql).fetchall()
                )
            found += [(operation, part, str(owners[key])) for part in _reserved_in(live, key, reserved)]
        if _is_text(operation):
            found += [(operation, key, str(owners[key])) for key in _named(operation, owners)]
        if calls(operation) or _is_text(operation):
            found += [(operation, key, str(owners[key])) for key in _captures(target, owners)]
    if not found:
        return
    operation, key, owner = found[0]
    where, step = steps.get(operation.step, (None, None))
    raise Refused(
        f"{operation.title} would run {key} as a superuser, and it belongs to {owner!r}; nothing was touched",
        where=where,
        step=step,
        details=[f"{one.title}: {other} of {role!r}" for one, other, role in found[1:_SHOWN]],
        hint=f"run as a role that is no superuser, give it another owner, or trust him: policy: {{trusted_owners: [{owner}]}}",
    )


def _run_by(operation: Operation, live: Catalog, wanted: Catalog) -> set[Key]:
    """Return the functions and operators that an operation may run."""
    if operation.key.kind == "materialized_view":
        return _behind_query(operation, live, wanted)
    found: set[Key] = set()
    if evaluates(operation):
        found |= called(operation, live, wanted)
    if _writes_rows(operation):
        for table in tables_of(operation, live, wanted):
            found |= called(operation, live, wanted, table)
            fired = {one for catalog in (live, wanted) for one in catalog.of("trigger") if one.name[:2] == table.name}
            found |= {other for catalog in (live, wanted) for key, other in catalog.edges if key in fired}
    return {key for key in found if key.kind in _CODE}


def _is_text(operation: Operation) -> bool:
    """Tell whether an operation sends SQL as the playbook has it: which function a name means is known only then."""
    return operation.verb == "run" or "backfill" in operation.payload


def _named(operation: Operation, owners: Mapping[Key, str | None]) -> list[Key]:
    """Return the functions of others that have a name which stands in an operation's text, whatever their arguments."""
    text = "\n".join([*(one.sql for one in operation.commands), repr(operation.payload)])
    words = set(_WORD.findall(text))
    return sorted(
        key
        for key in owners
        if key.kind in ROUTINES and (key.name[1] in words or (not _WORD.fullmatch(key.name[1]) and key.name[1] in text))
    )


def _writes_rows(operation: Operation) -> bool:
    return _is_text(operation) or any(
        one.sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "MERGE")) for one in operation.commands
    )


def _behind_query(operation: Operation, live: Catalog, wanted: Catalog) -> set[Key]:
    """Return what the query of a materialized view runs, through views too; nothing where another is its owner.

    It is filled with the rights of its owner.
    """
    key = operation.key
    if not any(one.sql.startswith("REFRESH") for one in operation.commands) or key not in wanted.rows:
        return set()
    if any(" OWNER TO " in one.sql for one in operation.commands):
        return set()

    def needed(one: Key) -> Iterator[Key]:
        for other in (*wanted.directly_needed(one), *live.directly_needed(one)):
            if other.kind not in ((RELATIONS - VIEWS) | {"schema"}):
                yield other

    return {one for one in reached({key}, needed) if one.kind in (*_CODE, "view")}


def _reserved_in(live: Catalog, table: Key, reserved: frozenset[str]) -> Iterator[Key]:
    """Yield the rules, defaults and indexes of a table whose text names a function that only superusers may call."""
    for kind in sorted(INDEXES | {"column"} | {"trigger"}):
        for key in live.of(kind):
            if relation_of(live, key) == table.name and reserved & set(_WORD.findall(repr(live.rows[key]))):
                yield key


def _captures(target: psycopg.Connection[Any], owners: Mapping[Key, str | None]) -> list[Key]:
    """Return the functions of others that have the name of one of the server's: where search_path is set, they may be meant."""
    names = {key.name[1]: key for key in owners if key.kind in ROUTINES}
    found = [key for key in owners if key.kind == "operator"]
    if names:
        rows = target.execute(render("checks/names_of_server.sql.j2", names=sorted(names)).sql).fetchall()
        found += [names[name] for (name,) in rows]
    return sorted(found)
