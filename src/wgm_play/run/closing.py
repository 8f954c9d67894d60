"""What a run says at its end beside its counts: what it removed, what no step mentions, where the database is.

In: a planned play, and what was done. Out: lines after the recap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wgm_play.catalog.graph import parts_of
from wgm_play.catalog.kinds import ACCESS, AS_ROWS, HOLDING_VALUES, IN_TABLE, INSIDE, OF_PUBLICATION
from wgm_play.catalog.model import Catalog, Key
from wgm_play.catalog.partition_set import kept_by_partman
from wgm_play.quantities import counted, format_duration

if TYPE_CHECKING:
    from wgm_play.planning.model import Planned

# Parts of other objects, and what belongs to no database alone.
_PARTS = IN_TABLE | INSIDE | OF_PUBLICATION | ACCESS | AS_ROWS
NAMED = 3


def left_alone(playbook: str, planned: Planned) -> str | None:
    """Return one line on what the database holds and no step mentions; None where that is nothing."""
    known = {*planned.wanted.managed, *planned.wanted.outside, Key("schema", ("public",))}
    kept = kept_by_partman(planned.live)
    known |= kept | set(parts_of(planned.live, kept))
    found = [key for key in sorted(planned.live.rows) if key.kind not in _PARTS and key not in known]
    if found:  # what steps mention is asked only then: it makes all of their declarations
        mentioned = _mentioned(planned, planned.live)
        found = [key for key in found if key not in mentioned]
    if not found:
        return None
    first = ", ".join(map(str, found[:NAMED])) + (", ..." if len(found) > NAMED else "")
    verb = "is" if len(found) == 1 else "are"
    return (
        f"{counted(len(found), 'object')} {verb} in no step and left alone: {first} "
        f"(wgm-play check {playbook} names all)"
    )


def _mentioned(planned: Planned, live: Catalog) -> set[Key]:
    from wgm_play.desired.overlay import same_object

    found: set[Key] = set()
    for key, declaration in planned.imperative.folded.declarations.items():
        found.update((key, *same_object(live, key), *declaration.parts))
    return found


def removed(playbook: str, planned: Planned, retention: float) -> str | None:
    """Return one line on what a run took away, and where it is; None where that is nothing."""
    operations = planned.plan.operations
    kept = _names(one.key for one in operations if one.verb == "trash")
    gone = _names(one.key for one in operations if one.verb == "drop" and one.key.kind in HOLDING_VALUES)
    lines = []
    if kept:
        days = format_duration(retention)
        lines.append(f"removed, and in the trash for {days}: {kept} (wgm-play trash {playbook})")
    if gone:
        lines.append(f"removed for good: {gone}")
    lines += planned.wanted.kept
    return "; ".join(lines) or None


def _names(keys: Iterable[Key]) -> str:
    names = list(dict.fromkeys(f"{key.kind} {key.label}" for key in keys))
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
