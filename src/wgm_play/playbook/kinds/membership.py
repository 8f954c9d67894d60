"""Kind `membership`: that a role is a member of another.

In: a step. Out: its schema fragment, example and declaration, which has no statements but attributes.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import Folding, Kind, flag, mapping, overlay, ref
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Those who read
  role: {name: example_readers}
- name: One of them
  role: {name: example_reader, login: true}
- name: It reads
  membership: {role: example_readers, member: example_reader}
"""

SCHEMA = mapping(
    {
        "role": ref("name", "The role that is a group."),
        "member": ref("name", "The role that is a member of it."),
        "admin": flag("ADMIN OPTION: the member may grant the role to others.", False),
        "inherit": flag(
            "INHERIT OPTION: the member has the group's privileges without SET ROLE (PostgreSQL 16 and later)."
        ),
        "set": flag("SET OPTION: the member may SET ROLE to the group (PostgreSQL 16 and later)."),
    },
    ["role", "member"],
)


def key(step: Step) -> Key:
    """Return the key of the membership that a step is about."""
    return Key("membership", (reveal(step.spec["role"]), reveal(step.spec["member"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a membership."""
    said = {name: bool(step.spec[name]) for name in ("admin", "inherit", "set") if step.spec.get(name) is not None}
    return Declaration(key(step), step.index, step.position, attributes=said)


KIND = Kind("membership", "Role membership: GRANT role TO member.", SCHEMA, EXAMPLE, declare, key, overlay)
