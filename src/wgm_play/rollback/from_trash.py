"""What comes back from the trash, with its rows.

In: entries of the ledger's trash, the catalog that is wanted. Out: changes, and the catalog after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wgm_play.catalog.kinds import RESTORED, SWAPPED
from wgm_play.catalog.model import Catalog, Key, field_of
from wgm_play.ledger import TrashEntry
from wgm_play.operations.base import Change, PlanContext, Returning, TrashedColumn
from wgm_play.operations.index import drop_index
from wgm_play.operations.trash import RECORDS, kept_rows, restore
from wgm_play.planning import rename


def restores(
    situation: PlanContext, live: Catalog, wanted: Catalog, entries: Sequence[TrashEntry]
) -> tuple[list[Change], Catalog, set[Key]]:
    """Return the changes that bring removed data back, and the catalog after them."""
    current = live.copy()
    changes: list[Change] = []
    brought: set[Key] = set()
    for entry in sorted(entries, key=lambda one: (RESTORED.get(one.kind, len(RESTORED)), one.name)):
        key = Key(entry.kind, tuple(entry.name))
        if entry.kind in RECORDS or key not in wanted.rows or key in current.rows or entry.definition.get("replaced"):
            continue
        change = restore(situation, key, list(entry.trash_name), entry.definition)
        kept_ones = kept_rows(entry.definition)
        for kept in kept_ones:  # another table's index has the name by now
            if (
                kept.kind == "index"
                and kept in live.rows
                and live.value(kept, "table") != field_of("index", kept_ones[kept], "table")
            ):
                changes += drop_index(situation, kept)
        change.wait_only_for(*changes[-1:])
        changes.append(change)
        brought.add(key)
        for kept, row in kept_ones.items():
            current.rows[kept] = row
            current.extras[kept] = wanted.extra(kept)
    names = set(current.rows)
    current.edges = frozenset(
        {*live.edges, *(edge for edge in wanted.edges if edge[0] in names and edge[0] not in live.rows)}
    )
    return changes, current, brought


def replaced(entries: Sequence[TrashEntry]) -> list[TrashEntry]:
    """Return the types and collations that were kept when others took their places."""
    return [one for one in entries if one.kind in SWAPPED and one.definition.get("replaced")]


def returning(current: Catalog, wanted: Catalog, entries: Sequence[TrashEntry]) -> dict[Key, Returning]:
    """Return the types and collations that come back in place of those that took their places."""
    found = {}
    for entry in replaced(entries):
        key, kept = Key(entry.kind, tuple(entry.name)), kept_rows(entry.definition)
        if key in current.rows and all(row == wanted.rows.get(own) for own, row in kept.items()):
            found[key] = Returning(entry.trash_name[-1], kept)
    return found


def waiting(situation: PlanContext, wanted: Catalog, entries: Sequence[TrashEntry]) -> dict[Key, TrashedColumn]:
    """Return the plain columns in the trash whose names live generated columns have: they take turns."""
    found: dict[Key, TrashedColumn] = {}
    for entry in entries:
        key = Key("column", tuple(entry.name))
        if entry.kind != "column" or key in found or entry.definition.get("replaced"):
            continue
        now, before = situation.current.get(key), wanted.get(key)
        if now and before and now.generated and not before.generated:
            back = restore(situation, key, list(entry.trash_name), entry.definition)
            found[key] = TrashedColumn(entry.trash_name[-1], kept_rows(entry.definition)[key], back)
    return found


def definition(entry: TrashEntry, situation: PlanContext) -> Mapping[str, Any]:
    """Return the definition of what lies in the trash, from which the scratch database has it too."""
    kept = kept_rows(entry.definition)
    edges = [edge for edge in situation.wanted.edges if edge[0] in kept and edge[1] in kept]
    made = {**entry.definition, "place": list(entry.trash_name), "edges": edges}
    if Key(entry.kind, tuple(entry.name)) in situation.goal.waiting:  # its old name is taken there
        made |= {"rows": [[kind, made["place"], row] for kind, _, row in made["rows"]], "commands": []}
    return made


def is_used(entry: TrashEntry, situation: PlanContext, renamed: rename.Renamed) -> bool:
    """Tell whether a column gets its values back from this entry."""
    key = Key(entry.kind, tuple(entry.name))
    return "using" in entry.definition and renamed.after(key) in situation.goal.converts
