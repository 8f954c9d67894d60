"""Kind `backfill`: many rows changed in small batches, once, while the application goes on.

In: a step. Out: its schema fragment, example and `SqlStep` with a `Batches`.
"""

from __future__ import annotations

from typing import Any

from wgm_play.playbook.kinds.base import Folding, Kind, fail, flag, mapping, text
from wgm_play.playbook.model import Batches, SqlStep, Step
from wgm_play.quantities import parse_duration
from wgm_play.sql import Sql, ident, reveal

EXAMPLE = """
- name: Notes
  table:
    name: notes
    columns:
      id: {type: integer, primary_key: true}
      text: text
      words: integer
- name: Count the words of old notes
  backfill:
    table: notes
    set: {words: "cardinality(regexp_split_to_array(text, ' '))"}
    where: words is null
    down: update public.notes set words = null
"""

SCHEMA = mapping(
    {
        "table": text("The table, with its schema where that is not `public`.", minLength=1),
        "set": {
            "description": "The new values: SQL over the row as it is, by column.",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "where": text(
            "WHERE condition of rows that still need it; required if the table has no primary key.", minLength=1
        ),
        "key": {
            "description": "Key columns by which batches are walked; the primary key by default.",
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
        },
        "batch": text("Duration of one batch (100ms).", minLength=1),
        "down": text("Down SQL: takes it back on rollback.", minLength=1),
        "irreversible": flag("Irreversible: a rollback stops before it.", False),
    },
    ["table", "set"],
)
SCHEMA["description"] = "Rows changed in batches by primary key, each committed alone, paced by the time that it takes."


def declare(step: Step, folding: Folding) -> SqlStep:
    """Make the step: recorded as imperative SQL is, run in batches."""
    spec: Any = step.spec
    if spec.get("down") is not None and spec.get("irreversible"):
        raise fail("`backfill` is irreversible or has a `down`, not both", spec.position, "remove one")
    schema, _, name = str(spec["table"]).rpartition(".")
    table = (schema or "public", name)
    assignments = ", ".join(f"{ident(str(column))} = ({_value(value)})" for column, value in spec["set"].items())
    where = f" WHERE {reveal(spec['where'])}" if spec.get("where") else ""
    batches = Batches(
        table,
        assignments,
        reveal(spec["where"]) if spec.get("where") else None,
        tuple(spec["set"]),
        tuple(spec.get("key") or ()),
        parse_duration(str(spec.get("batch") or "100ms")),
    )
    statement = Sql(f"UPDATE {ident(table)} SET {assignments}{where}")
    down = reveal(spec["down"]) if spec.get("down") is not None else None
    return SqlStep(
        statement,
        down,
        bool(spec.get("irreversible")),
        None,
        True,
        step.index,
        step.name,
        step.item,
        step.position,
        batches=batches,
    )


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else reveal(value)


KIND = Kind("backfill", "A backfill: an UPDATE in batches, once.", SCHEMA, EXAMPLE, declare)
