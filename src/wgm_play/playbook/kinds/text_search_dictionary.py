"""Kind `text_search_dictionary`: how words are told apart in text search.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    ident_at,
    key_word,
    mapping,
    overlay,
    parts_of,
    ref,
    statement,
)
from wgm_play.playbook.kinds.pieces import (
    OPTIONS,
    declared,
    name_at,
    plain,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal

EXAMPLE = """
- name: Swedish words
  text_search_dictionary:
    name: swedish_words
    from: snowball
    options: {language: swedish}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The dictionary's name."),
        "schema": SCHEMA_KEY,
        "from": ref("object", "The dictionary template: simple, snowball, ispell, synonym, thesaurus."),
        "options": OPTIONS,
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("text_search_dictionary", parts_of(step, step.spec))


def _value(given: Any) -> str:
    """Return an option's value: a number without quotes, as templates that read numbers want it."""
    number = isinstance(given, (int, float)) and not isinstance(given, bool)
    return str(given) if number else str(literal(plain(given)))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    given = spec.get("options") or {}
    options = [f"{ident_at(key_word(given, one))} = {_value(given[one])}" for one in given]
    made = statement(
        "text_search_dictionary/create.sql.j2",
        folding,
        spec.position,
        name=name,
        method=name_at(spec, "from"),
        options=Sql(", ".join(options), at(spec, "options")) if options else None,
    )
    return declared(step, folding, mine, [made], "TEXT SEARCH DICTIONARY", name)


KIND = Kind("text_search_dictionary", "A text search dictionary.", SCHEMA, EXAMPLE, declare, key, overlay, ("from",))
