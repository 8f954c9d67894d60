"""Kind `domain`: a type with rules.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from dataclasses import dataclass

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    collation_of,
    comment_on,
    expression,
    flag,
    ident_at,
    key_word,
    mapping,
    overlay,
    parts_of,
    ref,
    sql_at,
    statement,
)
from wgm_play.playbook.model import Declaration, Part, Step
from wgm_play.playbook.nodes import key_position, position_of
from wgm_play.sql import Sql

EXAMPLE = """
- name: A share of a whole
  domain:
    name: percentage
    type: integer
    default: 0
    checks:
      percentage_range: value between 0 and 100
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The domain's name."),
        "schema": SCHEMA_KEY,
        "type": ref("type", "The type underneath."),
        "collation": ref("object", "The collation."),
        "default": ref("sql_or_null", "The default, an SQL expression."),
        "not_null": flag("Refuse NULL.", False),
        "check": ref("sql_or_null", "A rule without a name, over `value`."),
        "checks": {
            "description": "Rules by name, each an SQL expression over `value`.",
            "type": "object",
            "additionalProperties": ref("sql"),
        },
        "comment": COMMENT,
    },
    ["name"],
)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of a domain."""

    name: Sql | None
    expression: Sql


def key(step: Step) -> Key:
    """Return the key of the domain that a step is about."""
    return Key("domain", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a domain."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    named = spec.get("checks") or {}
    checks = [
        Check(ident_at(key_word(named, rule)), expression(named[rule], position_of(named, rule))) for rule in named
    ]
    if spec.get("check") is not None:
        checks.append(Check(None, expression(spec["check"], at(spec, "check"))))
    made = statement(
        "domain/declare.sql.j2",
        folding,
        spec.position,
        name=name,
        type=sql_at(spec, "type"),
        collation=collation_of(spec),
        default=sql_at(spec, "default"),
        not_null=bool(spec.get("not_null")),
        checks=checks,
    )
    keys = {Key("domain_constraint", (*mine.name, rule)): key_position(named, rule) for rule in named}
    return Declaration(
        mine,
        step.index,
        step.position,
        (made,),
        comment_on("DOMAIN", name, spec, folding),
        parts={one: Part(step.index, where or spec.position) for one, where in keys.items()},
        named=frozenset(keys),
    )


KIND = Kind("domain", "A type with rules of its own.", SCHEMA, EXAMPLE, declare, key, overlay, ("type",))
