"""How a change would be taken back: the same diff, from what is wanted to the base.

In: a play planned from its base. Out: `Rollback`. What went to the trash comes back from it with its rows.
"""

from __future__ import annotations

from dataclasses import replace

from wgm_play.catalog.graph import object_of, parts_of_table
from wgm_play.catalog.kinds import ON_TABLE
from wgm_play.catalog.model import Catalog
from wgm_play.diff.compare import diff
from wgm_play.errors import WgmError
from wgm_play.operations.base import PlanContext
from wgm_play.operations.order import constraints_without_index, order
from wgm_play.plan import Operation
from wgm_play.review.compare import ComparedPlay
from wgm_play.review.model import Rollback


def rollback(one: ComparedPlay) -> Rollback:
    """Return what a rollback would do."""
    operations = one.planned.plan.operations
    lasting = tuple((each.title, each.irreversible) for each in operations if each.irreversible)
    from_trash = [f"bring {each.key} back from the trash, with its rows" for each in operations if each.verb == "trash"]
    rows = [f"take back: {each.title}" for each in operations if each.verb == "run" and not each.irreversible]
    rows += [
        f"give {object_of(each.key)} back to its owner of before"
        for each in operations
        if each.key.kind == "owner" and each.key not in one.base.catalog.rows
    ]
    renamed = [f"take back: {each.title}" for each in operations if each.verb == "rename"]
    try:
        back = _back(one, operations)
    except WgmError as error:  # what a catalog alone does not tell
        later = f"the rest is planned when it is its turn: {error.message}"
        return Rollback(titles=(*renamed, *from_trash, *rows, later), irreversible=lasting)
    base, after = one.base.catalog, one.planned.wanted.catalog
    converted = tuple(
        each
        for each in back
        if each.key.kind == "column"
        and each.key in base.rows
        and each.key in after.rows
        and base[each.key].type != after[each.key].type
    )
    return Rollback(tuple(back), converted, (*renamed, *from_trash, *rows), lasting)


def _back(one: ComparedPlay, operations: list[Operation]) -> list[Operation]:
    base, after = one.base.catalog, _with_trash(one, operations)
    if any(each.verb == "rename" for each in operations):
        return []
    made = one.planned.situation
    facts = replace(made.facts, helpers={}, acting=(), trash_names=frozenset(), sizes={})
    found = diff(PlanContext(after, base, facts))
    checks = constraints_without_index(after, base)
    ordered = order(found.changes, after.edges, base.edges, found.rebuilt, found.joined, checks)
    return [change.operation for change in ordered]


def _with_trash(one: ComparedPlay, operations: list[Operation]) -> Catalog:
    """Return the catalog after the change, with what then lies in the trash in its place."""
    base, made = one.base.catalog, one.planned.wanted.catalog.copy()
    for each in operations:
        if each.verb != "trash" or each.key not in base.rows:
            continue
        own = parts_of_table(base, each.key) if each.key.kind == "table" else []
        for key in (each.key, *own):
            if (
                key in base.rows
                and key.kind not in (ON_TABLE - {"rule"})
                and not (key.kind == "constraint" and base[key].type == "f")
            ):
                made.rows[key] = base.rows[key]
                made.extras.setdefault(key, base.extra(key))
    made.edges |= frozenset(edge for edge in base.edges if edge[0] in made.rows and edge[1] in made.rows)
    return made
