"""Constraints of tables, as the catalog has them (manual: pg_constraint).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

import re

from wgm_play.lazy_dataclass import dataclass
from wgm_play.sqltext.scan import name

NOT_NULL = "n"
# How the names end that PostgreSQL makes for NOT NULL; a rename leaves them as they are.
AUTOMATIC_NOT_NULL = re.compile(r"_not_null[0-9]*$")


@dataclass(frozen=True, slots=True)
class Constraint:
    """A check (c), unique (u), primary key (p), foreign key (f), exclusion (x) or NOT NULL (n) constraint.

    A NOT NULL is one where it says more than the column does: a name of its own, NO INHERIT, NOT VALID.
    `definition` is pg_get_constraintdef's text without NOT VALID; `options` and `tablespace` are its index's.
    """

    type: str
    definition: str
    validated: bool
    options: list[str] | None
    tablespace: str | None
    comment: str | None


def not_null_column(definition: str) -> str:
    """Return the column that the definition of a NOT NULL names."""
    column, _ = name(definition.removeprefix("NOT NULL "))
    return column
