"""Kind `schema`: a namespace.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    comment_on,
    ident_at,
    mapping,
    overlay,
    ref,
    statement,
    word,
)
from wgm_play.playbook.model import Declaration, Step

EXAMPLE = """
- name: A place for what is measured
  schema: {name: metrics, comment: Counters and reports}
"""

SCHEMA = mapping({"name": ref("name", "The schema's name."), "comment": COMMENT}, ["name"])


def key(step: Step) -> Key:
    """Return the key of the schema that a step is about."""
    return Key("schema", (str(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a schema."""
    spec = step.spec
    name = ident_at(word(spec["name"], at(spec, "name")))
    return Declaration(
        key(step),
        step.index,
        step.position,
        (statement("schema/declare.sql.j2", folding, spec.position, name=name),),
        comment_on("SCHEMA", name, spec, folding),
    )


KIND = Kind("schema", "A schema, the namespace of tables.", SCHEMA, EXAMPLE, declare, key, overlay)
