"""Advice about what all files together make: keys, types, names. It never blocks by itself.

In: `RuleContext.known` after the last file. Out: findings at the places where things were declared.
"""

from __future__ import annotations

import re

from wgm_play.errors import Position
from wgm_play.keywords import QUOTED_KEYWORDS
from wgm_play.lint.context import RuleContext
from wgm_play.lint.model import KnownColumn, KnownConstraint, KnownIndex, KnownRelation
from wgm_play.lint.tree import bare

_TYPES = {
    "char": ("Q03", "char(n) pads with blanks: text with a check", "warning"),
    "bpchar": ("Q03", "char(n) pads with blanks: text with a check", "warning"),
    "varchar": ("Q03", "its length becomes a migration: text, with a check where a limit is meant", "info"),
    "timestamp": ("Q04", "without time zone nobody knows which moment is meant: timestamptz", "warning"),
    "timetz": ("Q04", "an offset without a day means little: time, or timestamptz", "warning"),
    "json": ("Q05", "json is kept as text and has no operators to index: jsonb", "warning"),
    "money": ("Q05", "money depends on lc_monetary and has no currency: numeric, and a currency column", "warning"),
    "hstore": ("Q05", "jsonb does what hstore did", "info"),
    "xml": ("Q05", "xml has no operators to compare or index", "info"),
}
_SMALL_KEYS = ("int4", "integer", "int2", "smallint")
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")


def advise(look: RuleContext) -> None:
    """Tell what is unwise about what the files made."""
    for relation in list(look.known.relations.values()):
        if relation.known and relation.kind == "table" and not relation.temporary:
            _keys(relation, look)
        for one in relation.constraints.values():
            if relation.known or all(
                name in relation.columns and relation.columns[name].made >= 0 for name in one.columns
            ):
                _foreign(one, relation, look)
        for column in relation.columns.values():
            if column.where is not None:
                _column(column, relation, look)
        if relation.where is not None:
            _name(relation.kind, relation.name[1], relation.label, relation.where, look)
            _unnamed(relation, look)
    for index in look.known.indexes.values():
        if index.where is not None:
            _name("index", index.name[1], ".".join(index.table), index.where, look)


def _keys(relation: KnownRelation, look: RuleContext) -> None:
    if relation.primary is None and not relation.partition_of and not relation.inherits and relation.columns:
        look.tell(
            "T12",
            "it has no primary key: batches, replication and tools cannot tell rows apart",
            relation,
            where=relation.where,
            remedy="id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        )
    key = relation.primary
    for name in key.columns if key and len(key.columns) == 1 else ():
        column = relation.columns.get(name)
        if column is not None and (column.type in _SMALL_KEYS) and column.where is not None:
            look.tell(
                "Q01", f"{name}: an integer key ends at 2,147,483,647: bigint", relation, name, where=column.where
            )


def _foreign(one: KnownConstraint, relation: KnownRelation, look: RuleContext) -> None:
    if one.kind != "foreign" or one.where is None or relation.temporary:
        return
    if not any(_serves(index, one) for index in look.known.indexes_of(relation.name)):
        look.tell(
            "K08",
            f"no index begins with {', '.join(one.columns)}: each DELETE in {'.'.join(one.refers or ())} reads the whole "
            "table",
            relation,
            one.name,
            where=one.where,
            remedy=f"CREATE INDEX CONCURRENTLY ON {relation.label} ({', '.join(one.columns)});",
        )
    if one.on_delete == "a":
        look.tell(
            "Q07",
            f"{one.name} does not say ON DELETE: deletes fail, or nobody decided",
            relation,
            one.name,
            where=one.where,
        )
    _types(one, relation, look)


def _serves(index: KnownIndex, key: KnownConstraint) -> bool:
    """Say whether an index begins with the columns of a key, in any order."""
    return not index.partial and set(index.columns[: len(key.columns)]) == set(key.columns)


def _types(one: KnownConstraint, relation: KnownRelation, look: RuleContext) -> None:
    other = look.known.relations.get(one.refers) if one.refers else None
    if other is None or not other.known:
        return
    referred = one.referred or (other.primary.columns if other.primary else ())
    for mine, theirs in zip(one.columns, referred, strict=False):
        left, right = relation.columns.get(mine), other.columns.get(theirs)
        if left and right and left.type and right.type and _plain(left.type) != _plain(right.type):
            look.tell(
                "K14",
                f"{mine} is {left.type}, {other.label}.{theirs} is {right.type}: each check casts",
                relation,
                one.name,
                where=one.where,
                remedy=f"{mine} {right.type}",
            )


_SAME = {"int4": "integer", "int8": "bigint", "int2": "smallint"}


def _plain(name: str) -> str:
    return _SAME.get(bare(name), bare(name))


def _column(column: KnownColumn, relation: KnownRelation, look: RuleContext) -> None:
    if relation.temporary:
        return
    kind = bare(column.type).removesuffix("[]")
    found = _TYPES.get(kind)
    if found and not (kind == "varchar" and "(" not in column.type):
        code, message, severity = found
        look.tell(code, f"{column.name}: {message}", relation, column.name, where=column.where, severity=severity)
    if column.serial and column.serial != "identity":
        look.tell(
            "Q02",
            f"{column.name}: the sequence of {column.serial} has an owner and privileges of its own",
            relation,
            column.name,
            where=column.where,
            remedy=f"{column.name} {column.type} GENERATED ALWAYS AS IDENTITY",
        )
    if look.settings.masked and relation.kind == "table":
        _masked(column, relation, look)
    _name("column", column.name, relation.label, column.where, look)


def _masked(column: KnownColumn, relation: KnownRelation, look: RuleContext) -> None:
    keys = {name for one in relation.constraints.values() if one.kind in ("primary", "foreign") for name in one.columns}
    if column.name not in keys and (relation.name, column.name) not in look.known.labelled:
        look.tell(
            "Q11",
            f"{column.name} has no mask, and the data here are masked: a copy would show its values",
            relation,
            column.name,
            where=column.where,
            remedy=f"mask: md5({column.name}::text), or mask: false; in SQL: SECURITY LABEL FOR anon ON COLUMN {relation.label}.{column.name} IS ...",
        )


def _name(kind: str, name: str, label: str, where: Position | None, look: RuleContext) -> None:
    kind = kind.replace("materialized_", "")
    _pattern(kind, name, label, where, look)
    if not _PLAIN.match(name):
        look.tell("Q08", f"{kind} {name!r} must be quoted in every statement", label, f"{kind} {name}", where=where)
    elif name in QUOTED_KEYWORDS:
        look.tell("Q08", f"{kind} {name!r} is a key word: it must be quoted", label, f"{kind} {name}", where=where)


def _unnamed(relation: KnownRelation, look: RuleContext) -> None:
    for one in relation.constraints.values():
        if one.where is not None:
            _pattern("constraint", one.name, relation.label, one.where, look)


def _pattern(kind: str, name: str, label: str, where: Position | None, look: RuleContext) -> None:
    pattern = look.settings.names.get(kind)
    if pattern is not None and not pattern.fullmatch(name):
        look.tell(
            "Q12",
            f"{kind} {name} is not as the team names them: {pattern.pattern}",
            label,
            f"{kind} {name}",
            where=where,
        )
