"""Kind `statistics`: what the planner knows of several columns together.

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
    ident_at,
    mapping,
    overlay,
    parts_of,
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
from wgm_play.sql import Sql

EXAMPLE = """
- name: Houses
  table: {name: houses, columns: {city: text, street: text}}
- name: A street lies in one city
  statistics: {name: houses_place, table: houses, columns: [city, street], kinds: [dependencies, ndistinct],
               target: 500}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The name of the statistics."),
        "schema": SCHEMA_KEY,
        "table": ref("object", "The table."),
        "columns": texts("Columns, and from PostgreSQL 14 on expressions in brackets: `(lower(city))`."),
        "kinds": {
            "description": "What is kept; all kinds where none is said.",
            "type": "array",
            "items": choice("A kind.", "ndistinct", "dependencies", "mcv"),
        },
        "target": {
            "description": "How exact they are (0 to 10000); null for the server's default.",
            "type": ["integer", "null"],
        },
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the object that a step is about."""
    return Key("statistics", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of one object."""
    spec = step.spec
    mine = key(step)
    name = ident_at(mine.name, at(spec, "name"))
    table = here(step, "table")
    elements = [
        one if one.lstrip().startswith("(") else ident_at(word(one.strip(), one.position))
        for one in items_at(spec, "columns")
    ]
    made = [
        statement(
            "statistics/create.sql.j2",
            folding,
            spec.position,
            name=name,
            table=table,
            elements=elements,
            kinds=items_at(spec, "kinds"),
        )
    ]
    if spec.get("target") is not None:
        target = Sql(str(int(spec["target"])), at(spec, "target"))
        made.append(statement("statistics/target.sql.j2", folding, at(spec, "target"), name=name, target=target))
    return declared(step, folding, mine, made, "STATISTICS", name)


KIND = Kind(
    "statistics",
    "Extended statistics on several columns.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    ("table", "columns"),
)
