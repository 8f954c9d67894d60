"""Views and materialized views, as the catalog has them (manual: pg_rewrite, pg_class).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A view: its query as pg_get_viewdef gives it, options as "name=value", columns as "name type", defaults of columns as SQL."""

    query: str
    options: list[str] | None
    columns: list[str]
    column_comments: list[list[str]] | None
    comment: str | None
    defaults: list[list[str]] | None = None


@dataclass(frozen=True, slots=True)
class MaterializedView:
    """A materialized view; whether it holds data is not compared, because a refresh is no change of schema.

    `column_settings` are [name, statistics target, storage, compression, what the planner is told] of columns that have
    any of these; `cluster_on` is an index.
    """

    query: str
    options: list[str] | None
    columns: list[str]
    column_comments: list[list[str]] | None
    tablespace: str | None
    access_method: str
    comment: str | None
    column_settings: list[list[str | None]] | None = None
    cluster_on: str | None = None
