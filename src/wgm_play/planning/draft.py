"""A plan before anything of it is refused or proved.

In: nothing. Out: a dataclass, which `assemble` makes a plan of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import PlanContext
from wgm_play.plan import Group
from wgm_play.planning import rename
from wgm_play.planning.consent import Consents
from wgm_play.planning.privileges import Skips
from wgm_play.sql import Sql


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan before anything of it is refused or proved.

    `before` is the catalog whose rows a run would meet. `unknown` is what nobody could find out. `own` tells that the steps
    of the play ask for it, so that what they accept must be met. `trashed` are definitions of what comes back from the
    trash, `rewritten` the tables whose rows are put back, `put_back` tells which rows of them.
    """

    live: Catalog
    wanted: DesiredState
    situation: PlanContext
    renamed: rename.Renamed
    groups: tuple[Group, ...]
    consents: Consents
    skips: Skips
    before: Catalog
    unknown: Sequence[str] = ()
    own: bool = True
    trashed: Sequence[Mapping[str, Any]] = ()
    rewritten: frozenset[Key] = frozenset()
    put_back: Mapping[Key, Sql] = field(default_factory=dict)
    realised: bool = False
