"""Privileges as a playbook writes them: `select`, `update (name, email)`, `all`.

In: a value of a playbook. Out: privileges as rows of the catalog hold them; the schema fragments of `owner:` and
`grants:`, which every kind of object takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wgm_play.catalog.access import LETTERS
from wgm_play.document.nodes import Map, position_of
from wgm_play.playbook.kinds.base import Schema, fail, ref
from wgm_play.sql import ident, reveal, unquoted
from wgm_play.sqltext.scan import split_list

NAMES = ("all", *(name.lower() for name in LETTERS.values()))
LIST: Schema = {
    "description": f"Privileges: {', '.join(NAMES)}; for some columns, `update (name, email)`. An empty list revokes them.",
    "oneOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}}],
}
OWNER = ref("name", "Owner (ALTER ... OWNER TO). Not compared unless given.")
GRANTS: Schema = {
    "description": "Grants: the privileges of each grantee (`public`: everybody), such as `{reader: [select]}`. Grantees "
    "that are not listed are revoked, PUBLIC's default privileges included. Not compared unless given.",
    "type": "object",
    "additionalProperties": LIST,
}
GRANT_OPTION: Schema = {
    "description": "WITH GRANT OPTION: true for all of them, or a list of those that may be passed on.",
    "oneOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string", "minLength": 1}}],
    "default": False,
}
_FORM = re.compile(r"\s*([a-z]+)(?:\s+privileges)?\s*(?:\((.*)\))?\s*\Z", re.IGNORECASE | re.DOTALL)


def with_option(spec: Map) -> list[str]:
    """Return what `privileges` and `grant_option` say together, sorted; each ends with * where it has the option."""
    named = listed(spec, "privileges")
    given = spec.get("grant_option")
    passed_on = set(listed(spec, "grant_option")) if isinstance(given, list) else set(named) if given else set()
    for one in passed_on - set(named):
        raise fail(
            f"{one.lower()!r} is to be passed on, and is not among the privileges",
            position_of(spec, "grant_option"),
            "add it to `privileges`, or take it out of `grant_option`",
        )
    return sorted(one + ("*" if one in passed_on else "") for one in named)


def listed(spec: Map, key: str) -> list[str]:
    """Return the privileges under `key` of a mapping, sorted."""
    given = spec[key]
    made = []
    for number, one in enumerate(given if isinstance(given, list) else [given]):
        where = position_of(given, number) or position_of(spec, key)
        found = _FORM.match(reveal(one))
        if not found or found.group(1).lower() not in NAMES:
            raise fail(f"{reveal(one)!r} is no privilege", where, f"write one of: {', '.join(NAMES)}")
        columns = [unquoted(name.strip()) for name in split_list(found.group(2) or "") if name.strip()]
        word = found.group(1).upper()
        made += [f"{word} ({ident(name)})" for name in columns] or [word]
    return sorted(made)


def access_of(spec: Map) -> dict[str, Any]:
    """Return `owner` and `grants` of an object, as its declaration's attributes hold them."""
    made: dict[str, Any] = {}
    if spec.get("owner") is not None:
        made["owner"] = reveal(spec["owner"])
    grants = spec.get("grants")
    if isinstance(grants, Mapping):
        made["grants"] = {name: listed(grants, name) for name in grants}  # type: ignore[arg-type]
    return made
