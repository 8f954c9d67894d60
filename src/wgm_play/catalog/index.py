"""Indexes that no constraint owns, as the catalog has them (manual: pg_index)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `definition` is pg_get_indexdef's whole statement; `valid` is false after a failed concurrent build."""

    table: str
    definition: str
    valid: bool
    comment: str | None
