"""Kind `domain`: a type with rules.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, key_position, position_of
from wgm_play.lazy_dataclass import dataclass
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
from wgm_play.playbook.model import Declaration, Step, TablePart
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
        "not_null": flag("NOT NULL constraint.", False),
        "check": ref("sql_or_null", "A rule without a name, over `value`."),
        "checks": {
            "description": "Rules by name, each an SQL expression over `value`, or a mapping.",
            "type": "object",
            "additionalProperties": {
                "oneOf": [
                    {"type": ["string", "integer", "number", "boolean"], "minLength": 1},
                    mapping(
                        {
                            "check": ref("sql", "The rule."),
                            "not_valid": flag("NOT VALID: existing values are not checked.", False),
                            "comment": COMMENT,
                        },
                        ["check"],
                    ),
                ]
            },
        },
        "comment": COMMENT,
    },
    ["name"],
)


@dataclass(frozen=True, slots=True)
class DomainCheck:
    """One rule of a domain."""

    name: Sql | None
    expression: Sql
    not_valid: bool = False


def _named(rules: Map, name: str) -> DomainCheck:
    """Make a rule that has a name."""
    given, word = rules[name], ident_at(key_word(rules, name))
    if isinstance(given, Map):
        return DomainCheck(word, expression(given["check"], at(given, "check")), bool(given.get("not_valid")))
    return DomainCheck(word, expression(given, position_of(rules, name)))


def key(step: Step) -> Key:
    """Return the key of the domain that a step is about."""
    return Key("domain", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a domain."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    named: Map = spec.get("checks") or Map()
    checks = [_named(named, rule) for rule in named]
    if spec.get("check") is not None:
        checks.append(DomainCheck(None, expression(spec["check"], at(spec, "check"))))
    made = statement(
        "domain/declare.sql.j2",
        folding,
        spec.position,
        name=name,
        type=sql_at(spec, "type"),
        collation=collation_of(spec),
        default=sql_at(spec, "default"),
        not_null=bool(spec.get("not_null")),
        checks=[one for one in checks if not one.not_valid],
    )
    unproved = [
        statement("domain/declare_check.sql.j2", folding, one.expression.position, name=name, check=one)
        for one in checks
        if one.not_valid
    ]
    late = list(comment_on("DOMAIN", name, spec, folding))
    for rule in named:
        if isinstance(named[rule], Map):
            word = ident_at(key_word(named, rule))
            late += comment_on("CONSTRAINT", word, named[rule], folding, Sql(f"DOMAIN {name}"))
    keys = {Key("domain_constraint", (*mine.name, rule)): key_position(named, rule) for rule in named}
    return Declaration(
        mine,
        step.index,
        step.position,
        (made, *unproved),
        tuple(late),
        parts={one: TablePart(step.index, where or spec.position) for one, where in keys.items()},
        named=frozenset(keys),
    )


KIND = Kind("domain", "A domain: a type with constraints.", SCHEMA, EXAMPLE, declare, key, overlay, ("type",))
