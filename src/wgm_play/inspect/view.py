"""Views and materialized views.

In: the key of one. Out: a step, and one for each comment on a column.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.emit import Block, Lines
from wgm_play.inspect.entry import Inspected, body, expression, options, place, sql_value
from wgm_play.inspect.table import COMPRESSION, STORAGE


def describe(said: Inspected, key: Key) -> None:
    """Add the step of a view or materialized view."""
    row = said.catalog[key]
    spec: dict[str, Any] = Block(place(key))
    given = options(row.options)
    check = given.pop("check_option", None)
    if given:
        spec["with"] = given
    if check:
        spec["check_option"] = check
    if key.kind == "materialized_view":
        if row.tablespace:
            spec["tablespace"] = row.tablespace
        if row.access_method not in (None, "heap"):
            said.put(spec, key.kind, key, "access_method", row.access_method)
        if row.cluster_on:
            spec["cluster_on"] = row.cluster_on
        if row.column_settings:
            spec["column_settings"] = Lines({str(one[0]): _column_settings(one) for one in row.column_settings})
    elif row.defaults:
        spec["defaults"] = {column: sql_value(text) for column, text in row.defaults}
    spec["query"] = body(dedented(expression(row.query.removesuffix(";"))))
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("views", key.kind, key, spec, row.comment)
    for column, comment in row.column_comments or []:
        column_comment(said, key, column, comment)


def _column_settings(one: list[str | None]) -> dict[str, Any]:
    _, target, storage, compression, told = one
    made: dict[str, Any] = {}
    if storage:
        made["storage"] = STORAGE[storage]
    if compression:
        made["compression"] = COMPRESSION[compression]
    if target is not None:
        made["statistics"] = int(target)
    if told:
        made["options"] = options(told.split(", "))
    return made


def column_comment(said: Inspected, key: Key, column: str, comment: str) -> None:
    """Add the step of a comment on a column of a view."""
    target = ".".join((*(key.name if key.name[0] != "public" else key.name[1:]), column))
    if any("." in part or re.search(r"^\s|\s$", part) for part in (*key.name, column)):
        said.cannot(key, f"the comment of its column {column}")
        return
    said.add("views", "comment", Key("column", (*key.name, column)), {"on": f"column {target}", "text": comment})


def dedented(text: str) -> str:
    """Return a query without the blanks that the deparser puts before each line; texts of several lines keep theirs."""
    lines = text.split("\n")
    if any(line.count("'") % 2 for line in lines) or not all(line.startswith(" ") for line in lines):
        return text.strip()
    return "\n".join(line[1:].rstrip() for line in lines).strip()
