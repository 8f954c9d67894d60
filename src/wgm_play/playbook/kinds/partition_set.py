"""Kind `partition_set`: a table whose partitions pg_partman makes and drops.

In: a step. Out: its schema fragment, example and declaration. A set is a row of the extension's table: it is never made in a
scratch database, and its declaration has no statements but `attributes`, the fields of `PartitionSet`.
"""

from __future__ import annotations

import re

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    SCHEMA_KEY,
    Folding,
    Kind,
    at,
    fail,
    flag,
    mapping,
    overlay,
    parts_of,
    ref,
    text,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Where pg_partman lives
  schema: {name: partman}
- name: Partitions are made ahead
  extension: {name: pg_partman, schema: partman}
- name: Events
  table:
    name: events
    columns: {id: {type: bigint, not_null: true}, at: {type: timestamptz, not_null: true}, body: jsonb}
    partition_by: {range: [at]}
- name: A partition for each week, kept for a year
  partition_set: {table: events, control: at, interval: 1 week, premake: 4, retention: 1 year, retention_keep_table: false}
"""

_SPAN = r"^\s*[1-9]\d*(\s+(second|minute|hour|day|week|month|year)s?)?\s*$"
_EXPECTED = {"x-expected": "a number and a unit as 1 week or 3 months, or a number of ids"}

SCHEMA = mapping(
    {
        "table": ref("object", "The partitioned table (`partition_by: {range: [COLUMN]}`)."),
        "schema": SCHEMA_KEY,
        "control": ref("name", "The partition key's column: a time, or a whole number."),
        "interval": text(
            "The range of each partition: `1 day`, `1 week`, `1 month`, or a number of ids; fixed once partitions are there.",
            pattern=_SPAN,
            **_EXPECTED,
        ),
        "premake": {
            "description": "How many partitions are made ahead of now.",
            "type": "integer",
            "minimum": 1,
            "default": 4,
        },
        "retention": {
            "description": "How old partitions become before maintenance detaches them (ids: how far behind); null for ever.",
            "type": ["string", "null"],
            "pattern": _SPAN,
            **_EXPECTED,
        },
        "retention_schema": ref(
            "name", "The schema that partitions past retention move to, in place of being dropped."
        ),
        "retention_keep_table": flag("Detached partitions stay as tables; false drops them with their rows.", True),
        "retention_keep_index": flag("Detached partitions keep their indexes.", True),
        "infinite_time_partitions": flag("Partitions are made ahead of now where no rows come, too.", False),
        "automatic_maintenance": flag(
            "run_maintenance() without a table, and the background worker, see to the set.", True
        ),
        "inherit_privileges": flag("Partitions get the privileges of their parent.", False),
        "ignore_default_data": flag("Rows in the default partition do not count for what is made ahead.", False),
    },
    ["table"],
)


def key(step: Step) -> Key:
    """Return the key of the set that a step is about."""
    return Key("partition_set", parts_of(step, step.spec, "table"))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a set."""
    spec = step.spec
    for name in ("control", "interval"):
        if name not in spec:
            raise fail(
                f"the partition set of {reveal(spec['table'])!r} has no {name!r}", at(spec, "table"), f"add `{name}:`"
            )
    retention, schema = spec.get("retention"), spec.get("retention_schema")
    attributes = {
        "control": reveal(spec["control"]),
        "interval": as_interval(reveal(spec["interval"])),
        "premake": int(spec.get("premake", 4)),
        "retention": None if retention is None else as_interval(reveal(retention)),
        "retention_schema": None if schema is None else reveal(schema),
        "retention_keep_table": bool(spec.get("retention_keep_table", True)),
        "retention_keep_index": bool(spec.get("retention_keep_index", True)),
        "infinite_time_partitions": bool(spec.get("infinite_time_partitions", False)),
        "automatic_maintenance": bool(spec.get("automatic_maintenance", True)),
        "inherit_privileges": bool(spec.get("inherit_privileges", False)),
        "ignore_default_data": bool(spec.get("ignore_default_data", False)),
    }
    return Declaration(key(step), step.index, step.position, attributes=attributes)


def as_interval(said: str) -> str:
    """Return a span as the server writes it with IntervalStyle postgres; a number of ids stays."""
    number, _, unit = " ".join(said.lower().split()).partition(" ")
    count, unit = int(number), unit.removesuffix("s")
    if not unit:
        return str(count)
    if unit in ("second", "minute", "hour"):
        seconds = count * {"second": 1, "minute": 60, "hour": 3600}[unit]
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if unit in ("day", "week"):
        return _counted(count * (7 if unit == "week" else 1), "day")
    years, months = divmod(count * (12 if unit == "year" else 1), 12)
    return " ".join(_counted(many, one) for many, one in ((years, "year"), (months, "mon")) if many)


def as_said(interval: str) -> str | None:
    """Return a span as a playbook says it, from what the server writes; None where no number with one unit says it."""
    if interval.isdigit():
        return interval
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d)", interval):
        hours, minutes, seconds = map(int, clock.groups())
        found = hours * 3600 + minutes * 60 + seconds
        size, unit = next(
            (size, unit) for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")) if not found % size
        )
        return _counted(found // size, unit)
    if days := re.fullmatch(r"(\d+) days?", interval):
        count = int(days.group(1))
        return _counted(count // 7, "week") if count % 7 == 0 else _counted(count, "day")
    if whole := re.fullmatch(r"(?:(\d+) years?)?\s?(?:(\d+) mons?)?", interval):
        years, months = (int(part or 0) for part in whole.groups())
        return _counted(years, "year") if not months else _counted(years * 12 + months, "month")
    return None


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


KIND = Kind(
    "partition_set", "A table whose partitions pg_partman makes and drops.", SCHEMA, EXAMPLE, declare, key, overlay
)
