"""The constraints of a table: their schema, and what a playbook says of them as one type.

In: `constraints:` by name, or the lists without names. Out: `ConstraintSpec`, as the templates spell it.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from wgm_play.document.nodes import Map, Text, position_of
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds.base import (
    COMMENT,
    STATE,
    Element,
    Parameter,
    Schema,
    at,
    column_list,
    element,
    expression,
    fail,
    flag,
    ident_at,
    mapping,
    parameters,
    ref,
    reference,
    sql_at,
    text,
    word,
)
from wgm_play.sql import Sql, reveal

WHAT = ("check", "unique", "primary_key", "foreign_key", "exclude", "not_null")

DEFERRABLE: Schema = {
    "deferrable": flag("DEFERRABLE: the check may be postponed to the end of the transaction.", False),
    "initially": ref("initially"),
}
REFERENCE: Schema = {
    "references": ref("references"),
    "on_delete": ref(
        "action",
        "ON DELETE action (cascade, set null, ...) when the referenced row is deleted. From PostgreSQL 15 on also `set null (column)`.",
    ),
    "on_update": ref("action", "ON UPDATE action (cascade, set null, ...) when the referenced key changes."),
    "match": ref("match"),
}
ELEMENTS: Schema = {
    "description": "EXCLUDE elements, each with its operator: `{column: room, with: '='}`.",
    "type": "array",
    "items": ref("index_element"),
    "minItems": 1,
}

NAMED = mapping(
    {
        "check": ref("sql", "CHECK constraint: an SQL expression over the row."),
        "unique": ref("names", "UNIQUE columns."),
        "primary_key": ref("names", "PRIMARY KEY columns."),
        "foreign_key": ref("names", "FOREIGN KEY columns."),
        "exclude": ELEMENTS,
        "not_null": ref("name", "NOT NULL column, for a constraint with a name (PostgreSQL 18)."),
        **REFERENCE,
        **DEFERRABLE,
        "not_valid": flag("NOT VALID: existing rows are not checked.", False),
        "enforced": flag(
            "ENFORCED; false: NOT ENFORCED, a check or foreign key that only documents (PostgreSQL 18).", True
        ),
        "without_overlaps": flag(
            "WITHOUT OVERLAPS: the last column of the key is a range that must not overlap (PostgreSQL 18).", False
        ),
        "period": flag(
            "PERIOD: the last column of the foreign key is a range that must be covered (PostgreSQL 18).", False
        ),
        "no_inherit": flag("NO INHERIT: children do not inherit this check or NOT NULL.", False),
        "nulls_not_distinct": flag("NULLS NOT DISTINCT: NULLs are treated as equal (PostgreSQL 15 and later).", False),
        "include": ref("names", "INCLUDE columns of the index behind it."),
        "method": text("The index method of an exclusion constraint: gist."),
        "where": ref("sql", "Only the rows for which this holds (exclusion constraints)."),
        "with": ref("parameters", "Storage parameters of the index behind a key or an exclusion constraint."),
        "tablespace": ref("name", "The tablespace of the index behind it."),
        "comment": COMMENT,
        "state": STATE,
        "renamed_from": ref("name", "Rename: the current name."),
    },
    description="One constraint: exactly one of check, unique, primary_key, foreign_key, exclude and not_null.",
)


@dataclass(frozen=True, slots=True)
class ConstraintSpec:
    """A constraint, as the templates spell it. `late` ones are added when every table is there, `apart` ones by
    themselves because CREATE TABLE would merge them with another."""

    what: str
    position: Position
    name: Text | None = None
    expression: Sql | None = None
    columns: tuple[Text, ...] = ()
    include: tuple[Text, ...] = ()
    elements: list[Element] = field(default_factory=list)
    method: Sql | None = None
    where: Sql | None = None
    table: tuple[str, str] | None = None
    target_columns: tuple[Text, ...] = ()
    target_position: Position | None = None
    on_delete: Sql | None = None
    on_update: Sql | None = None
    match: Sql | None = None
    deferrable: bool = False
    deferred: bool = False
    not_valid: bool = False
    no_inherit: bool = False
    nulls_not_distinct: bool = False
    comment: Any = None
    enforced: bool = True
    without_overlaps: bool = False
    period: bool = False
    parameters: list[Parameter] = field(default_factory=list)
    tablespace: Sql | None = None
    apart: bool = False

    @property
    def late(self) -> bool:
        """Return whether it waits until every table is there, or is added without a look at the rows."""
        return self.what == "foreign_key" or self.not_valid

    @property
    def column_sql(self) -> list[Sql]:
        """Return its columns, quoted."""
        made = [ident_at(name) for name in self.columns]
        if made and self.without_overlaps:
            made[-1] = Sql(f"{made[-1]} WITHOUT OVERLAPS", made[-1].position)
        return _with_period(made) if self.period else made

    @property
    def include_sql(self) -> list[Sql]:
        """Return the columns that its index keeps besides, quoted."""
        return [ident_at(name) for name in self.include]

    @property
    def target(self) -> Sql:
        """Return the table that a foreign key refers to."""
        return ident_at(self.table or ("", ""), self.target_position)

    @property
    def target_sql(self) -> list[Sql]:
        """Return the columns that a foreign key refers to, quoted."""
        made = [ident_at(name) for name in self.target_columns]
        return _with_period(made) if self.period else made


def _with_period(columns: list[Sql]) -> list[Sql]:
    return [*columns[:-1], Sql(f"PERIOD {columns[-1]}", columns[-1].position)] if columns else columns


def what_of(spec: Map) -> str | None:
    """Return which constraint a mapping describes; None where it only amends one."""
    given = [what for what in WHAT if spec.get(what) is not None]
    if len(given) > 1:
        raise fail(
            f"a constraint is one of {', '.join(WHAT)}: this is {' and '.join(given)}", at(spec, given[1]), "make two"
        )
    return given[0] if given else None


def action(spec: Map, key: str) -> Sql | None:
    """Return a referential action as SQL."""
    return (
        Sql(reveal(spec[key]).upper() if "(" not in reveal(spec[key]) else reveal(spec[key]), at(spec, key))
        if spec.get(key)
        else None
    )


def foreign(spec: Map, columns: tuple[Text, ...], name: Text | None, schema: str, where: Position) -> ConstraintSpec:
    """Make a foreign key from a mapping with `references` and its actions: a column's, or a constraint's."""
    if spec.get("references") is None:
        raise fail("a foreign key needs `references`", where, "add `references: table(column)`")
    to = reference(spec["references"], at(spec, "references"), schema)
    if to.columns and len(to.columns) != len(columns):
        raise fail(
            f"{len(columns)} columns refer to {len(to.columns)}", to.position, "name as many columns on both sides"
        )
    return ConstraintSpec(
        "foreign_key",
        where,
        name,
        columns=columns,
        table=to.table,
        target_columns=to.columns,
        target_position=to.position,
        on_delete=action(spec, "on_delete"),
        on_update=action(spec, "on_update"),
        match=action(spec, "match"),
        deferrable=_deferrable(spec),
        deferred=spec.get("initially") == "deferred",
        not_valid=bool(spec.get("not_valid")),
        comment=spec.get("comment"),
        enforced=spec.get("enforced", True) is not False,
        period=bool(spec.get("period")),
    )


def _deferrable(spec: Map) -> bool:
    return bool(spec.get("deferrable")) or spec.get("initially") == "deferred"


def constraint_of(spec: Map, name: Text | None, schema: str) -> ConstraintSpec:
    """Make a constraint from its mapping."""
    what = what_of(spec)
    where = (name.position if name is not None else None) or spec.position
    if what is None:
        raise fail(f"the constraint {str(name)!r} does not say what it is", where, f"add one of {', '.join(WHAT)}")
    if what == "foreign_key":
        return foreign(spec, tuple(column_list(spec, what)), name, schema, where)
    method = spec.get("method")
    return ConstraintSpec(
        what,
        where,
        name,
        expression=sql_at(spec, "check") if what == "check" else None,
        columns=_columns(spec, what),
        include=tuple(column_list(spec, "include")),
        elements=_elements(spec) if what == "exclude" else [],
        method=ident_at(word(method, at(spec, "method"))) if method else None,
        where=sql_at(spec, "where"),
        deferrable=_deferrable(spec),
        deferred=spec.get("initially") == "deferred",
        not_valid=bool(spec.get("not_valid")),
        no_inherit=bool(spec.get("no_inherit")),
        nulls_not_distinct=bool(spec.get("nulls_not_distinct")),
        comment=spec.get("comment"),
        enforced=spec.get("enforced", True) is not False,
        without_overlaps=bool(spec.get("without_overlaps")),
        parameters=parameters(spec),
        tablespace=ident_at(word(spec["tablespace"], at(spec, "tablespace"))) if spec.get("tablespace") else None,
    )


def _columns(spec: Map, what: str) -> tuple[Text, ...]:
    if what == "not_null":
        return (word(spec[what], at(spec, what)),)
    return tuple(column_list(spec, what)) if what in ("unique", "primary_key") else ()


def _elements(spec: Map) -> list[Element]:
    made = [element(one, position_of(spec["exclude"], number)) for number, one in enumerate(spec["exclude"])]
    for number, one in enumerate(made):
        if one.operator is None:
            where = position_of(spec["exclude"], number)
            raise fail("an exclusion needs an operator", where, "write {column: name, with: '='}")
    return made


def unnamed_check(value: Any, where: Position) -> ConstraintSpec:
    """Make a check of a table that has no name."""
    return ConstraintSpec("check", where, expression=expression(value, where))
