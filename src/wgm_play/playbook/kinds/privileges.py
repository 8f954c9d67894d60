"""Privileges as a playbook writes them: `select`, `update (name, email)`, `all`.

In: a value of a playbook. Out: privileges as rows of the catalog hold them; the schema fragments of `owner:` and
`grants:`, which every kind of object takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wgm_play.catalog.access import LETTERS
from wgm_play.playbook.kinds.base import Schema, fail, ref
from wgm_play.playbook.nodes import Map, position_of
from wgm_play.sql import ident, reveal

NAMES = ("all", *(name.lower() for name in LETTERS.values()))
LIST: Schema = {
    "description": f"Privileges: {', '.join(NAMES)}; for some columns, `update (name, email)`. An empty list revokes them.",
    "oneOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}}],
}
OWNER = ref("name", "The role that owns it. Not compared where not said.")
GRANTS: Schema = {
    "description": "The privileges of each grantee (`public`: everybody), as `{reader: [select]}`. Others have none: who "
    "is not listed loses what he was granted, PUBLIC what it has by default. Not compared where not said.",
    "type": "object",
    "additionalProperties": LIST,
}
_FORM = re.compile(r"\s*([a-z]+)(?:\s+privileges)?\s*(?:\((.*)\))?\s*\Z", re.IGNORECASE | re.DOTALL)


def listed(spec: Map, key: str, *, option: bool = False) -> list[str]:
    """Return the privileges under `key` of a mapping, sorted; each ends with * where it has the grant option."""
    given = spec[key]
    made = []
    for number, one in enumerate(given if isinstance(given, list) else [given]):
        where = position_of(given, number) or position_of(spec, key)
        found = _FORM.match(reveal(one))
        if not found or found.group(1).lower() not in NAMES:
            raise fail(f"{reveal(one)!r} is no privilege", where, f"write one of: {', '.join(NAMES)}")
        columns = [name.strip() for name in (found.group(2) or "").split(",") if name.strip()]
        word = found.group(1).upper()
        made += [f"{word} ({ident(name)})" for name in columns] or [word]
    return sorted(name + ("*" if option else "") for name in made)


def access_of(spec: Map) -> dict[str, Any]:
    """Return `owner` and `grants` of an object, as its declaration's attributes hold them."""
    made: dict[str, Any] = {}
    if spec.get("owner") is not None:
        made["owner"] = reveal(spec["owner"])
    grants = spec.get("grants")
    if isinstance(grants, Mapping):
        made["grants"] = {name: listed(grants, name) for name in grants}  # type: ignore[arg-type]
    return made
