"""What is removed: relations, indexes, functions, schemas, databases, roles.

In: DROP statements. Out: findings; what is no longer there.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import ACCESS_EXCLUSIVE, RuleContext
from wgm_play.lint.following import later
from wgm_play.lint.tree import Name, is_node, kind, words

_LOST = {
    "OBJECT_SCHEMA": ("S14", "everything in it goes"),
    "OBJECT_EXTENSION": ("S11", "what uses its types and functions goes or stands in the way"),
}


def drop(node: Any, look: RuleContext) -> None:
    """DROP of objects in a database."""
    what = node.removeType.name
    for one in node.objects:
        names = one.names if kind(one) == "TypeName" else one
        names = one.objname if kind(one) == "ObjectWithArgs" else names
        if what == "OBJECT_TABLE":
            _table(names, node, look)
        elif what == "OBJECT_INDEX":
            _index(names, node, look)
        elif what in ("OBJECT_VIEW", "OBJECT_MATVIEW"):
            _view(names, node, look)
        elif what in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE"):
            _function(names, node, look)
        elif what in ("OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"):
            _part(names, what, look)
        elif what in _LOST:
            code, message = _LOST[what]
            label = str(names.sval) if is_node(names) else words(names)[-1]
            look.tell(code, message, label)
            if what != "OBJECT_SCHEMA":  # a schema's rows are gone with CASCADE as they are without: that is told
                _cascade(node, label, look)
        else:
            _other(names, node, look)


def _part(names: Any, what: str, look: RuleContext) -> None:
    """Drop what belongs to a table."""
    relation = look.relation(tuple(names[:-1]))
    look.lock(relation, ACCESS_EXCLUSIVE)
    if what == "OBJECT_POLICY" and not look.is_new(relation) and not _policy_again(relation.name, look):
        look.tell(
            "V05",
            "who sees which rows is another from here on: without a restrictive policy more, without the last one none",
            relation,
            words(names)[-1],
            severity="warning",
            remedy="another policy in the same transaction",
        )


def _policy_again(table: Name, look: RuleContext) -> bool:
    return any(
        kind(one) == "CreatePolicyStmt" and look.name(one.table) == table for one in later(look, same_transaction=True)
    )


def _cascade(node: Any, label: str, look: RuleContext) -> None:
    if node.behavior.name == "DROP_CASCADE":
        look.tell("S13", "CASCADE takes more than is named", label, remedy="drop what depends on it by name, before it")


def _table(names: Any, node: Any, look: RuleContext) -> None:
    name = look.name(names)
    relation = look.relation(names)
    look.known.relations.pop(relation.name, None)
    for key in [key for key, index in look.known.indexes.items() if index.table == relation.name]:
        del look.known.indexes[key]
    if look.is_new(relation):
        return
    look.dropped.add(name)
    look.lock(relation, ACCESS_EXCLUSIVE)
    for one in relation.constraints.values():
        if one.refers and one.refers != relation.name:
            look.lock(look.relation(one.refers), ACCESS_EXCLUSIVE)
    _cascade(node, relation.label, look)
    parent = look.known.relations.get(relation.partition_of) if relation.partition_of else None
    if parent is not None and not look.is_new(parent):
        look.lock(parent, ACCESS_EXCLUSIVE)
        look.tell(
            "P03", f"everybody waits on {parent.label}", relation, remedy="DETACH PARTITION ... CONCURRENTLY first"
        )
    look.tell(
        "T01",
        "the rows are gone, and statements that name it fail",
        relation,
        remedy="rename it, keep it for a while, then drop it and say why: "
        "-- wgm-play: ignore T01: not used since release ...",
    )


def _index(names: Any, node: Any, look: RuleContext) -> None:
    name = look.name(names)
    index = look.known.indexes.pop(name, None)
    table = look.relation(index.table) if index else None
    look.dropped.add(name)
    if node.concurrent:
        look.outside_of_transaction("DROP INDEX CONCURRENTLY", table or ".".join(name), attribute=name[1])
    if table is not None:
        if name[1] in table.constraints:
            look.tell(
                "I06",
                f"{name[1]} belongs to a constraint: PostgreSQL refuses it",
                table,
                name[1],
                remedy="DROP CONSTRAINT",
            )
        if table.identity_index == name[1] and not look.is_new(table):
            look.tell(
                "R01", "published UPDATEs and DELETEs fail without the index of the replica identity", table, name[1]
            )
        if not node.concurrent:
            look.lock(table, ACCESS_EXCLUSIVE)
    if node.concurrent or (table is not None and look.quiet(table)) or (index is not None and index.made == look.file):
        return
    _cascade(node, ".".join(name), look)
    look.tell(
        "I05",
        "reads and writes of the table wait behind it",
        table or ".".join(name),
        name[1],
        remedy=f"DROP INDEX CONCURRENTLY {name[1]};",
    )
    if table is None and not look.session.lock_timeout:
        look.unlimited.append((look.place(), look.relation(name), ACCESS_EXCLUSIVE))


def _made_again(name: Name, look: RuleContext) -> bool:
    same = bool(look.session.transaction)
    for one in later(look, same_transaction=same):
        if kind(one) == "ViewStmt" and look.name(one.view) == name:
            return True
        if kind(one) == "CreateTableAsStmt" and look.name(one.into.rel) == name:
            return True
        if kind(one) == "CreateFunctionStmt" and look.name(one.funcname)[1] == name[1]:
            return True
    return False


def _view(names: Any, node: Any, look: RuleContext) -> None:
    name = look.name(names)
    relation = look.relation(names)
    look.known.relations.pop(relation.name, None)
    if look.is_new(relation):
        return
    _cascade(node, relation.label, look)
    if _made_again(name, look):
        look.tell(
            "V04",
            "dropped and made again it loses its privileges, and without a transaction it is gone in between",
            relation,
            severity="info" if look.session.transaction else "warning",
            remedy="CREATE OR REPLACE VIEW where columns are only added at the end; else one transaction, and its GRANTs again",
        )
    else:
        look.tell(
            "V04", "statements that name it fail", relation, remedy="release an application that does not use it first"
        )


def _function(names: Any, node: Any, look: RuleContext) -> None:
    name = look.name(names)
    found = look.known.functions.pop(name, None)
    if found is not None and found.made == look.file:
        return
    _cascade(node, ".".join(name), look)
    if not _made_again(name, look):
        look.tell("V06", "statements that call it fail", ".".join(name), severity="warning")


def _other(names: Any, node: Any, look: RuleContext) -> None:
    name = look.name(names) if not is_node(names) else ("", str(getattr(names, "sval", "")))
    if look.known.types.get(name) != look.file and not (
        name in look.known.relations and look.is_new(look.relation(name))
    ):
        _cascade(node, ".".join(part for part in name if part), look)


def drop_other(node: Any, look: RuleContext) -> None:
    """DROP DATABASE, ROLE, TABLESPACE."""
    label = next((str(getattr(node, key)) for key in ("dbname", "tablespacename") if getattr(node, key, None)), "")
    if kind(node) == "DropRoleStmt":
        label = ", ".join(str(one.rolename) for one in node.roles)
    look.tell("S14", "what belongs to it goes, or stands in the way", label)


def owned(node: Any, look: RuleContext) -> None:
    """DROP OWNED, REASSIGN OWNED."""
    look.tell(
        "G06",
        "every object of the role is locked" + (", and goes" if kind(node) == "DropOwnedStmt" else ""),
        ", ".join(str(one.rolename) for one in node.roles),
        remedy="name the objects",
    )
