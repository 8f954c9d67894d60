"""Kind `composite`: a type of several attributes.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.composite import Attribute
from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    STATE,
    Folding,
    Kind,
    at,
    comment_on,
    fail,
    ident_at,
    key_word,
    mapping,
    overlay,
    parts_of,
    ref,
    statement,
)
from wgm_play.playbook.kinds.pieces import parts_at
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Where somebody lives
  composite:
    name: address
    attributes:
      street: text
      city: {type: text, comment: As the post writes it}
    comment: A postal address
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The type's name."),
        "schema": SCHEMA_KEY,
        "attributes": {
            "description": "The attributes in their order: `name: type`, or a mapping.",
            "type": "object",
            "additionalProperties": {
                "oneOf": [
                    {"type": "string", "minLength": 1},
                    mapping(
                        {
                            "type": ref("type"),
                            "collation": ref("object", "The collation."),
                            "comment": COMMENT,
                            "renamed_from": ref("name", "Rename: the current name."),
                            "state": STATE,
                        }
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
    return Key("composite", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a composite type."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    given = spec["attributes"]
    attributes, late = [], list(comment_on("TYPE", name, spec, folding))
    parts = parts_at(mine, step, given)
    for one in given:
        if parts[Key("attribute", (*mine.name, one))].absent:
            continue
        said = given[one] if isinstance(given[one], Map) else Map(position_of(given, one))
        type_ = said.get("type", given[one])
        if not isinstance(type_, str):
            raise fail(f"the attribute {one!r} has no type", position_of(given, one), "write `name: type`")
        collation = said.get("collation")
        word = ident_at(key_word(given, one))
        attributes.append(
            Attribute(
                word,
                Sql(reveal(type_), position_of(given, one)),
                ident_at(tuple(reveal(collation).split(".")), at(said, "collation")) if collation else None,
            )
        )
        late += comment_on("COLUMN", Sql(f"{name}.{word}"), said, folding)
    made = statement("composite/create.sql.j2", folding, spec.position, name=name, attributes=attributes)
    return Declaration(mine, step.index, step.position, (made,), tuple(late), parts=parts)


KIND = Kind(
    "composite", "A composite type: a row of attributes.", SCHEMA, EXAMPLE, declare, key, overlay, ("attributes",)
)
