"""ALTER TABLE: what each of its commands locks, reads and writes anew.

In: an AlterTableStmt. Out: findings; the relation as it is afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wgm_play.lint.context import ACCESS_EXCLUSIVE, GENTLE, SHARE_ROW_EXCLUSIVE, RuleContext
from wgm_play.lint.following import later
from wgm_play.lint.model import KnownRelation
from wgm_play.lint.rules import column, constraint, partition
from wgm_play.lint.tree import kind, option, switched

Command = Callable[[Any, KnownRelation, RuleContext], None]


def alter_table(node: Any, look: RuleContext) -> None:
    """Read the commands of one ALTER TABLE, in order."""
    what = node.objtype.name
    if what == "OBJECT_INDEX":
        _alter_index(node, look)
        return
    relation = look.relation(node.relation)
    if what in ("OBJECT_VIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_TYPE"):
        if what == "OBJECT_TYPE":
            _alter_composite(node, look)
        return
    names = [one.subtype.name for one in node.cmds]
    look.lock(relation, max(map(_level, node.cmds)))
    for one in node.cmds:
        handler = COMMANDS.get(one.subtype.name)
        if handler:
            handler(one, relation, look)
    _merged(names, relation, look)
    _result(names, relation, look)


# Commands that stop nobody, and those that stop writers; all others stop everybody.
_GENTLE = {
    "AT_ValidateConstraint",
    "AT_SetStatistics",
    "AT_SetOptions",
    "AT_ResetOptions",
    "AT_ClusterOn",
    "AT_DropCluster",
    "AT_SetRelOptions",
    "AT_ResetRelOptions",
    "AT_AttachPartition",
    "AT_DetachPartitionFinalize",
}
_TRIGGERS = {
    "AT_EnableTrig",
    "AT_EnableAlwaysTrig",
    "AT_EnableReplicaTrig",
    "AT_DisableTrig",
    "AT_EnableTrigAll",
    "AT_DisableTrigAll",
    "AT_EnableTrigUser",
    "AT_DisableTrigUser",
}


def _level(command: Any) -> int:
    name = command.subtype.name
    if name in _GENTLE or (name == "AT_DetachPartition" and command.def_.concurrent):
        return GENTLE
    if name in _TRIGGERS:
        return SHARE_ROW_EXCLUSIVE
    if name == "AT_AddConstraint" and command.def_.contype.name == "CONSTR_FOREIGN":
        return SHARE_ROW_EXCLUSIVE
    return ACCESS_EXCLUSIVE


def _merged(names: list[str], relation: KnownRelation, look: RuleContext) -> None:
    """One ALTER holds the strictest of its locks for the longest of its commands."""
    if look.quiet(relation) or len(names) < 2 or "AT_ValidateConstraint" not in names:
        return
    if any(name not in _GENTLE for name in names):
        look.tell(
            "X08",
            "the rows are read for VALIDATE while the other commands' lock is held",
            relation,
            remedy="VALIDATE CONSTRAINT in a statement and a transaction of its own",
            severity="error",
        )


_RESULTS = {"AT_AddColumn": "adds", "AT_DropColumn": "drops", "AT_AlterColumnType": "retypes"}


def _result(names: list[str], relation: KnownRelation, look: RuleContext) -> None:
    done = sorted({_RESULTS[name] for name in names if name in _RESULTS})
    if done and not look.is_new(relation) and "C15 " + relation.label not in look.session.told:
        look.session.told.add("C15 " + relation.label)
        look.tell(
            "C15",
            f"{' and '.join(done)} a column: a prepared SELECT * fails once (cached plan must not change result type)",
            relation,
            remedy="name the columns, or let connections be made anew",
        )


def _alter_index(node: Any, look: RuleContext) -> None:
    index = look.known.indexes.get(look.name(node.relation))
    table = look.relation(index.table) if index else None
    if table is not None and look.quiet(table):
        return
    for one in node.cmds:
        if one.subtype.name == "AT_SetTableSpace":
            look.tell(
                "I14",
                "the index is copied while everybody waits",
                ".".join(look.name(node.relation)),
                at=None,
                remedy=f"REINDEX (CONCURRENTLY, TABLESPACE {one.name}) INDEX {node.relation.relname};",
            )


def _alter_composite(node: Any, look: RuleContext) -> None:
    name = look.name(node.relation)
    if look.known.types.get(name) == look.file:
        return
    cascade = any(one.behavior.name == "DROP_CASCADE" for one in node.cmds)
    if all(one.subtype.name == "AT_AddColumn" for one in node.cmds) and not cascade:
        return
    gone = [one.name for one in node.cmds if one.subtype.name == "AT_DropColumn"]
    for one in gone:
        what = f"the values of {one} are gone in every row that has the type, and statements that name it fail"
        look.tell("Y06", what, ".".join(name), one, severity="error")
    if len(gone) < len(node.cmds):
        look.tell("Y06", "tables with a column of the type are written anew, or it is refused", ".".join(name))


def _storage(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    options = command.def_ or ()
    if option(options, "autovacuum_enabled") is not None and not switched(options, "autovacuum_enabled"):
        look.tell(
            "T09",
            "autovacuum is switched off: the table grows, and one day it is vacuumed against wraparound",
            relation,
            remedy="switch it on again in the same file, or tune autovacuum_vacuum_scale_factor",
        )


def _rewritten(code: str, message: str, remedy: str) -> Command:
    def tell(command: Any, relation: KnownRelation, look: RuleContext) -> None:
        if not look.quiet(relation):
            look.tell(code, message, relation, remedy=remedy)

    return tell


def _disable_triggers(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    if look.is_new(relation):
        return
    look.tell(
        "V02",
        "foreign keys are not kept while triggers are disabled, and rows are never checked again",
        relation,
        remedy=f"ALTER TABLE {relation.label} DISABLE TRIGGER USER, if it must be",
    )


def _disable_user_triggers(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    if not look.is_new(relation) and not _enabled_later(relation, look):
        look.tell(
            "V02",
            "rows written meanwhile are not seen by the triggers",
            relation,
            severity="warning",
            remedy="enable them again in the same transaction",
        )


def _enabled_later(relation: KnownRelation, look: RuleContext) -> bool:
    return any(
        kind(one) == "AlterTableStmt"
        and look.name(one.relation) == relation.name
        and any(command.subtype.name.startswith("AT_EnableTrig") for command in one.cmds)
        for one in later(look)
    )


def _row_security(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    if look.is_new(relation) or relation.policies:
        return
    coming = [
        one
        for one in later(look, same_transaction=True)
        if kind(one) == "CreatePolicyStmt" and look.name(one.table) == relation.name
    ]
    if not coming:
        look.tell(
            "V05",
            "nobody but the owner sees a row from here until a policy is there",
            relation,
            remedy="CREATE POLICY first, or after it in the same transaction",
        )


def _open(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    if not look.is_new(relation):
        look.tell("V05", "everybody who may read the table sees every row from here on", relation)


def _not_forced(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    if not look.is_new(relation):
        look.tell("V05", "the owner sees every row from here on", relation, severity="warning")


def _identity(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    chosen = command.def_
    if chosen.identity_type == "i":
        relation.identity_index = chosen.name
    elif chosen.identity_type == "n" and not look.is_new(relation):
        look.tell("R01", "published UPDATEs and DELETEs fail without a replica identity", relation)


COMMANDS: dict[str, Command] = {
    "AT_AddColumn": column.add,
    "AT_DropColumn": column.drop,
    "AT_AlterColumnType": column.retype,
    "AT_SetNotNull": column.set_not_null,
    "AT_DropNotNull": column.drop_not_null,
    "AT_ColumnDefault": column.default,
    "AT_SetExpression": column.expression,
    "AT_AddIdentity": column.identity,
    "AT_AddConstraint": constraint.add,
    "AT_ValidateConstraint": constraint.validate,
    "AT_DropConstraint": constraint.drop,
    "AT_AlterConstraint": constraint.alter,
    "AT_AttachPartition": partition.attach,
    "AT_DetachPartition": partition.detach,
    "AT_SetLogged": _rewritten(
        "T06", "the table is written anew while everybody waits", "a new table, filled and renamed; or a quiet hour"
    ),
    "AT_SetUnLogged": _rewritten(
        "T06", "the table is written anew while everybody waits, and is emptied by a crash", "leave it logged"
    ),
    "AT_SetTableSpace": _rewritten(
        "T07", "the files are copied while everybody waits", "pg_repack --tablespace, or a quiet hour"
    ),
    "AT_SetAccessMethod": _rewritten(
        "T07", "the table is written anew while everybody waits", "a new table, filled and renamed; or a quiet hour"
    ),
    "AT_SetRelOptions": _storage,
    "AT_DisableTrigAll": _disable_triggers,
    "AT_DisableTrigUser": _disable_user_triggers,
    "AT_DisableTrig": _disable_user_triggers,
    "AT_EnableRowSecurity": _row_security,
    "AT_DisableRowSecurity": _open,
    "AT_NoForceRowSecurity": _not_forced,
    "AT_ReplicaIdentity": _identity,
}
