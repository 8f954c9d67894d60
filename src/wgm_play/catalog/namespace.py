"""Schemas, extensions and settings of a database or role, as the catalog has them.

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema (manual: pg_namespace)."""

    comment: str | None


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension (manual: pg_extension): the schema that holds its objects, a comment that is not its own."""

    schema: str
    version: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A value set for a database or role (manual: pg_db_role_setting), as text."""

    value: str
