"""Kind `operator_class`: how an index treats a type.

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
    flag,
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
    here,
    items_at,
    texts,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Whole numbers, the largest first
  operator_class:
    name: integers_down
    type: integer
    method: btree
    members: ["operator 1 >", "operator 2 >=", "operator 3 =", "operator 4 <=", "operator 5 <",
              "function 1 btint4cmp(integer, integer)"]
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The class's name."),
        "schema": SCHEMA_KEY,
        "type": ref("type", "The type of the column."),
        "method": ref("name", "The access method: btree, hash, gist, …"),
        "default": flag("The class that an index has where it names none.", False),
        "family": ref("object", "The family it belongs to; one of its own name where none is given."),
        "members": texts(
            "Its items, as in CREATE OPERATOR CLASS: `operator 1 <`, `function 1 f(a, b)`, `storage text`."
        ),
        "comment": COMMENT,
    },
    ["name", "method"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("operator_class", (*parts_of(step, step.spec), reveal(step.spec["method"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name[:2], at(spec, "name"))
    method = ident_at(mine.name[2], at(spec, "method"))
    made = statement(
        "operator_class/create.sql.j2",
        folding,
        spec.position,
        name=name,
        method=method,
        type=sql_at(spec, "type"),
        default=bool(spec.get("default")),
        family=here(step, "family"),
        members=items_at(spec, "members"),
    )
    return declared(step, folding, mine, [made], "OPERATOR CLASS", Sql(f"{name} USING {method}"))


KIND = Kind(
    "operator_class",
    "An operator class: how an index treats a type.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    ("type", "members"),
)
