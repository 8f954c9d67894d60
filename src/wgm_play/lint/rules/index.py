"""Indexes: built, rebuilt.

In: CREATE INDEX, REINDEX. Out: findings; the indexes there are.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import GENTLE, SHARE, RuleContext
from wgm_play.lint.model import KnownIndex, KnownRelation
from wgm_play.lint.tree import functions_of, kind, switched
from wgm_play.lint.types import TOUCHED

WIDE = 3  # more columns than this are rarely used together


def create_index(node: Any, look: RuleContext) -> None:
    """CREATE INDEX."""
    relation = look.relation(node.relation)
    made = _index(node, relation, look)
    if node.concurrent:
        look.outside_of_transaction("CREATE INDEX CONCURRENTLY", relation, attribute=made.name[1])
        look.lock(relation, GENTLE)
        _repeated(node, made, relation, look)
        if look.session.lock_timeout and not look.quiet(relation):
            look.tell(
                "I04",
                "lock_timeout also ends the build where it waits for older transactions, and leaves an INVALID index",
                relation,
                made.name[1],
                remedy="SET lock_timeout = 0; before it",
            )
        if relation.partitioned is not None:
            look.tell(
                "I08",
                "CONCURRENTLY is refused on a partitioned table",
                relation,
                made.name[1],
                at=node.relation.location,
                remedy=f"CREATE INDEX {made.name[1]} ON ONLY {relation.label} ...; each partition's CONCURRENTLY; ALTER INDEX "
                f"{made.name[1]} ATTACH PARTITION ...",
            )
    elif node.relation.inh is False and relation.kind == "table":
        look.lock(relation, SHARE)
    else:
        look.lock(relation, SHARE, long=True)
        if not look.quiet(relation):
            _blocking(made, relation, look)
    _advice(node, made, relation, look)
    look.known.indexes[made.name] = made
    look.known.called |= made.functions


def _index(node: Any, relation: KnownRelation, look: RuleContext) -> KnownIndex:
    columns = tuple(one.name or "" for one in node.indexParams or ())
    name = node.idxname or "_".join((relation.name[1], *(one or "expr" for one in columns), "idx"))
    calls = functions_of((*(node.indexParams or ()), node.whereClause))
    return KnownIndex(
        (relation.name[0], name),
        relation.name,
        columns,
        bool(node.unique),
        node.whereClause is not None,
        node.accessMethod or "btree",
        frozenset(one[-1] for one in calls),
        look.file,
        look.place(),
    )


def _blocking(made: KnownIndex, relation: KnownRelation, look: RuleContext) -> None:
    if relation.partitioned is not None:
        look.tell(
            "I08",
            "writes to all partitions wait until the index is built",
            relation,
            made.name[1],
            remedy=f"CREATE INDEX {made.name[1]} ON ONLY {relation.label} ...; each partition's CONCURRENTLY; ALTER INDEX "
            f"{made.name[1]} ATTACH PARTITION ...",
        )
        return
    look.tell(
        "I01",
        "writes wait until the index is built",
        relation,
        made.name[1],
        remedy="CREATE INDEX CONCURRENTLY, outside of a transaction",
    )


def _repeated(node: Any, made: KnownIndex, relation: KnownRelation, look: RuleContext) -> None:
    if node.if_not_exists and made.name not in look.dropped and not look.quiet(relation):
        look.tell(
            "I03",
            "IF NOT EXISTS takes an INVALID index, left by a build that failed, for done",
            relation,
            made.name[1],
            remedy=f"DROP INDEX CONCURRENTLY IF EXISTS {made.name[1]}; before it",
        )


def _advice(node: Any, made: KnownIndex, relation: KnownRelation, look: RuleContext) -> None:
    """What is unwise about an index, of a new table too."""
    touched = [name for name in made.columns if name in TOUCHED or name in look.known.touched]
    if touched and not relation.temporary and relation.kind == "table":
        look.tell(
            "I16",
            f"every UPDATE changes {touched[0]}: none can be heap-only any more",
            relation,
            made.name[1],
            remedy="leave the column out, or keep it in a table of its own",
        )
    if len(made.columns) > WIDE and not made.unique:
        look.tell("I10", f"{len(made.columns)} columns: it is rarely used whole", relation, made.name[1])
    for other in look.known.indexes_of(relation.name):
        if other.name != made.name and _covers(other, made):
            said = "is the same as" if other.columns == made.columns else "begins as"
            look.tell("I11", f"{other.name[1]} {said} it: one of them is enough", relation, made.name[1])
            return


def _covers(other: KnownIndex, made: KnownIndex) -> bool:
    return (
        not (other.partial or made.partial or made.unique)
        and other.method == made.method == "btree"
        and "" not in made.columns
        and other.columns[: len(made.columns)] == made.columns
    )


def reindex(node: Any, look: RuleContext) -> None:
    """REINDEX."""
    if switched(node.params, "concurrently"):
        look.outside_of_transaction("REINDEX CONCURRENTLY", "")
        return
    if kind(node.relation) == "RangeVar":
        name = look.name(node.relation)
        index = look.known.indexes.get(name)
        relation = look.relation(index.table if index else node.relation)
        if look.quiet(relation) or (index is not None and index.made == look.file):
            return
        look.lock(relation, SHARE, long=True)
        label = relation.label
    else:
        label = node.name or "the database"
    look.tell(
        "I07",
        "writes wait until it is done, and so do reads that might use an index of the table",
        label,
        remedy="REINDEX (CONCURRENTLY) ...",
    )
