"""What others made since in or over what a rollback takes away: it goes along, or stands in the way.

In: the live catalog, the wanted one, what the last run left. Out: the wanted catalog without what goes along; `Refused`
where something else depends on what goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wgm_play.catalog.graph import object_of, parts_of
from wgm_play.catalog.kinds import NAMING_ROLE, OF_OBJECT, OVER_COLUMNS, RELATIONS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused

# What is made over columns and goes with them: no rows are in it.
_OVER_COLUMNS = OVER_COLUMNS | {"constraint"}


def settle(live: Catalog, wanted: Catalog, latest: Catalog, renamed: Collection[Key]) -> None:
    """Take out of the wanted catalog what goes along with what goes, in the trash or for good; `renamed` do not go.

    Raise `Refused` where what others made since, or changed, depends on something that goes.
    """
    gone = {key for key in live.rows if key not in wanted.rows and not _is_renamed(key, renamed)}
    if not gone:
        return
    for key in {*inside(live, gone), *_over(live, gone)}:
        if wanted.rows.get(key) == live.rows.get(key):  # another object may get its name back
            wanted.rows.pop(key, None)
    left = [
        (dependent, referenced)
        for dependent, referenced in sorted(live.edges)
        if referenced in gone
        and dependent in wanted.rows
        and live.rows.get(dependent) == wanted.rows[dependent] != latest.rows.get(dependent)
    ]
    if left:
        dependent, referenced = left[0]
        raise Refused(
            f"{dependent} depends on {referenced}, which the rollback takes away",
            details=[f"{one} depends on {other}" for one, other in left[1:10]],
            hint="no run made it so: drop it, or declare it and run; then roll back",
        )


def _is_renamed(key: Key, renamed: Collection[Key]) -> bool:
    """Tell whether a key goes because its object, or what that lies in, gets another name."""
    held = object_of(key) if key.kind in OF_OBJECT else key
    above = [Key(kind, held.name[:2]) for kind in RELATIONS]
    return any(one in renamed for one in (held, Key("schema", held.name[:1]), *above))


def inside(live: Catalog, gone: set[Key]) -> Iterator[Key]:
    """Yield what belongs to objects that go: columns, rules and indexes of tables, privileges, members."""
    # A sequence of a column, and what others said of a role, stand in the way instead.
    yield from (key for key in parts_of(live, gone) if key.kind not in NAMING_ROLE | {"sequence"})


def _over(live: Catalog, gone: set[Key]) -> Iterator[Key]:
    """Yield indexes, rules and statistics over columns that go from a table that stays."""
    for dependent, referenced in live.edges:
        if referenced in gone and referenced.kind == "column" and dependent.kind in _OVER_COLUMNS:
            own = dependent.name[:2] if dependent.kind == "constraint" else referenced.name[:2]
            if own == referenced.name[:2]:
                yield dependent
