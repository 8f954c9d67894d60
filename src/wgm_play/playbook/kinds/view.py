"""Kind `view`: a query with a name.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    body_of,
    choice,
    column_list,
    comment_on,
    ident_at,
    key_word,
    mapping,
    overlay,
    parameters,
    parts_of,
    ref,
    sql_at,
    statement,
    text,
)
from wgm_play.playbook.model import Declaration, Step

EXAMPLE = """
- name: What is open
  view:
    name: open_counts
    query: |
      select status, count(*) as number
      from (values ('open'), ('closed')) as tickets(status)
      where status = 'open'
      group by status
    with: {security_barrier: true}
    comment: For the front page
"""

TEMPLATE = text(
    "A file below the project's `templates/` that gives the query, or the whole CREATE statement (then it begins "
    "with CREATE). It is rendered by Jinja; a value is printed only through `| literal` or `| ident`."
)

SCHEMA = mapping(
    {
        "name": ref("object", "The view's name."),
        "schema": SCHEMA_KEY,
        "query": text("The query."),
        "template": TEMPLATE,
        "columns": ref("names", "The names of its columns, where they are not those of the query."),
        "with": ref("parameters", "Options: security_barrier, security_invoker."),
        "defaults": {
            "description": "What a column gets from an INSERT that does not name it, by column: SQL expressions.",
            "type": "object",
            "additionalProperties": ref("sql"),
        },
        "check_option": choice("Rows written through the view must be visible in it.", "local", "cascaded"),
        "comment": COMMENT,
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the view that a step is about."""
    return Key("view", parts_of(step, step.spec))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a view."""
    spec = step.spec
    body = body_of(spec, "query", "view")
    name = ident_at(key(step).name, at(spec, "name"))
    if body.whole:
        made = statement("view/declare_whole.sql.j2", folding, body.position, lines=body.lines)
    else:
        made = statement(
            "view/declare.sql.j2",
            folding,
            spec.position,
            name=name,
            columns=[ident_at(column) for column in column_list(spec, "columns")],
            parameters=parameters(spec),
            lines=body.lines,
            check_option=spec.get("check_option") or "",
        )
    given: Map = spec.get("defaults") or Map()
    defaults = [
        statement(
            "view/declare_default.sql.j2",
            folding,
            position_of(given, column),
            name=name,
            column=ident_at(key_word(given, column)),
            value=sql_at(given, column),
        )
        for column in given
    ]
    late = comment_on("VIEW", name, spec, folding)
    return Declaration(key(step), step.index, step.position, (made, *defaults), late)


KIND = Kind("view", "A view.", SCHEMA, EXAMPLE, declare, key, overlay, (("query", "template"),))
