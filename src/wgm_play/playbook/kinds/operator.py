"""Kind `operator`: an operator.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.errors import Position
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    default_schema,
    flag,
    ident_at,
    mapping,
    operator_of,
    overlay,
    ref,
    statement,
    text,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    name_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: How two texts are alike
  operator:
    name: "==="
    function: pg_catalog.texteq
    left: text
    right: text
    commutator: "==="
    comment: Equal, byte by byte
"""

SCHEMA = mapping(
    {
        "name": text("The operator: `===`, or `schema.===`."),
        "schema": SCHEMA_KEY,
        "left": ref("type", "The type on its left; none for a prefix operator."),
        "right": ref("type", "The type on its right."),
        "function": ref("object", "The function that does it."),
        "commutator": text("The operator with its sides exchanged."),
        "negator": text("The operator that is true where this is not."),
        "restrict": ref("object", "The function that estimates how many rows a condition leaves."),
        "join": ref("object", "The function that estimates how many rows a join leaves."),
        "hashes": flag("It can be used in a hash join.", False),
        "merges": flag("It can be used in a merge join.", False),
        "comment": COMMENT,
    },
    ["name"],
)


def _name(step: Step) -> tuple[str, str]:
    """Return schema and operator of `===` or `schema.===`."""
    spec = step.spec
    given = reveal(spec["name"])
    schema, dot, name = given.rpartition(".")
    if spec.get("schema") is not None:
        return reveal(spec["schema"]), given
    return (schema, name) if dot else (default_schema(step), given)


def qualified_operator(given: str, schema: str, where: Position | None) -> Sql:
    """Return an operator as OPERATOR(schema.name); one without a schema lies in `schema`."""
    said = reveal(given)
    if said.upper().startswith("OPERATOR("):
        return Sql(operator_of(said, where), where)
    own, dot, name = said.rpartition(".")
    return Sql(f"OPERATOR({ident_at(own if dot else schema, where)}.{operator_of(name, where)})", where)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key(
        "operator", (*_name(step), reveal(step.spec.get("left") or "NONE"), reveal(step.spec.get("right") or "NONE"))
    )


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = Sql(f"{ident_at(mine.name[0])}.{operator_of(mine.name[1], at(spec, 'name'))}", at(spec, "name"))
    options = []
    for given, said in (
        ("function", "FUNCTION"),
        ("left", "LEFTARG"),
        ("right", "RIGHTARG"),
        ("restrict", "RESTRICT"),
        ("join", "JOIN"),
    ):
        if spec.get(given) is not None:
            value = Sql(reveal(spec[given])) if given in ("left", "right") else name_at(spec, given)
            options.append(Sql(f"{said} = {value}", at(spec, given)))
    for given in ("commutator", "negator"):
        if spec.get(given) is not None:
            options.append(
                Sql(
                    f"{given.upper()} = {qualified_operator(spec[given], mine.name[0], at(spec, given))}",
                    at(spec, given),
                )
            )
    options += [Sql(given.upper(), at(spec, given)) for given in ("hashes", "merges") if spec.get(given)]
    made = statement("operator/create.sql.j2", folding, spec.position, name=name, options=options)
    target = Sql(f"{name} ({mine.name[2]}, {mine.name[3]})", at(spec, "name"))
    return declared(step, folding, mine, [made], "OPERATOR", target)


KIND = Kind("operator", "An operator between values.", SCHEMA, EXAMPLE, declare, key, overlay, ("function", "right"))
