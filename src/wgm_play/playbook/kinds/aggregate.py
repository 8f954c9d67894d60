"""Kind `aggregate`: a function over many rows.

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
    choice,
    flag,
    ident_at,
    mapping,
    operator_of,
    overlay,
    parts_of,
    ref,
    statement,
    text,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal, reveal

EXAMPLE = """
- name: The product of all values
  aggregate:
    name: product
    arguments: double precision
    state_function: pg_catalog.float8mul
    state_type: double precision
    initial: "1"
    parallel: safe
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The aggregate's name. Aggregates with other arguments are other aggregates."),
        "schema": SCHEMA_KEY,
        "arguments": text(
            "The arguments as SQL; `*` or nothing for none: `a integer, b text`, `p float8 ORDER BY v float8`."
        ),
        "state_function": ref("object", "The function called for each row."),
        "state_type": ref("type", "The type of the state."),
        "state_space": {"description": "The state's size in bytes, about.", "type": "integer"},
        "final_function": ref("object", "The function that makes the result of the state."),
        "final_extra": flag("Pass it the arguments' types too.", False),
        "final_modify": choice("Whether it changes the state.", "read_only", "shareable", "read_write"),
        "combine_function": ref("object", "The function that joins two states, for parallel plans."),
        "serial_function": ref("object", "The function that writes a state of type internal."),
        "deserial_function": ref("object", "The function that reads it."),
        "initial": text("The state before the first row, as a text."),
        "moving_state_function": ref("object", "The function called for a row that enters a window frame."),
        "moving_inverse_function": ref("object", "The function called for a row that leaves it."),
        "moving_state_type": ref("type", "The type of the state over a window."),
        "moving_state_space": {"description": "Its size in bytes, about.", "type": "integer"},
        "moving_final_function": ref("object", "The function that makes the result over a window."),
        "moving_final_extra": flag("Pass it the arguments' types too.", False),
        "moving_final_modify": choice("Whether it changes the state.", "read_only", "shareable", "read_write"),
        "moving_initial": text("The state over a window before the first row."),
        "sort_operator": text("The operator that gives the result from an index: `<`, `OPERATOR(s.<)`."),
        "parallel": choice(
            "PARALLEL safety: whether parallel workers may run it.", "unsafe", "restricted", "safe", default="unsafe"
        ),
        "hypothetical": flag("A hypothetical-set aggregate (with ORDER BY in its arguments).", False),
        "comment": COMMENT,
    },
    ["name"],
)


_NAMES = (
    ("state_function", "SFUNC"), ("state_type", "STYPE"), ("state_space", "SSPACE"), ("final_function", "FINALFUNC"),
    ("final_extra", "FINALFUNC_EXTRA"), ("final_modify", "FINALFUNC_MODIFY"), ("combine_function", "COMBINEFUNC"),
    ("serial_function", "SERIALFUNC"), ("deserial_function", "DESERIALFUNC"), ("initial", "INITCOND"),
    ("moving_state_function", "MSFUNC"), ("moving_inverse_function", "MINVFUNC"), ("moving_state_type", "MSTYPE"),
    ("moving_state_space", "MSSPACE"), ("moving_final_function", "MFINALFUNC"),
    ("moving_final_extra", "MFINALFUNC_EXTRA"),
    ("moving_final_modify", "MFINALFUNC_MODIFY"), ("moving_initial", "MINITCOND"), ("sort_operator", "SORTOP"),
    ("parallel", "PARALLEL"), ("hypothetical", "HYPOTHETICAL"),
)  # fmt: skip


def _arguments(step: Step) -> str:
    return reveal(step.spec.get("arguments") or "").strip()


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("aggregate", (*parts_of(step, step.spec), _arguments(step).strip("*")))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name[:2], at(spec, "name"))
    options = []
    for given, said in _NAMES:
        if spec.get(given) is None:
            continue
        if given.endswith("_function"):
            value: str = ident_at(tuple(reveal(spec[given]).split(".")), at(spec, given))
        elif given.endswith("initial"):
            value = literal(reveal(spec[given]))
        elif given == "sort_operator":
            value = operator_of(reveal(spec[given]), at(spec, given))
        else:
            value = reveal(spec[given])
        if not isinstance(spec[given], bool):
            options.append(Sql(f"{said} = {value}", at(spec, given)))
        elif spec[given]:
            options.append(Sql(said, at(spec, given)))
    arguments = _arguments(step) or "*"
    where = at(spec, "arguments") if "arguments" in spec else spec.position
    made = statement(
        "aggregate/create.sql.j2",
        folding,
        spec.position,
        name=name,
        arguments=Sql(arguments, where),
        options=options,
        replace=False,
    )
    target = Sql(f"{name}({arguments})", at(spec, "name"))
    return declared(step, folding, mine, [made], "AGGREGATE", target)


KIND = Kind(
    "aggregate", "An aggregate function.", SCHEMA, EXAMPLE, declare, key, overlay, ("state_function", "state_type")
)
