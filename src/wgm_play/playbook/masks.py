"""`mask:` of columns: what stands in their stead in a copy that people may reach.

In: what steps declare. Out: `Mask`s; errors for those that no copy could keep: two rows of one key, a NULL where none may be, a
reference that would lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wgm_play.document.nodes import Map, position_of
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds.base import default_schema, sql_at
from wgm_play.playbook.kinds.table import constraints_of
from wgm_play.playbook.kinds.table import key as table_key
from wgm_play.playbook.model import Step
from wgm_play.sql import Sql


@dataclass(frozen=True, slots=True)
class Mask:
    """A column, and the SQL expression over the row that its values become."""

    table: tuple[str, ...]
    column: str
    value: Sql
    position: Position | None


def said(step: Step) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a table that say `mask`, with what they say."""
    columns = step.spec.get("columns") if isinstance(step.spec, Mapping) else None
    for name, column in columns.items() if isinstance(columns, Mapping) else ():
        if isinstance(column, Map) and column.get("mask") is not None and column.get("state") != "absent":
            yield name, column


def masks_of(steps: Iterable[Step]) -> list[Mask]:
    """Return the masks of a play's steps; a later step amends an earlier one."""
    made: dict[tuple[tuple[str, ...], str], Mask] = {}
    for step in steps:
        if step.kind != "table" or step.skipped is not None or step.deferred:
            continue
        table = table_key(step).name
        for name, column in said(step):
            made.pop((table, name), None)
            if column["mask"] is not False:
                value = sql_at(column, "mask")
                assert value is not None  # noqa: S101 - it says one
                made[table, name] = Mask(table, name, value, position_of(column, "mask"))
    return list(made.values())


def problems(tables: Iterable[Step]) -> Iterator[WgmError]:
    """Yield an error for each mask that a copy could not keep; `tables` are as all steps together declare them."""
    steps = {table_key(step).name: step for step in tables}
    masks = {(table, name): column for table, step in steps.items() for name, column in said(step)}
    if not masks:
        return
    for (table, name), column in masks.items():
        if column["mask"] is not False:
            yield from _of_column(table, name, column, steps[table])
    for table, step in steps.items():
        for one in constraints_of(step.spec, default_schema(step)):
            if one.table is None:
                continue
            target = one.target_columns or _primary(steps.get(one.table))
            for mine, theirs in zip(one.columns, target, strict=False):
                yield from _of_reference((table, str(mine)), (one.table, str(theirs)), masks, step)


def _of_column(table: tuple[str, ...], name: str, column: Map, step: Step) -> Iterator[WgmError]:
    text, where = str(column["mask"]), position_of(column, "mask")
    label = f"{table[-1]}.{name}"
    if column.get("generated") is not None:
        yield _wrong(f"the column {label} is generated: its values follow from others", where, "mask those", step)
    elif text.strip().lower() == "null" and (column.get("not_null") or column.get("primary_key")):
        yield _wrong(f"the column {label} is NOT NULL, and its mask is null", where, "mask: \"'x'\"", step)
    elif text.strip().lower() != "null" and _alone(name, column, step) and _constant(text):
        hint = f"write one that is another for each row, as md5({name}::text)"
        yield _wrong(f"the column {label} is unique, and its mask gives every row the same value", where, hint, step)


def _of_reference(mine: Any, theirs: Any, masks: Mapping[Any, Map], step: Step) -> Iterator[WgmError]:
    here, there = (masks[one] if one in masks and masks[one]["mask"] is not False else None for one in (mine, theirs))
    if (here is None and there is None) or (here is not None and str(here["mask"]).strip().lower() == "null"):
        return
    if here is not None and there is not None and _shape(here, mine[1]) == _shape(there, theirs[1]):
        return
    one = here if here is not None else there
    labels = [f"{table[-1]}.{name}" for table, name in (mine, theirs)]
    yield _wrong(
        f"{labels[0]} refers to {labels[1]}, and their masks are not the same: rows would refer to none",
        position_of(one, "mask"),
        "give both the same mask, each over its own column",
        step,
    )


def _alone(name: str, column: Map, step: Step) -> bool:
    """Tell whether a column is a key by itself."""
    if column.get("unique") or _primary(step) == (name,):
        return True
    keys = [one for one in constraints_of(step.spec, default_schema(step)) if one.table is None and not one.elements]
    return any(tuple(map(str, one.columns)) == (name,) for one in keys)


def _primary(step: Step | None) -> tuple[str, ...]:
    columns = step.spec.get("columns") if step is not None else None
    found = columns.items() if isinstance(columns, Mapping) else ()
    return tuple(name for name, one in found if isinstance(one, Mapping) and one.get("primary_key"))


def _constant(text: str) -> bool:
    """Tell whether an expression gives every row the same value: it reads no column and calls nothing."""
    from pglast.parser import ParseError, parse_sql_json

    try:
        parsed = parse_sql_json(f"SELECT {text}")
    except ParseError:
        return False  # told where it is read
    return not any(f'"{word}"' in parsed for word in ("ColumnRef", "FuncCall", "SubLink", "SQLValueFunction"))


def _shape(column: Map, name: str) -> str:
    words = " ".join(str(column["mask"]).split())
    return re.sub(rf'(?<![\w."])"?{re.escape(name)}"?(?!\w)', "?", words)


def _wrong(message: str, where: Position | None, hint: str, step: Step) -> InputError:
    return InputError(message, where=where or step.position, hint=hint, step=step.name)
