"""Composite and range types, as the catalog has them (manual: pg_type, pg_range).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import Sql


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite type: [name, type, collation or None] of each attribute, [name, comment] of those that have one."""

    attributes: list[list[str | None]] | None
    attribute_comments: list[list[str]] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """A range type: names are qualified SQL; operator class and collation are None where they are the subtype's.

    `multirange` is the name of the multirange type in the same schema (None before PostgreSQL 14).
    """

    subtype: str
    opclass: str | None
    collation: str | None
    canonical: str | None
    subtype_diff: str | None
    multirange: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a composite type, as SQL."""

    name: Sql
    type: Sql
    collation: Sql | None
