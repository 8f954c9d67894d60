"""One value against one JSON Schema fragment, with messages for people.

In: a value with positions, a fragment (the part of draft 2020-12 that our schemas use). Out: errors, each with file,
line and column, what was expected, and the nearest right word. `jsonschema` gives the same verdicts (a test compares
them) but needs a tenth of a second to be imported, and cannot point to a place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wgm_play.document.nodes import key_position, position_of
from wgm_play.document.yaml_hints import quoted
from wgm_play.environment_keys import POLICY
from wgm_play.errors import InputError, Position, WgmError

# How a value of each form is written.
_FORMS = {
    "object": "write `name: {key: value}`, or the keys on lines of their own",
    "array": "write `[one, two]`, or each entry on a line that begins with `- `",
    "boolean": "write true or false",
    "integer": "write a whole number",
    "number": "write a number",
    "string": "write a text",
}
# One name, or several with commas between.
_NAMES = re.compile(r"\w+(?:, *\w+)*")
WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "null",
}
Schema = Mapping[str, Any]
# A place, or the mapping or list and the key whose place it is: most places are never shown.
Where = Position | tuple[Any, Any] | None


# How alike two words must be to be taken for one another: a letter or two misspelled. Below, no guess is made.
ALIKE = 0.7


def nearest(word: str, words: Any) -> str | None:
    """Return `did you mean …?` for the nearest right word, or None."""
    import difflib

    known = [str(one) for one in words]
    same = [one for one in known if one.lower().replace("_", "") == word.lower().replace("_", "").replace("-", "")]
    lower = {one.lower(): one for one in known}
    near = same or [lower[one] for one in difflib.get_close_matches(word.lower(), lower, 1, ALIKE)]
    return f"did you mean {near[0]!r}?" if near else None


def type_of(value: Any) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, Mapping):
        return "object"
    return "array"


def shown(value: Any) -> str:
    """Return a value as a message shows it, shortened."""
    kind = type_of(value)
    if kind in ("object", "array"):
        return WORDS[kind]
    if kind == "null":
        return "nothing"
    if kind == "boolean":
        return "true" if value else "false"
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"the text {text!r}" if kind == "string" else f"the number {text}"


def is_template(value: Any) -> bool:
    """Return whether a value is a text that Jinja will render."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


class Checker:
    """Checks values against fragments; `templates` lets a text that Jinja will render stand anywhere."""

    def __init__(self, definitions: Mapping[str, Any], *, templates: bool) -> None:
        self.definitions = definitions
        self.templates = templates
        self.problems: list[WgmError] = []
        # Each list of branches, made flat once; it is kept beside, so that its id stays its own.
        self._flattened: dict[int, tuple[Any, list[Schema]]] = {}

    def fail(self, message: str, where: Where, hint: str | None = None) -> None:
        """Remember one error."""
        at = position_of(*where) if isinstance(where, tuple) else where
        self.problems.append(InputError(message, where=at, hint=hint))

    def check(self, value: Any, schema: Schema, where: Where, name: str) -> None:
        """Check one value; `name` is what messages call it."""
        if self.templates and is_template(value):
            return
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].rsplit("/", 1)[1]]
        if "oneOf" in schema:
            self._one_of(value, schema["oneOf"], where, name)
            return
        kind = type_of(value)
        allowed = schema.get("type")
        if allowed is not None and not _fits(kind, allowed):
            self._wrong_type(value, [allowed] if isinstance(allowed, str) else list(allowed), schema, where, name)
            return
        if "enum" in schema and value not in schema["enum"]:
            words = schema["enum"]
            hint = nearest(str(value), words)
            self.fail(f"{name} is {shown(value)}, expected {_listed(words)}", where, hint)
            return
        if kind == "object":
            self._mapping(value, schema, name)
        elif kind == "array":
            self._sequence(value, schema, where, name)
        elif kind == "string":
            self._text(value, schema, where, name)
        elif kind in ("integer", "number"):
            least, most = schema.get("minimum"), schema.get("maximum")
            if (least is not None and value < least) or (most is not None and value > most):
                limits = f"at least {least}" if most is None else f"{least} to {most}"
                self.fail(f"{name} is {shown(value)}, expected {limits}", where, f"write a number: {limits}")

    def _wrong_type(self, value: Any, allowed: list[str], schema: Schema, where: Where, name: str) -> None:
        hint = None
        kind = type_of(value)
        if "string" in allowed and kind in ("integer", "number", "boolean"):
            hint = f'quote it to make it a text: "{value if kind != "boolean" else str(value).lower()}"'
        elif kind == "string" and "boolean" in allowed and str(value).lower() in ("yes", "on", "no", "off"):
            hint = f"write {'true' if str(value).lower() in ('yes', 'on') else 'false'}"
        elif kind == "string" and allowed == ["array"] and _NAMES.fullmatch(value):
            hint = f"write `[{value}]`"
        expected = " or ".join(dict.fromkeys(WORDS[one] for one in allowed))
        self.fail(
            f"{name} is {shown(value)}, expected {expected}",
            where,
            hint or schema.get("x-form") or _FORMS.get(allowed[0] if allowed else ""),
        )

    def _text(self, value: str, schema: Schema, where: Where, name: str) -> None:
        if len(value) < schema.get("minLength", 0):
            self.fail(f"{name} is empty", where, "write its text, or take the line out")
        elif "pattern" in schema and not re.search(schema["pattern"], value):
            expected = schema.get("x-expected") or f"a text like {schema['pattern']}"
            self.fail(f"{name} is {shown(value)}, expected {expected}", where, f"write {expected}")

    def _mapping(self, value: Any, schema: Schema, name: str) -> None:
        properties: Mapping[str, Any] = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        cut = _cut_at_commas(value, properties) if others is False else {}
        for key, one in value.items():
            if key in cut:
                owner, meant = cut[key]
                if owner:
                    self.fail(
                        f"a comma within {{ }} ends the value of {owner!r}",
                        key_position(value, key),
                        f"quote it: {owner}: {quoted(meant)}",
                    )
                continue
            if key in properties:
                self.check(one, properties[key], (value, key), f"{key!r}")
            elif others is False:
                self.fail(
                    f"unknown {schema.get('x-keys', 'key')} {key!r}",
                    key_position(value, key),
                    _in_its_place(schema, key)
                    or nearest(key, properties)
                    or schema.get("x-expected")
                    or f"{name} has: {', '.join(properties)}",
                )
            elif isinstance(others, Mapping):
                self.check(one, others, (value, key), f"{key!r}")
        for key in schema.get("required", ()):
            if key not in value:
                self.fail(f"{name} has no {key!r}", position_of(value), f"add `{key}:`")

    def _sequence(self, value: Any, schema: Schema, where: Where, name: str) -> None:
        if len(value) < schema.get("minItems", 0):
            self.fail(f"{name} is an empty list", where)
        items = schema.get("items")
        if items is not None:
            for number, one in enumerate(value):
                self.check(one, items, (value, number), f"entry {number + 1} of {name}")

    def _one_of(self, value: Any, branches: list[Schema], where: Where, name: str) -> None:
        kind = type_of(value)
        fitting: list[Schema] = []
        allowed: list[str] = []
        known = self._flattened.get(id(branches))
        if known is None:
            known = self._flattened[id(branches)] = (branches, self._flat(branches))
        for branch in known[1]:
            types = branch.get("type", list(WORDS))
            allowed += [types] if isinstance(types, str) else types
            if _fits(kind, types):
                fitting.append(branch)
        if not fitting:
            self._wrong_type(value, allowed, next((one for one in known[1] if "x-form" in one), {}), where, name)
            return
        if len(fitting) == 1:
            self.check(value, fitting[0], where, name)
            return
        best: list[WgmError] | None = None
        for branch in fitting:
            attempt = Checker(self.definitions, templates=self.templates)
            attempt.check(value, branch, where, name)
            if not attempt.problems:
                return
            if best is None or len(attempt.problems) < len(best):
                best = attempt.problems
        self.problems += best or []

    def _flat(self, branches: list[Schema]) -> list[Schema]:
        made: list[Schema] = []
        for branch in branches:
            while "$ref" in branch:
                branch = self.definitions[branch["$ref"].rsplit("/", 1)[1]]  # noqa: PLW2901
            made += self._flat(branch["oneOf"]) if "oneOf" in branch else [branch]
        return made


def _in_its_place(schema: Schema, key: str) -> str | None:
    """Return what stands in the place of a word of another tool, where the fragment says whose place it is."""
    from wgm_play.playbook.foreign_words import instead, of_policy

    kind = schema.get("x-step")
    if kind is not None and key in schema["x-keywords"]:
        return f"it is a keyword of the step: write `{key}:` beside `{kind}:`, not below it"
    place = schema.get("x-place")
    found = None if place is None else instead(place, key)
    return found or (of_policy(key) if key in POLICY and (kind is not None or place == "play") else None)


def _cut_at_commas(value: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return what is no key but the rest of a value that a comma within braces has cut: `{type: numeric(10,2)}`.

    The first piece of each has the key whose value it was, and that value as it was meant.
    """
    cut: dict[str, tuple[str, str]] = {}
    owner, meant, pieces = "", "", list[str]()
    for key, one in value.items():
        if owner and one is None and key not in properties:
            meant += f", {key}"
            pieces.append(key)
            if meant.count("(") == meant.count(")"):
                cut.update(dict.fromkeys(pieces, ("", "")))
                cut[pieces[0]] = (owner, meant)
                owner = ""
            continue
        owner, meant, pieces = "", "", []
        if isinstance(one, str) and one.count("(") > one.count(")"):
            owner, meant = key, str.__str__(one)
    return cut


def _fits(kind: str, allowed: str | list[str]) -> bool:
    types = [allowed] if isinstance(allowed, str) else allowed
    return kind in types or (kind == "integer" and "number" in types)


def _listed(words: list[Any]) -> str:
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
