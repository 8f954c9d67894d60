"""Pieces that the kinds of one statement share.

In: a step. Out: qualified names, options and declarations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, key_position, position_of
from wgm_play.playbook.kinds.base import (
    Folding,
    Schema,
    at,
    comment_on,
    default_schema,
    expression,
    ident_at,
    key_word,
    split,
    statement,
    word,
)
from wgm_play.playbook.model import Declaration, Step, TablePart
from wgm_play.render import Statement
from wgm_play.sql import Sql, literal, reveal

OPTIONS: Schema = {
    "description": "Options by name, as `host: db.example.org`.",
    "type": "object",
    "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
}


def texts(description: str) -> Schema:
    """Describe a list of texts."""
    return {"description": description, "type": "array", "items": {"type": "string", "minLength": 1}}


def name_at(spec: Map, key: str, schema: str | None = None) -> Sql | None:
    """Return the qualified name under `key`; one without a schema stays so, unless `schema` is given."""
    if spec.get(key) is None:
        return None
    name = reveal(spec[key])
    parts = split(name, schema) if schema is not None else tuple(name.split("."))
    return ident_at(tuple(parts), at(spec, key))


def here(step: Step, key: str) -> Sql | None:
    """Return the qualified name under `key`, in the play's schema where it says none."""
    return name_at(step.spec, key, default_schema(step))


def items_at(spec: Map, key: str) -> list[Sql]:
    """Return a list of SQL texts."""
    given = spec.get(key) or []
    return [Sql(reveal(one), position_of(given, number)) for number, one in enumerate(given)]


def names_at(spec: Map, key: str) -> list[Sql]:
    """Return a list of names, quoted."""
    given = spec.get(key) or []
    return [ident_at(word(one, position_of(given, number))) for number, one in enumerate(given)]


def plain(value: Any) -> str:
    """Return an option's value as a text."""
    return ("true" if value else "false") if isinstance(value, bool) else reveal(value)


def options_at(spec: Map, key: str = "options") -> list[Sql]:
    """Return options as SQL: `name 'value'`."""
    given = spec.get(key) or {}
    return [
        Sql(f"{ident_at(key_word(given, name))} {literal(plain(given[name]))}", position_of(given, name))
        for name in given
    ]


def assigned(spec: Map, names: Iterable[tuple[str, str]]) -> list[Sql]:
    """Return `WORD = value` for the keys that are given, (key, word) each; values are SQL."""
    return [
        Sql(f"{said} = {expression(spec[name], None)}", at(spec, name))
        for name, said in names
        if spec.get(name) is not None
    ]


def parts_at(mine: Key, step: Step, given: Map) -> dict[Key, TablePart]:
    """Return the attributes of a type, or the columns of a foreign table, as parts of their object."""
    parts = {}
    for name in given:
        said = given[name] if isinstance(given[name], Map) else {}
        renamed = said.get("renamed_from")
        where = key_position(given, name) or step.position
        parts[Key("attribute", (*mine.name, name))] = TablePart(
            step.index, where, said.get("state") == "absent", reveal(renamed) if renamed else None
        )
    return parts


def declared(
    step: Step,
    folding: Folding,
    mine: Key,
    statements: Iterable[Statement],
    what: str,
    target: Sql,
    *,
    on: Sql | None = None,
    parts: dict[Key, TablePart] | None = None,
) -> Declaration:
    """Return the declaration of an object with its comment, which COMMENT calls `what`."""
    late = comment_on(what, target, step.spec, folding, on)
    return Declaration(mine, step.index, step.position, tuple(statements), late, parts=parts or {})


__all__ = [
    "OPTIONS",
    "assigned",
    "declared",
    "here",
    "items_at",
    "key_position",
    "name_at",
    "names_at",
    "options_at",
    "plain",
    "statement",
    "texts",
]
