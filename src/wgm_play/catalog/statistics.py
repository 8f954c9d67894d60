"""Extended statistics, as the catalog has them (manual: pg_statistic_ext).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Statistics:
    """Extended statistics: the table's schema and name, the kinds where not all, what they are over, the target if set.

    `elements` are SQL: columns by name, then expressions in brackets; their order says nothing.
    """

    table: list[str]
    kinds: list[str] | None
    elements: list[str]
    target: int | None
    comment: str | None
