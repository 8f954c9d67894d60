"""Kind `event_trigger`: a function that runs when the schema changes.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    choice,
    ident_at,
    mapping,
    overlay,
    ref,
    statement,
    word,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    here,
    items_at,
    texts,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal, reveal

EXAMPLE = """
- name: What tells of it
  function: {name: tell_ddl, returns: event_trigger, body: "begin raise notice '%', tg_tag; end"}
- name: Tell of new tables
  event_trigger: {name: tell_tables, event: ddl_command_end, tags: [CREATE TABLE], function: tell_ddl, enabled: false}
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The event trigger's name."),
        "event": choice("The event.", "ddl_command_start", "ddl_command_end", "table_rewrite", "sql_drop", "login"),
        "tags": texts("The commands, as `CREATE TABLE`; all where none is said."),
        "function": ref("object", "The function, which returns event_trigger."),
        "enabled": {
            "description": "Whether it fires: true, false, `replica` (on a replica alone) or `always`.",
            "enum": [True, False, "replica", "always"],
            "default": True,
        },
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("event_trigger", (reveal(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(word(spec["name"], at(spec, "name")))
    tags = [Sql(literal(reveal(one)), one.position) for one in items_at(spec, "tags")]
    function = here(step, "function")
    made = [
        statement(
            "event_trigger/create.sql.j2",
            folding,
            spec.position,
            name=name,
            event=Sql(str(spec["event"])),
            tags=tags,
            function=function,
        )
    ]
    action = {False: "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}.get(spec.get("enabled", True))
    if action:
        made.append(
            statement("event_trigger/enable.sql.j2", folding, at(spec, "enabled"), name=name, action=Sql(action))
        )
    return declared(step, folding, mine, made, "EVENT TRIGGER", name)


KIND = Kind(
    "event_trigger",
    "An event trigger: a function that runs on DDL (superusers only).",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    ("event", "function"),
)
