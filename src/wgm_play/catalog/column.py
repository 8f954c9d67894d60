"""Columns, as the catalog has them (manual: pg_attribute).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `type` is format_type's text; `collation`, `storage` are None where they are the type's own.

    `identity` is "", "a" (ALWAYS) or "d" (BY DEFAULT), with its sequence's [start, increment, min, max, cache,
    cycle]; `generated` is "", "s" (stored) or "v" (virtual), with its expression. A column that a partition or child
    inherits (`inherited`) is in the catalog only where the child has something else than its parent.
    """

    type: str
    collation: str | None
    default: str | None
    not_null: bool
    identity: str
    identity_options: list[int] | None
    generated: str
    expression: str | None
    storage: str | None
    compression: str | None
    statistics: int | None
    options: list[str] | None
    comment: str | None
    inherited: bool = False


def own_storage(spelled_type: str) -> str:
    """Return the storage that a type has by itself: before 16 there is no SET STORAGE DEFAULT."""
    if spelled_type.startswith("numeric") or spelled_type in ("inet", "cidr"):
        return "MAIN"
    fixed = (
        "integer",
        "bigint",
        "smallint",
        "boolean",
        "uuid",
        "date",
        "timestamp",
        "time",
        "real",
        "double precision",
        "interval",
        "oid",
    )
    return "PLAIN" if spelled_type.startswith(fixed) and not spelled_type.endswith("[]") else "EXTENDED"
