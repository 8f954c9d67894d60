"""Tables: columns one line each, constraints with the column they are about, others below.

In: the key of a table. Out: a step.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from wgm_play.catalog.column import own_storage
from wgm_play.catalog.graph import parent_column
from wgm_play.catalog.model import Key
from wgm_play.catalog.sequence import LARGEST
from wgm_play.inspect import constraint as constraints
from wgm_play.inspect import partition
from wgm_play.inspect.emit import Block, Lines
from wgm_play.inspect.entry import Inspected, expression, options, place, sql_value, type_name
from wgm_play.sqltext.scan import LITERAL, qualified, text_of, tokens

STORAGE = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
COMPRESSION = {"p": "pglz", "l": "lz4"}
_IDENTITY = {"a": "always", "d": "by_default"}
_SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}


def describe(said: Inspected, key: Key) -> None:
    """Add the step of a table."""
    table = said.catalog[key]
    spec: dict[str, Any] = Block(place(key))
    if table.comment is not None:
        spec["comment"] = table.comment
    family = partition.describe(table)
    spec |= family
    columns = {one.name[2]: describe_column(said, one) for one in columns_of(said, key)}
    below = constraints.describe_all(said, key, columns)
    if columns or not ({"partition_of", "inherits"} & family.keys()):
        spec["columns"] = Lines({name: one["type"] if list(one) == ["type"] else one for name, one in columns.items()})
    spec |= below
    settings(said, key, spec, table)
    said.add("tables", "table", key, spec, table.comment)


def columns_of(said: Inspected, key: Key) -> list[Key]:
    """Return the columns of a table in its order."""
    extras = said.catalog.extras
    return sorted(said.children("column", key.name), key=lambda one: extras[one].number)


def settings(said: Inspected, key: Key, spec: dict[str, Any], table: Any) -> None:
    """Say what a table has beside columns and constraints."""
    if table.unlogged:
        spec["unlogged"] = True
    if table.options:
        spec["with"] = options(table.options)
    if table.tablespace:
        spec["tablespace"] = table.tablespace
    if table.access_method and table.access_method != "heap":
        said.put(spec, "table", key, "access_method", table.access_method)
    if table.cluster_on:
        spec["cluster_on"] = table.cluster_on
    replica = {"f": "full", "n": "nothing", "i": table.replica_index}.get(table.replica_identity)
    if replica:
        said.put(spec, "table", key, "replica_identity", replica)
    if table.row_security:
        said.put(spec, "table", key, "row_level_security", "forced" if table.force_row_security else True)
    elif table.force_row_security:
        said.cannot(key, "row level security forced, but not enabled")


def describe_column(said: Inspected, key: Key) -> dict[str, Any]:
    """Return what a playbook says of a column, without its constraints."""
    column = said.catalog[key]
    spec: dict[str, Any] = {"type": type_name(column.type)}
    if column.collation is not None:
        spec["collation"] = collation(column.collation)
    serial = serial_type(said, key, column)
    if serial:
        spec["type"] = serial
    elif column.default is not None:
        spec["default"] = default(column.default, column.type)
    if column.identity:
        spec["identity"] = identity(column, said.catalog.extra(key).owner)
    if column.generated:
        written = expression(column.expression)
        spec["generated"] = written if column.generated == "s" else {"expression": written, "stored": False}
    if column.not_null and not column.identity and not serial:
        spec["not_null"] = True
    if column.storage:
        spec["storage"] = STORAGE[column.storage]
    if column.compression:
        spec["compression"] = COMPRESSION[column.compression]
    if column.statistics is not None:
        spec["statistics"] = column.statistics
    if column.options:
        said.put(spec, "column", key, "options", options(column.options))
    if column.comment is not None:
        spec["comment"] = column.comment
    if column.inherited and not _numbers_itself(said, key, column):
        for word in ("type", "collation", "identity", "generated"):  # what it is, its parent says
            spec.pop(word, None)
        _otherwise(said, key, column, spec)
    return spec


def _numbers_itself(said: Inspected, key: Key, column: Any) -> bool:
    """Tell whether the column of a child that is no partition numbers itself where its parent's does not: it says its type."""
    above = parent_column(said.catalog, key)
    if above is None or said.catalog[Key("table", key.name[:2])].bound:
        return False
    return bool(column.identity and not said.catalog[above].identity)


def _otherwise(said: Inspected, key: Key, column: Any, spec: dict[str, Any]) -> None:
    """Say what a child's column lacks of its parent's."""
    above = parent_column(said.catalog, key)
    if above is None:
        return
    parent = said.catalog[above]
    if parent.default is not None and column.default is None:
        spec["default"] = None
    if parent.not_null and not column.not_null:
        spec["not_null"] = False
    if column.expression != parent.expression:
        said.cannot(key, f"it is generated otherwise than its parent's column: {column.expression}")
    if parent.storage and not column.storage:
        spec["storage"] = own_storage(parent.type).lower()
    if parent.compression and not column.compression:
        spec["compression"] = "default"


def collation(text: str) -> str:
    """Return a collation as a playbook says it: without pg_catalog where its name needs no quotes for a dot."""
    short = text.removeprefix("pg_catalog.")
    bare = short[1:-1].replace('""', '"') if short.startswith('"') else short
    return bare if short != text and not re.search(r'[."]', bare) else text


def serial_type(said: Inspected, key: Key, column: Any) -> str | None:
    """Return serial and its like where a column has just what these words stand for."""
    if column.default is None or not column.not_null or column.type not in _SERIAL:
        return None
    schema, table, name = key.name
    owned = Key("sequence", (schema, f"{table}_{name}_seq"))
    sequence = said.catalog.get(owned)
    if sequence is None or sequence.owned_by != [schema, table, name] or sequence.comment is not None:
        return None
    plain = (column.type, 1, 1, 1, LARGEST[column.type], 1, False)
    if (
        sequence.type,
        sequence.start,
        sequence.increment,
        sequence.minimum,
        sequence.maximum,
        sequence.cache,
        sequence.cycle,
    ) != plain:
        return None
    if sequence.unlogged != said.catalog[Key("table", (schema, table))].unlogged:
        return None
    found = re.fullmatch(rf"nextval\(({LITERAL})::regclass\)", column.default)
    if not found or qualified(text_of(found.group(1)))[0][-1] != f"{table}_{name}_seq":
        return None
    said.below.setdefault(("serial",), {}).setdefault("sequence", []).append(owned)
    return _SERIAL[column.type]


def identity(column: Any, sequence: str | None = None) -> Any:
    """Return `always`, `by_default`, or these with the options and the name that are not the usual ones."""
    word = _IDENTITY[column.identity]
    given = column.identity_options
    if not given:
        return word
    made = sequence_options(column.type, *given[:5], cycle=bool(given[5]))
    if sequence is not None:
        made["sequence"] = sequence
    return {"generation": word, **made} if made else word


def sequence_options(
    kind: str, start: int, increment: int, least: int, most: int, cache: int, *, cycle: bool
) -> dict[str, Any]:
    """Return the options of a sequence that are not the usual ones of its type (manual: "CREATE SEQUENCE")."""
    largest = LARGEST.get(kind, LARGEST["bigint"])
    usual = (1, largest) if increment > 0 else (-largest - 1, -1)
    made: dict[str, Any] = {}
    if start != (least if increment > 0 else most):
        made["start"] = start
    if increment != 1:
        made["increment"] = increment
    if least != usual[0]:
        made["min"] = least
    if most != usual[1]:
        made["max"] = most
    if cache != 1:
        made["cache"] = cache
    if cycle:
        made["cycle"] = True
    return made


_LENGTH = re.compile(r"\(\d+(,\d+)?\)")


@functools.lru_cache(maxsize=10_000)
def default(text: str, type_: str) -> Any:
    """Return a default; a literal without the cast to the column's own type, which it has anyway."""
    if text.startswith(("'", "E'")):
        _, end, _ = next(tokens(text))
        literal, rest = text[:end], text[end:]
        bare = _LENGTH.sub("", type_)
        if re.fullmatch(r"'-[1-9]\d*'::integer", text):
            return int(literal[1:-1])
        if re.fullmatch(r"'-[\d.]+'::numeric", text):
            return literal[1:-1]
        if bare == "interval":  # the only type whose literals take its precision at once
            bare = type_
        if rest == f"::{bare}" or (rest == "::bpchar" and bare == "character"):
            return literal
    return sql_value(text)
