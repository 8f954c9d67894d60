"""Prove a plan: rebuild the live catalog in a scratch database, run the plan there, compare with what is wanted.

In: the live and the wanted catalog, the plan's groups. Out: nothing; a plan that does not lead there is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import closure, owner_column, reached, relation_of, touched, users
from wgm_play.catalog.kinds import (
    ACCESS,
    AS_ROWS,
    INDEXES,
    INSIDE,
    MOVED_BACK,
    NAMING_ROLE,
    OF_SUPERUSERS,
    STORED,
    TYPES,
    WITH_BODY,
    WITH_PARTS,
)
from wgm_play.catalog.model import CLASSES, Catalog, Extra, Key, Row, Rows, differing_fields, field_of, with_fields
from wgm_play.environment import Policy
from wgm_play.errors import Position, Refused
from wgm_play.operations.column_definition import after_create, spelled
from wgm_play.operations.search_path import called, calls
from wgm_play.operations.trash import SCHEMA, kept_rows, several
from wgm_play.plan import Group, Operation
from wgm_play.planning import fills
from wgm_play.planning.versions import unlike
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.shadow import BATCH, alone, as_here, make_named, read, run_all, send, start_over
from wgm_play.shadow.rebuild import statements_for
from wgm_play.shadow.remake import named_in, remake
from wgm_play.sql import ident, replace_names

if TYPE_CHECKING:
    import psycopg

# Where each step was written, and its name, by its index.
Steps = Mapping[int, tuple[Position | None, str | None]]
_FIELDS = ("type", "default", "expression", "collation", "definition", "attributes", "subtype")
# The fields in which types, collations and sequences are named.
_NAMING = {
    kind: tuple(number for number, name in enumerate(CLASSES[kind].__slots__) if name in _FIELDS)
    for kind in TYPES | INDEXES | INSIDE
}
# Cluster-wide or not to be had in the shadow: compared as catalog rows, left out of the proof.
UNPROVED = ACCESS | AS_ROWS | NAMING_ROLE
# What a database has that was just created.
_EMPTY = frozenset([Key("schema", ("public",)), Key("extension", ("plpgsql",))])
# What runs something as it is made: a query, or what fires on the statements after it.
_RUNNING = (STORED - WITH_PARTS) | OF_SUPERUSERS


def prove(
    connection: psycopg.Connection[Any],
    live: Catalog,
    wanted: Catalog,
    groups: Sequence[Group],
    trashed: Iterable[Mapping[str, Any]] = (),
    skipped: frozenset[Key] = frozenset(),
    steps: Steps | None = None,
) -> None:
    """Run `groups` on the part of `live` that they touch; raise `Refused` unless the result equals `wanted`.

    `trashed` are the definitions of what lies in the trash and is brought back. `skipped` keys are not compared.
    """
    operations = [operation for group in groups for operation in group.operations]
    keys = {operation.key for operation in operations}
    keys |= {key for key in {*live.rows, *wanted.rows} if live.rows.get(key) != wanted.rows.get(key)}
    keys |= {table for key in keys if key.kind == "index" and (table := _partitioned(live, wanted, key))}
    keys |= _new_and_old_parents(live, wanted, keys)
    texts = [one.sql for operation in operations for one in operation.commands]
    filled = fills.filled(live, texts)
    keys |= filled
    # What is only needed comes without what depends on it: else the schema would draw in everything.
    part = touched(live, keys) | closure(live, _needed(live, wanted, keys))
    part |= named_in(live, _bodies_called(operations, live, wanted)) | _named_by_rewrites(operations, live)
    part |= closure(live, _columns_of_rows(live, keys))
    part -= {key for key in live.rows if key.kind in UNPROVED}
    trashed = list(trashed)
    moved = _moved_types(trashed)
    make_named(connection, [*texts, *(repr(live.rows[key]) for key in part)], (live.rows, wanted.rows))
    later: list[Mapping[str, Any]] = []

    def first() -> None:
        later[:] = _rebuild_first(connection, trashed, moved)

    remake(connection, live, part, first)
    for definition in _rebuild_first(connection, later, moved):
        with _names_aside(connection, definition):
            _rebuild_trashed(connection, definition, moved)
    _run_groups(connection, groups, steps or {}, filled)
    result = read(connection, edges=False, kinds={key.kind for key in (*part, *keys)} - UNPROVED)
    differing = [
        key
        for key in sorted({*part, *keys})
        if key.kind not in UNPROVED
        and key not in skipped
        and not _same(key, result.rows.get(key), wanted.rows.get(key))
        and key in {*live.rows, *wanted.rows, *result.rows}
    ]
    if any(key in result.rows and key in wanted.rows for key in differing):
        start_over(connection)
        differing = unlike(connection, result, wanted, differing)
    if differing:
        raise Refused(
            "the plan, tried in the shadow database, does not lead to what is declared; nothing was touched",
            details=[line for key in differing[:10] for line in _difference(key, wanted, result)],
            hint="this is a defect of the planner: please report the plan (--check --diff)",
        )


def only_makes(live: Catalog, groups: Iterable[Group]) -> bool:
    """Tell whether a plan does nothing but make objects in a database that has none.

    These were made in a scratch database just as they are declared, nobody uses any, and the run compares what it made: that
    is proof enough. Statements of people are tried all the same, and what runs as it is made.
    """
    if live.unmodelled or any(key.kind not in UNPROVED and key not in _EMPTY for key in live.rows):
        return False
    return all(
        group.transactional
        and one.key.kind not in _RUNNING
        and (one.key.kind in UNPROVED or (one.verb == "create" and not one.payload and not calls(one)))
        for group in groups
        for one in group.operations
    )


def _bodies_called(operations: Iterable[Operation], live: Catalog, wanted: Catalog) -> list[str]:
    """Return the bodies of the functions that statements of the plan call, and queries of materialized views, where a
    query may be a value (`ts_stat`): what they name must be there."""
    operations = list(operations)
    found = {key for one in operations if calls(one) for key in called(one, live, wanted)}
    bodies = [wanted[key].definition for key in sorted(found) if key in wanted.rows and key.kind in WITH_BODY]
    filled = {one.key for one in operations if one.key.kind == "materialized_view" and one.key in wanted.rows}
    return [*bodies, *(wanted[key].query for key in sorted(filled))]


def _named_by_rewrites(operations: Iterable[Operation], live: Catalog) -> set[Key]:
    """Return what statements compute rows with: PostgreSQL keeps no dependency of an expression that runs once."""
    texts = [one.sql for operation in operations for one in operation.commands if one.rewrites]
    operators = live.of("operator") if any(" OPERATOR(" in text for text in texts) else ()
    return named_in(live, texts) | closure(live, operators)


def _columns_of_rows(live: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return the columns of other tables that hold rows of these tables: PostgreSQL alters no table whose row type is in use."""
    tables = {_table(key) for key in keys if key.kind == "column"} & live.rows.keys()
    using = users(live) if tables else {}
    found: set[Key] = set()
    todo = list(tables)
    while todo:
        for one in using.get(todo.pop(), ()):
            if one not in found and (one.kind in TYPES or (one.kind == "column" and _table(one) not in tables)):
                found.add(one)
                todo.append(one)
    return found


def _table(column: Key) -> Key:
    return Key("table", column.name[:2])


def _partitioned(live: Catalog, wanted: Catalog, index: Key) -> Key | None:
    """Return the partitioned table that an index is on: its partitions take part."""
    name = relation_of(wanted, index) or relation_of(live, index) if index.kind == "index" else None
    table = Key("table", name) if name else index
    return table if table in live.rows and table.kind == "table" and live[table].partition_by else None


def _new_and_old_parents(live: Catalog, wanted: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return the parents of tables that join or leave one: their indexes and keys take part."""
    found: set[Key] = set()
    for key in keys:
        old, new = (catalog.get(key) if key.kind == "table" else None for catalog in (live, wanted))
        if (old and (old.parents, old.bound)) != (new and (new.parents, new.bound)):
            found.update(Key("table", tuple(parent)) for row in (old, new) if row for parent in row.parents or ())
    return found


def _same(key: Key, have: Row | None, want: Row | None) -> bool:
    """Compare two rows as far as a scratch database can tell: it knows no roles."""
    if key.kind == "policy" and have is not None and want is not None:
        return with_fields("policy", have, roles=[]) == with_fields("policy", want, roles=[])
    return have == want


def _needed(live: Catalog, wanted: Catalog, keys: Iterable[Key]) -> set[Key]:
    """Return the live objects that wanted ones need, directly or not: an unchanged function below a new trigger."""
    owners = {key: owner for key in keys if key.kind == "sequence" and (owner := owner_column(wanted, key))}

    def needed(key: Key) -> Iterator[Key]:
        yield from wanted.directly_needed(key)
        if key in owners:
            yield Key("table", owners[key].name[:2])

    return reached(keys, needed) & live.rows.keys()


def _difference(key: Key, wanted: Catalog, result: Catalog) -> list[str]:
    if key not in result.rows:
        return [f"{key}: is not there"]
    if key not in wanted.rows:
        return [f"{key}: is still there"]
    want, have = wanted[key], result[key]
    return [
        f"{key}: {name} is {getattr(have, name)!r}, wanted {getattr(want, name)!r}"
        for name in differing_fields(want, have)
    ]


def _moved_types(trashed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return how the types and sequences that lie in the trash are called there, by their names before."""
    moved: dict[str, str] = {}
    for definition in trashed:
        rows = kept_rows(definition)
        names = {Key(kind, tuple(name)): to for kind, name, to in definition.get("renamed", ())}
        with_table = any(key.kind == "table" for key in rows)
        for key, row in rows.items():
            if with_table and key.kind == "sequence":  # it went along, under its own name where that was free
                moved[str(ident(key.name))] = str(ident((SCHEMA, names.get(key, key.name[1]))))
            elif key.kind in MOVED_BACK and "place" in definition:
                moved[str(ident(key.name))] = str(ident(definition["place"]))
                if key.kind == "range" and field_of("range", row, "multirange"):
                    schema, name = definition["place"]
                    moved[str(ident((key.name[0], field_of("range", row, "multirange"))))] = str(
                        ident((schema, several(name)))
                    )
    return moved


def _rebuild_first(
    connection: psycopg.Connection[Any], trashed: Iterable[Mapping[str, Any]], moved: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """Make what lies in the trash, each when what it needs is there; return what needs something that is not."""
    import psycopg as library

    def fails(definition: Mapping[str, Any]) -> bool:
        try:  # another session sees what is committed
            with nullcontext() if alone(connection, definition["commands"]) else connection.transaction():
                _rebuild_trashed(connection, definition, moved)
        except library.Error:
            return True
        return False

    left = list(trashed)
    while len(failed := [definition for definition in left if fails(definition)]) < len(left):
        left = failed  # one may need another one
    return failed


def _rebuild_trashed(
    connection: psycopg.Connection[Any], definition: Mapping[str, Any], moved: Mapping[str, str]
) -> None:
    kept = kept_rows(definition)
    others = {name: to for name, to in moved.items() if name not in {str(ident(key.name)) for key in kept}}
    rows = {key: _retyped(key, row, others) for key, row in kept.items()}
    with _schemas(connection, {key.name[0] for key in rows}):
        _make_trashed(connection, rows, definition.get("edges", ()))
        for statement in definition["commands"]:
            send(connection, statement)


def _retyped(key: Key, row: Row, moved: Mapping[str, str]) -> Row:
    """Return a row as it is while the types, collations and sequences that it names lie in the trash too."""
    if not moved or key.kind not in _NAMING:
        return row
    places = _NAMING[key.kind]
    return tuple(_renamed(value, moved) if number in places else value for number, value in enumerate(row))


def _renamed(value: Any, moved: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return replace_names(value, moved)
    return type(value)(_renamed(one, moved) for one in value) if isinstance(value, list | tuple) else value


@contextmanager
def _names_aside(connection: psycopg.Connection[Any], definition: Mapping[str, Any]) -> Iterator[None]:
    """Let the indexes that a table in the trash had be made, where live ones have their names by now."""
    from wgm_play.operations.base import command, what_of

    names = [
        Key("index", (key.name[0], key.name[-1]))
        for key, row in kept_rows(definition).items()
        if key.kind == "index" or (key.kind == "constraint" and field_of("constraint", row, "type") in "pux")
    ]
    taken: dict[str, set[str]] = {}
    for schema in {key.name[0] for key in names}:
        text = render("trash/taken.sql.j2", schema=schema).sql
        taken[schema] = {name for (name,) in connection.execute(text.encode()).fetchall()}
    aside = {
        key: Key("index", (key.name[0], f"wgm_aside_{number}"))
        for number, key in enumerate(names)
        if key.name[1] in taken[key.name[0]]
    }
    run_all(connection, [command("object/rename", what=what_of(key), to=to.name[1]).sql for key, to in aside.items()])
    yield
    run_all(connection, [command("object/rename", what=what_of(to), to=key.name[1]).sql for key, to in aside.items()])


@contextmanager
def _schemas(connection: psycopg.Connection[Any], names: set[str]) -> Iterator[None]:
    """Let schemas exist that are made again only by the plan."""
    there = {name for (name,) in connection.execute("SELECT nspname FROM pg_catalog.pg_namespace").fetchall()}
    for name in sorted(names - there):
        connection.execute(render("schema/create.sql.j2", name=name).sql.encode())
    yield
    for name in sorted(names - there):
        connection.execute(render("schema/drop.sql.j2", name=name).sql.encode())


def _make_trashed(
    connection: psycopg.Connection[Any], rows: Mapping[Key, Row], edges: Iterable[tuple[Key, Key]]
) -> None:
    tables = {Key("table", key.name[:2]) for key in rows if key.kind == "column"}
    if tables and not tables & rows.keys():  # a column: its table is there
        from wgm_play.operations.base import Facts, PlanContext, command

        made = Catalog(Rows(rows), version=connection.info.server_version)
        situation = PlanContext(Catalog(), made, Facts(Policy(), made.version))
        for key in rows:
            added = command("column/add", table=key.name[:2], name=key.name[2], **spelled(made[key]))
            for one in (added, *after_create(situation, key)):
                connection.execute(one.sql.encode())
    else:
        numbers = {key: Extra(number=number) for number, key in enumerate(rows)}
        catalog = Catalog(dict(rows), numbers, frozenset(edges), version=connection.info.server_version)
        run_all(connection, statements_for(catalog))


def _run_groups(
    connection: psycopg.Connection[Any], groups: Sequence[Group], steps: Steps, filled: Collection[Key]
) -> None:
    """Run the groups in order, as many in one transaction as a batch holds: nobody waits for the shadow's locks."""
    batch: list[Group] = []
    size = 0
    for group in groups:
        if not group.transactional or size + _size(group) > BATCH:
            _run_batch(connection, batch, steps, filled)
            batch, size = [], 0
        if group.transactional:
            batch.append(group)
            size += _size(group)
            continue
        for operation in group.operations:
            for command in operation.commands:
                tried = (command.sql,) if command.shadow else fills.of_no_row(command.sql, filled, operation)
                for sql in tried:
                    _send(connection, sql, operation, steps)
    _run_batch(connection, batch, steps, filled)


def _size(group: Group) -> int:
    return sum(len(operation.commands) for operation in group.operations)


def _run_batch(
    connection: psycopg.Connection[Any], batch: Sequence[Group], steps: Steps, filled: Collection[Key]
) -> None:
    """Run groups in one transaction; where that fails, as for a new enum value, each in its own."""
    import psycopg as library

    commands = [command for group in batch for command in _commands(group, filled)]
    if not commands:
        return
    if alone(connection, [sql for sql, _ in commands]):
        for _, part in itertools.groupby(commands, lambda one: id(one[1])):
            _send_operation(connection, list(part), steps)
        return
    try:
        with connection.transaction():
            text = ";\n".join(as_here(connection, sql) for sql, _ in commands)
            connection.execute(text.encode(), prepare=False)
    except library.Error:
        for group in batch:
            with connection.transaction():
                for sql, operation in _commands(group, filled):
                    _send(connection, sql, operation, steps)


def _send_operation(
    connection: psycopg.Connection[Any], commands: Sequence[tuple[str, Operation]], steps: Steps
) -> None:
    """Send an operation's statements, each committed alone; together where a search_path is set for one of them."""
    with connection.transaction() if calls(commands[0][1]) else nullcontext():
        for sql, operation in commands:
            _send(connection, sql, operation, steps)


# Nobody else is in the shadow, and what each commits by itself there holds no lock for the next.
_LOCK = "LOCK TABLE "


def _commands(group: Group, filled: Collection[Key]) -> list[tuple[str, Operation]]:
    return [
        (sql, operation)
        for operation in group.operations
        for command in operation.commands
        for sql in (
            (command.sql,)
            if command.shadow and operation.verb != "run"
            else fills.of_no_row(command.sql, filled, operation)
        )
        if sql and not sql.startswith(_LOCK)
    ]


# dependent_objects_still_exist
_STILL_NEEDED = "2BP01"


def _send(connection: psycopg.Connection[Any], sql: str, operation: Operation, steps: Steps) -> None:
    import psycopg as library

    try:
        send(connection, sql)
    except library.Error as error:
        details = [mask(text) for text in (error.diag.message_detail,) if text]
        hint = error.diag.message_hint or "the plan was tried in the shadow database: change what stands in its way"
        if error.sqlstate == _STILL_NEEDED and any(SCHEMA in text for text in details):
            details.append("this lies in the trash")
            hint = "remove it for good with --no-trash, or wait until `wgm-play purge` has emptied the trash"
        where, step = steps.get(operation.step, (None, None))
        raise Refused(
            f"{operation.title}: {mask(str(error.diag.message_primary or error))}; nothing was touched",
            where=where,
            step=step,
            details=[*details, *sql.splitlines()[:12]],
            hint=hint,
        ) from error
