"""Names that something of another kind holds already: PostgreSQL would refuse them only when the run is there.

In: the operations of a plan, the live and the wanted catalog. Out: nothing, or the refusal that lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wgm_play.catalog.kinds import NAMED_AS_RELATIONS, NAMED_AS_TYPES, RELATIONS, ROUTINES
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused
from wgm_play.plan import Operation

# What shares one name space in a schema: relations with the types of their rows, other types, routines with arguments.
_WITHOUT_TYPE = NAMED_AS_RELATIONS - RELATIONS - {"composite"}
# Constraints that PostgreSQL keeps with an index of their name.
_INDEXED = frozenset("pux")


def refuse(operations: Iterable[Operation], live: Catalog, wanted: Catalog) -> None:
    """Refuse what is to be made under a name that something else has and keeps."""
    made = [operation for operation in operations if operation.verb == "create"]
    if not made:
        return
    holders = {name: key for key in live.rows if key in wanted.rows for name in _names(key, live)}
    found = []
    for operation in made:
        taken = (holders.get(name) for name in _names(operation.key, wanted))
        other = next((key for key in taken if key is not None and key != operation.key), None)
        if other is not None:
            found.append(f"{operation.key} cannot be made: {other} has its name")
    if found:
        raise Refused(
            f"{len(found)} name{'s are' if len(found) > 1 else ' is'} taken; nothing was touched",
            details=found,
            hint="declare what has the name as `state: absent`, or choose another name",
        )


def _names(key: Key, catalog: Catalog) -> Iterator[tuple[str, ...]]:
    """Yield the places that an object takes in the name spaces of its schema."""
    if key.kind in NAMED_AS_RELATIONS:
        yield "relation", *key.name
    if key.kind in NAMED_AS_TYPES or (key.kind in NAMED_AS_RELATIONS and key.kind not in _WITHOUT_TYPE):
        yield "type", *key.name
    if key.kind in ROUTINES:
        yield "routine", *key.name
    if key.kind == "constraint" and key in catalog.rows and catalog[key].type in _INDEXED:
        yield "relation", key.name[0], key.name[2]
