"""Kind `sql`: imperative SQL that runs once.

In: a step. Out: its schema fragment, example and `SqlStep`.
"""

from __future__ import annotations

from collections.abc import Mapping

from wgm_play.playbook.kinds.base import Folding, Kind, choice, fail, flag, mapping, ref, text
from wgm_play.playbook.kinds.view import TEMPLATE
from wgm_play.playbook.model import SqlStep, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Old names are written small
  sql:
    up: select 1
    irreversible: true
- name: Counted anew whenever this text changes
  sql: {up: select 2, down: select 1, rerun: changed}
"""

SCHEMA = {
    "description": "SQL that runs once, known by play, step name and loop item. `up` is the SQL; `down` takes it back.",
    "oneOf": [
        {"type": "string", "minLength": 1},
        mapping(
            {
                "up": text("The SQL; several statements are run in order.", minLength=1),
                "text": text("The same as `up`.", minLength=1),
                "template": {**TEMPLATE, "description": "A file below the project's `templates/` that gives the SQL."},
                "down": ref("text_or_null", "Down SQL: takes it back on rollback."),
                "irreversible": flag("Irreversible: a rollback stops before it.", False),
                "rerun": choice(
                    "Run it again when its text has changed; without it, a changed text stops the plan.", "changed"
                ),
                "transaction": flag("Run it in a transaction; false for what cannot (VACUUM).", True),
            }
        ),
    ],
}


def declare(step: Step, folding: Folding) -> SqlStep:
    """Make the imperative step."""
    spec = step.spec
    if not isinstance(spec, Mapping):
        return SqlStep(spec, None, False, None, True, step.index, step.name, step.item, step.position)
    given = [name for name in ("up", "text", "template") if spec.get(name) is not None]
    if len(given) != 1:
        raise fail("`sql` has one of `up`, `text` and `template`", spec.position, "add `up:`")  # type: ignore[attr-defined]
    if spec.get("down") is not None and spec.get("irreversible"):
        raise fail("`sql` is irreversible or has a `down`, not both", spec.position, "remove one")  # type: ignore[attr-defined]
    down = spec.get("down")
    return SqlStep(
        spec[given[0]],
        reveal(down) if down is not None else None,
        bool(spec.get("irreversible")),
        spec.get("rerun"),
        bool(spec.get("transaction", True)),
        step.index,
        step.name,
        step.item,
        step.position,
    )


KIND = Kind("sql", "Imperative SQL, run once, with its way back.", SCHEMA, EXAMPLE, declare)
