"""Which kinds are described, by which function, in which order.

In: a catalog. Out: `Said`: steps in a stable order, and the names of what no step says.
"""

from __future__ import annotations

from wgm_play.catalog.model import Catalog, Key
from wgm_play.inspect import index, routine, table, trigger, types, view
from wgm_play.inspect.entry import Describe, Said

# The order of the files, and of the steps in one file. What is in none of these is said with another kind.
DESCRIBE: dict[str, Describe] = {
    "schema": types.schema,
    "extension": types.extension,
    "setting": types.setting,
    "enum": types.enum,
    "domain": types.domain,
    "table": table.describe,
    "sequence": types.sequence,
    "index": index.describe,
    "function": routine.describe,
    "procedure": routine.describe,
    "view": view.describe,
    "materialized_view": view.describe,
    "trigger": trigger.describe,
}
_WITH_ANOTHER = frozenset(["column", "constraint", "domain_constraint"])


def describe(catalog: Catalog, versions: dict[str, str]) -> Said:
    """Describe every object of a catalog."""
    said = Said(catalog, versions=versions)
    kinds: dict[str, list[Key]] = {}
    for key in catalog.rows:
        if key.kind in _WITH_ANOTHER:
            said.below.setdefault(key.name[:2], {}).setdefault(key.kind, []).append(key)
        else:
            kinds.setdefault(key.kind, []).append(key)
    for kind, write in DESCRIBE.items():
        for key in sorted(kinds.get(kind, ())):
            write(said, key)
    for kind in kinds.keys() - DESCRIBE.keys():
        for key in sorted(kinds[kind]):
            said.cannot(key, "this kind is not described yet")
    said.unsaid += catalog.unmodelled
    return said
