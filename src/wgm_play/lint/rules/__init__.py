"""The rules, by the statement that they read.

In: a node of a parse tree and a `RuleContext`. Out: findings told to the look, and what the statement makes of what is known.
`HANDLERS` is the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wgm_play.lint.context import RuleContext
from wgm_play.lint.rules import alter, create, index, names, removal, role, routine, rows, session, upkeep

Handler = Callable[[Any, RuleContext], None]

HANDLERS: dict[str, Handler] = {
    "AlterTableStmt": alter.alter_table,
    "RenameStmt": names.rename,
    "AlterObjectSchemaStmt": names.set_schema,
    "CreateStmt": create.create_table,
    "CreateTableAsStmt": create.create_as,
    "ViewStmt": create.view,
    "CreateSeqStmt": create.sequence,
    "CreateEnumStmt": create.new_type,
    "CompositeTypeStmt": create.new_type,
    "CreateRangeStmt": create.new_type,
    "CreateDomainStmt": create.domain,
    "AlterDomainStmt": create.alter_domain,
    "AlterEnumStmt": create.enum_value,
    "AlterTypeStmt": create.ignored,
    "CreateExtensionStmt": create.ignored,
    "AlterExtensionStmt": create.extension,
    "IndexStmt": index.create_index,
    "ReindexStmt": index.reindex,
    "DropStmt": removal.drop,
    "DropdbStmt": removal.drop_other,
    "DropRoleStmt": removal.drop_other,
    "DropTableSpaceStmt": removal.drop_other,
    "DropOwnedStmt": removal.owned,
    "ReassignOwnedStmt": removal.owned,
    "TruncateStmt": rows.truncate,
    "UpdateStmt": rows.update,
    "DeleteStmt": rows.delete,
    "InsertStmt": rows.insert,
    "MergeStmt": rows.merge,
    "CopyStmt": rows.copy,
    "SelectStmt": session.select,
    "VacuumStmt": upkeep.vacuum,
    "ClusterStmt": upkeep.cluster,
    "RepackStmt": upkeep.cluster,
    "RefreshMatViewStmt": upkeep.refresh,
    "AlterTableMoveAllStmt": upkeep.move_all,
    "AlterSystemStmt": upkeep.system,
    "CreateFunctionStmt": routine.function,
    "AlterFunctionStmt": routine.alter_function,
    "CreateTrigStmt": routine.trigger,
    "CreatePolicyStmt": routine.policy,
    "AlterPolicyStmt": routine.alter_policy,
    "RuleStmt": routine.rule,
    "CreateEventTrigStmt": routine.event_trigger,
    "DoStmt": session.do,
    "CallStmt": session.call,
    "GrantStmt": role.grant,
    "SecLabelStmt": role.security_label,
    "GrantRoleStmt": role.grant_role,
    "CreateRoleStmt": role.role,
    "AlterRoleStmt": role.role,
    "AlterDefaultPrivilegesStmt": role.default_privileges,
    "CreateUserMappingStmt": role.user_mapping,
    "CreateSubscriptionStmt": role.subscription,
    "CreatePublicationStmt": role.publication,
    "AlterPublicationStmt": role.publication,
    "TransactionStmt": session.transaction,
    "VariableSetStmt": session.variable,
    "LockStmt": session.lock,
}
