"""The columns of a table: their schema, and what a playbook says of one as one type.

In: a column's mapping. Out: `ColumnSpec`, as the templates spell it, and its `TablePart`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wgm_play.asking.text import check_type
from wgm_play.document.nodes import Map, Text, position_of
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds.base import (
    COMMENT,
    DEFINITIONS,
    STATE,
    Schema,
    at,
    choice,
    collation_of,
    expression,
    fail,
    flag,
    ident_at,
    mapping,
    ref,
    sql_at,
    type_at,
    word,
)
from wgm_play.playbook.kinds.constraint import DEFERRABLE, REFERENCE
from wgm_play.playbook.kinds.sequence import SequenceOptions, options
from wgm_play.playbook.model import Convert, TablePart
from wgm_play.sql import Sql, literal, reveal

_IDENTITY_OPTIONS: Schema = DEFINITIONS["sequence_options"]["properties"]

MAPPING: Schema = {"x-place": "column"} | mapping(
    {
        "type": ref("type"),
        "default": ref("sql_or_null", "DEFAULT, an SQL expression: now(), 0, \"'draft'\". null drops it."),
        "not_null": flag("NOT NULL constraint.", False),
        "primary_key": flag("PRIMARY KEY column; several columns that say so make a composite key.", False),
        "unique": flag("UNIQUE constraint on the column.", False),
        "check": {
            "description": "CHECK constraint: an SQL expression over the row, or a list of them. null drops it.",
            "oneOf": [ref("sql_or_null"), {"type": "array", "items": ref("sql")}],
        },
        "one_of": {
            "description": "CHECK constraint that lists the allowed values. null drops it.",
            "oneOf": [
                {"type": "array", "items": {"type": ["string", "integer", "number", "boolean"]}, "minItems": 1},
                {"type": "null"},
            ],
        },
        **REFERENCE,
        "references": {
            "description": "FOREIGN KEY: `[schema.]table(column)`, or a mapping. null drops it.",
            "oneOf": [*DEFINITIONS["references"]["oneOf"], {"type": "null"}],
        },
        **DEFERRABLE,
        "not_valid": flag("NOT VALID: existing rows are not checked against `references`.", False),
        "identity": {
            "description": "IDENTITY column: always, by_default, or a mapping with the sequence's options.",
            "oneOf": [
                {"type": "string", "enum": ["always", "by_default"]},
                mapping(
                    {
                        "generation": choice(
                            "GENERATED ALWAYS, or BY DEFAULT where INSERT may give a value.", "always", "by_default"
                        ),
                        **_IDENTITY_OPTIONS,
                        "sequence": ref("name", "Name of its sequence, if not TABLE_COLUMN_seq."),
                    }
                ),
                {"type": "null"},
            ],
        },
        "generated": {
            "description": "GENERATED column, computed from others: an SQL expression, or `{expression: …, stored: true}`.",
            "oneOf": [
                {"type": "string", "minLength": 1},
                mapping(
                    {
                        "expression": ref("sql"),
                        "stored": flag("STORED in the row; false: VIRTUAL, computed when read (PostgreSQL 18).", True),
                    },
                    ["expression"],
                ),
                {"type": "null"},
            ],
        },
        "collation": ref("object", "The collation."),
        "storage": choice("STORAGE (TOAST) strategy for long values.", "plain", "external", "extended", "main"),
        "compression": choice(
            "COMPRESSION method for long values (PostgreSQL 14 and later); `default` is the server's.",
            "pglz",
            "lz4",
            "default",
        ),
        "statistics": {"description": "The statistics target.", "type": "integer", "minimum": -1, "maximum": 10000},
        "options": ref("parameters", "Attribute options for the planner: n_distinct, n_distinct_inherited."),
        "comment": COMMENT,
        "state": STATE,
        "renamed_from": ref("name", "Rename (RENAME COLUMN): the current name of the column."),
        "convert": mapping(
            {
                "from": ref("type", "Current type of the values."),
                "using": ref("sql", "USING: the new value, an SQL expression over the old row."),
                "back": ref(
                    "sql",
                    "Way back for rollback: the old value, an SQL expression over the new row. Irreversible without it.",
                ),
            },
            ["from", "using"],
            "Type conversion of the values (ALTER COLUMN TYPE ... USING), where PostgreSQL has no cast.",
        ),
        "mask": {
            "description": "What stands in its stead in a masked copy (`restore --masked`): an SQL expression over the row, as "
            "`md5(email)`, `null` or `'x'` in quotes; false: its values may be seen.",
            "oneOf": [{"type": "string", "minLength": 1}, {"type": "boolean", "enum": [False]}],
        },
        "backfill": ref("sql", "Backfill before SET NOT NULL: the value for rows with NULL, an SQL expression."),
    },
    description="A column.",
)

SCHEMA: Schema = {
    "description": "A column: its type, or a mapping.",
    "oneOf": [{"type": "string", "minLength": 1}, MAPPING],
}


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column, as the templates spell it."""

    name: Text
    type: Sql
    default: Sql | None = None
    not_null: bool = False
    primary_key: bool = False
    unique: bool = False
    checks: tuple[Sql, ...] = ()
    one_of: tuple[Sql, ...] = ()
    generated: Sql | None = None
    stored: bool = True
    identity: str = ""
    options: SequenceOptions | None = None
    sequence: Sql | None = None
    collation: Sql | None = None
    compression: Sql | None = None


def column_of(name: Text, spec: Map) -> ColumnSpec:
    """Make a column from its mapping."""
    if spec.get("type") is None:
        raise fail(f"the column {str(name)!r} has no type", name.position, "add `type:`")
    said = [key for key in ("default", "generated", "identity") if spec.get(key) is not None]
    if len(said) > 1:
        raise fail(f"the column {str(name)!r} has both {said[0]} and {said[1]}", at(spec, said[1]), "keep one")
    identity, sequence = _identity(spec)
    generated, stored = _generated(spec)
    return ColumnSpec(
        name,
        type_at(spec, "type"),
        default=sql_at(spec, "default"),
        not_null=bool(spec.get("not_null")),
        primary_key=bool(spec.get("primary_key")),
        unique=bool(spec.get("unique")),
        checks=checks_of(spec),
        one_of=one_of_values(spec),
        generated=generated,
        stored=stored,
        identity=identity,
        options=sequence,
        sequence=_sequence(spec),
        collation=collation_of(spec),
        compression=_compression(spec),
    )


def _compression(spec: Map) -> Sql | None:
    """Return the method that a column has of its own; without the word a new one has the default."""
    method = reveal(spec["compression"]) if spec.get("compression") else "default"
    return None if method == "default" else Sql(method, at(spec, "compression"))


def checks_of(spec: Map) -> tuple[Sql, ...]:
    """Return the rules of a column."""
    given = spec.get("check")
    if given is None:
        return ()
    if isinstance(given, list):
        return tuple(expression(one, position_of(given, number)) for number, one in enumerate(given))
    return (expression(given, at(spec, "check")),)


def one_of_values(spec: Map) -> tuple[Sql, ...]:
    """Return the values that a column may have, as literals."""
    given = spec.get("one_of") or []
    return tuple(Sql(literal(one), position_of(given, number)) for number, one in enumerate(given))


def _identity(spec: Map) -> tuple[str, SequenceOptions | None]:
    given = spec.get("identity")
    if isinstance(given, Mapping):
        sequence = options(given)  # type: ignore[arg-type]
        empty = sequence == SequenceOptions(None, None, None, None, None, False)
        return str(given.get("generation") or "always"), None if empty else sequence
    return str(given or ""), None


def _sequence(spec: Map) -> Sql | None:
    given = spec.get("identity")
    if not isinstance(given, Map) or given.get("sequence") is None:
        return None
    where = at(given, "sequence")
    return ident_at(word(given["sequence"], where), where)


def _generated(spec: Map) -> tuple[Sql | None, bool]:
    given: Any = spec.get("generated")
    if isinstance(given, Mapping):
        return sql_at(given, "expression"), bool(given.get("stored", True))  # type: ignore[arg-type]
    return sql_at(spec, "generated"), True


def convert_of(spec: Map) -> Convert | None:
    """Return how a column's values become another type."""
    given = spec.get("convert")
    if given is None:
        return None
    using = sql_at(given, "using")
    assert using is not None  # noqa: S101 - the schema requires it
    old = reveal(given["from"])
    check_type(old, at(given, "from"), "from")
    return Convert(old, using, sql_at(given, "back"), at(spec, "convert"))


def part_of(name: Text, spec: Map, step: int) -> TablePart:
    """Return what a playbook says of a column beyond its definition."""
    where = name.position or spec.position
    absent = spec.get("state") == "absent"
    renamed = spec.get("renamed_from")
    if not absent:
        ident_at(name)
    return TablePart(
        step, where, absent, reveal(renamed) if renamed else None, convert_of(spec), sql_at(spec, "backfill")
    )
