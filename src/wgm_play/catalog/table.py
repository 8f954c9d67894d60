"""Tables, as the catalog has them (manual: pg_class)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table without its columns and constraints; `options` are storage parameters as "name=value".

    `cluster_on` and `replica_index` are index names; `replica_identity` is d, n, f or i as in pg_class.
    """

    unlogged: bool
    options: list[str] | None
    tablespace: str | None
    access_method: str
    cluster_on: str | None
    replica_identity: str
    replica_index: str | None
    row_security: bool
    force_row_security: bool
    comment: str | None
