"""What a mapping may hold, from its JSON Schema: a tree of keys, and the same as Markdown.

In: a fragment of the schema. Out: `KeyDoc`s. A part that several keys share is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.schema_rules import WORDS
from wgm_play.playbook.validate import definitions

Rules = Mapping[str, Any]
# What has a page of its own.
_PAGES = {"step": "step", "play": "play", "alert": "alert"}


@dataclass(frozen=True, slots=True)
class KeyDoc:
    """One key: its name, the form of its value, its values where they are few, what it says, the keys below it."""

    name: str
    form: str
    text: str
    required: bool = False
    default: str = ""
    values: tuple[str, ...] = ()
    inner: tuple[KeyDoc, ...] = ()
    same_as: str = ""


def keys_of(properties: Rules, required: Iterable[str] = ()) -> list[KeyDoc]:
    """Return the keys of a mapping."""
    return _keys(properties, tuple(required), {}, ())


def _keys(properties: Rules, required: Sequence[str], told: dict[int, str], path: tuple[str, ...]) -> list[KeyDoc]:
    return [_key(name, rules, name in required, told, (*path, name)) for name, rules in properties.items()]


def _key(name: str, rules: Rules, required: bool, told: dict[int, str], path: tuple[str, ...]) -> KeyDoc:
    said = rules.get("description")
    reference = str(rules.get("$ref", "")).rsplit("/", 1)[-1]
    rules = resolved(rules)
    default = rules.get("default")
    shown = str(default).lower() if isinstance(default, bool) else "" if default is None else str(default)
    inner: list[KeyDoc] = []
    same = ""
    if reference not in (*_PAGES, "accept"):
        for found in _inner(rules):
            if id(found) in told:
                same = told[id(found)]
                continue
            told[id(found)] = ".".join(path)
            inner += _keys(found["properties"], found.get("required", ()), told, path)
    unique = {one.name: one for one in inner}
    return KeyDoc(
        name,
        form(rules),
        str(said or rules.get("description", "")),
        required,
        shown,
        tuple(values(rules)),
        tuple(unique.values()),
        same if not inner else "",
    )


def resolved(rules: Rules) -> Rules:
    """Return the fragment that a `$ref` means."""
    while "$ref" in rules:
        rules = definitions()[rules["$ref"].rsplit("/", 1)[1]]
    return rules


def _inner(rules: Rules) -> Iterator[Rules]:
    """Yield the mappings that a value may be or hold."""
    rules = resolved(rules)
    if rules.get("properties"):
        yield rules
    for key in ("additionalProperties", "items"):
        if isinstance(rules.get(key), Mapping):
            yield from _inner(rules[key])
    for branch in rules.get("oneOf", ()):
        yield from _inner(branch)


def values(rules: Rules) -> Iterator[str]:
    """Yield the words that a value may be, where these are few."""
    rules = resolved(rules)
    for one in rules.get("x-values", rules.get("enum", ())):
        yield str(one)
    for branch in rules.get("oneOf", ()):
        yield from values(branch)


def form(rules: Rules) -> str:
    """Return the form of a value in words."""
    rules = resolved(rules)
    if "x-form" in rules:
        return str(rules["x-form"])
    if "x-values" in rules or "enum" in rules:
        return "one of"
    if "oneOf" in rules:
        return " or ".join(dict.fromkeys(form(branch) for branch in rules["oneOf"]))
    kind = rules.get("type", "mapping")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    if set(kinds) >= {"string", "integer", "boolean"}:
        return "SQL" if "SQL" in str(rules.get("description", "")) else "value"
    if kinds == ["array"] and isinstance(rules.get("items"), Mapping):
        return f"list of {_many(form(rules['items']))}"
    if kinds == ["object"] and isinstance(rules.get("additionalProperties"), Mapping) and not rules.get("properties"):
        return f"mapping of names to {_many(form(rules['additionalProperties']))}"
    return " or ".join(WORDS.get(one, one).removeprefix("a ") for one in kinds)


def _many(word: str) -> str:
    return {"text": "texts", "mapping": "mappings", "SQL": "SQL expressions", "value": "values"}.get(word, word)


def notes(key: KeyDoc) -> str:
    """Return what stands in brackets behind a key: its form, its values, whether it must be there, its default."""
    form_ = key.form
    if key.values:
        listed = " | ".join(f"`{value}`" for value in key.values)
        form_ = (
            listed
            if form_ == "one of"
            else form_.replace("one of", listed, 1)
            if "one of" in form_
            else f"{form_}: {listed}"
        )
    words = [form_, "required" if key.required else "", f"default `{key.default}`" if key.default else ""]
    return ", ".join(word for word in words if word)


def markdown(keys: Iterable[KeyDoc], indent: str = "", deepest: int = 9) -> str:
    """Return keys as a nested list."""
    made = ""
    for key in keys:
        rest = f" Keys as under `{key.same_as}`." if key.same_as else ""
        made += f"{indent}- `{key.name}` ({notes(key)}): {key.text}{rest}".rstrip(": ") + "\n"
        if deepest > 1:
            made += markdown(key.inner, indent + "  ", deepest - 1)
    return made


def find(keys: Iterable[KeyDoc], path: Sequence[str]) -> KeyDoc | None:
    """Return the key that a path leads to; keys that are told once are found wherever they may stand."""
    found = _below(keys, path)
    for length in range(len(path) - 1, 0, -1) if found is None else ():
        above = _below(keys, path[:length])
        if above is not None and above.same_as:
            return find(keys, (*above.same_as.split("."), *path[length:]))
    return found


def _below(keys: Iterable[KeyDoc], path: Sequence[str]) -> KeyDoc | None:
    for key in keys:
        if key.name == path[0]:
            return key if len(path) == 1 else _below(key.inner, path[1:])
    return None


def walk(keys: Iterable[KeyDoc], path: str) -> Iterator[tuple[str, KeyDoc]]:
    """Yield every key with its path."""
    for key in keys:
        here = f"{path}.{key.name}"
        yield here, key
        yield from walk(key.inner, here)
