"""Indexes that no constraint owns, as the catalog has them (manual: pg_index).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `definition` is pg_get_indexdef's whole statement; `valid` is false after a failed concurrent build.

    `options` are storage parameters as "name=value", which `definition` holds too; `statistics` are [column number,
    target] of expression columns. An index that is attached to its parent's belongs to that and is not in the catalog.
    """

    table: str
    definition: str
    valid: bool
    comment: str | None
    options: list[str] | None = None
    tablespace: str | None = None
    statistics: list[list[int]] | None = None
