"""Which kinds are described, by which function, in which order.

In: a catalog. Out: `Inspected`: steps in a stable order, and the names of what no step says.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.kinds import CLUSTER, IN_TABLE, INSIDE, OF_PUBLICATION
from wgm_play.catalog.model import CLASSES, Catalog, Key
from wgm_play.inspect import access, defined, index, outside, routine, table, trigger, types, view
from wgm_play.inspect.entry import Describe, Inspected
from wgm_play.sqltext.scan import Unforeseen

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
    "collation": defined.collation,
    "composite": defined.composite,
    "range": defined.range_,
    "aggregate": defined.aggregate,
    "operator": defined.operator,
    "operator_family": defined.operator_family,
    "operator_class": defined.operator_class,
    "cast": defined.cast,
    "text_search_dictionary": defined.text_search_dictionary,
    "text_search_configuration": defined.text_search_configuration,
    "statistics": outside.statistics,
    "rule": outside.rule,
    "event_trigger": outside.event_trigger,
    "publication": outside.publication,
    "foreign_data_wrapper": outside.foreign_data_wrapper,
    "server": outside.server,
    "user_mapping": outside.user_mapping,
    "foreign_table": outside.foreign_table,
    "policy": access.policy,
    "grant": access.grant,
    "default_privileges": access.default_privileges,
    "security_label": access.security_label,
    "cron_job": types.cron_job,
    "partition_set": types.partition_set,
}
# Said with others: a role where something names it, an owner with its object.
_CLUSTER = CLUSTER | {"owner"}
_WITH_ANOTHER = IN_TABLE | INSIDE | OF_PUBLICATION


class Remembered(Catalog):
    """A catalog that does not change any more: each row is made an object once."""

    _made: dict[Key, Any]

    @classmethod
    def over(cls, catalog: Catalog) -> Remembered:
        """Return the same catalog, remembering."""
        made = cls(catalog.rows, catalog.extras, catalog.edges, catalog.unmodelled, catalog.version)
        made._made = {}
        return made

    def __getitem__(self, key: Key) -> Any:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = CLASSES[key.kind](*self.rows[key])
        return found


def describe(catalog: Catalog, versions: dict[str, str], role: str = "", owner: str | None = None) -> Inspected:
    """Describe every object of a catalog; `role` is who reads it, `owner` goes without saying (default: the usual one)."""
    said = Inspected(Remembered.over(catalog), versions=versions)
    said.owner = owner or access.usual_owner(said.catalog, role)
    access.roles(said, role)
    kinds: dict[str, list[Key]] = {}
    for key in catalog.rows:
        if key.kind in _WITH_ANOTHER:
            said.below.setdefault(key.name[:2], {}).setdefault(key.kind, []).append(key)
        else:
            kinds.setdefault(key.kind, []).append(key)
    for kind, write in DESCRIBE.items():
        for key in sorted(kinds.get(kind, ())):
            try:
                write(said, key)
            except Unforeseen:
                said.cannot(key, "a name in it needs quotes, or PostgreSQL describes it in a way that is not known")
    access.public_schema(said)
    for kind in sorted(kinds.keys() - DESCRIBE.keys() - _CLUSTER):
        for key in sorted(kinds[kind]):
            said.cannot(key, "this kind is not described yet")
    said.unsaid += catalog.unmodelled
    return said
