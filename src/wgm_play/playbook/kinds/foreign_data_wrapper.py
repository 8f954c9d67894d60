"""Kind `foreign_data_wrapper`: what reaches data elsewhere.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    ident_at,
    mapping,
    overlay,
    ref,
    statement,
    word,
)
from wgm_play.playbook.kinds.pieces import (
    OPTIONS,
    declared,
    name_at,
    options_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: A wrapper that only holds settings
  foreign_data_wrapper: {name: settings_only, options: {debug: true}}
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The wrapper's name."),
        "handler": ref("object", "The function that gives its routines."),
        "validator": ref("object", "The function that checks options."),
        "options": OPTIONS,
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("foreign_data_wrapper", (reveal(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(word(spec["name"], at(spec, "name")))
    made = statement(
        "foreign_data_wrapper/create.sql.j2",
        folding,
        spec.position,
        name=name,
        handler=name_at(spec, "handler"),
        validator=name_at(spec, "validator"),
        options=options_at(spec),
    )
    return declared(step, folding, mine, [made], "FOREIGN DATA WRAPPER", name)


KIND = Kind(
    "foreign_data_wrapper",
    "A foreign-data wrapper (superusers only).",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    (),
)
