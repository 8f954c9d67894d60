"""Work on whole tables, and settings of the server.

In: VACUUM FULL, CLUSTER, REPACK, REFRESH MATERIALIZED VIEW, ALTER SYSTEM and the like. Out: findings.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import ACCESS_EXCLUSIVE, EXCLUSIVE, RuleContext
from wgm_play.lint.tree import kind, switched


def vacuum(node: Any, look: RuleContext) -> None:
    """VACUUM, ANALYZE."""
    if not node.is_vacuumcmd:
        return
    relations = [look.relation(one.relation) for one in node.rels or () if one.relation is not None]
    look.outside_of_transaction("VACUUM", relations[0] if relations else "")
    busy = [one for one in relations if not look.quiet(one)]
    if switched(node.options, "full") and (busy or not relations):
        look.tell(
            "T05",
            "the table is written anew while everybody waits",
            busy[0] if busy else "the database",
            remedy="VACUUM without FULL; pg_repack where the space must come back",
        )


def cluster(node: Any, look: RuleContext) -> None:
    """CLUSTER, REPACK."""
    relation: Any = getattr(node, "relation", None)
    if relation is not None and kind(relation) == "VacuumRelation":
        relation = relation.relation
    if switched(getattr(node, "params", None), "concurrently"):
        return
    found = look.relation(relation) if relation is not None else None
    if found is not None and look.quiet(found):
        return
    if found is not None:
        look.lock(found, ACCESS_EXCLUSIVE, long=True)
    look.tell(
        "T05", "the table is written anew while everybody waits", found or "the database", remedy="pg_repack --order-by"
    )


def refresh(node: Any, look: RuleContext) -> None:
    """REFRESH MATERIALIZED VIEW."""
    relation = look.relation(node.relation)
    if look.quiet(relation):
        return
    if node.concurrent:
        look.lock(relation, EXCLUSIVE, long=True)
        return
    look.lock(relation, ACCESS_EXCLUSIVE, long=True)
    look.tell(
        "V03",
        "it cannot be read any more" if node.skipData else "reads wait until it is filled",
        relation,
        remedy=f"REFRESH MATERIALIZED VIEW CONCURRENTLY {relation.label}; it needs a unique index",
    )


def move_all(node: Any, look: RuleContext) -> None:
    """ALTER ... ALL IN TABLESPACE."""
    look.tell(
        "T07",
        "all files are copied while everybody waits",
        node.orig_tablespacename,
        remedy="one table at a time, with pg_repack",
    )


def system(node: Any, look: RuleContext) -> None:
    """ALTER SYSTEM."""
    name = node.setstmt.name or "all settings"
    look.tell("S12", f"{name}: it holds for every database of the server, after a reload or a restart", "server", name)
