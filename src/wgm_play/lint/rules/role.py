"""Roles, privileges, publications, and the secrets that stand in statements.

In: GRANT, CREATE and ALTER ROLE, CREATE PUBLICATION and the like. Out: findings.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.lint.context import RuleContext
from wgm_play.lint.tree import constant, is_node, kind, option, switched, words

_STRONG = {"superuser": "SUPERUSER", "bypassrls": "BYPASSRLS", "isreplication": "REPLICATION"}
_STRONG_ROLES = frozenset(
    [
        "pg_read_server_files",
        "pg_write_server_files",
        "pg_execute_server_program",
        "pg_read_all_data",
        "pg_write_all_data",
        "pg_maintain",
        "pg_database_owner",
        "pg_signal_backend",
        "pg_checkpoint",
        "rds_superuser",
        "cloudsqlsuperuser",
        "azure_pg_admin",
    ]
)
# A verifier is no password (manual: "pg_authid").
_VERIFIER = re.compile(r"SCRAM-SHA-256\$|md5[0-9a-f]{32}\Z")


def _everybody(grantees: Any) -> bool:
    return any(one.roletype.name == "ROLESPEC_PUBLIC" for one in grantees or ())


def _objects(node: Any, look: RuleContext) -> list[str]:
    found = []
    for one in node.objects or ():
        if kind(one) == "RangeVar":
            found.append(".".join(look.name(one)))
        elif kind(one) == "ObjectWithArgs":
            found.append(".".join(look.name(one.objname)))
        else:
            found.append(str(one.sval) if is_node(one) and hasattr(one, "sval") else ".".join(words(one)))
    return found


def grant(node: Any, look: RuleContext) -> None:
    """GRANT, REVOKE on objects."""
    if not node.is_grant:
        _revoked(node, look)
        return
    label = ", ".join(_objects(node, look))
    if _everybody(node.grantees):
        look.tell("G01", "PUBLIC is everybody who can connect, now and later", label, "public", remedy="name the role")
    elif not node.privileges:
        look.tell(
            "G01",
            "ALL gives more than is meant, and more with each release",
            label,
            severity="warning",
            remedy="name each privilege",
        )
    if node.targtype.name == "ACL_TARGET_ALL_IN_SCHEMA":
        look.tell(
            "G01", "it holds for the objects there are now, and for none that come later", label, "all", severity="info"
        )
    if node.grant_option:
        look.tell("G01", "WITH GRANT OPTION: others decide who may", label, "grant option", severity="warning")


def _revoked(node: Any, look: RuleContext) -> None:
    if not _everybody(node.grantees) or (
        node.privileges and not any(str(one.priv_name).lower() in ("execute", "all") for one in node.privileges)
    ):
        return
    whole = node.targtype.name == "ACL_TARGET_ALL_IN_SCHEMA"
    for name, one in look.known.functions.items():
        if whole and name[0] in words(node.objects):
            one.revoked = True
    if whole or (
        "FUNCTION" not in node.objtype.name and node.objtype.name not in ("OBJECT_PROCEDURE", "OBJECT_ROUTINE")
    ):
        return
    for one in node.objects:
        found = look.function(one.objname)
        if found is not None:
            found.revoked = True


def grant_role(node: Any, look: RuleContext) -> None:
    """GRANT of roles."""
    if not node.is_grant:
        return
    for one in node.granted_roles:
        if one.priv_name in _STRONG_ROLES:
            look.tell(
                "G02",
                f"{one.priv_name} reaches past every privilege on tables",
                ", ".join(str(r.rolename) for r in node.grantee_roles),
                str(one.priv_name),
            )
    if option(node.opt, "admin") is not None and switched(node.opt, "admin"):
        look.tell(
            "G01",
            "WITH ADMIN OPTION: others decide who belongs to it",
            str(node.granted_roles[0].priv_name),
            "admin option",
            severity="warning",
        )


def role(node: Any, look: RuleContext) -> None:
    """CREATE ROLE, ALTER ROLE."""
    name = node.role if isinstance(node.role, str) else getattr(node.role, "rolename", "") or ""
    for key, word in _STRONG.items():
        if switched(node.options, key):
            look.tell(
                "G02",
                f"{word} ends the rules for {name}",
                name,
                word.lower(),
                remedy=f"NO{word}, and the privileges that it needs",
            )
    secret = option(node.options, "password")
    if secret is not None and isinstance(constant(secret), str) and not _VERIFIER.match(constant(secret)):
        _secret(f"the password of {name}", name, look)


def _secret(what: str, about: str, look: RuleContext) -> None:
    look.tell(
        "G04",
        f"{what} stands in the file: it reaches the log, the history and everybody who reads them",
        about,
        remedy="a SCRAM verifier, or \\password in psql; and another password, for this one is known",
    )


def user_mapping(node: Any, look: RuleContext) -> None:
    """CREATE USER MAPPING."""
    if option(node.options, "password") is not None:
        _secret(f"the password for {node.servername}", str(node.servername), look)


def subscription(node: Any, look: RuleContext) -> None:
    """CREATE SUBSCRIPTION."""
    if re.search(r"\bpassword\s*=", str(node.conninfo or "")):
        _secret(f"the password of subscription {node.subname}", str(node.subname), look)


def default_privileges(node: Any, look: RuleContext) -> None:
    """ALTER DEFAULT PRIVILEGES."""
    if option(node.options, "roles") is None:
        look.tell(
            "G03",
            "it holds for what the role that runs this makes, and for nobody else's",
            "default privileges",
            remedy="FOR ROLE the role that makes the tables",
        )
    if node.action is not None and not node.action.is_grant and _closes_functions(node):
        look.known.closed = True
    if node.action is not None and node.action.is_grant and _everybody(node.action.grantees):
        look.tell(
            "G01",
            "PUBLIC is everybody who can connect, now and later",
            "default privileges",
            "public",
            remedy="name the role",
        )


def _closes_functions(node: Any) -> bool:
    """Say whether functions that are made from now on are nobody's to call: for one schema that cannot be said."""
    whole = option(node.options, "schemas") is None
    return whole and "FUNCTION" in node.action.objtype.name and _everybody(node.action.grantees)


def security_label(node: Any, look: RuleContext) -> None:
    """SECURITY LABEL."""
    names = words(node.object)
    if node.objtype.name == "OBJECT_COLUMN" and node.label and len(names) > 1:
        look.known.labelled.add((look.relation(tuple(node.object[:-1])).name, names[-1]))


def publication(node: Any, look: RuleContext) -> None:
    """CREATE PUBLICATION, ALTER PUBLICATION."""
    if node.for_all_tables:
        look.tell(
            "R02",
            "UPDATE and DELETE fail on every table without a key, those that come later too",
            node.pubname,
            severity="warning",
            remedy="FOR TABLE, by name",
        )
    for one in node.pubobjects or ():
        if one.pubtable is None:
            continue
        relation = look.relation(one.pubtable.relation)
        look.known.published.add(relation.name)
        if relation.known and relation.kind == "table" and relation.primary is None and not relation.identity_index:
            look.tell(
                "R02",
                "its UPDATEs and DELETEs fail: it has no primary key",
                relation,
                remedy="a primary key first, or REPLICA IDENTITY",
            )
