"""Kind `enum`: a type with a list of values.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from collections.abc import Mapping

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
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
    text,
)
from wgm_play.playbook.model import Declaration, Step, TablePart
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
            "description": "Enum labels in their order, each a text, or `{name: done, renamed_from: finished}` to rename one. "
            "A label added between others keeps its place.",
            "type": "array",
            "items": {
                "oneOf": [
                    {"type": "string"},
                    mapping(
                        {
                            "name": text("Label, as rows hold it."),
                            "renamed_from": text("Rename (RENAME VALUE): the current label."),
                        },
                        ["name"],
                    ),
                ]
            },
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
    seen: dict[str, None] = {}
    parts: dict[Key, TablePart] = {}
    for number, given in enumerate(spec["values"]):
        where = position_of(spec["values"], number)
        value = given["name"] if isinstance(given, Map) else given
        before = given.get("renamed_from") if isinstance(given, Map) else None
        if len(reveal(value).encode()) > NAME_BYTES:
            raise fail(f"the value {value!r} is longer than {NAME_BYTES} bytes", where, "choose a shorter value")
        if reveal(value) in seen:
            raise fail(f"the value {value!r} is there twice", where, "keep one")
        seen[reveal(value)] = None
        if before is not None:
            _refuse_two(parts, before, given)
            parts[Key("label", (*key(step).name, reveal(value)))] = TablePart(
                step.index, where or step.position, renamed_from=reveal(before)
            )
        labels.append(Sql(literal(reveal(value)), where))
    made = statement("enum/declare.sql.j2", folding, spec.position, name=name, labels=labels)
    comments = comment_on("TYPE", name, spec, folding)
    order = {"labels": [*seen]} if parts else {}
    return Declaration(key(step), step.index, step.position, (made,), comments, parts=parts, attributes=order)


def _refuse_two(parts: Mapping[Key, TablePart], before: str, given: Map) -> None:
    if any(part.renamed_from == before for part in parts.values()):
        raise fail(f"two values are renamed from {before!r}", position_of(given, "renamed_from"), "keep one")


KIND = Kind("enum", "An enum type.", SCHEMA, EXAMPLE, declare, key, overlay, ("values",))
