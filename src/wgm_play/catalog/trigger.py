"""Triggers, as the catalog has them (manual: pg_trigger).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger: pg_get_triggerdef's statement; `enabled` is O, D, R or A as in pg_trigger."""

    definition: str
    enabled: str
    comment: str | None
