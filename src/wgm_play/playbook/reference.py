"""The reference of the playbook language and of environment files, made from the schemas and examples.

In: the name of a kind or topic, or none. Out: text in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wgm_play import environment_keys
from wgm_play.errors import InputError
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.schema_rules import WORDS, nearest
from wgm_play.playbook.validate import ALERT, IMPORT, INVARIANT, KEYWORDS, PLAY, definitions

_ENVIRONMENT = """\
url: "{{ env.DATABASE_URL }}"
variables: {slow_query: 250ms}
policy:
  lock_timeout: 500ms
  trash: {retention: 30d}
"""
TOPICS = ("play", "step", "alert", "backup", "environment", "security")


def doc(kind: str | None = None) -> str:
    """Return the reference of a kind or of one of `TOPICS`; without a name, what there is."""
    if kind is None:
        return _overview()
    if kind.removesuffix("s") in TOPICS:
        kind = kind.removesuffix("s")
    if kind == "play":
        return "# play\n\nA play: one environment and what its database is to be.\n\n" + _keys(
            _play(), ("name", "hosts")
        )
    if kind == "step":
        return "# step\n\nA name, exactly one kind, and keywords.\n\n" + _keys({**KEYWORDS, **IMPORT}, ("name",))
    if kind == "alert":
        return "# alert\n\nHow one learns that the database is not well.\n\n" + _keys(
            ALERT["properties"], ALERT["required"]
        )
    if kind == "backup":
        return "# backup\n\nHow the database is kept safe.\n\n" + _keys(definitions()["backup"]["properties"], ())
    if kind == "environment":
        return _environment()
    if kind == "security":
        from wgm_play.security import page

        return page()
    if kind not in KINDS:
        hint = nearest(kind, [*KINDS, *TOPICS]) or f"there are: {', '.join([*KINDS, *TOPICS])}"
        raise InputError(f"no kind and no topic {kind!r}", hint=hint)
    one = KINDS[kind]
    rules: Mapping[str, Any] = one.schema
    if "oneOf" in rules:
        rules = next(branch for branch in rules["oneOf"] if branch.get("type") == "object")
    return (
        f"# {kind}\n\n{one.summary}\n\n{_keys(rules['properties'], rules.get('required', ()))}\n"
        f"## Example\n\n```yaml\n{one.example.strip()}\n```\n"
    )


def _play() -> dict[str, Any]:
    """Return the keys of a play; what its lists hold has pages of its own."""
    pages = {"steps": "`wgm-play doc step`", "handlers": "`wgm-play doc sql`", "alerts": "`wgm-play doc alert`"}
    lists = {
        name: {"type": "array", "description": f"{PLAY[name]['description']} See {page}."}
        for name, page in pages.items()
    }
    return {**PLAY, **lists}


def _overview() -> str:
    width = max(len(name) for name in (*KINDS, *TOPICS))
    lines = ["# Kinds of steps", ""]
    lines += [f"  {name:<{width}}  {kind.summary}" for name, kind in KINDS.items()]
    lines += ["", "# More", ""]
    lines += [
        f"  {'play':<{width}}  The keywords of a play.",
        f"  {'step':<{width}}  The keywords of every step, imports.",
        f"  {'alert':<{width}}  Alerts.",
        f"  {'backup':<{width}}  The backup policy.",
        f"  {'environment':<{width}}  Environment files: where a database is, and what a run may do there.",
        f"  {'security':<{width}}  Who can edit what, and what he can do with it.",
        "",
        "`wgm-play doc KIND` shows one of them with its keys and an example.",
    ]
    return "\n".join(lines) + "\n"


def _environment() -> str:
    """Return the reference of environment files, from the keys that check them."""
    return (
        "# environment\n\nenvironments/NAME.yml, which a play with `hosts: NAME` is for: where its database is, and what "
        "a run may do there. One of `url`, `service`, `embedded` is needed; defaults are in brackets.\n\n"
        f"{_keys(environment_keys.schema()['properties'], ())}\n## Example\n\n```yaml\n{_ENVIRONMENT}```\n"
    )


def _keys(properties: Mapping[str, Any], required: Any, indent: str = "", path: tuple[str, ...] = ()) -> str:
    return "".join(_key(name, rules, name in required, indent, path) for name, rules in properties.items())


def _key(name: str, rules: Mapping[str, Any], required: bool, indent: str, path: tuple[str, ...]) -> str:
    said = rules.get("description")
    reference = str(rules.get("$ref", "")).rsplit("/", 1)[-1]
    rules = _resolved(rules)
    said = said or rules.get("description", "")
    notes = [_form(rules)]
    if required:
        notes.append("required")
    if "default" in rules:
        default = rules["default"]
        notes.append(f"default {str(default).lower() if isinstance(default, bool) else default}")
    made = f"{indent}- `{name}` ({', '.join(notes)}): {said}\n"
    if reference in ("step", "play", "accept") or len(indent) > 6:
        return made
    for inner in _inner(rules):
        made += _keys(inner.get("properties", {}), inner.get("required", ()), indent + "  ", (*path, name))
    return made


def _resolved(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in rules:
        rules = definitions()[rules["$ref"].rsplit("/", 1)[1]]
    return rules


def _inner(rules: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings that a value may be or hold."""
    rules = _resolved(rules)
    if rules.get("properties"):
        yield rules
    for key in ("additionalProperties", "items"):
        if isinstance(rules.get(key), Mapping):
            yield from _inner(rules[key])
    for branch in rules.get("oneOf", ()):
        yield from _inner(branch)


def _form(rules: Mapping[str, Any]) -> str:
    rules = _resolved(rules)
    if "x-form" in rules:
        return str(rules["x-form"])
    if "enum" in rules:
        return " | ".join(str(one) for one in rules["enum"])
    if "oneOf" in rules:
        return " or ".join(dict.fromkeys(_form(branch) for branch in rules["oneOf"]))
    kind = rules.get("type", "mapping")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    if set(kinds) >= {"string", "integer", "boolean"}:
        return "SQL" if "SQL" in str(rules.get("description", "")) else "value"
    return " or ".join(WORDS.get(one, one).removeprefix("a ") for one in kinds)


__all__ = ["INVARIANT", "doc"]
