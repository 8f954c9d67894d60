"""Kind `setting`: a parameter of the server, set for the database or for a role.

In: a step. Out: its schema fragment, example and declaration. A setting belongs to the cluster: it is never realised
in a shadow, and its declaration has no statements but `attributes`: `value`, and where the `name` and `on` stand.
"""

from __future__ import annotations

import re

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Text
from wgm_play.playbook.kinds.base import Folding, Kind, at, fail, mapping, overlay, text, word
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Slow queries are logged
  setting: {name: log_min_duration_statement, value: 500ms}
- name: No statement of the application runs for ever
  setting: {name: statement_timeout, value: 30s, on: role postgres in database}
"""

SCHEMA = mapping(
    {
        "name": text(
            "The parameter, as log_min_duration_statement.",
            pattern=r"^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$",
            **{"x-expected": "a parameter's name"},
        ),
        "value": {
            "description": "Its value; a list is joined by commas.",
            "oneOf": [
                {"type": ["string", "integer", "number", "boolean"]},
                {"type": "array", "items": {"type": ["string", "integer", "number"]}},
            ],
        },
        "on": {
            "description": "For whom: `database`, `role NAME` (in all databases) or `role NAME in database`.",
            "type": "string",
            "pattern": r"^(database|role \S+( in database)?)$",
            "x-expected": "database, role NAME or role NAME in database",
            "default": "database",
        },
    },
    ["name"],
)

_ON = re.compile(r"role (\S+?)( in database)?\Z")


def key(step: Step) -> Key:
    """Return the key of the setting that a step is about."""
    on = reveal(step.spec.get("on") or "database")
    role = _ON.match(on)
    database = "database" if role is None or role.group(2) else ""
    return Key("setting", (database, role.group(1) if role else "", reveal(step.spec["name"]).lower()))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a setting."""
    given = step.spec.get("value")
    if given is None:
        raise fail(f"the setting {reveal(step.spec['name'])!r} has no value", at(step.spec, "name"), "add `value:`")
    if isinstance(given, list):
        value = ", ".join(reveal(one) for one in given)
    elif isinstance(given, bool):
        value = "on" if given else "off"
    else:
        value = reveal(given)
    attributes = {"value": Text(value, at(step.spec, "value"))}
    attributes |= {one: word(step.spec[one], at(step.spec, one)) for one in ("name", "on") if one in step.spec}
    return Declaration(key(step), step.index, step.position, attributes=attributes)


KIND = Kind("setting", "A server parameter (ALTER DATABASE or ROLE ... SET).", SCHEMA, EXAMPLE, declare, key, overlay)
