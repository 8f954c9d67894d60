"""Kind `grant`: what one grantee may do with one object.

In: a step. Out: its schema fragment, example and declaration. Roles belong to the cluster: a grant is never tried in a
scratch database, and its declaration has no statements but `attributes["privileges"]`.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import Folding, Kind, mapping, overlay, ref, text
from wgm_play.playbook.kinds.comment import target_of
from wgm_play.playbook.kinds.privileges import GRANT_OPTION, LIST, with_option
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: A book
  table: {name: books, columns: {id: {type: bigint, primary_key: true}, title: text, price: numeric}}
- name: Everybody reads the books
  grant: {on: table books, to: public, privileges: [select]}
- name: Everybody may correct a title
  grant: {on: table books, to: public, privileges: [select, update (title)]}
"""

SCHEMA = mapping(
    {
        "on": text(
            "The object: its kind and its name, as `table nodes`, `sequence nodes_id_seq`, `function touch()`, "
            "`schema app`, `enum mood`, `language plpgsql`, or `database`."
        ),
        "to": ref("name", "The role, or `public` for everybody. Other grantees keep what they have."),
        "privileges": LIST,
        "grant_option": GRANT_OPTION,
    },
    ["on", "to"],
)


def key(step: Step) -> Key:
    """Return the key of the grant that a step is about: the object and the grantee."""
    return key_on(step, "grant", "language", step.spec["to"])


def key_on(step: Step, kind: str, word: str, of: Any) -> Key:
    """Return the key of what a step says `on:` an object: that of a kind, the database, or one called by `word`."""
    on, last = reveal(step.spec["on"]).strip(), reveal(of)
    if on == "database":
        return Key(kind, ("database", last))
    if on.startswith(f"{word} "):
        return Key(kind, (word, on.removeprefix(f"{word} ").strip(), last))
    target = target_of(step)[0]
    return Key(kind, (target.kind, *target.name, last))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a grant."""
    privileges = with_option(step.spec)
    return Declaration(key(step), step.index, step.position, attributes={"privileges": privileges})


KIND = Kind(
    "grant", "GRANT: privileges of a role on an object.", SCHEMA, EXAMPLE, declare, key, overlay, ("privileges",)
)
