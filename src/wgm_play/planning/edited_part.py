"""The part of a play that an edit is about.

In: declarations and the live catalog. Out: `EditedPart`, which tells its own objects apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from wgm_play.catalog.graph import root_of
from wgm_play.catalog.kinds import BY_METHOD, BY_TYPES
from wgm_play.catalog.model import Catalog, Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.model import Declaration

if TYPE_CHECKING:
    pass

from typing import TYPE_CHECKING

from wgm_play.playbook.model import Declarations

if TYPE_CHECKING:
    from wgm_play.planning.imperative import Imperative


@dataclass(frozen=True, slots=True)
class EditedPart:
    """The part of a play to realise. `needed` are declarations that are made and not read back.

    `touching` are the live objects that it declares, `schemas` those of the whole play, `checked` the routines whose
    bodies may be broken by the edit, `imperative` what else must be checked.
    """

    folded: Declarations
    needed: Mapping[Key, Declaration]
    live: Catalog
    edited: frozenset[Key]
    touching: frozenset[Key]
    schemas: tuple[str, ...]
    checked: frozenset[Key]
    imperative: Imperative

    def declarations(self) -> dict[Key, Declaration]:
        """Return all that is made in the scratch database, in the order of the playbook."""
        return {
            key: self.folded.declarations.get(key) or self.needed[key] for key in self.folded.said if self._made(key)
        }

    def _made(self, key: Key) -> bool:
        return key in self.folded.declarations or key in self.needed

    def own(self, catalog: Catalog) -> Catalog:
        """Return the objects of a scratch database that this part is about."""
        roots = {bare(key) for key in self.folded.declarations}
        rows = {key: row for key, row in catalog.rows.items() if is_of(key, catalog, roots)}
        edges = frozenset(edge for edge in catalog.edges if edge[0] in rows)
        return Catalog(rows, catalog.extras, edges, catalog.unmodelled, catalog.version)


def bare(key: Key) -> Key:
    """Return the key of a routine without its arguments; every other key as it is."""
    return Key(key.kind, key.name[:2]) if key.kind in _BY_ARGUMENTS else key


def is_of(key: Key, catalog: Catalog, roots: Collection[Key]) -> bool:
    """Tell whether an object is, or belongs to, one of the roots."""
    return bare(key) in roots or bare(root_of(catalog, key)) in roots


# They are known under other names than a playbook says: by the types of their arguments.
_BY_ARGUMENTS = BY_TYPES | BY_METHOD
