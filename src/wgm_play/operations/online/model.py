"""Columns whose type changes online: what changes together, and how the helpers are called.

In: nothing. Out: dataclasses that the stages of the change hand on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import (
    Change,
)
from wgm_play.operations.online import names
from wgm_play.sql import Sql


@dataclass(frozen=True, slots=True)
class Twin:
    """A column and the one that will take its place: `using` is its value over the row as it is now.

    `live` is the column's name until the swap; `using` and `sources` name columns as they are until then; `type` is how
    its new type is called until then.
    """

    key: Key
    helper: str
    using: Sql
    sources: tuple[str, ...]
    live: str
    type: str

    @property
    def name(self) -> str:
        """The column's name."""
        return self.key.name[2]


@dataclass(slots=True)
class Retyping:
    """The columns of one table that change together, with the indexes, keys and checks that go with them.

    `types` are the names that types in definitions have until the swap, where they differ.
    """

    table: Key
    twins: list[Twin]
    indexes: dict[Key, str] = field(default_factory=dict)
    keys: dict[Key, str] = field(default_factory=dict)
    checks: list[Key] = field(default_factory=list)
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """The helper of each column, by name."""
        return {twin.name: twin.helper for twin in self.twins}

    @property
    def covered(self) -> set[Key]:
        """What the swap itself brings to its wanted form."""
        return {*(twin.key for twin in self.twins), *self.indexes, *self.keys, *self.checks}


@dataclass(slots=True)
class Retypings:
    """All tables of a plan whose columns change their type online; `swapped` are the types that are made anew for them."""

    tables: list[Retyping] = field(default_factory=list)
    preparations: list[Change] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    swapped: set[Key] = field(default_factory=set)

    @property
    def covered(self) -> set[Key]:
        """What needs no other change."""
        return self.swapped.union(*(one.covered for one in self.tables))


def sync_name(one: Retyping) -> str:
    """Return the name of the trigger, and of its function, that keeps the columns in step."""
    return names.helper(names.SYNC, one.table.name[1], *(twin.helper for twin in one.twins))


def check_name(twin: Twin) -> str:
    """Return the name of the check that proves NOT NULL."""
    return names.helper(names.NOT_NULL, twin.name, twin.helper)
