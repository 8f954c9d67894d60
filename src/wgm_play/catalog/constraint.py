"""Constraints of tables, as the catalog has them (manual: pg_constraint).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constraint:
    """A check (c), unique (u), primary key (p), foreign key (f) or exclusion (x) constraint.

    `definition` is pg_get_constraintdef's text without NOT VALID; `options` and `tablespace` are its index's.
    """

    type: str
    definition: str
    validated: bool
    options: list[str] | None
    tablespace: str | None
    comment: str | None
