"""Aggregates, operators, their classes and families, casts, as the catalog has them.

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate: its arguments, its result, and the options of CREATE AGGREGATE, each as SQL."""

    arguments: str
    result: str
    options: list[str]
    comment: str | None


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator: its function, the operators it belongs to (`OPERATOR(s.<)`), its estimators; all as SQL."""

    function: str
    commutator: str | None
    negator: str | None
    restrict: str | None
    join: str | None
    hashes: bool
    merges: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class OperatorFamily:
    """An operator family: its loose members, which belong to no class, as the items of ALTER OPERATOR FAMILY ADD.

    Each member is [item of ADD, item of DROP].
    """

    members: list[list[str]] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class OperatorClass:
    """An operator class: the type indexed, its family, and its items, as CREATE OPERATOR CLASS has them."""

    type: str
    default: bool
    family: str
    storage: str | None
    members: list[str] | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Cast:
    """A cast: `method` is SQL (WITH FUNCTION …, WITHOUT FUNCTION, WITH INOUT); `context` is e, a or i as in pg_cast."""

    method: str
    context: str
    comment: str | None
