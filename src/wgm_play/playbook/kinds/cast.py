"""Kind `cast`: how values of a type become another.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    choice,
    fail,
    mapping,
    overlay,
    ref,
    statement,
    text,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: A number of seconds
  function: {name: seconds, arguments: a interval, returns: bigint, language: sql, volatility: immutable,
             body: "select extract(epoch from a)::bigint"}
- name: An interval as its seconds
  cast: {from: interval, to: bigint, function: seconds(interval), implicit: assignment}
"""

SCHEMA = mapping(
    {
        "from": ref("type", "The type that is cast."),
        "to": ref("type", "The type that it becomes."),
        "function": text("The function that does it, with its arguments: `seconds(interval)`."),
        "method": choice("How it is done without a function: by the types' texts, or not at all.", "inout", "binary"),
        "implicit": choice(
            "Where it is done without being asked for.", "never", "assignment", "always", default="never"
        ),
        "comment": COMMENT,
    },
    ["from", "to"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("cast", (reveal(step.spec["from"]), reveal(step.spec["to"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    source, target = Sql(mine.name[0], at(spec, "from")), Sql(mine.name[1], at(spec, "to"))
    if (spec.get("function") is None) == (spec.get("method") is None):
        raise fail(
            "a cast has either `function` or `method`", spec.position, "add `function: name(type)`, or `method: inout`"
        )
    if spec.get("function") is not None:
        method = Sql(f"WITH FUNCTION {reveal(spec['function'])}", at(spec, "function"))
    else:
        method = Sql("WITH INOUT" if spec["method"] == "inout" else "WITHOUT FUNCTION", at(spec, "method"))
    context = {"assignment": Sql("ASSIGNMENT"), "always": Sql("IMPLICIT")}.get(str(spec.get("implicit") or "never"))
    made = statement(
        "cast/create.sql.j2", folding, spec.position, source=source, target=target, method=method, context=context
    )
    return declared(step, folding, mine, [made], "CAST", Sql(f"({source} AS {target})", at(spec, "from")))


KIND = Kind("cast", "A cast between two types.", SCHEMA, EXAMPLE, declare, key, overlay, ())
