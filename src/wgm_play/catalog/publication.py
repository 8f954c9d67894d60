"""Publications, as the catalog has them (manual: pg_publication, pg_publication_rel, pg_publication_namespace).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication without its tables: `publish` are the operations; `generated_columns` is n or s (PostgreSQL 18)."""

    all_tables: bool
    publish: list[str]
    via_root: bool
    generated_columns: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class PublicationTable:
    """A table of a publication: its columns where not all, its row filter as SQL (both from PostgreSQL 15)."""

    columns: list[str] | None
    where: str | None


@dataclass(frozen=True, slots=True)
class PublicationSchema:
    """A schema whose tables a publication has (from PostgreSQL 15): its key says all."""

    member: str
