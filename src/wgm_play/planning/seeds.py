"""Seed rows: which of them must be inserted, changed or removed, and what they were before.

In: a `Seed`, the wanted catalog for the columns' types, the live database for the rows. Out: one operation with the
statements and the row images from which a rollback puts the rows back.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from wgm_play.asking.ask import Asker
from wgm_play.catalog.kinds import HOLDING_VALUES, INDEXES
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, Problems, Refused, WgmError
from wgm_play.operations.base import ROW_EXCLUSIVE, PlanContext
from wgm_play.plan import Command, Lock, Operation
from wgm_play.planning.literals import plain, spell
from wgm_play.planning.seed_order import Moved, in_order, parents_first, refers_to_itself, unique_keys
from wgm_play.planning.seed_rows import BATCH, by_columns, there
from wgm_play.playbook.model import Declaration, Seed, SeedRow
from wgm_play.render import Statement, render
from wgm_play.secret import mask, register
from wgm_play.shadow.blame import explain
from wgm_play.sql import Sql, ident, reveal

if TYPE_CHECKING:
    import psycopg


def plan_seed(
    connection: psycopg.Connection[Any],
    seed: Seed,
    live: Catalog,
    wanted: Catalog,
    *,
    allow_prune: bool = True,
    situation: PlanContext | None = None,
    asker: Asker | None = None,
) -> list[Operation]:
    """Return the operations that make the rows as declared, none where they are so once the plan of `situation` was run.

    Rows that others may refer to are removed by an operation of their own, whose payload says `removes`.
    """
    types = _types(seed, wanted)
    if seed.no_log:
        _hide(seed)
    present = [row for row in seed.rows if not row.absent]
    gone = [row for row in seed.rows if row.absent]
    for row in seed.rows:
        _check_row(seed, row, types)
    live_rows = there(connection, seed, live, wanted, types, situation, asker)
    before = live_rows.rows([*present, *gone])
    images = [found[0] for row in gone if (found := before.get(id(row))) is not None]
    if seed.prune and (others := live_rows.others([*present, *gone])):
        if not allow_prune:
            raise _unasked(seed, others)
        images += others
    moved = [Moved(row, None) for row in present if id(row) not in before]
    moved += [
        Moved(row, found[0])
        for row in present
        if seed.update and (found := before.get(id(row))) is not None and not found[1]
    ]
    uniques = unique_keys(seed.table, wanted) if moved else []
    last = bool(images) and _is_referred_to(seed.table, wanted)  # what others may refer to goes at the end
    moved, taken = in_order(seed, uniques, moved, [] if last else images, live_rows)
    if taken:
        raise Problems(taken) if len(taken) > 1 else taken[0]
    commands: list[Command] = []
    changes: list[dict[str, Any]] = []
    for comes, members in itertools.groupby(moved, key=lambda one: one.image is None):
        if comes:
            rows = parents_first(seed.table, [one.row for one in members], wanted)
            commands += _inserts(seed, rows, types, wanted)
            changes += [_change(seed, row, None, row) for row in rows]
            continue
        for one in members:
            image = one.image or {}
            commands.append(_update(seed, one.row, types, image))
            changes.append(_change(seed, one.row, _overwritten(seed, one.row, image), one.row))
    removals = [_delete(seed, image, types) for image in images]
    removed = [_gone(seed, image) for image in images]
    if not last:
        # First what goes: a row that comes may have its values.
        return _operations(seed, [*removals, *commands], [*removed, *changes])
    return [*_operations(seed, commands, changes), *_operations(seed, removals, removed, removes=True)]


def _operations(
    seed: Seed, commands: Sequence[Command], changes: Sequence[dict[str, Any]], **payload: Any
) -> list[Operation]:
    if not commands:
        return []
    counts = [
        ("insert", len([c for c in changes if c["before"] is None])),
        ("change", len([c for c in changes if c["before"] is not None and c["after"]])),
        ("remove", len([c for c in changes if c["after"] is None])),
    ]
    words = ", ".join(f"{word} {count}" for word, count in counts if count)
    title = f"{words} row{'s' if len(changes) != 1 else ''} of {seed.table}"
    # The triggers that rows set off are the application's: they run with its search_path.
    path = Command("SET LOCAL search_path TO DEFAULT", shadow=False)
    more = {"row_changes": list(changes), **payload}
    return [Operation("run", seed.table, title, (path, *commands), seed.step, payload=more)]


def _gone(seed: Seed, image: Mapping[str, Any]) -> dict[str, Any]:
    key = {name: image[name] for name in seed.key}
    return {"relation": list(seed.table.name), "key": key, "before": image, "after": None}


def _is_referred_to(table: Key, wanted: Catalog) -> bool:
    """Tell whether a foreign key refers to a table."""
    return any(
        dependent.kind == "constraint" and wanted.value(dependent, "type") == "f" and referenced.name[:2] == table.name
        for dependent, referenced in wanted.edges
        if dependent in wanted.rows
        and referenced.kind in (INDEXES | HOLDING_VALUES)
        and (dependent.name[:2] != table.name or referenced.kind in INDEXES)
    )


def _unasked(seed: Seed, images: Sequence[Mapping[str, Any]]) -> Refused:
    """Return the refusal of rows that would be pruned without having been asked for."""
    lines = [", ".join(f"{name}={image[name]}" for name in seed.key) for image in images[:10]]
    return Refused(
        f"{len(images)} row{'s' if len(images) != 1 else ''} of {seed.table} would be removed: the seed does not list them",
        where=seed.position,
        details=() if seed.no_log else lines,
        hint="list them, give them `state: absent`, or allow it with --allow-destructive",
    )


def _hide(seed: Seed) -> None:
    for row in seed.rows:
        for name, value in row.values.items():
            if isinstance(value, str) and name not in seed.key:
                register(reveal(value))


def _types(seed: Seed, wanted: Catalog) -> dict[str, str]:
    if seed.table not in wanted.rows:
        raise InputError(
            f"there is no {seed.table} to put rows into", where=seed.table_at, hint="declare the table in a step before"
        )
    return types_of(seed.table, wanted)


def types_of(table: Key, catalog: Catalog) -> dict[str, str]:
    """Return the types of a table's columns."""
    return {key.name[2]: str(catalog.value(key, "type")) for key in catalog.of("column", *table.name)}


def private(error: WgmError) -> WgmError:
    """Take out of an error what a step with `no_log` must not show."""
    error.private = True
    error.details = ()
    return error


def _check_row(seed: Seed, row: SeedRow, types: Mapping[str, str]) -> None:
    import difflib

    for name in row.values:
        if name not in types:
            near = difflib.get_close_matches(name, types, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(types)}"
            where = getattr(row.values, "keys_at", {}).get(name, row.position)
            raise InputError(f"{seed.table} has no column {name!r}", where=where, hint=hint)
    for name in seed.key:
        if row.values.get(name) is None:
            raise InputError(
                f"a row without {name!r}, which is its key", where=row.position, hint=f"give {name!r} a value"
            )


def _inserts(seed: Seed, rows: Sequence[SeedRow], types: Mapping[str, str], wanted: Catalog) -> list[Command]:
    commands = []
    always = {key.name[2] for key in wanted.of("column", *seed.table.name) if wanted[key].identity == "a"}
    if refers_to_itself(seed.table, wanted):  # a row is looked for as its statement ends: all in one
        named = tuple(dict.fromkeys(name for row in rows for name in row.values))
        parts = {named: list(rows)} if named else {}
    else:
        parts = by_columns(rows)
    for columns, members in parts.items():
        for start in range(0, len(members), BATCH):
            spelled = [
                [spell(row.values[name], types[name]) if name in row.values else Sql("DEFAULT") for name in columns]
                for row in members[start : start + BATCH]
            ]
            statement = render(
                "seed/insert.sql.j2",
                table=seed.table.name,
                columns=columns,
                rows=spelled,
                overriding=bool(always & set(columns)),
            )
            commands.append(_data(seed, statement))
    return commands


def _update(seed: Seed, row: SeedRow, types: Mapping[str, str], image: Mapping[str, Any]) -> Command:
    sets = [
        Sql(f"{ident(name)} = {spell(value, types[name])}")
        for name, value in row.values.items()
        if name not in seed.key
    ]
    return _data(
        seed, render("seed/update.sql.j2", table=seed.table.name, sets=sets, key=_key(seed, row.values, types))
    )


def _delete(seed: Seed, values: Mapping[str, Any], types: Mapping[str, str]) -> Command:
    return _data(seed, render("seed/delete.sql.j2", table=seed.table.name, key=_key(seed, values, types)))


def _key(seed: Seed, values: Mapping[str, Any], types: Mapping[str, str]) -> list[Sql]:
    return [Sql(f"{ident(name)} = {spell(values[name], types[name])}") for name in seed.key]


def _data(seed: Seed, statement: Statement) -> Command:
    return Command(statement.sql, wait="data", locks=(Lock(ROW_EXCLUSIVE, seed.table.label),), shadow=False)


def _overwritten(seed: Seed, row: SeedRow, image: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row loses when it is made as declared: a rollback leaves its other values as they are by then."""
    declared = {name: plain(value) for name, value in row.values.items() if name not in seed.key}
    return {name: image[name] for name, value in declared.items() if name in image and _differ(image[name], value)}


def _differ(live: Any, declared: Any) -> bool:
    """Tell whether a value is another one; numbers with digits behind the point are texts of the live row."""
    if isinstance(live, str) and isinstance(declared, int | float) and not isinstance(declared, bool):
        try:
            return Decimal(live) != Decimal(str(declared))
        except InvalidOperation:
            return True
    return bool(live != declared)


def _change(seed: Seed, row: SeedRow, before: Mapping[str, Any] | None, after: SeedRow | None) -> dict[str, Any]:
    return {
        "relation": list(seed.table.name),
        "key": {name: plain(row.values[name]) for name in seed.key},
        "before": before,
        "after": None if after is None else {name: plain(value) for name, value in after.values.items()},
    }


def check_in_shadow(connection: psycopg.Connection[Any], seeds: Sequence[Seed], wanted: Catalog) -> None:
    """Insert the rows into the shadow's tables, so that one which breaks a rule is named by its line.

    Foreign keys are left to the target: the rows that they refer to may be there only.
    """
    import psycopg as library

    done: set[Key] = set()
    problems: list[WgmError] = []
    for seed in seeds:
        types = _types(seed, wanted)
        if seed.table not in done:
            _loosen(connection, seed.table, wanted)
            done.add(seed.table)
        for row in seed.rows:
            _check_row(seed, row, types)
        rows = [row for row in seed.rows if not row.absent]
        for command in _inserts(seed, rows, types, wanted):
            try:
                with connection.transaction():
                    connection.execute(command.sql.encode(), prepare=False)
            except library.Error as error:
                found = _wrong_rows(connection, seed, rows, types, wanted)
                problems += found or [InputError(mask(str(error.diag.message_primary or error)), where=seed.position)]
                break
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]


def _loosen(connection: psycopg.Connection[Any], table: Key, wanted: Catalog) -> None:
    from wgm_play.operations.base import command

    for key in wanted.of("constraint", *table.name):
        if wanted[key].type == "f":
            connection.execute(command("constraint/drop", table=table.name, name=key.name[2]).sql.encode())
    connection.execute(render("seed/quiet.sql.j2", table=table.name).sql.encode())


def _wrong_rows(
    connection: psycopg.Connection[Any], seed: Seed, rows: Sequence[SeedRow], types: Mapping[str, str], wanted: Catalog
) -> list[WgmError]:
    """Try the rows one by one; return an error for each that breaks a rule."""
    import psycopg as library

    found: list[WgmError] = []
    for row in rows:
        statement = Statement(_inserts(seed, [row], types, wanted)[0].sql, row.position)
        try:
            with connection.transaction():
                connection.execute(statement.sql.encode(), prepare=False)
        except library.Error as error:
            if (
                error.sqlstate == "23505"
                and "already exists" in str(error.diag.message_detail)
                and _repeated(rows, row, seed)
            ):
                continue
            raised = explain(error, statement, _holder(seed, row))
            raised.where = _cell(row, error, types) or row.position
            if seed.no_log:
                # "invalid input syntax for type integer: VALUE": the server quotes values only in errors of this class.
                if (error.sqlstate or "").startswith("22"):
                    raised.message = raised.message.split(":")[0]
                    raised.args = (raised.message,)
                private(raised)
            found.append(raised)
    return found


def _repeated(rows: Sequence[SeedRow], row: SeedRow, seed: Seed) -> bool:
    """Tell whether the duplicate is only the same row of a batch that was committed before."""
    return sum(all(other.values.get(name) == row.values.get(name) for name in seed.key) for other in rows) == 1


def _cell(row: SeedRow, error: Any, types: Mapping[str, str]) -> Any:
    """Return where the value stands that PostgreSQL complains about, when the message names its column."""
    places = getattr(row.values, "values_at", {})
    named = error.diag.column_name
    if named in places:
        return places[named]
    constraint = error.diag.constraint_name or ""
    table = error.diag.table_name or ""
    for name in row.values:
        if constraint.startswith(f"{table}_{name}_") and name in places:
            return places[name]
    if (error.sqlstate or "").startswith("22"):
        wrong = [name for name in row.values if f"type {types.get(name)}" in str(error.diag.message_primary)]
        quoted = [name for name in wrong if f'"{row.values[name]}"' in str(error.diag.message_primary)]
        return places.get((quoted or wrong or [""])[0])
    return None


def _holder(seed: Seed, row: SeedRow) -> Any:
    return Declaration(seed.table, seed.step, row.position)
