"""Sequences, as the catalog has them (manual: pg_sequence).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from collections.abc import Sequence as Numbers

from wgm_play.lazy_dataclass import dataclass

# The largest value of each type that a sequence may have.
LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


def numbering_of(options: Numbers[int] | None, was: str, now: str) -> list[int] | None:
    """Return the options of an identity (start, increment, least, largest, …) once its column is of another type.

    (manual: "ALTER SEQUENCE", AS: the largest value is another only where it was the largest of the type.)
    """
    if options is None:
        return None
    start, increment, least, most, *others = options
    return [start, increment, least, LARGEST.get(now, most) if most == LARGEST.get(was) else most, *others]


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
