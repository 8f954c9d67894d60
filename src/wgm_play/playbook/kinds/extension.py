"""Kind `extension`: an extension of the server.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    comment_on,
    ident_at,
    mapping,
    overlay,
    ref,
    statement,
    text,
    word,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal

EXAMPLE = """
- name: Languages in procedures
  extension: {name: plpgsql}
  required: false
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The extension's name, as in pg_available_extensions."),
        "schema": ref("name", "Schema for its objects; the extension's own choice if not given."),
        "version": text("Version to install or update to; the server's default if not given. Quote it: '1.10'."),
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the extension that a step is about."""
    return Key("extension", (str(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of an extension."""
    spec = step.spec
    name = ident_at(word(spec["name"], at(spec, "name")))
    made = statement(
        "extension/declare.sql.j2",
        folding,
        spec.position,
        name=name,
        schema=ident_at(word(spec["schema"], at(spec, "schema"))) if spec.get("schema") else None,
        version=Sql(literal(spec["version"]), at(spec, "version")) if spec.get("version") else None,
    )
    said = {part: str(spec[part]) for part in ("schema", "version") if spec.get(part)}
    late = comment_on("EXTENSION", name, spec, folding)
    return Declaration(key(step), step.index, step.position, (made,), late, attributes=said)


KIND = Kind(
    "extension", "An extension; `required: false` where the server may lack it.", SCHEMA, EXAMPLE, declare, key, overlay
)
