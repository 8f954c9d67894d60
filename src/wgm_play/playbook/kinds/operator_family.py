"""Kind `operator_family`: operator classes that belong together.

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
    statement,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    items_at,
    texts,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Numbers of several widths
  operator_family:
    name: counts
    method: btree
    members: ["operator 1 < (bigint, integer)", "function 1 (bigint, integer) btint84cmp(bigint, integer)"]
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The family's name."),
        "schema": SCHEMA_KEY,
        "method": ref("name", "The access method: btree, hash, gist, …"),
        "members": texts("What belongs to no class, as in ALTER OPERATOR FAMILY … ADD."),
        "comment": COMMENT,
    },
    ["name", "method"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("operator_family", (*parts_of(step, step.spec), reveal(step.spec["method"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name[:2], at(spec, "name"))
    method = ident_at(mine.name[2], at(spec, "method"))
    made = [statement("operator_family/create.sql.j2", folding, spec.position, name=name, method=method)]
    members = items_at(spec, "members")
    if members:
        made.append(
            statement(
                "operator_family/add.sql.j2", folding, at(spec, "members"), name=name, method=method, members=members
            )
        )
    return declared(step, folding, mine, made, "OPERATOR FAMILY", Sql(f"{name} USING {method}"))


KIND = Kind(
    "operator_family",
    "An operator family: operator classes that belong together.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    (),
)
