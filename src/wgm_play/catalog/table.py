"""Tables, as the catalog has them (manual: pg_class).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table without its columns and constraints; `options` are storage parameters as "name=value".

    `cluster_on` and `replica_index` are index names; `replica_identity` is d, n, f or i as in pg_class. `partition_by`
    is pg_get_partkeydef's text. `parents` are [schema, name] of the tables it inherits from; a partition has one of
    them and a `bound`, which ends with " DETACH" while a concurrent detach waits for its end.
    """

    unlogged: bool
    options: list[str] | None
    tablespace: str | None
    access_method: str | None
    cluster_on: str | None
    replica_identity: str
    replica_index: str | None
    row_security: bool
    force_row_security: bool
    comment: str | None
    partition_by: str | None = None
    parents: list[list[str]] | None = None
    bound: str | None = None
