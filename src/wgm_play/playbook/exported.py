"""Our schemas as other programs read them: strict validators refuse key words that they do not know.

In: a JSON Schema of ours. Out: one of draft 2020-12 without our own key words (`x-...`), in which a word out of a list can be
completed by an editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
# Below these, keys are names of ours and no key words.
_NAMES = ("properties", "$defs", "patternProperties")


def exported(schema: Any) -> Any:
    """Return a schema for other programs."""
    if isinstance(schema, list):
        return [exported(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made: Schema = {}
    for key, value in schema.items():
        if key in _NAMES and isinstance(value, Mapping):
            made[key] = {name: exported(one) for name, one in value.items()}
        elif key in ("enum", "default", "examples", "const", "required"):
            made[key] = value
        elif not key.startswith("x-"):
            made[key] = exported(value)
    return _completed(_whole(made), schema.get("x-values"))


def _whole(made: Schema) -> Schema:
    """Say beside `required` which properties these are, and of what type the value is."""
    if "required" in made:
        lacking = [name for name in made["required"] if name not in made.get("properties", {})]
        if lacking:
            made = {**made, "properties": {**made.get("properties", {}), **dict.fromkeys(lacking, True)}}
    if "type" not in made and "$ref" not in made:
        if "properties" in made:
            made["type"] = "object"
        elif "minItems" in made:
            made["type"] = "array"
    return made


def _completed(made: Schema, values: Any) -> Schema:
    """Let an editor offer the usual values of a text that a pattern describes."""
    if not values or "pattern" not in made:
        return made
    pattern = {"pattern": made.pop("pattern")}
    return {**made, "anyOf": [{"enum": list(values)}, {"type": "string", **pattern}]}
