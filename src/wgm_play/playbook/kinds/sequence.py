"""Kind `sequence`: a generator of numbers.

In: a step. Out: its schema fragment, example and declaration; the options that identity columns share.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds.base import (
    COMMENT,
    DEFINITIONS,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    comment_on,
    default_schema,
    dotted,
    fail,
    flag,
    ident_at,
    mapping,
    overlay,
    parts_of,
    ref,
    sql_at,
    statement,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Numbers of invoices
  sequence: {name: invoice_numbers, type: bigint, start: 1000, increment: 1, cache: 10}
"""

OPTIONS: dict[str, Any] = DEFINITIONS["sequence_options"]["properties"]

SCHEMA = mapping(
    {
        "name": ref("object", "The sequence's name."),
        "schema": SCHEMA_KEY,
        "type": ref("type", "smallint, integer or bigint (the default)."),
        **OPTIONS,
        "unlogged": flag("UNLOGGED: not written to the WAL (PostgreSQL 15 and later).", False),
        "owned_by": {
            "description": "`table.column` or `schema.table.column`: the sequence goes when the column goes. A name with a "
            "dot stands in double quotes.",
            "type": "string",
            "pattern": r'^("([^"]|"")+"|[^."]+)(\.("([^"]|"")+"|[^."]+)){1,2}$',
            "x-expected": "table.column",
        },
        "comment": COMMENT,
    },
    ["name"],
)


@dataclass(frozen=True, slots=True)
class SequenceOptions:
    """The options of a sequence, as SQL."""

    start: Sql | None
    increment: Sql | None
    min: Sql | None
    max: Sql | None
    cache: Sql | None
    cycle: bool


def options(spec: Map) -> SequenceOptions:
    """Read the options of a sequence; raise where one is no number."""

    def number(key: str) -> Sql | None:
        value = spec.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise fail(f"{key} is {value!r}, which is no whole number", at(spec, key))
        return Sql(str(value), at(spec, key))

    return SequenceOptions(
        number("start"), number("increment"), number("min"), number("max"), number("cache"), bool(spec.get("cycle"))
    )


def key(step: Step) -> Key:
    """Return the key of the sequence that a step is about."""
    return Key("sequence", parts_of(step, step.spec))


def owner(step: Step) -> tuple[str, str, str] | None:
    """Return schema, table and column that own the sequence."""
    if step.spec.get("owned_by") is None:
        return None
    parts = dotted(reveal(step.spec["owned_by"]))
    schema, table, column = parts if len(parts) == 3 else (default_schema(step), *parts)
    return schema, table, column


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a sequence; who owns it is said late, when tables exist."""
    spec = step.spec
    name = ident_at(key(step).name, at(spec, "name"))
    made = statement(
        "sequence/declare.sql.j2",
        folding,
        spec.position,
        name=name,
        type=sql_at(spec, "type"),
        options=options(spec),
        unlogged=bool(spec.get("unlogged")),
    )
    late = comment_on("SEQUENCE", name, spec, folding)
    column = owner(step)
    if column:
        where = at(spec, "owned_by")
        late += (
            statement("sequence/declare_owned_by.sql.j2", folding, where, name=name, column=ident_at(column, where)),
        )
    return Declaration(key(step), step.index, step.position, (made,), late)


KIND = Kind("sequence", "A sequence.", SCHEMA, EXAMPLE, declare, key, overlay)
