"""What the JSON Schema says of the place that a cursor is in: keys, values, their documentation.

In: a role of a file (playbook, steps, alerts, environment) and a path of keys. Out: fragments and words of the schema.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wgm_play.environment_keys import document
from wgm_play.playbook.validate import definitions
from wgm_play.reference.keys import form, resolved, values

Rules = Mapping[str, Any]
_ROLES = {"playbook": "play", "steps": "step", "alerts": "alert"}


@functools.cache
def _environment() -> Rules:
    found: Rules = document()
    return found


def root(role: str) -> Rules | None:
    """Return the fragment for one entry of a file."""
    if role == "environment":
        return _environment()
    name = _ROLES.get(role)
    return definitions()[name] if name else None


def below(rules: Rules | None, path: Sequence[str]) -> list[Rules]:
    """Return the fragments that hold for what lies at a path."""
    found = list(_forms(rules)) if rules is not None else []
    for key in path:
        found = [inner for one in found for inner in _entry(one, key)]
    return found


def keys(found: Sequence[Rules]) -> dict[str, Rules]:
    """Return the keys that a mapping may have here."""
    made: dict[str, Rules] = {}
    for one in found:
        for name, rules in one.get("properties", {}).items():
            made.setdefault(name, rules)
    return made


def choices(found: Sequence[Rules]) -> list[str]:
    """Return the words that a value may be here."""
    made = dict.fromkeys(word for one in found for word in values(one))
    for one in found:
        kind = one.get("type")
        if kind == "boolean" or (isinstance(kind, list) and kind == ["boolean"]):
            made |= dict.fromkeys(("true", "false"))
    return list(made)


def told(rules: Rules) -> str:
    """Return the documentation of a key, as Markdown."""
    said = str(rules.get("description") or "")
    inner = resolved(rules)
    said = said or str(inner.get("description") or inner.get("title") or "")
    default = inner.get("default")
    shown = (
        f", default `{str(default).lower() if isinstance(default, bool) else default}`" if default is not None else ""
    )
    listed = " | ".join(f"`{word}`" for word in values(inner))
    return f"{said}\n\n*{form(inner)}*{f': {listed}' if listed else ''}{shown}"


def _entry(rules: Rules, key: str) -> Iterator[Rules]:
    properties = rules.get("properties", {})
    if key in properties:
        yield from _forms(properties[key])
    elif isinstance(rules.get("additionalProperties"), Mapping):
        yield from _forms(rules["additionalProperties"])


def _forms(rules: Rules) -> Iterator[Rules]:
    """Yield all forms that a value may have; a list stands for its items."""
    rules = resolved(rules)
    branches = [one for key in ("oneOf", "anyOf") for one in rules.get(key, ()) if set(one) - {"required"}]
    if branches and not rules.get("properties"):
        for one in branches:
            yield from _forms(one)
        return
    yield rules
    if isinstance(rules.get("items"), Mapping):
        yield from _forms(rules["items"])
