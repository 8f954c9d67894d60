"""Kind `enum`: a type with a list of values.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    comment_on,
    fail,
    ident_at,
    mapping,
    overlay,
    parts_of,
    ref,
    statement,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.playbook.nodes import position_of
from wgm_play.sql import NAME_BYTES, Sql, literal, reveal

EXAMPLE = """
- name: How a quest stands
  enum:
    name: quest_status
    values: [not_started, active, completed, failed]
    comment: In the order in which a quest goes through them
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The type's name."),
        "schema": SCHEMA_KEY,
        "values": {
            "description": "Enum labels in their order. A label added between others keeps its place.",
            "type": "array",
            "items": {"type": "string"},
        },
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the type that a step is about."""
    return Key("enum", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of an enum type."""
    spec = step.spec
    name = ident_at(key(step).name, at(spec, "name"))
    labels: list[Sql] = []
    for number, value in enumerate(spec["values"]):
        where = position_of(spec["values"], number)
        if len(reveal(value).encode()) > NAME_BYTES:
            raise fail(f"the value {value!r} is longer than {NAME_BYTES} bytes", where, "choose a shorter value")
        if value in spec["values"][:number]:
            raise fail(f"the value {value!r} is there twice", where, "keep one")
        labels.append(Sql(literal(reveal(value)), where))
    made = statement("enum/declare.sql.j2", folding, spec.position, name=name, labels=labels)
    return Declaration(key(step), step.index, step.position, (made,), comment_on("TYPE", name, spec, folding))


KIND = Kind("enum", "An enum type.", SCHEMA, EXAMPLE, declare, key, overlay, ("values",))
