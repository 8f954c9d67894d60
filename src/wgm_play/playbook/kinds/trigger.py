"""Kind `trigger`: a function that runs when rows change.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Text, position_of
from wgm_play.lazy_dataclass import dataclass
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
    default_schema,
    fail,
    flag,
    ident_at,
    mapping,
    overlay,
    ref,
    split,
    sql_at,
    statement,
    text,
    word,
)
from wgm_play.playbook.kinds.index import table_of
from wgm_play.playbook.kinds.view import TEMPLATE
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal, reveal

EXAMPLE = """
- name: Things that change
  table: {name: things, columns: {id: {type: bigint, primary_key: true}, note: text, updated_at: timestamptz}}
- name: What happens then
  function:
    name: touch
    returns: trigger
    body: |
      begin
        new.updated_at := now();
        return new;
      end
- name: updated_at tells the truth
  trigger:
    table: things
    name: things_touch
    timing: before
    events: [insert, {update: [note]}]
    function: touch
    when: new.note is not null
    comment: Keeps updated_at
"""

SCHEMA = mapping(
    {
        "name": ref("name", "The trigger's name."),
        "table": ref("object", "The table or view."),
        "schema": SCHEMA_KEY,
        "timing": choice("Timing: before, after or instead of the event.", "before", "after", "instead of"),
        "events": {
            "description": "Events that fire it: insert, update, delete, truncate, or `{update: [columns]}`.",
            "type": "array",
            "minItems": 1,
            "items": {
                "oneOf": [
                    {"type": "string", "enum": ["insert", "update", "delete", "truncate"]},
                    mapping({"update": ref("names", "UPDATE OF: only if one of these columns is in SET.")}, ["update"]),
                ]
            },
        },
        "function": {
            "description": "The function: `name`, `name('argument')`, or `{name: …, arguments: [texts]}`.",
            "oneOf": [
                {"type": "string", "minLength": 1},
                mapping(
                    {
                        "name": ref("object", "The function's name."),
                        "arguments": {
                            "description": "Its arguments, which reach it as texts.",
                            "type": "array",
                            "items": {"type": ["string", "integer", "number"]},
                        },
                    },
                    ["name"],
                ),
            ],
        },
        "template": {
            **TEMPLATE,
            "description": "A file below the project's `templates/` with the whole CREATE TRIGGER.",
        },
        "definition": text("The whole CREATE TRIGGER, where no other key says it."),
        "level": choice("FOR EACH ROW (the default, except for truncate) or STATEMENT.", "row", "statement"),
        "when": ref("sql_or_null", "WHEN condition, an SQL expression over old and new."),
        "referencing": mapping(
            {"old_table": ref("name"), "new_table": ref("name")},
            description="Transition tables (REFERENCING): names for the rows before and after.",
        ),
        "enabled": {
            "description": "Firing state: true (the default), false (DISABLE TRIGGER), `replica` or `always`.",
            "oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["replica", "always"]}],
        },
        "constraint": flag("CONSTRAINT TRIGGER (after, for each row).", False),
        "deferrable": flag("A constraint trigger that may wait for the end of the transaction.", False),
        "initially": ref("initially"),
        "comment": COMMENT,
    },
    ["name", "table"],
)


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    """One event and its columns."""

    what: str
    columns: list[Sql]


# Trigger functions that every server has (manual: "Trigger Functions", "Text Search Functions").
_BUILT_IN = frozenset(
    ["suppress_redundant_updates_trigger", "tsvector_update_trigger", "tsvector_update_trigger_column"]
)
_CALL = re.compile(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)


def key(step: Step) -> Key:
    """Return the key of the trigger that a step is about."""
    return Key("trigger", (*table_of(step), reveal(step.spec["name"])))


def _events(step: Step) -> list[TriggerEvent]:
    made: list[TriggerEvent] = []
    for one in step.spec["events"]:
        if isinstance(one, Mapping):
            made.append(TriggerEvent("update", [ident_at(name) for name in column_list(one, "update")]))  # type: ignore[arg-type]
        else:
            made.append(TriggerEvent(reveal(one), []))
    return made


def event_columns(step: Step) -> list[Text]:
    """Return the columns that the events name."""
    return [
        name
        for one in step.spec.get("events") or []
        if isinstance(one, Mapping)
        for name in column_list(one, "update")  # type: ignore[arg-type]
    ]


def _call(step: Step) -> tuple[Sql, Sql]:
    """Return the function and its arguments."""
    spec = step.spec
    given, where = spec["function"], at(spec, "function")
    if isinstance(given, Mapping):
        name = reveal(given["name"])
        values = given.get("arguments") or []
        written = Sql(", ".join(literal(reveal(value)) for value in values), position_of(given, "arguments"))
    else:
        found = _CALL.match(reveal(given))
        if not found:
            raise fail(f"{given!r} is no function", where, "write its name, or name('argument')")
        name, written = found.group(1), Sql(found.group(2) or "", where)
    schema = "pg_catalog" if name in _BUILT_IN else default_schema(step)
    return ident_at(split(name, schema), where), written


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a trigger."""
    spec = step.spec
    table = ident_at(table_of(step), at(spec, "table"))
    name = ident_at(word(spec["name"], at(spec, "name")))
    if spec.get("template") is not None or spec.get("definition") is not None:
        body = body_of(spec, "definition", "trigger")
        if not body.whole:
            raise fail("the template or definition of a trigger gives the whole CREATE TRIGGER", body.position)
        statements = [statement("trigger/declare_whole.sql.j2", folding, body.position, lines=body.lines)]
    else:
        events = _events(step)
        function, arguments = _call(step)
        names = spec.get("referencing") or {}
        statements = [
            statement(
                "trigger/declare.sql.j2",
                folding,
                spec.position,
                name=name,
                table=table,
                timing=spec["timing"],
                events=events,
                constraint=bool(spec.get("constraint")),
                deferrable=bool(spec.get("deferrable")) or spec.get("initially") == "deferred",
                deferred=spec.get("initially") == "deferred",
                old_table=ident_at(word(names["old_table"], position_of(names))) if names.get("old_table") else None,
                new_table=ident_at(word(names["new_table"], position_of(names))) if names.get("new_table") else None,
                row=spec.get("level", "statement" if any(e.what == "truncate" for e in events) else "row") == "row",
                when=sql_at(spec, "when"),
                function=function,
                arguments=arguments,
            )
        ]
    enabled = {False: "disabled", "replica": "replica", "always": "always"}.get(spec.get("enabled", True))
    if enabled:
        where = at(spec, "enabled")
        statements.append(
            statement("trigger/declare_enabled.sql.j2", folding, where, table=table, name=name, enabled=enabled)
        )
    return Declaration(
        key(step), step.index, step.position, tuple(statements), comment_on("TRIGGER", name, spec, folding, table)
    )


KIND = Kind(
    "trigger",
    "A trigger: a function that runs when rows change.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    tuple((name, "template", "definition") for name in ("timing", "events", "function")),
)
