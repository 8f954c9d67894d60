"""What the command line decides about a plan, and what a planner makes.

In: nothing. Out: dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wgm_play.catalog.model import Catalog
from wgm_play.desired.model import Wanted
from wgm_play.operations.base import Situation
from wgm_play.plan import Plan
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.privileges import Skips

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line decides about a plan."""

    allow_destructive: bool = False
    trash: bool = True
    renames: bool = True
    selected: frozenset[int] | None = None
    check: bool = False


@dataclass(slots=True)
class Planned:
    """A plan with what the run needs beside it: the wanted catalog, what is unmanaged, what was skipped.

    `snapshot` is the digest of what the ledger keeps of the live catalog, where that is known.
    """

    plan: Plan
    wanted: Wanted
    live: Catalog
    situation: Situation
    skips: Skips
    imperative: Imperative
    realised: bool = False
    choices_selected: frozenset[int] | None = None
    snapshot: str | None = None
