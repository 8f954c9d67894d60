"""Kind `text_search_configuration`: how texts become words in text search.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

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
    declared,
    name_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Names of people
  text_search_configuration:
    name: people
    copy: pg_catalog.simple
    mappings: {asciiword: [english_stem, simple], word: [english_stem, simple], url: []}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The configuration's name."),
        "schema": SCHEMA_KEY,
        "copy": ref("object", "A configuration whose parser and mappings it begins with."),
        "parser": ref("object", "The parser."),
        "mappings": {
            "description": "The dictionaries of a token type, asked in this order; an empty list ignores such tokens.",
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string", "minLength": 1}},
        },
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("text_search_configuration", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    source = name_at(spec, "copy")
    parser = name_at(spec, "parser") or Sql('pg_catalog."default"')
    folder = "text_search_configuration"
    made = [statement(f"{folder}/create.sql.j2", folding, spec.position, name=name, source=source, parser=parser)]
    given = spec.get("mappings") or {}
    for token in given:
        where = key_word(given, token).position
        dictionaries = [ident_at(tuple(reveal(one).split(".")), where) for one in given[token]]
        verb = "map" if dictionaries else "unmap"
        values = {"dictionaries": Sql(", ".join(dictionaries), where)} if dictionaries else {}
        made.append(
            statement(
                f"{folder}/{verb}.sql.j2", folding, where, name=name, token=ident_at(key_word(given, token)), **values
            )
        )
    return declared(step, folding, mine, made, "TEXT SEARCH CONFIGURATION", name)


KIND = Kind(
    "text_search_configuration",
    "A text search configuration: which dictionaries handle which tokens.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    (("copy", "parser"),),
)
