"""Statements that change rows.

In: INSERT, UPDATE, DELETE, MERGE, COPY, TRUNCATE. Out: findings.
"""

from __future__ import annotations

from typing import Any

from wgm_play.importing.tools import BOOKKEEPING
from wgm_play.lint.context import ACCESS_EXCLUSIVE, RuleContext
from wgm_play.lint.model import KnownRelation
from wgm_play.lint.tree import columns_of, constant, kind, of_type

_CATALOGS = ("pg_catalog", "information_schema")


def _written(node: Any, look: RuleContext, *, short: bool) -> KnownRelation:
    """Note that rows of a relation are written; tell of locks that are held meanwhile."""
    relation = look.relation(node)
    relation.filled = True
    if relation.name[1] == "pg_enum" or relation.name[0] in _CATALOGS:
        look.tell("Y04", "the catalogs are not made to be written: what uses the row is not told", relation)
        return relation
    if not look.quiet(relation) and relation.name[1] not in BOOKKEEPING:
        remedy = "COMMIT before the rows are written, and write them in batches"
        look.rows_under_lock(relation, "written", remedy, "warning" if short else "")
    return relation


def _by_key(node: Any) -> bool:
    """Say whether a condition compares a column with constants: a few rows."""
    return any(
        one.kind.name in ("AEXPR_OP", "AEXPR_IN")
        and [word.sval for word in one.name] == ["="]
        and kind(one.lexpr) == "ColumnRef"
        and (one.kind.name == "AEXPR_IN" or constant(one.rexpr) is not None or kind(one.rexpr) == "ParamRef")
        for one in of_type(node, "A_Expr")
    ) and not any(one.boolop.name == "OR_EXPR" for one in of_type(node, "BoolExpr"))


def _everything(where: Any) -> bool:
    """Say whether a condition lets every row pass."""
    return (
        where is None
        or constant(where) is True
        or (
            kind(where) == "A_Expr"
            and constant(where.lexpr) is not None
            and constant(where.lexpr) == constant(where.rexpr)
        )
    )


_BATCHES = "by primary key, some thousand rows in a transaction; a playbook's `backfill` does that"


def update(node: Any, look: RuleContext) -> None:
    """UPDATE."""
    names = [one.name for one in node.targetList or ()]
    relation = look.relation(node.relation)
    twice = next(
        (one for one in names if names.count(one) > 1 and not any(t.indirection for t in node.targetList)), None
    )
    if twice:
        look.tell("X12", f"column {twice} is set twice", relation, twice)
    _written(node.relation, look, short=_by_key(node.whereClause))
    if look.quiet(relation):
        return
    if _everything(node.whereClause) and not (node.fromClause and node.whereClause is not None):
        look.tell(
            "X05",
            "every row is changed in one transaction: rows stay locked, the table swells, replicas fall behind",
            relation,
            ",".join(names),
            remedy=_BATCHES,
        )
    elif _backfills(node, names):
        look.tell(
            "X05",
            "all rows that lack a value are changed in one transaction",
            relation,
            ",".join(names),
            severity="warning",
            remedy=_BATCHES,
        )


def _backfills(node: Any, names: list[str]) -> bool:
    """Say whether an UPDATE finds its rows only by what the very columns lack that it sets, without a limit."""
    where = node.whereClause
    if any(True for _ in of_type(where, "SubLink")) or not set(columns_of(where)) <= set(names):
        return False
    empty = any(one.nulltesttype.name == "IS_NULL" for one in of_type(where, "NullTest"))
    other = any(
        one.kind.name in ("AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT")
        or (one.kind.name == "AEXPR_OP" and one.name[0].sval == "<>")
        for one in of_type(where, "A_Expr")
    )
    return empty or other


def delete(node: Any, look: RuleContext) -> None:
    """DELETE."""
    relation = _written(node.relation, look, short=_by_key(node.whereClause))
    if not look.quiet(relation) and _everything(node.whereClause) and not node.usingClause:
        look.tell(
            "X05",
            "every row is deleted in one transaction",
            relation,
            "delete",
            remedy="in batches by primary key; or drop a partition",
        )


def insert(node: Any, look: RuleContext) -> None:
    """INSERT."""
    values = kind(node.selectStmt) == "SelectStmt" and node.selectStmt.valuesLists is not None
    relation = _written(node.relation, look, short=bool(values) or node.selectStmt is None)
    if not values and node.selectStmt is not None and look.is_new(relation):
        look.read_under_lock(node.selectStmt)
    given = [one.name for one in node.cols or ()]
    for name in given:
        column = relation.columns.get(name)
        if (
            column is not None
            and column.serial
            and values
            and (column.serial != "identity" or node.override.name != "OVERRIDING_USER_VALUE")
        ):
            look.told_keys.setdefault(relation.name, (look.place(), name))


def merge(node: Any, look: RuleContext) -> None:
    """MERGE."""
    _written(node.relation, look, short=False)


def copy(node: Any, look: RuleContext) -> None:
    """COPY."""
    if node.is_from and node.relation is not None:
        _written(node.relation, look, short=False)


def truncate(node: Any, look: RuleContext) -> None:
    """TRUNCATE."""
    told = False
    for one in node.relations:
        relation = look.relation(one)
        look.lock(relation, ACCESS_EXCLUSIVE)
        if not look.is_new(relation) and not told:
            told = True
            cascade = node.behavior.name == "DROP_CASCADE"
            look.tell(
                "T04",
                "the rows are gone, everybody waits"
                + (", and CASCADE empties every table that refers to it" if cascade else ""),
                relation,
                remedy="name each table" if cascade else "DELETE in batches, or drop a partition",
            )
