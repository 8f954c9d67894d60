"""What the command line decides about a plan, what it stands on, and what a planner makes.

In: nothing. Out: dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import PlanContext
from wgm_play.plan import Plan
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.privileges import Skips


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line decides about a plan."""

    allow_destructive: bool = False
    trash: bool = True
    renames: bool = True
    selected: frozenset[int] | None = None
    check: bool = False


@dataclass(frozen=True, slots=True)
class LastRun:
    """What a run left behind: the database and all that steps said agreed.

    `said` are digests of what steps said of each object; `facts` is the digest of all that a plan depends on beside
    these and the catalog; `managed` are roles, owners and privileges that a step named; `outside` is what the play does
    not manage; `skipped` are declarations that the server did not give, with the reason and an administrator's statement; `digest`
    is that of the live catalog, `snapshot` that of what the ledger keeps of it.
    """

    identity: str
    versions: str
    facts: str
    said: Mapping[Key, str]
    live: Catalog
    managed: frozenset[Key] = frozenset()
    outside: tuple[Key, ...] = ()
    skipped: tuple[tuple[Key, str, str], ...] = ()
    digest: str = ""
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a plan was made from beside the live catalog: `facts` and `said` as in a `LastRun`, and the last run it built on."""

    facts: str
    said: Mapping[Key, str]
    known: LastRun | None = None


@dataclass(slots=True)
class Planned:
    """A plan with what the run needs beside it: the wanted catalog, what is unmanaged, what was skipped.

    `snapshot` is the digest of what the ledger keeps of the live catalog, where that is known; `unasked` what the playbook
    asks before a run and could not be asked.
    """

    plan: Plan
    wanted: DesiredState
    live: Catalog
    situation: PlanContext
    skips: Skips
    imperative: Imperative
    realised: bool = False
    choices_selected: frozenset[int] | None = None
    snapshot: str | None = None
    made_from: MadeFrom | None = None
    unasked: tuple[str, ...] = ()
