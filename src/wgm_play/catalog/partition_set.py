"""Sets of partitions that pg_partman keeps, as its table has them, and the tables that are its own.

In: rows of `templates/catalog/partition_set.sql`, in the order of the fields; a catalog. Out: a frozen dataclass, whose
equality is the diff; the partitions and templates of all sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.catalog.graph import children, descendants
from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from wgm_play.catalog.model import Catalog

EXTENSION = Key("extension", ("pg_partman",))


@dataclass(frozen=True, slots=True)
class PartitionSet:
    """How pg_partman keeps a table's partitions (pg_partman: part_config); times are as the server writes intervals."""

    control: str
    interval: str
    premake: int = 4
    retention: str | None = None
    retention_schema: str | None = None
    retention_keep_table: bool = True
    retention_keep_index: bool = True
    infinite_time_partitions: bool = False
    automatic_maintenance: bool = True
    inherit_privileges: bool = False
    ignore_default_data: bool = False


def kept_by_partman(catalog: Catalog) -> set[Key]:
    """Return the partitions of all sets, at every depth, and the tables that pg_partman made as templates for them."""
    sets = catalog.of("partition_set")
    if not sets:
        return set()
    below = children(catalog)
    schema = catalog.value(EXTENSION, "schema") if EXTENSION in catalog.rows else ""
    found = {Key("table", (schema, f"template_{'_'.join(one.name)}")) for one in sets}
    for one in sets:
        found.update(descendants(below, Key("table", one.name)))
    return found & catalog.rows.keys()
