"""What the database shall be.

In: nothing. Out: `DesiredState`, the catalog after a run, with what is managed and what goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.model import Convert
from wgm_play.sql import Sql


@dataclass(frozen=True, slots=True)
class Removal:
    """A live object that would go although no line of the playbook says `state: absent`: by itself, or with what it uses."""

    key: Key
    position: Position | None
    step: int
    uses: Key | None = None


@dataclass(slots=True)
class DesiredState:
    """What the target is to become. `managed` are the keys that the playbook speaks for; `known` are roles that a rollback
    leaves as they are, and that the ledger goes on recording; `kept` tells what stays because the trash needs it.
    """

    catalog: Catalog
    managed: frozenset[Key] = frozenset()
    known: frozenset[Key] = frozenset()
    steps: dict[Key, int] = field(default_factory=dict)
    unsaid: list[Removal] = field(default_factory=list)
    taken: list[Removal] = field(default_factory=list)
    converts: dict[Key, Convert] = field(default_factory=dict)
    backfills: dict[Key, Sql] = field(default_factory=dict)
    unmanaged: list[Key] = field(default_factory=list)
    given: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    outside: list[Key] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
