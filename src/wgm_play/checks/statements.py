"""What a statement is to the runner: data, an object with a kind of its own, the cluster, a transaction.

In: a statement's parse tree (pglast). Out: `StatementClass`: its class, its words, and for a refusal what to use instead.
"""

from __future__ import annotations

from typing import Any, Literal

from wgm_play.lazy_dataclass import dataclass

Class = Literal["data", "ddl", "cluster", "transaction", "own_transaction"]

# Statements about one kind of object, by the name of the parse tree's node.
KIND_OF_STATEMENT = {
    "CreateStmt": "table",
    "IndexStmt": "index",
    "ViewStmt": "view",
    "CreateTrigStmt": "trigger",
    "CreatePolicyStmt": "policy",
    "AlterPolicyStmt": "policy",
    "AlterDefaultPrivilegesStmt": "default_privileges",
    "CreateEnumStmt": "enum",
    "AlterEnumStmt": "enum",
    "CreateDomainStmt": "domain",
    "AlterDomainStmt": "domain",
    "CreateSeqStmt": "sequence",
    "AlterSeqStmt": "sequence",
    "CreateSchemaStmt": "schema",
    "CreateExtensionStmt": "extension",
    "AlterExtensionStmt": "extension",
    "CompositeTypeStmt": "composite",
    "CreateRangeStmt": "range",
    "CreateCastStmt": "cast",
    "CreateOpClassStmt": "operator_class",
    "CreateOpFamilyStmt": "operator_family",
    "AlterOpFamilyStmt": "operator_family",
    "AlterOperatorStmt": "operator",
    "AlterTSDictionaryStmt": "text_search_dictionary",
    "AlterTSConfigurationStmt": "text_search_configuration",
    "CreateStatsStmt": "statistics",
    "AlterStatsStmt": "statistics",
    "RuleStmt": "rule",
    "CreateEventTrigStmt": "event_trigger",
    "AlterEventTrigStmt": "event_trigger",
    "CreatePublicationStmt": "publication",
    "AlterPublicationStmt": "publication",
    "CreateFdwStmt": "foreign_data_wrapper",
    "AlterFdwStmt": "foreign_data_wrapper",
    "CreateForeignServerStmt": "server",
    "AlterForeignServerStmt": "server",
    "CreateUserMappingStmt": "user_mapping",
    "AlterUserMappingStmt": "user_mapping",
    "DropUserMappingStmt": "user_mapping",
    "CreateForeignTableStmt": "foreign_table",
    "CommentStmt": "comment",
    "SecLabelStmt": "security_label",
    "AlterRoleSetStmt": "setting",
    "AlterDatabaseSetStmt": "setting",
}
# Objects of ALTER TABLE, DROP, RENAME, ALTER ... OWNER, ALTER ... SET SCHEMA.
KIND_OF_OBJECT = {
    "OBJECT_TABLE": "table",
    "OBJECT_COLUMN": "table",
    "OBJECT_TABCONSTRAINT": "table",
    "OBJECT_INDEX": "index",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized_view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_SCHEMA": "schema",
    "OBJECT_EXTENSION": "extension",
    "OBJECT_FUNCTION": "function",
    "OBJECT_PROCEDURE": "procedure",
    "OBJECT_TRIGGER": "trigger",
    "OBJECT_POLICY": "policy",
    "OBJECT_DOMAIN": "domain",
    "OBJECT_DOMCONSTRAINT": "domain",
    "OBJECT_ATTRIBUTE": "composite",
    "OBJECT_TYPE": "composite",
    "OBJECT_AGGREGATE": "aggregate",
    "OBJECT_CAST": "cast",
    "OBJECT_COLLATION": "collation",
    "OBJECT_OPERATOR": "operator",
    "OBJECT_OPCLASS": "operator_class",
    "OBJECT_OPFAMILY": "operator_family",
    "OBJECT_STATISTIC_EXT": "statistics",
    "OBJECT_TSCONFIGURATION": "text_search_configuration",
    "OBJECT_TSDICTIONARY": "text_search_dictionary",
    "OBJECT_RULE": "rule",
    "OBJECT_EVENT_TRIGGER": "event_trigger",
    "OBJECT_PUBLICATION": "publication",
    "OBJECT_FDW": "foreign_data_wrapper",
    "OBJECT_FOREIGN_SERVER": "server",
    "OBJECT_FOREIGN_TABLE": "foreign_table",
}
_CLUSTER = {
    "CreateRoleStmt": "CREATE ROLE",
    "AlterRoleStmt": "ALTER ROLE",
    "DropRoleStmt": "DROP ROLE",
    "GrantRoleStmt": "GRANT ROLE",
    "ReassignOwnedStmt": "REASSIGN OWNED",
    "DropOwnedStmt": "DROP OWNED",
    "CreatedbStmt": "CREATE DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "AlterDatabaseStmt": "ALTER DATABASE",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE",
    "AlterTableSpaceOptionsStmt": "ALTER TABLESPACE",
    "AlterTableMoveAllStmt": "ALTER ... ALL IN TABLESPACE",
    "AlterSystemStmt": "ALTER SYSTEM",
    "CreateSubscriptionStmt": "CREATE SUBSCRIPTION",
    "AlterSubscriptionStmt": "ALTER SUBSCRIPTION",
    "DropSubscriptionStmt": "DROP SUBSCRIPTION",
    "LoadStmt": "LOAD",
    "CheckPointStmt": "CHECKPOINT",
}


@dataclass(frozen=True, slots=True)
class StatementClass:
    """The class of a statement. `kind` is the kind that declares it; `warning` what to look at."""

    klass: Class
    words: str
    kind: str | None = None
    warning: str | None = None


def judge(node: Any, words: str) -> StatementClass:
    """Return what a statement is; `words` are its first words, for messages."""
    name = type(node).__name__
    if name == "TransactionStmt":
        return StatementClass("transaction", words)
    if name in _CLUSTER:
        return StatementClass("cluster", _CLUSTER[name])
    if name in ("VacuumStmt", "ReindexStmt", "ClusterStmt"):
        return StatementClass("own_transaction" if _alone(name, node) else "data", words)
    kind = kind_of(name, node)
    if kind:
        return StatementClass("ddl", words, kind)
    return StatementClass("data", words, warning=_warning(name, node))


def kind_of(name: str, node: Any) -> str | None:
    """Return the kind that declares what a statement makes or changes; None for data and for what has no kind."""
    if name == "CreateStmt":
        return None if node.relation.relpersistence == "t" else "table"
    if name == "CreateTableAsStmt":
        if node.objtype.name == "OBJECT_MATVIEW":
            return "materialized_view"
        return None if node.into.rel.relpersistence == "t" else "table"
    if name == "SelectStmt":
        return "table" if node.intoClause and node.intoClause.rel.relpersistence != "t" else None
    if name == "CreateFunctionStmt":
        return "procedure" if node.is_procedure else "function"
    if name == "AlterFunctionStmt":
        return KIND_OF_OBJECT.get(node.objtype.name)
    if name in ("AlterTableStmt", "AlterOwnerStmt", "AlterObjectSchemaStmt"):
        return KIND_OF_OBJECT.get((node.objtype if name == "AlterTableStmt" else node.objectType).name)
    if name == "RenameStmt":
        return KIND_OF_OBJECT.get((node.relationType if _of_relation(node) else node.renameType).name)
    if name == "DropStmt":
        return KIND_OF_OBJECT.get(node.removeType.name)
    if name == "DefineStmt":  # CREATE AGGREGATE, OPERATOR, COLLATION, TEXT SEARCH …
        return KIND_OF_OBJECT.get(node.kind.name) if node.kind.name != "OBJECT_TYPE" else None
    if name == "ViewStmt":
        return None if node.view.relpersistence == "t" else "view"
    return KIND_OF_STATEMENT.get(name)


def _of_relation(node: Any) -> bool:
    return str(node.renameType.name) == "OBJECT_COLUMN"


def _alone(name: str, node: Any) -> bool:
    """Say whether PostgreSQL refuses the statement within a transaction block (its manual page says so)."""
    if name == "VacuumStmt":
        return bool(node.is_vacuumcmd)
    if name == "ClusterStmt":
        return node.relation is None
    options = {option.defname for option in node.params or ()}
    return node.relation is None or "concurrently" in options


def _warning(name: str, node: Any) -> str | None:
    if name == "UpdateStmt" and node.whereClause is None and not node.fromClause:
        return f"UPDATE of {_relation(node)} has no WHERE: it changes every row"
    if name == "DeleteStmt" and node.whereClause is None and not node.usingClause:
        return f"DELETE from {_relation(node)} has no WHERE: it removes every row"
    if name == "TruncateStmt":
        return "TRUNCATE removes every row"
    return None


def _relation(node: Any) -> str:
    relation = node.relation
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else str(relation.relname)
