"""What the files read so far say of a database: relations, columns, constraints, indexes, functions, types.

In: nothing. Out: `KnownSchema`, which the rules fill and ask. What no file has made is a relation of which nothing is known.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.lint.tree import Name

NEVER = -1  # the file of what no file has made


@dataclass(slots=True)
class KnownColumn:
    """A column. `not_null` and `type` are None and "" where no file tells; `made` is the file that adds it."""

    name: str
    type: str = ""
    not_null: bool | None = None
    default: bool = False
    serial: str = ""
    generated: str = ""
    made: int = NEVER
    where: Position | None = None


@dataclass(slots=True)
class KnownConstraint:
    """A constraint: `kind` is check, foreign, unique, primary, exclude or not_null. `proves` are columns that are not null."""

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    valid: bool = True
    proves: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    refers: Name | None = None
    referred: tuple[str, ...] = ()
    on_delete: str = "a"
    made: int = NEVER
    transaction: int = NEVER
    where: Position | None = None


@dataclass(slots=True)
class KnownIndex:
    """An index: its columns as text, "" for an expression."""

    name: Name
    table: Name
    columns: tuple[str, ...] = ()
    unique: bool = False
    partial: bool = False
    method: str = "btree"
    functions: frozenset[str] = frozenset()
    made: int = NEVER
    where: Position | None = None


@dataclass(slots=True)
class KnownRelation:
    """A table, view, materialized view, index or sequence. `known` says that a file made it, and so all of it is known."""

    name: Name
    kind: str = "table"
    known: bool = False
    made: int = NEVER
    filled: bool = False
    temporary: bool = False
    partitioned: tuple[str, ...] | None = None
    partition_of: Name | None = None
    default_partition: Name | None = None
    columns: dict[str, KnownColumn] = field(default_factory=dict)
    constraints: dict[str, KnownConstraint] = field(default_factory=dict)
    inherits: bool = False
    policies: int = 0
    identity_index: str = ""
    reads: frozenset[Name] = frozenset()
    reads_columns: frozenset[str] = frozenset()
    validated: int = NEVER
    where: Position | None = None
    query: Any = None

    @property
    def label(self) -> str:
        """The name as people write it."""
        return ".".join(part for part in self.name if part)

    @property
    def primary(self) -> KnownConstraint | None:
        """The primary key."""
        return next((one for one in self.constraints.values() if one.kind == "primary"), None)


@dataclass(slots=True)
class KnownFunction:
    """A function or procedure, by its last name."""

    name: Name
    definer: bool = False
    search_path: bool = False
    revoked: bool = False
    trigger: bool = False
    volatility: str = "volatile"
    made: int = NEVER
    body: str = ""
    language: str = "sql"
    line: int = 0
    column: int = 1
    where: Position | None = None


@dataclass(slots=True)
class KnownSchema:
    """All of it."""

    relations: dict[Name, KnownRelation] = field(default_factory=dict)
    indexes: dict[Name, KnownIndex] = field(default_factory=dict)
    functions: dict[Name, KnownFunction] = field(default_factory=dict)
    # Types by name, with the file that made them; of a domain, whether it has constraints.
    types: dict[Name, int] = field(default_factory=dict)
    domains: dict[Name, bool] = field(default_factory=dict)
    published: set[Name] = field(default_factory=set)
    # Default privileges leave new functions to nobody.
    closed: bool = False
    # Columns with a security label, by which a provider masks them.
    labelled: set[tuple[Name, str]] = field(default_factory=set)
    # Functions that indexes and checks call.
    called: set[str] = field(default_factory=set)
    # Columns that a trigger sets at every UPDATE, by name.
    touched: set[str] = field(default_factory=set)

    def foreign_tables(self) -> list[Name]:
        """Return the tables that no file made: they were there before."""
        return [
            one.name for one in self.relations.values() if one.made == NEVER and one.kind == "table" and all(one.name)
        ]

    def indexes_of(self, table: Name) -> list[KnownIndex]:
        """Return the indexes of a table."""
        return [one for one in self.indexes.values() if one.table == table]
