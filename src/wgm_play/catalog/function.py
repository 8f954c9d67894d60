"""Functions and procedures, as the catalog has them (manual: pg_proc).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """A function or procedure: its arguments with names and defaults, its result, and pg_get_functiondef's statement."""

    arguments: str
    result: str | None
    language: str
    definition: str
    comment: str | None
