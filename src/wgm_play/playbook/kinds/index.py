"""Kind `index`: a way to find rows.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import position_of
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    column_list,
    comment_on,
    default_schema,
    element,
    fail,
    flag,
    ident_at,
    mapping,
    overlay,
    parameters,
    ref,
    split,
    sql_at,
    statement,
    text,
    word,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: A place to search
  table: {name: places, columns: {id: {type: bigint, primary_key: true}, name: text, seen: timestamptz, gone: boolean}}
- name: Places by name, whatever the case, newest first
  index:
    name: places_name_idx
    table: places
    columns: [{expression: lower(name)}, seen desc nulls last]
    include: [id]
    where: not gone
    with: {fillfactor: 80}
    comment: Behind the search box
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The index's name; it lies in the schema of its table."),
        "table": ref("object", "The table or materialized view."),
        "schema": SCHEMA_KEY,
        "columns": {
            "description": "What is indexed, in order.",
            "type": "array",
            "items": ref("index_element"),
            "minItems": 1,
        },
        "method": text("btree (the default), hash, gin, gist, spgist, brin, or one of an extension."),
        "unique": flag("No two rows alike.", False),
        "nulls_not_distinct": flag("NULLS NOT DISTINCT: NULLs are treated as equal (PostgreSQL 15 and later).", False),
        "include": ref("names", "Columns that are kept in the index and not searched."),
        "where": ref("sql_or_null", "Only the rows for which this SQL expression holds."),
        "with": ref("parameters"),
        "tablespace": ref("name", "The tablespace."),
        "comment": COMMENT,
    },
    ["name"],
)


def table_of(step: Step) -> tuple[str, str]:
    """Return schema and name of the table that an index or trigger is on."""
    spec = step.spec
    if spec.get("table") is None:
        raise fail(f"the {step.kind} {reveal(spec['name'])!r} does not say its table", spec.position, "add `table:`")
    if spec.get("schema") is not None:
        return reveal(spec["schema"]), reveal(spec["table"])
    return split(reveal(spec["table"]), default_schema(step))


def key(step: Step) -> Key:
    """Return the key of the index that a step is about."""
    name = reveal(step.spec["name"])
    if step.spec.get("table") is None:
        # To be absent, an index needs no table: `schema.name` says it.
        schema = step.spec.get("schema")
        return Key("index", (reveal(schema), name) if schema else split(name, default_schema(step)))
    schema, _ = table_of(step)
    # A name qualified with the schema of its table says the same twice.
    return Key("index", (schema, name.removeprefix(schema + ".")))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of an index."""
    spec = step.spec
    mine = key(step)
    where = at(spec, "name")
    elements = [element(one, position_of(spec["columns"], number)) for number, one in enumerate(spec["columns"])]
    made = statement(
        "index/declare.sql.j2",
        folding,
        spec.position,
        name=ident_at(word(mine.name[1], where), where),
        table=ident_at(table_of(step), at(spec, "table")),
        method=ident_at(word(spec["method"], at(spec, "method"))) if spec.get("method") else None,
        unique=bool(spec.get("unique")),
        elements=elements,
        include=[ident_at(name) for name in column_list(spec, "include")],
        nulls_not_distinct=bool(spec.get("nulls_not_distinct")),
        parameters=parameters(spec),
        tablespace=ident_at(word(spec["tablespace"], at(spec, "tablespace"))) if spec.get("tablespace") else None,
        where=sql_at(spec, "where"),
    )
    targets = [
        statement(
            "index/declare_statistics.sql.j2",
            folding,
            one.statistics.position,
            name=ident_at(mine.name, where),
            column=Sql(str(number)),
            statistics=one.statistics,
        )
        for number, one in enumerate(elements, 1)
        if one.statistics is not None
    ]
    said = {"tablespace": True} if spec.get("tablespace") is not None else {}
    if targets:
        said["statistics"] = True
    comment = comment_on("INDEX", ident_at(mine.name, where), spec, folding)
    return Declaration(mine, step.index, step.position, (made, *targets), comment, attributes=said)


KIND = Kind(
    "index", "An index of a table or materialized view.", SCHEMA, EXAMPLE, declare, key, overlay, ("table", "columns")
)
