"""Kind `foreign_table`: a table whose rows are elsewhere.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from collections.abc import Iterator

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    choice,
    comment_on,
    flag,
    ident_at,
    key_word,
    mapping,
    overlay,
    parameters,
    parts_of,
    ref,
    sql_at,
    statement,
)
from wgm_play.playbook.kinds.pieces import (
    OPTIONS,
    name_at,
    options_at,
    parts_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: The wrapper
  foreign_data_wrapper: {name: other_databases}
- name: The server
  server: {name: archive, wrapper: other_databases}
- name: Old letters
  foreign_table:
    name: old_letters
    server: archive
    columns:
      id: {type: bigint, not_null: true}
      body: {type: text, options: {column_name: letter_body}}
    checks: {old_letters_positive: id > 0}
    options: {table_name: letters}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The table's name."),
        "schema": SCHEMA_KEY,
        "server": ref("name", "The foreign server."),
        "columns": {
            "description": "The columns in their order: `name: type`, or a mapping.",
            "type": "object",
            "additionalProperties": {
                "oneOf": [
                    {"type": "string", "minLength": 1},
                    mapping(
                        {
                            "type": ref("type"),
                            "collation": ref("object", "The collation."),
                            "not_null": flag("The values are never NULL; nobody checks it.", False),
                            "default": ref("sql_or_null", "The default, an SQL expression."),
                            "generated": ref("sql", "The expression that gives the value."),
                            "options": OPTIONS,
                            "storage": choice(
                                "STORAGE (TOAST) strategy for long values.", "plain", "external", "extended", "main"
                            ),
                            "statistics": {"description": "The statistics target.", "type": "integer", "minimum": 0},
                            "planner": ref("parameters", "What the planner is told: n_distinct, n_distinct_inherited."),
                            "comment": COMMENT,
                            "renamed_from": ref("name", "Rename: the current name."),
                        },
                        ["type"],
                    ),
                ]
            },
        },
        "checks": {
            "description": "What is true of every row, by name; nobody checks it. `{check: …, not_valid: true}`: the "
            "planner does not rely on it.",
            "type": "object",
            "additionalProperties": {
                "oneOf": [
                    {"type": ["string", "integer", "number", "boolean"], "minLength": 1},
                    mapping({"check": ref("sql"), "not_valid": flag("Not relied on.", False)}, ["check"]),
                ]
            },
        },
        "options": OPTIONS,
        "comment": COMMENT,
    },
    ["name"],
)


def _column(columns: Map, name: str) -> Sql:
    """Return one column as SQL."""
    given = columns[name]
    where = position_of(columns, name)
    word_ = ident_at(key_word(columns, name))
    if not isinstance(given, Map):
        return Sql(f"{word_} {reveal(given)}", where)
    options = options_at(given)
    parts = [str(word_), reveal(given["type"])]
    parts += [f"OPTIONS ({', '.join(options)})"] if options else []
    parts += [f"COLLATE {name_at(given, 'collation')}"] if given.get("collation") else []
    parts += ["NOT NULL"] if given.get("not_null") else []
    parts += [f"DEFAULT {sql_at(given, 'default')}"] if given.get("default") is not None else []
    parts += (
        [f"GENERATED ALWAYS AS ({sql_at(given, 'generated')}) STORED"] if given.get("generated") is not None else []
    )
    return Sql(" ".join(parts), where)


def _is_unproved(checks: Map, name: str) -> bool:
    return isinstance(checks[name], Map) and bool(checks[name].get("not_valid"))


def _check(checks: Map, name: str) -> Sql:
    """Return one check as SQL."""
    given = checks[name]
    text = given["check"] if isinstance(given, Map) else given
    return Sql(f"CONSTRAINT {ident_at(key_word(checks, name))} CHECK ({reveal(text)})", position_of(checks, name))


def _planner_actions(columns: Map, name: str) -> Iterator[Sql]:
    """Yield what ALTER FOREIGN TABLE says of a column's storage and statistics."""
    given = columns[name]
    if not isinstance(given, Map):
        return
    column = ident_at(key_word(columns, name))
    if given.get("storage"):
        yield Sql(f"ALTER COLUMN {column} SET STORAGE {reveal(given['storage']).upper()}", at(given, "storage"))
    if given.get("statistics") is not None:
        yield Sql(f"ALTER COLUMN {column} SET STATISTICS {int(given['statistics'])}", at(given, "statistics"))
    if given.get("planner"):
        listed = ", ".join(f"{one.name} = {one.value}" for one in parameters(given, "planner"))
        yield Sql(f"ALTER COLUMN {column} SET ({listed})", at(given, "planner"))


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("foreign_table", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    columns = spec["columns"]
    elements = [_column(columns, one) for one in columns]
    checks: Map = spec.get("checks") or Map()
    rules = [(_check(checks, rule), _is_unproved(checks, rule)) for rule in checks]
    elements += [rule for rule, unproved in rules if not unproved]
    made = statement(
        "foreign_table/create.sql.j2",
        folding,
        spec.position,
        name=name,
        elements=elements,
        server=name_at(spec, "server"),
        options=options_at(spec),
    )
    actions = [Sql(f"ADD {rule} NOT VALID", rule.position) for rule, unproved in rules if unproved]
    actions += [action for one in columns for action in _planner_actions(columns, one)]
    altered = [
        statement("foreign_table/declare_action.sql.j2", folding, one.position, name=name, action=one)
        for one in actions
    ]
    late = list(comment_on("FOREIGN TABLE", name, spec, folding))
    for one in columns:
        if isinstance(columns[one], Map):
            late += comment_on("COLUMN", Sql(f"{name}.{ident_at(key_word(columns, one))}"), columns[one], folding)
    return Declaration(
        mine, step.index, step.position, (made, *altered), tuple(late), parts=parts_at(mine, step, columns)
    )


KIND = Kind(
    "foreign_table",
    "A foreign table: its rows are on another server.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    ("server", "columns"),
)
