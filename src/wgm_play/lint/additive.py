"""Additive only: where an environment asks for it, nothing that is there is taken away, renamed or narrowed.

In: a statement. Out: S16 for what is not additive; what the same file made may go again.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import RuleContext
from wgm_play.lint.tree import is_node, kind

_COMMANDS = {
    "AT_DropColumn": "drops a column",
    "AT_DropConstraint": "drops a constraint",
    "AT_AlterColumnType": "changes a type",
    "AT_SetNotNull": "forbids NULL",
    "AT_DropExpression": "drops an expression",
    "AT_DropIdentity": "drops an identity",
    "AT_DetachPartition": "takes a partition away",
    "AT_DropInherit": "ends inheritance",
    "AT_DropOf": "ends a type's table",
}
_STATEMENTS = {
    "RenameStmt": "renames",
    "AlterObjectSchemaStmt": "moves to another schema",
    "TruncateStmt": "empties a table",
    "DropRoleStmt": "drops a role",
    "DropOwnedStmt": "drops what a role owns",
    "DropdbStmt": "drops a database",
    "DropSubscriptionStmt": "drops a subscription",
    "DropUserMappingStmt": "drops a user mapping",
}


def additive_only(node: Any, look: RuleContext) -> None:
    """Tell what a statement takes away. It is asked before the statement changes what is known."""
    name = kind(node)
    if name == "RenameStmt" and node.relation is not None and look.is_new(look.relation(node.relation)):
        return
    if name == "AlterTableStmt":
        if look.is_new(look.relation(node.relation)):
            return
        for one in node.cmds:
            said = _COMMANDS.get(one.subtype.name)
            if said:
                _tell(said, ".".join(look.name(node.relation)), str(one.name or ""), look)
    elif name == "DropStmt":
        what = node.removeType.name.removeprefix("OBJECT_").lower().replace("_", " ")
        for one in node.objects:
            names = one.names if kind(one) == "TypeName" else one.objname if kind(one) == "ObjectWithArgs" else one
            if is_node(names) or not _made_here(names, look):
                _tell(f"drops a {what}", str(names.sval) if is_node(names) else ".".join(look.name(names)), "", look)
    elif name in _STATEMENTS or (name == "AlterEnumStmt" and node.oldVal):
        relation = getattr(node, "relation", None)
        _tell(
            _STATEMENTS.get(name, "renames a value"),
            ".".join(look.name(relation)) if relation is not None else "",
            "",
            look,
        )
    elif name == "GrantStmt" and not node.is_grant:
        _tell("takes a privilege away", "", "", look)


def _made_here(names: Any, look: RuleContext) -> bool:
    name = look.name(names)
    relation, index = look.known.relations.get(name), look.known.indexes.get(name)
    function = look.known.functions.get(name)
    return any(one is not None and one.made == look.file for one in (relation, index, function)) or (
        look.known.types.get(name) == look.file
    )


def _tell(said: str, about: str, attribute: str, look: RuleContext) -> None:
    look.tell(
        "S16",
        f"it {said}, and only additions are allowed here",
        about,
        f"{said} {attribute}".strip(),
        remedy="take away in a release of its own, when nobody uses it",
    )
