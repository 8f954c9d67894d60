"""Names and schemas that change: whoever uses the old name fails from that moment.

In: ALTER ... RENAME, ALTER ... SET SCHEMA. Out: findings; the names that hold afterwards.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import ACCESS_EXCLUSIVE, RuleContext
from wgm_play.lint.following import later
from wgm_play.lint.model import KnownRelation
from wgm_play.lint.tree import Name, kind

_TABLES = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_FOREIGN_TABLE": "table",
}


def rename(node: Any, look: RuleContext) -> None:
    """ALTER ... RENAME."""
    what = node.renameType.name
    if what == "OBJECT_COLUMN" and node.relation is not None:
        _column(node, look)
    elif what in _TABLES:
        _table(node, look)
    elif what == "OBJECT_INDEX":
        index = look.known.indexes.pop(look.name(node.relation), None)
        if index is not None:
            index.name = (index.name[0], node.newname)
            look.known.indexes[index.name] = index
    elif what == "OBJECT_TABCONSTRAINT":
        relation = look.relation(node.relation)
        one = relation.constraints.pop(node.subname, None)
        if one is not None:
            one.name = node.newname
            relation.constraints[one.name] = one
    elif what == "OBJECT_SCHEMA":
        look.tell(
            "T03",
            f"whoever names {node.subname} fails at once",
            node.subname,
            remedy="a new schema, with views of the old names for a while",
        )
    elif what in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE"):
        name = look.name(node.object.objname)
        found = look.known.functions.pop(name, None)
        if found is not None:
            look.known.functions[(name[0], node.newname)] = found
        if found is None or found.made != look.file:
            look.tell("V06", f"statements that call {name[1]} fail", ".".join(name), severity="warning")


def _column(node: Any, look: RuleContext) -> None:
    relation = look.relation(node.relation)
    look.lock(relation, ACCESS_EXCLUSIVE)
    column = relation.columns.pop(node.subname, None)
    if column is not None:
        column.name = node.newname
        relation.columns[node.newname] = column
    for one in relation.constraints.values():
        one.columns = tuple(node.newname if name == node.subname else name for name in one.columns)
    for index in look.known.indexes_of(relation.name):
        index.columns = tuple(node.newname if name == node.subname else name for name in index.columns)
    if look.is_new(relation) or (column is not None and column.made == look.file):
        return
    if relation.name in _given_up(look) or any(_viewed(relation.name, look)):
        return
    look.tell(
        "C11",
        f"statements that name {node.subname} fail at once",
        relation,
        node.subname,
        remedy="a new column kept in step, or in one transaction a view under the table's old name that has both names",
    )


def _viewed(name: Name, look: RuleContext) -> list[bool]:
    """Tell whether a view takes a name before the transaction ends."""
    return [
        True for one in later(look, same_transaction=True) if kind(one) == "ViewStmt" and look.name(one.view) == name
    ]


def _given_up(look: RuleContext) -> set[Name]:
    """Return the tables that the transaction renames and puts a view, or another table, in the place of."""
    return {
        look.name(one.relation)
        for one in later(look, same_transaction=True)
        if kind(one) == "RenameStmt" and one.renameType.name in _TABLES and _taken(look.name(one.relation), look)
    }


def _taken(name: Name, look: RuleContext) -> bool:
    """Say whether something takes a name in the rest of the transaction."""
    for one in later(look, same_transaction=True):
        if kind(one) == "RenameStmt" and one.renameType.name in _TABLES:
            if one.newname == name[1] and look.name(one.relation)[0] == name[0]:
                return True
        elif (kind(one) == "ViewStmt" and look.name(one.view) == name) or (
            kind(one) == "CreateStmt" and look.name(one.relation) == name
        ):
            return True
    return False


def _table(node: Any, look: RuleContext) -> None:
    relation = look.relation(node.relation)
    old, new = look.name(node.relation), (look.name(node.relation)[0], node.newname)
    swapped = _taken(old, look) or (new in look.renamed_away and look.session.transaction)
    look.lock(relation, ACCESS_EXCLUSIVE, swap=swapped)
    _move(relation, old, new, look)
    look.renamed_away.add(old)
    if look.is_new(relation) or swapped:
        return
    look.tell(
        "T02",
        f"statements that name {'.'.join(old)} fail at once",
        ".".join(old),
        remedy=f"in the same transaction: CREATE VIEW {'.'.join(old)} WITH (security_invoker = true) AS SELECT * FROM "
        f"{'.'.join(new)}; with the privileges of the table",
    )


def _move(relation: KnownRelation, old: Name, new: Name, look: RuleContext) -> None:
    """Let a relation, and what is known by its name, have another one."""
    look.known.relations.pop(old, None)
    relation.name = new
    look.known.relations[new] = relation
    for index in list(look.known.indexes.values()):
        if index.table == old:
            index.table = new
            if index.name[0] != new[0]:
                look.known.indexes[(new[0], index.name[1])] = look.known.indexes.pop(index.name)
                index.name = (new[0], index.name[1])
    if old in look.known.published:
        look.known.published.add(new)


def set_schema(node: Any, look: RuleContext) -> None:
    """ALTER ... SET SCHEMA."""
    if node.relation is None or node.objectType.name not in _TABLES:
        return
    relation = look.relation(node.relation)
    old, new = look.name(node.relation), (node.newschema, look.name(node.relation)[1])
    look.lock(relation, ACCESS_EXCLUSIVE)
    _move(relation, old, new, look)
    if not look.is_new(relation) and not _taken(old, look):
        look.tell(
            "T03",
            f"statements that name {'.'.join(old)} fail at once, and search_path decides who still finds it",
            ".".join(old),
            remedy=f"in the same transaction a view {'.'.join(old)}",
        )
