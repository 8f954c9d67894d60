"""Enums and domains, as the catalog has them (manual: pg_type, pg_enum).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum: its labels in order."""

    labels: list[str] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain: base type, collation (where not the type's), default expression, NOT NULL."""

    type: str
    collation: str | None
    default: str | None
    not_null: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class DomainConstraint:
    """A check of a domain: definition as pg_get_constraintdef gives it, without NOT VALID."""

    definition: str
    validated: bool
    comment: str | None
