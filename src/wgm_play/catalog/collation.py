"""Collations, as the catalog has them (manual: pg_collation).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Collation:
    """A collation: `provider` is c (libc), i (icu) or b (builtin); the version is the server's affair, not compared."""

    provider: str
    deterministic: bool
    lc_collate: str | None
    lc_ctype: str | None
    locale: str | None
    rules: str | None
    comment: str | None
