"""Partitions and inheritance: the part of a table's grammar that says whose child it is.

In: a table's mapping. Out: schema fragments; the partition key, the bound, the parents as SQL; the steps that
`partitions:` stands for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from wgm_play.document.nodes import Map, Text, position_of
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds.base import (
    DEFINITIONS,
    STATE,
    Element,
    Folding,
    Schema,
    at,
    element,
    expression,
    fail,
    ident_at,
    key_word,
    mapping,
    ref,
    split,
    sql_at,
    statement,
)
from wgm_play.playbook.model import Step
from wgm_play.render import Statement
from wgm_play.sql import Sql, literal, reveal

_ELEMENTS: Schema = {"type": "array", "items": ref("index_element"), "minItems": 1}
PARTITION_BY = {
    **mapping(
        {
            "range": {"description": "RANGE partitioning by these columns or expressions.", **_ELEMENTS},
            "list": {"description": "LIST partitioning by this column or expression.", **_ELEMENTS},
            "hash": {"description": "HASH partitioning by these columns or expressions.", **_ELEMENTS},
        }
    ),
    "description": "PARTITION BY range, list or hash of columns or expressions.",
    "minProperties": 1,
    "maxProperties": 1,
}
_VALUE: Schema = {
    "oneOf": [
        {"type": ["string", "integer", "number", "boolean", "null"]},
        mapping({"expression": ref("sql")}, ["expression"]),
    ]
}
_VALUES: Schema = {"oneOf": [*_VALUE["oneOf"], {"type": "array", "items": _VALUE, "minItems": 1}]}
_LIMITS: Schema = {
    "from": {
        "description": "The least value of a range (`minvalue`: none), one for each column of the key.",
        **_VALUES,
    },
    "to": {"description": "The value below which a range ends (`maxvalue`: none).", **_VALUES},
    "values": {"description": "The values of a list; null is one of them.", **_VALUES},
    "modulus": {"description": "Of a hash: the number of parts.", "type": "integer", "minimum": 1},
    "remainder": {"description": "Of a hash: which part.", "type": "integer", "minimum": 0},
    "default": {"description": "It takes the rows that no other partition takes.", "const": True},
}
BOUND = mapping(
    _LIMITS, description="The rows of this partition: from and to, values, modulus and remainder, or default."
)
PARTITIONS: Schema = {
    "description": "Partitions by name. One that is not mentioned is left alone.",
    "type": "object",
    "additionalProperties": mapping(
        {
            **_LIMITS,
            "partition_by": PARTITION_BY,
            "partitions": {"description": "Its own partitions.", "type": "object"},
            "columns": {"description": "What its columns have otherwise than the parent's.", "type": "object"},
            "with": ref("parameters"),
            "tablespace": ref("name", "The tablespace."),
            "comment": ref("text_or_null"),
            "state": STATE,
            "renamed_from": ref("object", "Rename: the current name of the partition."),
        },
        description="A partition: its bound, and what it has of its own.",
    ),
}


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """How rows are spread: the strategy, as SQL, and the columns or expressions."""

    strategy: Sql
    elements: list[Element]


def partition_key(spec: Map) -> PartitionKey | None:
    """Return the partition key of a partitioned table."""
    given = spec.get("partition_by")
    if given is None:
        return None
    if len(given) != 1:
        raise fail("a table is partitioned by one of range, list and hash", at(spec, "partition_by"), "keep one")
    ((strategy, listed),) = given.items()
    elements = [element(one, position_of(listed, number)) for number, one in enumerate(listed)]
    return PartitionKey(Sql(strategy.upper(), position_of(given, strategy)), elements)


def child_of(spec: Map, schema: str) -> dict[str, Any]:
    """Return what the template of CREATE TABLE needs of parents: `partition_of` and `bound`, or `inherits`."""
    of, parents = spec.get("partition_of"), spec.get("inherits")
    if of is None:
        if spec.get("bound") is not None:
            raise fail("a bound needs the table that this is a partition of", at(spec, "bound"), "add `partition_of:`")
        tables = [
            ident_at(split(reveal(one), schema), position_of(parents, number))
            for number, one in enumerate(parents or ())
        ]
        return {"partition_of": None, "bound": None, "inherits": tables}
    if parents:
        raise fail("a partition inherits from its table alone", at(spec, "inherits"), "take `inherits:` away")
    if spec.get("bound") is None:
        raise fail("a partition needs its bound", at(spec, "partition_of"), "add `bound: {from: …, to: …}`")
    return {
        "partition_of": ident_at(split(reveal(of), schema), at(spec, "partition_of")),
        "bound": bound_sql(spec["bound"]),
        "inherits": [],
    }


def bound_sql(bound: Map) -> Sql:
    """Return a bound as CREATE TABLE and ATTACH PARTITION write it."""
    given = {name for name in _LIMITS if name in bound}
    if given == {"default"}:
        return Sql("DEFAULT", bound.position)
    if given == {"from", "to"}:
        return Sql(f"FOR VALUES FROM ({_values(bound, 'from')}) TO ({_values(bound, 'to')})", bound.position)
    if given == {"values"}:
        return Sql(f"FOR VALUES IN ({_values(bound, 'values')})", bound.position)
    if given == {"modulus", "remainder"}:
        text = f"FOR VALUES WITH (MODULUS {int(bound['modulus'])}, REMAINDER {int(bound['remainder'])})"
        return Sql(text, bound.position)
    raise fail(
        f"this is no bound: {', '.join(sorted(given)) or 'nothing is said'}",
        bound.position,
        "say from and to, values, modulus and remainder, or default: true",
    )


def _values(bound: Map, name: str) -> str:
    given = bound[name]
    listed = given if isinstance(given, list) else [given]
    return ", ".join(_value(one, name) for one in listed)


def _value(value: Any, name: str) -> str:
    if isinstance(value, Mapping):
        return str(expression(value["expression"], position_of(value, "expression")))
    if name != "values" and isinstance(value, str) and reveal(value).lower() in ("minvalue", "maxvalue"):
        return reveal(value).upper()
    return str(literal(value))


def inherited_settings(spec: Map, table: Sql, folding: Folding) -> Iterator[Statement]:
    """Yield what a child's columns have otherwise than its parent's: those without a type."""
    if not (spec.get("partition_of") or spec.get("inherits")):
        return
    columns = spec.get("columns") or {}
    for name in columns:
        column = columns[name]
        if column.get("type") is not None or column.get("state") == "absent":
            continue
        target = ident_at(key_word(columns, name))
        actions = []
        default = sql_at(column, "default")
        if "default" in column:
            actions.append((f"SET DEFAULT {default}" if default is not None else "DROP DEFAULT", at(column, "default")))
        if column.get("not_null") is not None:
            actions.append((("SET" if column["not_null"] else "DROP") + " NOT NULL", at(column, "not_null")))
        if column.get("compression"):
            method = reveal(column["compression"])
            actions.append((f"SET COMPRESSION {method}", at(column, "compression")))
        for action, where in actions:
            yield statement(
                "table/declare_inherited.sql.j2", folding, where, table=table, column=target, action=Sql(action, where)
            )


# What a column is from its parent on.
_PARENTS = ("identity", "generated", "collation", "convert")


def refuse_own_definition(name: Text, column: Map) -> None:
    """Refuse what an inherited column cannot have otherwise than its parent's."""
    for word in _PARENTS:
        if column.get(word) is not None:
            raise fail(
                f"{word} of the column {str(name)!r} is its parent's: it has no type here, so it is inherited",
                at(column, word),
                "say it in the parent's step, or give the column a `type:`",
            )


def partition_steps(step: Step, schema: str) -> Iterator[Step]:
    """Yield one step for each partition that a table's step lists."""
    spec = step.spec
    given = spec.get("partitions") or {}
    for name in given:
        one: Map = given[name]
        where = key_word(given, name).position or spec.position
        made = Map(where, spec.file)
        made.put("name", name, where, where)
        if "." not in name:
            made.put("schema", schema, where, where)
        parent = spec["name"] if spec.get("schema") is None else f"{reveal(spec['schema'])}.{reveal(spec['name'])}"
        if one.get("state") != "absent":
            bound = Map(where, spec.file)
            for word in _LIMITS:
                if word in one:
                    bound.put(word, one[word], one.keys_at.get(word), one.values_at.get(word))
            made.put("partition_of", parent, where, where)
            made.put("bound", bound, where, where)
        for word in one:
            if word not in _LIMITS:
                made.put(word, one[word], one.keys_at.get(word), one.values_at.get(word))
        yield dataclasses.replace(step, spec=made, renamed_from=None)


__all__ = ["BOUND", "DEFINITIONS", "PARTITIONS", "PARTITION_BY", "PartitionKey"]
