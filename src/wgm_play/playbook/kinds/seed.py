"""Kind `seed`: rows that a table has.

In: a step. Out: its schema fragment, example and `Seed`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, Text, position_of
from wgm_play.errors import InputError, Position, Problems, WgmError
from wgm_play.playbook.kinds.base import SCHEMA_KEY, Folding, Kind, at, fail, flag, mapping, parts_of, ref, text
from wgm_play.playbook.model import Seed, SeedRow, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: Kinds of drinks
  table: {name: drinks, columns: {id: {type: bigint, primary_key: true}, name: text, strong: boolean}}
- name: What there is to drink
  seed:
    table: drinks
    key: [id]
    rows:
      - {id: 1, name: Water, strong: false}
      - {id: 2, name: Grappa, strong: true}
      - {id: 3, state: absent}
"""

SCHEMA = mapping(
    {
        "table": ref("object", "The table."),
        "schema": SCHEMA_KEY,
        "key": ref("names", "Key columns that identify a row; they need a unique index."),
        "rows": {
            "description": "The rows. A column that a row does not give is left as it is, or gets its default. "
            "`state: absent` removes the row; mappings and lists become jsonb.",
            "type": "array",
            "items": {"type": "object"},
        },
        "file": text("A CSV file with a header line, relative to the file of the step; an empty field is NULL."),
        "update": flag(
            "Change a row that is there and differs; `false` inserts what is missing and leaves what people made of it.",
            True,
        ),
        "prune": flag("Remove rows that are not listed (with `--allow-destructive`).", False),
    },
    ["table", "key"],
)


def declare(step: Step, folding: Folding) -> Seed:
    """Make the rows of a seed; each must give the key, and no key twice."""
    spec = step.spec
    if ("rows" in spec) == ("file" in spec):
        raise fail("a seed has either `rows` or `file`", spec.position, "add `rows:`")
    names = tuple(Text(reveal(name), position_of(spec["key"], place)) for place, name in enumerate(spec["key"]))
    rows = tuple(_rows(spec) if "rows" in spec else _file(spec, names))
    problems: list[WgmError] = []
    seen: dict[str, Position] = {}
    for row in rows:
        missing = [name for name in names if row.values.get(name) is None]
        if missing:
            problems.append(fail(f"the row gives no {missing[0]!r}, which is part of the key", row.position))
            continue
        found = repr([reveal(row.values[name]) for name in names])
        if found in seen:
            shown = "***" if step.no_log else ", ".join(str(row.values[name]) for name in names)
            problems.append(
                fail(f"the row with the key {shown} is there twice", row.position, f"the first is at {seen[found]}")
            )
        seen.setdefault(found, row.position)
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]
    table = Key("table", parts_of(step, spec, "table"))
    flags = {"prune": bool(spec.get("prune")), "update": bool(spec.get("update", True))}
    return Seed(table, at(spec, "table"), names, rows, step.index, step.position, no_log=step.no_log, **flags)


def _rows(spec: Map) -> Iterator[SeedRow]:
    for number, row in enumerate(spec["rows"]):
        where = position_of(spec["rows"], number) or spec.position
        # A table may have a column `state`; only the word `absent` is ours.
        absent = row.get("state") == "absent"
        values = row.duplicate() if absent else row
        if absent:
            del values["state"]
        yield SeedRow(values, where, absent)


def _file(spec: Map, names: tuple[str, ...]) -> Iterator[SeedRow]:
    """Yield the rows of a CSV file, which `expand` has read into `file` (the text) with its name as position."""
    where = position_of(spec, "file") or spec.position
    content = getattr(spec["file"], "content", None)
    name = getattr(spec["file"], "name", reveal(spec["file"]))
    if content is None:
        content = Path(name).read_text("utf-8-sig")
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader, None)
        if not header or "" in header:
            raise fail(f"{name!r} has no header line with the names of its columns", Position(name, 1), "add it")
        twice = next((one for number, one in enumerate(header) if one in header[:number]), None)
        if twice is not None:
            raise fail(f"the header of {name!r} names the column {twice!r} twice", Position(name, 1), "take one out")
        missing = [one for one in names if one not in header]
        if missing:
            raise fail(f"{name!r} has no column {missing[0]!r}, which is part of the key", Position(name, 1))
        start = reader.line_num + 1
        for fields in reader:
            here, start = Position(name, start), reader.line_num + 1
            if not fields:
                continue
            if len(fields) != len(header):
                raise fail(f"{len(fields)} fields, where the header has {len(header)}", here)
            yield SeedRow({key: value or None for key, value in zip(header, fields, strict=True)}, here)
    except csv.Error as error:
        raise InputError(f"{name!r} is no CSV file: {error}", where=Position(name, reader.line_num)) from None
    except OSError as error:
        raise fail(f"{name!r} cannot be read: {error.strerror}", where) from None


KIND = Kind("seed", "Seed data: rows found by a key, changed only where different.", SCHEMA, EXAMPLE, declare)
