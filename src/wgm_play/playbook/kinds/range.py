"""Kind `range`: a type of ranges over another type.

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
    ident_at,
    mapping,
    overlay,
    parts_of,
    ref,
    sql_at,
    statement,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    name_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Spans of a story's hours
  range: {name: hours, subtype: numeric, comment: From hour to hour}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The type's name."),
        "schema": SCHEMA_KEY,
        "subtype": ref("type", "The type of the bounds."),
        "opclass": ref("object", "The operator class that orders the bounds, where not the type's own."),
        "collation": ref("object", "The collation of the bounds."),
        "subtype_diff": ref("object", "The function that tells the difference of two bounds, for GiST indexes."),
        "multirange": ref("name", "The name of the multirange type (PostgreSQL 14 and later)."),
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("range", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    options: list[Sql] = []
    for given, said in (("opclass", "SUBTYPE_OPCLASS"), ("collation", "COLLATION"), ("subtype_diff", "SUBTYPE_DIFF")):
        found = name_at(spec, given)
        if found is not None:
            options.append(Sql(f"{said} = {found}", at(spec, given)))
    if spec.get("multirange") is not None:
        several = ident_at((mine.name[0], reveal(spec["multirange"])), at(spec, "multirange"))
        options.append(Sql(f"MULTIRANGE_TYPE_NAME = {several}", at(spec, "multirange")))
    made = statement(
        "range/create.sql.j2", folding, spec.position, name=name, subtype=sql_at(spec, "subtype"), options=options
    )
    return declared(step, folding, mine, [made], "TYPE", name)


KIND = Kind("range", "A range type, with its multirange type.", SCHEMA, EXAMPLE, declare, key, overlay, ("subtype",))
