"""Kind `user_mapping`: as whom a role reaches a foreign server.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    Folding,
    Kind,
    mapping,
    overlay,
    ref,
)
from wgm_play.playbook.kinds.pieces import (
    OPTIONS,
    plain,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.secret import is_secret, register
from wgm_play.sql import reveal

EXAMPLE = """
- name: The wrapper
  foreign_data_wrapper: {name: other_databases}
- name: The server
  server: {name: archive, wrapper: other_databases}
- name: Everybody reads the archive
  user_mapping: {server: archive, user: public, options: {user: reader}}
"""

SCHEMA = mapping(
    {
        "server": ref("name", "The server."),
        "user": ref("name", "The role, or `public` for everybody else."),
        "options": {
            **OPTIONS,
            "description": "Options by name; a password as {{ env.NAME }}, which is masked everywhere.",
        },
    },
    ["server", "user"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("user_mapping", (reveal(step.spec["server"]), reveal(step.spec["user"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    given = spec.get("options") or {}
    pairs = sorted(f"{name}={plain(given[name])}" for name in given)
    for pair in pairs:
        if is_secret(pair):
            register(pair.partition("=")[2])
    return Declaration(mine, step.index, step.position, attributes={"options": pairs})


KIND = Kind("user_mapping", "Credentials of a role on a foreign server.", SCHEMA, EXAMPLE, declare, key, overlay, ())
