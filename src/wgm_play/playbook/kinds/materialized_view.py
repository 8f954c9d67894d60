"""Kind `materialized_view`: a query whose rows are kept.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from collections.abc import Iterator

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    body_of,
    column_list,
    comment_on,
    ident_at,
    key_word,
    mapping,
    overlay,
    parameters,
    parts_of,
    ref,
    statement,
    text,
    word,
)
from wgm_play.playbook.kinds.column import MAPPING as COLUMN
from wgm_play.playbook.kinds.view import TEMPLATE
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, reveal

EXAMPLE = """
- name: Counts, kept
  materialized_view:
    name: kept_counts
    query: select 1 as status, count(*) as number from (values (1), (2)) as tickets(status)
    comment: Refreshed by night
- name: So that it can be refreshed while it is read
  index: {name: kept_counts_idx, table: kept_counts, columns: [status], unique: true}
"""

SCHEMA = mapping(
    {
        "name": ref("object", "The materialized view's name."),
        "schema": SCHEMA_KEY,
        "query": text("The query."),
        "template": TEMPLATE,
        "columns": ref("names", "The names of its columns, where they are not those of the query."),
        "with": ref("parameters"),
        "tablespace": ref("name", "The tablespace."),
        "column_settings": {
            "description": "How columns are kept and what the planner is told of them, by column.",
            "type": "object",
            "additionalProperties": mapping(
                {name: COLUMN["properties"][name] for name in ("storage", "compression", "statistics", "options")}
            ),
        },
        "cluster_on": ref("name", "The index that CLUSTER follows."),
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the materialized view that a step is about."""
    return Key("materialized_view", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a materialized view, without rows."""
    spec = step.spec
    body = body_of(spec, "query", "materialized_view")
    name = ident_at(key(step).name, at(spec, "name"))
    if body.whole:
        made = statement("materialized_view/declare_whole.sql.j2", folding, body.position, lines=body.lines)
    else:
        made = statement(
            "materialized_view/declare.sql.j2",
            folding,
            spec.position,
            name=name,
            columns=[ident_at(column) for column in column_list(spec, "columns")],
            parameters=parameters(spec),
            tablespace=ident_at(word(spec["tablespace"], at(spec, "tablespace"))) if spec.get("tablespace") else None,
            lines=body.lines,
        )
    settings = [
        statement("materialized_view/declare_action.sql.j2", folding, one.position, name=name, action=one)
        for one in _actions(spec)
    ]
    late = list(comment_on("MATERIALIZED VIEW", name, spec, folding))
    if spec.get("cluster_on"):  # when its index is there
        where = at(spec, "cluster_on")
        action = Sql(f"CLUSTER ON {ident_at(word(spec['cluster_on'], where))}", where)
        late.append(statement("materialized_view/declare_action.sql.j2", folding, where, name=name, action=action))
    return Declaration(key(step), step.index, step.position, (made, *settings), tuple(late))


def _actions(spec: Map) -> Iterator[Sql]:
    """Yield what ALTER MATERIALIZED VIEW says of its columns."""
    given = spec.get("column_settings") or {}
    for name in given:
        one, column = given[name], ident_at(key_word(given, name))
        for word_ in ("storage", "compression"):
            if one.get(word_):
                yield Sql(f"ALTER COLUMN {column} SET {word_.upper()} {reveal(one[word_])}", at(one, word_))
        if one.get("statistics") is not None:
            yield Sql(f"ALTER COLUMN {column} SET STATISTICS {int(one['statistics'])}", at(one, "statistics"))
        if one.get("options"):
            listed = ", ".join(f"{each.name} = {each.value}" for each in parameters(one, "options"))
            yield Sql(f"ALTER COLUMN {column} SET ({listed})", at(one, "options"))


KIND = Kind(
    "materialized_view",
    "A materialized view.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    (("query", "template"),),
)
