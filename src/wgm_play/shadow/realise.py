"""Realise what the steps declare: run it in a scratch database and read that back. PostgreSQL is the parser.

In: declarations and the live catalog (for objects that declared ones need and the playbook does not declare).
Out: the declared objects as the server describes them. Errors point to the line of the playbook that caused them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import closure
from wgm_play.catalog.kinds import ACCESS, FIRST_MADE, NEVER_NEEDED, OUTSIDE_SCHEMAS
from wgm_play.catalog.model import Catalog, Key, Rows
from wgm_play.errors import Problems, Refused, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.model import Declaration
from wgm_play.render import Statement
from wgm_play.shadow import BATCH, alone, confined, make_named, names_of, read, run_all, send, start_over
from wgm_play.shadow.blame import circles, explain, missing, names_in
from wgm_play.shadow.lacking import Extensions
from wgm_play.shadow.rebuild import statements_for
from wgm_play.shadow.single import second_statement

if TYPE_CHECKING:
    import psycopg

_NOT_PERMITTED = "42501"
# A statement failed because something it names is not there (yet): manual, appendix "PostgreSQL Error Codes".
_MISSING = frozenset(["42P01", "42703", "42883", "42704", "3F000", "42P17", "42809", "55000", "42830"])


@dataclass(slots=True)
class Realised:
    """The declared objects as a catalog; `borrowed` are live objects that were needed to make them."""

    catalog: Catalog
    borrowed: frozenset[Key] = frozenset()


@dataclass(slots=True)
class _Todo:
    declaration: Declaration
    statement: Statement
    rank: int
    order: int
    error: Any = None


@dataclass(slots=True)
class _Work:
    connection: psycopg.Connection[Any]
    live: Catalog
    declared: Mapping[Key, Declaration]
    extensions: Callable[[], Extensions | None] = lambda: None
    borrowed: set[Key] = field(default_factory=set)


def realise(
    connection: psycopg.Connection[Any],
    declarations: Mapping[Key, Declaration],
    live: Catalog,
    schemas: Sequence[str] | None = None,
    extensions: Callable[[], Extensions | None] = lambda: None,
) -> Realised:
    """Make every declared object in the scratch database behind `connection`, and read them back.

    Names without a schema mean those of `schemas`: of the declared objects' where it is not given.
    Raises `Problems` with one error for each statement that PostgreSQL refuses. `extensions` tells what the target's hold.
    """
    todo = _in_order(declarations.values())
    raise_all([found for item in todo if (found := second_statement(connection, item.statement, item.declaration))])
    work = _Work(connection, live, declarations, extensions)
    import psycopg as library

    make_named(connection, [item.statement.sql for item in todo], (live.rows, declarations))
    with names_of(connection, schemas_of(declarations) if schemas is None else schemas):
        try:
            run_all(connection, [item.statement.sql for item in todo])
        except library.Error as error:
            if error.sqlstate is None:
                raise
            start_over(connection)
            _one_by_one(work, todo)
    made = read(connection)
    made.rows = Rows({key: row for key, row in made.rows.items() if key.kind not in ACCESS})
    public = Key("schema", ("public",))
    if public not in declarations or not declarations[public].late:  # it is there anyway; only its comment is declared
        made.rows.pop(public, None)
    for key in work.borrowed:
        made.rows.pop(key, None)
    return Realised(made, frozenset(work.borrowed))


def schemas_of(declarations: Iterable[Key]) -> list[str]:
    """Return the schemas of declared objects, in the order of their first mention."""
    return list(
        dict.fromkeys(key.name[0] for key in declarations if len(key.name) > 1 and key.kind not in OUTSIDE_SCHEMAS)
    )


def _in_order(declarations: Iterable[Declaration]) -> list[_Todo]:
    todo: list[_Todo] = []
    for declaration in declarations:
        if declaration.absent:
            continue
        kind = declaration.key.kind
        for statement in declaration.statements:
            todo.append(
                _Todo(
                    declaration, statement, FIRST_MADE.index(kind) if kind in FIRST_MADE else len(FIRST_MADE), len(todo)
                )
            )
        for statement in declaration.late:
            rank = FIRST_MADE.index(kind) if kind in FIRST_MADE else len(FIRST_MADE)
            todo.append(_Todo(declaration, statement, max(rank, FIRST_MADE.index("late")), len(todo)))
    return sorted(todo, key=lambda item: (item.rank, item.order))


def _one_by_one(work: _Work, todo: list[_Todo]) -> None:
    """Run each statement by itself; what names something missing waits for the others, until nothing moves."""
    waiting = todo
    problems: list[WgmError] = []
    failed: list[Key] = []
    separate = alone(work.connection, [item.statement.sql for item in todo])
    while waiting:
        still: list[_Todo] = []
        for start in range(0, len(waiting), BATCH):
            with nullcontext() if separate else work.connection.transaction():
                for item in waiting[start : start + BATCH]:
                    item.error = _attempt(work.connection, item.statement.sql)
                    if item.error is None:
                        continue
                    if item.error.sqlstate in _MISSING:
                        still.append(item)
                    else:
                        problems.append(_told(work.connection, item))
                        failed.append(item.declaration.key)
        if len(still) < len(waiting):
            waiting = still
            continue
        if still and (needed := _to_borrow(work, still)):
            # Extensions come first: their scripts must meet nothing that somebody else has written.
            again = confined(work.connection) and any(key.kind == "extension" for key in needed)
            if again:
                start_over(work.connection)
                needed |= work.borrowed
            _borrow(work, needed)
            waiting = todo if again else still
            continue
        extensions = work.extensions() if still else None
        if extensions is not None:
            problems += _for_want_of(extensions, still, failed)
        problems += circles([item for item in still if item.error])
        types = _types(work.connection)
        mistakes = [missing(item, still, failed, work.declared, work.live, types) for item in still if item.error]
        problems += [one for one in mistakes if one is not None]
        if still and not problems:
            problems = [explain(item.error, item.statement, item.declaration) for item in still if item.error]
        break
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]


def _told(connection: psycopg.Connection[Any], item: _Todo) -> WgmError:
    """Return the error of a statement; what the role of a scratch server may not do is no mistake of the playbook's."""
    found = explain(item.error, item.statement, item.declaration)
    if item.error.sqlstate != _NOT_PERMITTED or not confined(connection):
        return found
    return Refused(
        f"{item.declaration.key} cannot be tried on the scratch server: {found.message}; nothing was touched",
        where=found.where,
        details=["statements and functions of a playbook are tried there by a role that has no rights"],
        hint="do without it, or say `shadow: target` in the environment: then it is tried on the target, as your role",
    )


def _for_want_of(extensions: Extensions, still: Sequence[_Todo], failed: list[Key]) -> list[WgmError]:
    """Return the one error for all statements that fail because this server lacks an extension; they count as failed."""
    found: dict[str, _Todo] = {}
    needed: list[str] = []
    for item in still:
        name = next(iter(names_in(str(item.error.diag.message_primary))), "")
        extension = extensions.lacking(name) if name and not _is_made(name, still) else None
        if extension is None:
            continue
        found.setdefault(extension, item)
        needed.append(str(item.declaration.key))
        failed.append(item.declaration.key)
        item.error = None
    if not found:
        return []
    return [extensions.error(found, needed, next(iter(found.values())).declaration.position)]


def _is_made(name: str, still: Sequence[_Todo]) -> bool:
    """Tell whether a missing name is that of a declared object, which waits for something itself."""
    word = name.rsplit(".", maxsplit=1)[-1]
    return any(word in item.declaration.key.name for item in still)


def _attempt(connection: psycopg.Connection[Any], sql: str) -> Any:
    import psycopg as library

    try:
        if alone(connection, [sql]) and connection.info.transaction_status.name == "IDLE":
            send(connection, sql)
            return None
        with connection.transaction():
            connection.execute(sql.encode(), prepare=False)
    except library.Error as error:
        if connection.broken:
            raise
        return error
    return None


# What nothing else needs.
def _to_borrow(work: _Work, still: Sequence[_Todo]) -> set[Key]:
    """Return the live objects that the playbook does not declare and that the waiting statements name, with their needs."""
    words = set()
    for item in still:
        words.update(re.findall(r"[\w$]+", item.statement.sql))
    tables = {key.name for key in work.declared if key.kind == "table"}
    wanted = {
        key
        for key in work.live.rows
        if key.kind not in NEVER_NEEDED
        and key not in work.borrowed
        and not _declared(key, work.declared)
        and key.name[:2] not in tables
        and key.name[min(1, len(key.name) - 1)] in words
        and key != Key("schema", ("public",))
    }
    extensions = work.extensions()
    if extensions is not None:
        held = {Key("extension", (name,)) for word, name in extensions.names.items() if word in words}
        wanted |= {key for key in held - work.borrowed - work.declared.keys() if key.name[0] not in extensions.lacks}
    needed = closure(work.live, wanted) - work.borrowed - {Key("schema", ("public",))}
    return {key for key in needed if not _declared(key, work.declared) and key.name[:2] not in tables}


def _borrow(work: _Work, needed: set[Key]) -> None:
    """Make live objects."""
    for statement in statements_for(work.live.only(needed)):  # qualified throughout
        _attempt(work.connection, statement)
    work.borrowed |= needed


def _declared(key: Key, declared: Mapping[Key, Declaration]) -> bool:
    if key in declared:
        return True
    return (
        any(other.kind == key.kind and other.name[:2] == key.name[:2] for other in declared)
        if len(key.name) == 3
        else False
    )


def _types(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the names of the types that a declaration may have meant."""
    rows = connection.execute(
        "SELECT typname FROM pg_catalog.pg_type WHERE typrelid = 0 AND typelem = 0 AND typtype IN ('b', 'r', 'e', 'd')"
    ).fetchall()
    return [name for (name,) in rows]
