"""Sequences, as the catalog has them (manual: pg_sequence).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence; `owned_by` is (schema, table, column) or None. Those behind identity columns are the column's."""

    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    unlogged: bool
    owned_by: list[str] | None
    comment: str | None
