"""Kind `table`: columns and constraints.

In: a step. Out: its schema fragment, example and declaration. What several steps say of one table is merged first and
made into SQL once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, Seq, Text, position_of
from wgm_play.errors import Position, Problems, WgmError
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    STATE,
    Folding,
    Kind,
    at,
    comment_on,
    default_schema,
    fail,
    flag,
    ident_at,
    key_word,
    mapping,
    parameters,
    parts_of,
    ref,
    statement,
    text,
    word,
)
from wgm_play.playbook.kinds.column import SCHEMA as COLUMN
from wgm_play.playbook.kinds.column import ColumnSpec, checks_of, column_of, one_of_values, part_of
from wgm_play.playbook.kinds.constraint import (
    DEFERRABLE,
    ELEMENTS,
    NAMED,
    REFERENCE,
    ConstraintSpec,
    constraint_of,
    foreign,
    unnamed_check,
    what_of,
)
from wgm_play.playbook.kinds.partition import (
    BOUND,
    PARTITION_BY,
    PARTITIONS,
    child_of,
    inherited_settings,
    partition_key,
    refuse_own_definition,
)
from wgm_play.playbook.model import Declaration, Step, TablePart
from wgm_play.render import Statement
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Who may come in
  table:
    name: members
    comment: People with a key
    columns:
      id:     {type: uuid, default: gen_random_uuid(), primary_key: true}
      number: {type: bigint, identity: {generation: always, start: 1000}}
      name:   {type: text, not_null: true, check: length(name) between 1 and 200}
      email:  {type: text, unique: true, comment: Where letters go}
      rank:   {type: text, not_null: true, default: "'guest'", one_of: [guest, member, keeper]}
      handle: {type: text, generated: lower(name)}
      joined: {type: timestamptz, not_null: true, default: now()}
- name: Who knows whom
  table:
    name: acquaintances
    columns:
      one:   {type: uuid, not_null: true, references: members(id), on_delete: cascade}
      other: {type: uuid, not_null: true, references: members(id), on_delete: cascade}
      since: date
    primary_key: [one, other]
    constraints:
      acquaintances_not_self: {check: one <> other, comment: Nobody counts themselves}
      acquaintances_once: {unique: [other, one], deferrable: true, initially: deferred}
- name: A later step adds a column and takes another away
  table:
    name: members
    columns:
      phone: text
      handle: {state: absent}
"""

_UNIQUE = {
    "description": "UNIQUE constraints, as a list of lists of columns: `[[a, b], [c]]`. With a name or options, "
    "use `constraints`.",
    "type": "array",
    "items": {
        "oneOf": [
            ref("names"),
            mapping(
                {
                    "columns": ref("names"),
                    **DEFERRABLE,
                    "nulls_not_distinct": flag(
                        "NULLS NOT DISTINCT: NULLs are treated as equal (PostgreSQL 15 and later).", False
                    ),
                    "include": ref("names"),
                },
                ["columns"],
            ),
        ]
    },
}

SCHEMA = mapping(
    {
        "name": ref("object", "The table's name."),
        "schema": SCHEMA_KEY,
        "columns": {
            "description": "The columns by name, in the order of the table. A later step adds to them.",
            "type": "object",
            "additionalProperties": COLUMN,
        },
        "primary_key": ref("names", "PRIMARY KEY columns; to give it a name, use `constraints`."),
        "unique": _UNIQUE,
        "check": {
            "description": "CHECK constraints without a name: an SQL expression over the row, or a list of them.",
            "oneOf": [ref("sql"), {"type": "array", "items": ref("sql")}],
        },
        "foreign_keys": {
            "description": "Foreign keys of several columns, without a name.",
            "type": "array",
            "items": mapping(
                {
                    "columns": ref("names"),
                    **REFERENCE,
                    **DEFERRABLE,
                    "not_valid": flag("NOT VALID: existing rows are not checked.", False),
                },
                ["columns", "references"],
            ),
        },
        "exclude": {
            "description": "Exclusion constraints without a name.",
            "type": "array",
            "items": mapping(
                {
                    "elements": ELEMENTS,
                    "method": text("Index method of the exclusion constraint: gist."),
                    "where": ref("sql"),
                    **DEFERRABLE,
                },
                ["elements"],
            ),
        },
        "constraints": {
            "description": "Constraints by name.",
            "type": "object",
            "additionalProperties": NAMED,
        },
        "comment": COMMENT,
        "unlogged": flag("UNLOGGED: not written to the WAL, emptied after a crash.", False),
        "with": ref("parameters"),
        "tablespace": ref("name", "The tablespace."),
        "access_method": ref("name", "Table access method: heap, or one of an extension."),
        "cluster_on": ref("name", "The index that CLUSTER follows; the table is marked, not rewritten."),
        "replica_identity": text(
            "REPLICA IDENTITY, what logical replication sends of an old row: default (the primary key), full, nothing, or the name of a "
            "unique index. `default` where not said."
        ),
        "row_level_security": {
            "description": "ROW LEVEL SECURITY: policies decide which rows a role sees; `forced`: for the owner too. "
            "Not compared unless given.",
            "oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["forced"]}],
        },
        "partition_by": PARTITION_BY,
        "partitions": PARTITIONS,
        "partition_of": ref("object", "The partitioned table that this one is a partition of; with `bound`."),
        "bound": BOUND,
        "inherits": {
            "description": "The tables whose columns and checks it inherits.",
            "type": "array",
            "items": ref("object"),
        },
        "state": STATE,
        "renamed_from": ref("object", "Rename (ALTER TABLE ... RENAME): the current name of the table."),
    },
    ["name"],
)

CHILD = ("partition_of", "inherits")
_LISTS = ("unique", "foreign_keys", "exclude", "check")


def key(step: Step) -> Key:
    """Return the key of the table that a step is about."""
    return Key("table", parts_of(step, step.spec))


# What a live table keeps where no step says it.
COMPARED_WHEN_SAID = ("access_method", "row_level_security", "tablespace")


def reveal_all(value: Any) -> Any:
    """Return a plain value, without the position of a text."""
    return reveal(value) if isinstance(value, str) else value


# Several steps become one -------------------------------------------------------------------------------------


def merge(old: Map | None, step: Step, folding: Folding) -> Map:
    """Lay what a later step says of a table over what earlier ones said."""
    new: Map = step.spec
    made = old.duplicate() if old is not None else Map(file=new.file, at=new.at)
    for name, value in new.items():
        if name == "columns":
            made.put(name, _columns(made.get(name), value, step, folding), *_places(new, name))
        elif name == "constraints":
            made.put(name, _constraints(made.get(name), value, step, folding), *_places(new, name))
        elif name in _LISTS:
            made.put(name, _appended(made.get(name), value, new, name), *_places(new, name))
        else:
            made.put(name, value, *_places(new, name))
    return made


def _places(spec: Map, name: str) -> tuple[Any, Any]:
    return spec.keys_at.get(name), spec.values_at.get(name)


def _columns(old: Map | None, new: Map, step: Step, folding: Folding) -> Map:
    made = old.duplicate() if old is not None else Map(file=new.file, at=new.at)
    table = key(step).name
    for name, value in new.items():
        column = value if isinstance(value, Map) else _shorthand(new, name)
        before = made.get(name)
        folding.steps[Key("column", (*table, name))] = step.index
        if before is None or before.get("state") == "absent" or column.get("state") == "absent":
            made.put(name, column, *_places(new, name))
            continue
        merged = before.duplicate()
        merged.at = new.keys_at.get(name) or merged.at
        merged.take(column)
        made.put(name, merged, *_places(new, name))
    return made


def _shorthand(columns: Map, name: str) -> Map:
    """Return `column: type` as a mapping."""
    where = position_of(columns, name)
    column = Map(where, columns.file)
    column.put("type", columns[name], where, where)
    return column


def _constraints(old: Map | None, new: Map, step: Step, folding: Folding) -> Map:
    made = old.duplicate() if old is not None else Map(file=new.file, at=new.at)
    table = key(step).name
    for name, value in new.items():
        folding.steps[Key("constraint", (*table, name))] = step.index
        before = made.get(name)
        # One that says what it is takes the place of the former; one that does not amends it.
        if before is None or what_of(value) or value.get("state") == "absent":
            made.put(name, value, *_places(new, name))
        else:
            merged = before.duplicate()
            merged.take(value)
            made.put(name, merged, *_places(new, name))
    return made


def _appended(old: Seq | None, value: Any, spec: Map, name: str) -> Seq:
    """Append the entries of a list that are not there yet; a single value is a list of one."""
    made = Seq(file=spec.file, at=spec.at)
    for source in (old, value if isinstance(value, list) else [value]):
        for number, one in enumerate(source or []):
            if one not in made:
                made.add(one, position_of(source, number) or position_of(one) or at(spec, name))
    return made


# One table becomes SQL ----------------------------------------------------------------------------------------


def present(spec: Map) -> Iterator[tuple[Text, Map]]:
    """Yield the columns that the table has, with their names."""
    columns = spec.get("columns") or {}
    for name in columns:
        if columns[name].get("state") != "absent":
            yield key_word(columns, name), columns[name]


def constraints_of(spec: Map, schema: str) -> Iterator[ConstraintSpec]:
    """Yield the constraints of a table, but for those that a single column carries itself."""
    keys = [name for name, column in present(spec) if column.get("primary_key")]
    if spec.get("primary_key"):
        columns = [word(n, position_of(spec["primary_key"], i)) for i, n in enumerate(spec["primary_key"])]
        yield ConstraintSpec("primary_key", at(spec, "primary_key"), columns=tuple(columns))
    elif len(keys) > 1:
        yield ConstraintSpec("primary_key", keys[0].position or spec.position, columns=tuple(keys))
    for number, one in enumerate(spec.get("unique") or []):
        yield _unique(one, position_of(spec["unique"], number) or spec.position)
    for number, one in enumerate(spec.get("check") or []):
        yield unnamed_check(one, position_of(spec["check"], number) or spec.position)
    for one in spec.get("exclude") or []:
        inner = one.duplicate()
        inner["exclude"] = inner.pop("elements")
        yield constraint_of(inner, None, schema)
    for one in spec.get("foreign_keys") or []:
        columns = [word(n, position_of(one["columns"], i)) for i, n in enumerate(one["columns"])]
        yield foreign(one, tuple(columns), None, schema, one.position)
    for name, column in present(spec):
        if column.get("references") is not None:
            yield foreign(column, (name,), None, schema, at(column, "references"))
    if is_child(spec):
        yield from _of_inherited(spec, len(keys) == 1)
    named = spec.get("constraints") or {}
    for one in named:
        if named[one].get("state") != "absent":
            yield constraint_of(named[one], key_word(named, one), schema)


def is_child(spec: Map) -> bool:
    """Tell whether a table has columns of a parent: these need no type."""
    return any(spec.get(word_) for word_ in CHILD)


def _of_inherited(spec: Map, one_key: bool) -> Iterator[ConstraintSpec]:
    """Yield what inherited columns say that the table must: they have no line in which it could stand."""
    for name, given in present(spec):
        if given.get("type") is not None:
            continue
        if one_key and given.get("primary_key"):
            yield ConstraintSpec("primary_key", at(given, "primary_key"), columns=(name,))
        if given.get("unique"):
            yield ConstraintSpec("unique", at(given, "unique"), columns=(name,))
        for one in checks_of(given):
            yield ConstraintSpec("check", at(given, "check"), expression=one)
        if given.get("one_of"):
            where = at(given, "one_of")
            values = ", ".join(one_of_values(given))
            yield ConstraintSpec("check", where, expression=Sql(f"{ident_at(name)} IN ({values})", where))


def _apart(
    columns: list[ColumnSpec], constraints: list[ConstraintSpec], where: Position
) -> tuple[list[ColumnSpec], list[ConstraintSpec]]:
    """Let each key whose columns are another's be added by itself: CREATE TABLE would make one of the two.

    (transformIndexConstraints in parse_utilcmd.c: equal indexes of one CREATE TABLE are merged.)
    """
    seen: set[tuple[str, ...]] = {(str(one.name),) for one in columns if one.primary_key}
    for number, column in enumerate(columns):
        if column.unique and (str(column.name),) in seen:
            columns[number] = dataclasses.replace(column, unique=False)
            constraints = [
                ConstraintSpec("unique", column.name.position or where, columns=(column.name,)),
                *constraints,
            ]
        elif column.unique:
            seen.add((str(column.name),))
    made = []
    for one in constraints:
        names = tuple(map(str, one.columns)) if one.what in ("primary_key", "unique") else ()
        made.append(dataclasses.replace(one, apart=True) if names in seen else one)
        seen |= {names} - {()}
    return columns, made


def _unique(given: Any, where: Any) -> ConstraintSpec:
    if isinstance(given, Map):
        inner = given.duplicate()
        inner["unique"] = inner.pop("columns")
        return constraint_of(inner, None, "public")
    return ConstraintSpec("unique", where, columns=tuple(word(n, position_of(given, i)) for i, n in enumerate(given)))


def parts(step: Step, folding: Folding) -> tuple[dict[Key, TablePart], frozenset[Key]]:
    """Return the columns and named constraints of a table as parts, and the keys of the constraints."""
    spec, table = step.spec, key(step).name
    made: dict[Key, TablePart] = {}
    given = spec.get("columns") or {}
    for name in given:
        one = Key("column", (*table, name))
        made[one] = part_of(key_word(given, name), given[name], folding.steps.get(one, step.index))
    named = spec.get("constraints") or {}
    for name in named:
        one = Key("constraint", (*table, name))
        where = key_word(named, name).position or spec.position
        renamed = named[name].get("renamed_from")
        absent = named[name].get("state") == "absent"
        made[one] = TablePart(folding.steps.get(one, step.index), where, absent, reveal(renamed) if renamed else None)
    return made, frozenset(one for one, part in made.items() if one.kind == "constraint" and not part.absent)


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a table from all that the steps say of it."""
    spec, schema = step.spec, default_schema(step)
    problems: list[WgmError] = []
    columns: list[ColumnSpec] = []
    child = is_child(spec)
    for name, given in present(spec):
        try:
            ident_at(name)
            if child and given.get("type") is None:
                refuse_own_definition(name, given)
            else:
                columns.append(column_of(name, given))
        except WgmError as error:
            problems.append(error)
    if not columns and not problems and not child and "columns" not in spec:
        raise fail(f"no step says which columns the table {key(step).label!r} has", at(spec, "name"), "add `columns:`")
    try:
        constraints = list(constraints_of(spec, schema))
        made, named = parts(step, folding) if not problems else ({}, frozenset())
    except WgmError as error:
        problems.append(error)
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]
    if any(one.what == "primary_key" for one in constraints):
        columns = [_without_key(one) for one in columns]
    columns, constraints = _apart(columns, constraints, spec.position)
    said = {str(one.columns[0]) for one in constraints if one.what == "not_null"}
    columns = [dataclasses.replace(one, not_null=False) if str(one.name) in said else one for one in columns]
    keys = [one for one in constraints if one.what == "primary_key"]
    if len(keys) > 1:
        raise fail(f"the table {key(step).label!r} has two primary keys", keys[1].position, "keep one")
    table = ident_at(key(step).name, at(spec, "name"))
    create = statement(
        "table/declare.sql.j2",
        folding,
        spec.position,
        name=table,
        unlogged=bool(spec.get("unlogged")),
        columns=columns,
        constraints=[one for one in constraints if not (one.late or one.apart)],
        parameters=parameters(spec),
        tablespace=ident_at(word(spec["tablespace"], at(spec, "tablespace"))) if spec.get("tablespace") else None,
        access_method=(
            ident_at(word(spec["access_method"], at(spec, "access_method"))) if spec.get("access_method") else None
        ),
        partition_by=partition_key(spec),
        **child_of(spec, schema),
    )
    return Declaration(
        key(step),
        step.index,
        step.position,
        (
            create,
            *_added(constraints, table, folding, "apart"),
            *_column_settings(spec, table, folding),
            *inherited_settings(spec, table, folding),
        ),
        (*_late(spec, table, constraints, folding),),
        parts=made,
        named=named,
        attributes={name: reveal_all(spec[name]) for name in COMPARED_WHEN_SAID if spec.get(name) is not None},
    )


def _without_key(column: ColumnSpec) -> ColumnSpec:
    """Return the column without its own PRIMARY KEY, because the table says it."""
    return dataclasses.replace(column, primary_key=False) if column.primary_key else column


def _column_settings(spec: Map, table: Sql, folding: Folding) -> Iterator[Statement]:
    for name, column in present(spec):
        if column.get("storage"):
            where = at(column, "storage")
            storage = Sql(reveal(column["storage"]).upper(), where)
            yield statement(
                "table/declare_storage.sql.j2", folding, where, table=table, column=ident_at(name), storage=storage
            )
        if column.get("statistics") is not None:
            where = at(column, "statistics")
            number = Sql(str(int(column["statistics"])), where)
            yield statement(
                "table/declare_statistics.sql.j2", folding, where, table=table, column=ident_at(name), statistics=number
            )
        if column.get("options"):
            given = parameters(column, "options")
            yield statement(
                "table/declare_options.sql.j2",
                folding,
                at(column, "options"),
                table=table,
                column=ident_at(name),
                parameters=given,
            )


def _added(constraints: list[ConstraintSpec], table: Sql, folding: Folding, when: str) -> Iterator[Statement]:
    for one in constraints:
        if getattr(one, when):
            yield statement("table/declare_constraint.sql.j2", folding, one.position, table=table, constraint=one)


def _late(spec: Map, table: Sql, constraints: list[ConstraintSpec], folding: Folding) -> Iterator[Statement]:
    yield from _added(constraints, table, folding, "late")
    if spec.get("replica_identity"):
        where = at(spec, "replica_identity")
        given = reveal(spec["replica_identity"])
        word_ = given.upper() if given in ("default", "full", "nothing") else "USING INDEX"
        index = ident_at(word(given, where)) if word_ == "USING INDEX" else None
        yield statement(
            "table/declare_replica_identity.sql.j2", folding, where, table=table, identity=Sql(word_), index=index
        )
    if spec.get("row_level_security"):
        where = at(spec, "row_level_security")
        for action in ("ENABLE", "FORCE") if spec["row_level_security"] == "forced" else ("ENABLE",):
            yield statement("table/declare_row_security.sql.j2", folding, where, table=table, action=Sql(action))
    yield from comment_on("TABLE", table, spec, folding)
    for name, column in present(spec):
        yield from comment_on("COLUMN", Sql(f"{table}.{ident_at(name)}", name.position), column, folding)
    named = spec.get("constraints") or {}
    for one in constraints:
        if one.name is not None and one.comment is not None:
            yield from comment_on("CONSTRAINT", ident_at(one.name), named[one.name], folding, table)
    if spec.get("cluster_on"):
        where = at(spec, "cluster_on")
        index = ident_at(word(spec["cluster_on"], where), where)
        yield statement("table/declare_cluster.sql.j2", folding, where, table=table, index=index)


KIND = Kind("table", "A table, merged from every step that mentions it.", SCHEMA, EXAMPLE, declare, key, merge)
