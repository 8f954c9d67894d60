"""Kind `publication`: what logical replication sends.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
from wgm_play.playbook.kinds.base import (
    COMMENT,
    Folding,
    Kind,
    at,
    choice,
    default_schema,
    flag,
    ident_at,
    mapping,
    overlay,
    ref,
    split,
    sql_at,
    statement,
    word,
)
from wgm_play.playbook.kinds.pieces import (
    declared,
    names_at,
    texts,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.render import render
from wgm_play.sql import Sql, literal, reveal

EXAMPLE = """
- name: Letters
  table: {name: letters, columns: {id: {type: bigint, primary_key: true}, body: text}}
- name: Letters go to the archive
  publication:
    name: letters_out
    tables: [letters]
    publish: [insert, update]
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The publication's name."),
        "all_tables": flag("All tables, those to come too (superusers alone).", False),
        "tables": {
            "description": "The tables: names, or mappings with columns and a row filter (PostgreSQL 15 and later).",
            "type": "array",
            "items": {
                "oneOf": [
                    {"type": "string", "minLength": 1},
                    mapping(
                        {
                            "table": ref("object", "The table."),
                            "columns": ref("names", "The columns that are sent; all where none is said."),
                            "where": ref("sql", "The rows that are sent."),
                        },
                        ["table"],
                    ),
                ]
            },
        },
        "schemas": texts("Schemas, all of whose tables are sent (PostgreSQL 15 and later; superusers alone)."),
        "publish": {
            "description": "The changes that are sent; all where none is said.",
            "type": "array",
            "items": choice("A change.", "insert", "update", "delete", "truncate"),
        },
        "via_partition_root": flag("Send changes of partitions as those of their partitioned table.", False),
        "generated_columns": choice("Send generated columns (PostgreSQL 18 and later).", "none", "stored"),
        "comment": COMMENT,
    },
    ["name"],
)


def _tables(step: Step) -> list[Sql]:
    """Return the tables as ADD names them."""
    given = step.spec.get("tables") or []
    made = []
    for number, one in enumerate(given):
        where = position_of(given, number)
        said = one if isinstance(one, Map) else Map(where)
        table = ident_at(split(reveal(said.get("table", one)), default_schema(step)), where)
        condition = sql_at(said, "where")
        text_ = render(
            "publication/table.sql.j2",
            table=table,
            columns=names_at(said, "columns"),
            where=condition and Sql(condition),
        )
        made.append(Sql(text_.sql, where))
    return made


def _schemas(step: Step) -> list[Sql]:
    names = names_at(step.spec, "schemas")
    return [Sql(f"TABLES IN SCHEMA {name}", name.position) for name in names]


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("publication", (reveal(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(word(spec["name"], at(spec, "name")))
    changes = ", ".join(
        spec["publish"] if spec.get("publish") is not None else ("insert", "update", "delete", "truncate")
    )
    options = [
        Sql(f"publish = {literal(changes)}", spec.position),
        Sql(f"publish_via_partition_root = {literal(bool(spec.get('via_partition_root')))}", spec.position),
    ]
    if spec.get("generated_columns") is not None:
        options.append(Sql(f"publish_generated_columns = {spec['generated_columns']}", at(spec, "generated_columns")))
    made = [
        statement(
            "publication/create.sql.j2",
            folding,
            spec.position,
            name=name,
            all_tables=bool(spec.get("all_tables")),
            options=options,
        )
    ]
    for member in (*_tables(step), *_schemas(step)):
        made.append(statement("publication/add.sql.j2", folding, member.position, name=name, member=member))
    return declared(step, folding, mine, made, "PUBLICATION", name)


KIND = Kind("publication", "A publication for logical replication.", SCHEMA, EXAMPLE, declare, key, overlay, ())
