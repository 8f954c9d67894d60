"""Kind `policy`: which rows of a table a role sees and writes.

In: a step. Out: its schema fragment, example and declaration. Its roles belong to the cluster: they are not in its
statements but in `attributes["roles"]`.
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
    comment_on,
    flag,
    ident_at,
    mapping,
    overlay,
    ref,
    sql_at,
    statement,
    word,
)
from wgm_play.playbook.kinds.index import table_of
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Letters
  table: {name: letters, columns: {id: {type: bigint, primary_key: true}, reader: text}, row_level_security: true}
- name: Everybody reads the letters to them
  policy: {name: letters_own, table: letters, command: select, using: reader = current_user}
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The policy's name."),
        "table": ref("object", "The table, which says `row_level_security: true`."),
        "schema": SCHEMA_KEY,
        "command": choice(
            "Command that the policy applies to.", "all", "select", "insert", "update", "delete", default="all"
        ),
        "permissive": flag(
            "PERMISSIVE policies are combined with OR; with `false` it is RESTRICTIVE and must hold as well.", True
        ),
        "to": {
            "description": "Role or roles that the policy applies to; all (`public`) if not given.",
            "oneOf": [ref("name"), ref("names")],
        },
        "using": ref("sql_or_null", "USING expression: the rows that are visible."),
        "with_check": ref("sql_or_null", "WITH CHECK expression: the rows that may be written."),
        "comment": COMMENT,
    },
    ["name", "table"],
)


def key(step: Step) -> Key:
    """Return the key of the policy that a step is about."""
    return Key("policy", (*table_of(step), reveal(step.spec["name"])))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a policy."""
    spec = step.spec
    table = ident_at(table_of(step), at(spec, "table"))
    name = ident_at(word(spec["name"], at(spec, "name")))
    made = statement(
        "policy/declare.sql.j2",
        folding,
        spec.position,
        name=name,
        table=table,
        permissive=spec.get("permissive", True) is not False,
        command=Sql(reveal(spec.get("command") or "all").upper()),
        using=sql_at(spec, "using"),
        with_check=sql_at(spec, "with_check"),
    )
    given = spec.get("to")
    roles = [reveal(one) for one in (given if isinstance(given, list) else [given] if given is not None else [])]
    return Declaration(
        key(step),
        step.index,
        step.position,
        (made,),
        comment_on("POLICY", name, spec, folding, table),
        attributes={"roles": sorted({role for role in roles if role != "public"}) if "public" not in roles else []},
    )


KIND = Kind(
    "policy",
    "A row-level security policy: the rows that a role may see and write.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
)
