"""Kind `rule`: a rewrite rule.

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
    choice,
    flag,
    ident_at,
    mapping,
    overlay,
    parts_of,
    ref,
    sql_at,
    statement,
    word,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    items_at,
    texts,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: What was
  table: {name: letters, columns: {id: {type: bigint, primary_key: true}, body: text}}
- name: Letters are not deleted
  rule: {name: keep_letters, table: letters, event: delete, instead: true, commands: []}
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The rule's name."),
        "table": ref("object", "The table or view."),
        "schema": SCHEMA_KEY,
        "event": choice("The statement that is rewritten.", "insert", "update", "delete"),
        "where": ref("sql_or_null", "When, over `old` and `new`."),
        "instead": flag("In place of the statement; otherwise beside it.", False),
        "commands": texts("The statements that run; none: nothing."),
        "enabled": {
            "description": "Whether the rule works: true, false, `replica` (on a replica alone) or `always`.",
            "enum": [True, False, "replica", "always"],
            "default": True,
        },
        "comment": COMMENT,
    },
    ["name", "table"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("rule", (*parts_of(step, step.spec, "table"), reveal(step.spec["name"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    table = ident_at(mine.name[:2], at(spec, "table"))
    name = ident_at(word(spec["name"], at(spec, "name")))
    made = [
        statement(
            "rule/declare.sql.j2",
            folding,
            spec.position,
            name=name,
            event=Sql(str(spec["event"]).upper()),
            table=table,
            where=sql_at(spec, "where"),
            instead=bool(spec.get("instead")),
            commands=[Sql(one.rstrip().rstrip(";"), one.position) for one in items_at(spec, "commands")],
        )
    ]
    action = {False: "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}.get(spec.get("enabled", True))
    if action:
        made.append(
            statement("rule/enable.sql.j2", folding, at(spec, "enabled"), table=table, name=name, action=Sql(action))
        )
    return declared(step, folding, mine, made, "RULE", name, on=table)


KIND = Kind("rule", "A rewrite rule on a table or view.", SCHEMA, EXAMPLE, declare, key, overlay, ("event",))
