"""Rewrite rules and event triggers, as the catalog has them (manual: pg_rewrite, pg_event_trigger).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a table or view: pg_get_ruledef's statement; `enabled` is O, D, R or A as in pg_rewrite."""

    definition: str
    enabled: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """An event trigger: `function` is qualified SQL; `enabled` is O, D, R or A as in pg_event_trigger."""

    event: str
    tags: list[str] | None
    function: str
    enabled: str
    comment: str | None
