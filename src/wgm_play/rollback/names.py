"""The old names: what stands in their way goes first, and each is there at every moment.

In: the live catalog, what the ledger recorded of renames. Out: changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wgm_play.catalog.graph import parts_of_table, reached, users
from wgm_play.catalog.kinds import HOLDING_VALUES, NAMED_AS_RELATIONS, NAMED_AS_TYPES
from wgm_play.catalog.model import Catalog, Key
from wgm_play.diff.compare import diff
from wgm_play.errors import Refused
from wgm_play.ledger import TrashEntry
from wgm_play.operations.base import Change, Findings, PlanContext
from wgm_play.plan import Group
from wgm_play.planning import live_facts, rename
from wgm_play.planning.target import PlanTarget

# Of these one name has one owner in a schema (manual: "CREATE TABLE", "CREATE TYPE").
_NAMESAKES = (NAMED_AS_RELATIONS - {"index"}) | NAMED_AS_TYPES


def in_the_way(live: Catalog, entries: Sequence[TrashEntry]) -> list[Key]:
    """Return what is live under a name that a rename gave up, and that it gets back."""
    found = [
        (
            Key(entry.definition["kind"], tuple(entry.name)),
            Key(entry.definition["kind"], tuple(entry.definition["from"])),
        )
        for entry in entries
        if entry.kind == "rename"
    ]
    renamed = {now for now, _ in found}
    return [
        one
        for now, before in found
        if now in live.rows
        for one in (Key(kind, before.name) for kind in (_NAMESAKES if before.kind in _NAMESAKES else (before.kind,)))
        if one in live.rows and one not in renamed
    ]


def clear(target: PlanTarget, situation: PlanContext, keys: Sequence[Key]) -> tuple[Catalog, list[Change]]:
    """Return the catalog without some objects and what depends on them, and the changes that remove these."""
    live, wanted = situation.current, situation.wanted
    if not keys:
        return live, []
    cleared = live.copy()
    above = users(live)

    def with_it(key: Key) -> Iterator[Key]:
        yield from parts_of_table(live, key) if key.kind == "table" else ()
        yield from above.get(key, ())

    gone = {key for key in reached(keys, with_it) if key in live.rows}
    kept = sorted(
        key
        for key in gone
        if key.kind in HOLDING_VALUES and key in wanted.rows and not {key, Key("table", key.name[:2])} & set(keys)
    )
    if kept:
        raise Refused(
            f"{keys[0]} must go before its old name can return, but {kept[0]} depends on it",
            hint=f"take {kept[0]} out of the playbook, run, and roll back then",
        )
    for key in gone:
        cleared.rows.pop(key)
    cleared.edges = frozenset(edge for edge in live.edges if not gone.intersection(edge))
    sequences = live_facts.identity_sequences(target.connection, live, cleared)
    facts = replace(situation.facts, identity_sequences=sequences)
    own = Findings(trash_names=situation.findings.trash_names)
    return cleared, diff(PlanContext(live, cleared, facts, findings=own)).changes


def renames(situation: PlanContext, live: Catalog, wanted: Catalog, entries: Sequence[TrashEntry]) -> rename.Renamed:
    """Return the renames that give back the old names, the last rename first."""
    found = rename.Renamed()
    made = [one for one in entries if one.kind == "rename"]
    schemas = {one.name[0]: one.definition["from"][0] for one in made if one.definition["kind"] == "schema"}
    for entry in reversed(made):
        kind = entry.definition["kind"]
        now, before = Key(kind, tuple(entry.name)), Key(kind, tuple(entry.definition["from"]))
        then = Key(kind, (schemas.get(before.name[0], before.name[0]), *before.name[1:])) if before.name[1:] else before
        if kind in ("attribute", "label") or (now in live.rows and (then in wanted.rows or len(before.name) == 3)):
            rename.back(found, situation, live, now, before, list(entry.trash_name))
    return found


def without_gap(clearing: tuple[Group, ...], rest: tuple[Group, ...], renamed: rename.Renamed) -> tuple[Group, ...]:
    """Return all groups; a name that something gives up and a rename takes back is there at every moment."""
    takes = {change.operation.key for change in renamed.early}
    if not clearing or not rest or not takes & {one.key for one in rest[0].operations}:
        return clearing + rest
    last, first = clearing[-1], rest[0]
    if not (last.transactional and first.transactional):
        return clearing + rest
    both = replace(first, operations=(*last.operations, *first.operations))
    return (*clearing[:-1], both, *rest[1:])
