"""Indexes: columns as `name [asc|desc] [nulls first|last]`, expressions and the rest as mappings.

In: the key of an index. Out: a step.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.entry import Inspected, expression, options, table_place
from wgm_play.sqltext.scan import (
    Unforeseen,
    brackets,
    follows,
    name,
    names,
    qualified,
    split_list,
    text_of,
    tokens,
    unwrapped,
)


def describe(said: Inspected, key: Key) -> None:
    """Add the step of an index."""
    row = said.catalog[key]
    if not row.valid:
        said.cannot(key, "it is invalid: a build failed")
        return
    try:
        spec = taken_apart(row.definition, key)
    except Unforeseen:
        said.cannot(key, row.definition)
        return
    for number, target in row.statistics or []:
        given = spec["columns"][number - 1]
        spec["columns"][number - 1] = {
            **(given if isinstance(given, dict) else element_parts(given)),
            "statistics": target,
        }
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("indexes", "index", key, spec)


def taken_apart(definition: str, key: Key) -> dict[str, Any]:
    """Return what a step says of an index."""
    rest = follows(definition, "CREATE INDEX", "CREATE UNIQUE INDEX")
    if rest is None:
        raise Unforeseen(definition)
    _, rest = qualified(rest)
    rest = follows(rest, "ON ONLY", "ON")
    if rest is None:
        raise Unforeseen(definition)
    table, rest = qualified(rest)
    spec: dict[str, Any] = {"name": key.name[1], **table_place(key.name[0], table[-1])}
    if definition.startswith("CREATE UNIQUE"):
        spec["unique"] = True
    method, rest = name(follows(rest, "USING") or "")
    if method != "btree":
        spec["method"] = method
    inside, rest = brackets(rest.lstrip())
    spec["columns"] = [element(part) for part in split_list(inside)]
    if (more := follows(rest, "INCLUDE")) is not None:
        inside, rest = brackets(more)
        spec["include"] = names(inside)
    if (more := follows(rest, "NULLS NOT DISTINCT")) is not None:
        spec["nulls_not_distinct"], rest = True, more
    if (more := follows(rest, "WITH")) is not None:
        inside, rest = brackets(more)
        spec["with"] = options([_parameter(part) for part in split_list(inside)])
    if (more := follows(rest, "TABLESPACE")) is not None:
        spec["tablespace"], rest = name(more)
    if (more := follows(rest.lstrip(), "WHERE")) is not None:
        spec["where"], rest = expression(unwrapped(more)), ""
    if rest:
        raise Unforeseen(definition)
    return spec


def _parameter(text: str) -> str:
    parameter, _, value = text.partition("=")
    return f"{parameter}={text_of(value) if value.startswith(chr(39)) else value}"


_SHORT = re.compile(r"[^\s(),]+\Z")


def element(text: str) -> Any:
    """Return one column or expression as a playbook says it."""
    parts = element_parts(text)
    column = parts.get("column")
    if column is None or not _SHORT.match(column) or "::" in column or not parts.keys() <= {"column", "order", "nulls"}:
        return parts
    nulls = f" nulls {parts['nulls']}" if "nulls" in parts else ""
    return f"{column}{' ' + parts['order'] if 'order' in parts else ''}{nulls}"


def element_parts(text: str) -> dict[str, Any]:
    """Return one column or expression of an index, or of an exclusion constraint, as a mapping."""
    return dict(_element_parts(text))


@functools.lru_cache(maxsize=10_000)
def _element_parts(text: str) -> dict[str, Any]:
    spec, rest = _what(text)
    if not rest:
        return spec
    if (more := follows(rest, "COLLATE")) is not None:
        collation, rest = qualified(more)
        if any("." in part for part in collation):
            raise Unforeseen(text)
        spec["collation"] = ".".join(part for number, part in enumerate(collation) if number or part != "pg_catalog")
    if (more := follows(rest, "DESC")) is not None:
        spec["order"], rest = "desc", more
    elif rest and not rest.startswith(("NULLS", "ASC")):
        opclass, rest = _opclass(rest)
        spec["opclass"] = opclass
        if (more := follows(rest, "DESC")) is not None:
            spec["order"], rest = "desc", more
    for where in ("first", "last"):
        if (more := follows(rest, f"NULLS {where.upper()}")) is not None:
            spec["nulls"], rest = where, more
    if rest:
        raise Unforeseen(text)
    return spec


def _what(text: str) -> tuple[dict[str, Any], str]:
    """Return the column or expression with which an element begins, and what follows."""
    if text.startswith("("):
        inside, rest = brackets(text)
        return {"expression": expression(unwrapped(inside))}, rest
    parts, rest = qualified(text)
    if rest.startswith("("):
        end = next((end for piece, end, depth in tokens(rest) if piece == ")" and depth == 0), len(rest))
        call = text[: len(text) - len(rest) + end]
        return {"expression": expression(call)}, rest[end:].lstrip()
    if len(parts) > 1:
        raise Unforeseen(text)
    return {"column": parts[0]}, rest


def _opclass(text: str) -> tuple[str, str]:
    """Return an operator class with its parameters, as SQL, and what follows."""
    _, rest = qualified(text)
    end = len(text) - len(rest)
    if rest.startswith("("):
        end += next((end for piece, end, depth in tokens(rest) if piece == ")" and depth == 0), len(rest))
    return text[:end].strip(), text[end:].lstrip()
