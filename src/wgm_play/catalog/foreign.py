"""Foreign-data wrappers, servers, user mappings, foreign tables, as the catalog has them. Options are name=value.

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ForeignDataWrapper:
    """A foreign-data wrapper: its functions as qualified SQL."""

    handler: str | None
    validator: str | None
    options: list[str] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class ForeignServer:
    """A foreign server."""

    wrapper: str
    type: str | None
    version: str | None
    options: list[str] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class UserMapping:
    """A user mapping: of options that hold secrets a short digest stands for the value."""

    options: list[str] | None


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A foreign table with its columns and checks.

    Each column is [name, type, collation, "not null", default, generated expression, options, comment, statistics
    target, storage (p, e, x, m), what the planner is told (`n_distinct=5`)], what is not there None; options are SQL
    (`a 'x', b 'y'`). Each check is [name, definition, comment].
    """

    server: str
    columns: list[list[str | None]] | None
    checks: list[list[str | None]] | None
    options: list[str] | None
    comment: str | None
