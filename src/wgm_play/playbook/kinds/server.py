"""Kind `server`: a server that a foreign-data wrapper reaches.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    ident_at,
    mapping,
    overlay,
    ref,
    statement,
    text,
    word,
)
from wgm_play.playbook.kinds.pieces import (
    OPTIONS,
    declared,
    name_at,
    options_at,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal, reveal

EXAMPLE = """
- name: The wrapper
  foreign_data_wrapper: {name: other_databases}
- name: Where the archive is
  server: {name: archive, wrapper: other_databases, type: postgres, version: "17", options: {host: archive.example.org}}
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The server's name."),
        "wrapper": ref("name", "The foreign-data wrapper."),
        "type": text("Its type, for the wrapper."),
        "version": text("Its version, for the wrapper."),
        "options": OPTIONS,
        "comment": COMMENT,
    },
    ["name"],
)


def _quoted(spec: Map, name: str) -> Sql | None:
    return None if spec.get(name) is None else Sql(literal(reveal(spec[name])), at(spec, name))


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("server", (reveal(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(word(spec["name"], at(spec, "name")))
    made = statement(
        "server/create.sql.j2",
        folding,
        spec.position,
        name=name,
        wrapper=name_at(spec, "wrapper"),
        type=_quoted(spec, "type"),
        version=_quoted(spec, "version"),
        options=options_at(spec),
    )
    return declared(step, folding, mine, [made], "SERVER", name)


KIND = Kind("server", "A foreign server.", SCHEMA, EXAMPLE, declare, key, overlay, ("wrapper",))
