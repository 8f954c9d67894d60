"""Kind `default_privileges`: what a grantee may do with objects that a role will create.

In: a step. Out: its schema fragment, example and declaration, which has no statements but `attributes["privileges"]`.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import Folding, Kind, choice, mapping, overlay, ref
from wgm_play.playbook.kinds.privileges import GRANT_OPTION, LIST, with_option
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Functions that postgres will create are for those who are named
  default_privileges: {role: postgres, objects: functions, to: public, privileges: []}
- name: Who reads the public schema reads what comes
  default_privileges: {role: postgres, schema: public, objects: tables, to: pg_monitor, privileges: [select]}
"""

SCHEMA = mapping(
    {
        "role": ref("name", "The role that will create the objects."),
        "schema": ref("name", "Only objects in this schema."),
        "objects": choice("Which objects.", "tables", "sequences", "functions", "types", "schemas", "large objects"),
        "to": ref("name", "The role that gets the privileges, or `public`."),
        "privileges": LIST,
        "grant_option": GRANT_OPTION,
    },
    ["role", "objects", "to"],
)


def key(step: Step) -> Key:
    """Return the key of what a step is about."""
    spec = step.spec
    schema = reveal(spec["schema"]) if spec.get("schema") else ""
    return Key("default_privileges", (reveal(spec["role"]), schema, reveal(spec["objects"]), reveal(spec["to"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration."""
    privileges = with_option(step.spec)
    return Declaration(key(step), step.index, step.position, attributes={"privileges": privileges})


KIND = Kind(
    "default_privileges",
    "ALTER DEFAULT PRIVILEGES: privileges on objects created later.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    ("privileges",),
)
