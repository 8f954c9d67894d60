"""Partitions: attached, detached, made in place.

In: a command of ALTER TABLE, or a CREATE TABLE ... PARTITION OF. Out: findings; who is whose partition.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import ACCESS_EXCLUSIVE, RuleContext
from wgm_play.lint.model import KnownRelation
from wgm_play.lint.tree import kind


def attach(command: Any, parent: KnownRelation, look: RuleContext) -> None:
    """ATTACH PARTITION."""
    part = look.relation(command.def_.name)
    bound = command.def_.bound
    look.lock(part, ACCESS_EXCLUSIVE)
    if not look.quiet(part) and not _proven(part, look):
        look.tell(
            "P01",
            f"all rows of {part.label} are read for the bound while it is locked",
            parent,
            part.name[1],
            at=command.def_.name.location,
            remedy=f"a check on {part.label} that says the same as the bound, NOT VALID, then validated; drop it afterwards",
        )
    other = look.known.relations.get(parent.default_partition) if parent.default_partition else None
    if other is not None and other is not part and not look.quiet(other) and not _proven(other, look):
        look.tell(
            "P01",
            f"all rows of the default partition {other.label} are read while it is locked",
            parent,
            other.name[1],
            at=command.def_.name.location,
            remedy=f"a check on {other.label} that excludes the bound, validated before",
        )
    part.partition_of = parent.name
    if bound is not None and bound.is_default:
        _default(part, parent, look)


def _proven(part: KnownRelation, look: RuleContext) -> bool:
    return part.validated == look.file or any(one.kind == "check" and one.valid for one in part.constraints.values())


def _default(part: KnownRelation, parent: KnownRelation, look: RuleContext) -> None:
    parent.default_partition = part.name
    look.tell(
        "P04",
        "rows that fit no other partition gather in it, and each ATTACH reads it",
        parent,
        part.name[1],
        remedy="an alert that fires when it has a row",
    )


def detach(command: Any, parent: KnownRelation, look: RuleContext) -> None:
    """DETACH PARTITION."""
    part = look.relation(command.def_.name)
    part.partition_of = None
    if command.def_.concurrent:
        look.outside_of_transaction("DETACH PARTITION ... CONCURRENTLY", parent)
        if parent.default_partition not in (None, part.name):
            look.tell("P02", "CONCURRENTLY is refused where there is a default partition", parent, part.name[1])
        return
    if look.is_new(parent):
        return
    possible = parent.default_partition is None
    look.tell(
        "P02",
        f"everybody waits on {parent.label} and all its partitions",
        parent,
        part.name[1],
        severity="error" if possible else "warning",
        remedy=f"ALTER TABLE {parent.label} DETACH PARTITION {part.label} CONCURRENTLY;"
        if possible
        else "a short lock_timeout, tried again: CONCURRENTLY is refused where there is a default partition",
    )


def made_in_place(node: Any, part: KnownRelation, look: RuleContext) -> None:
    """CREATE TABLE ... PARTITION OF."""
    parent = look.relation(node.inhRelations[0])
    part.partition_of, part.inherits = parent.name, True
    part.columns = dict(parent.columns)
    if not look.is_new(parent):
        look.lock(parent, ACCESS_EXCLUSIVE)
        look.tell(
            "P03",
            f"everybody waits on {parent.label} for an instant",
            parent,
            part.name[1],
            severity="info" if look.session.lock_timeout else "warning",
            remedy=f"CREATE TABLE {part.label} (LIKE {parent.label} INCLUDING ALL), then ATTACH PARTITION",
        )
    if kind(node.partbound) == "PartitionBoundSpec" and node.partbound.is_default:
        _default(part, parent, look)
