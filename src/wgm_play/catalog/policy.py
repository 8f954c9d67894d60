"""Policies of row level security, as the catalog has them (manual: pg_policy).

In: rows of `templates/catalog/`, in the order of the fields. Out: frozen dataclasses, whose equality is the diff.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """A policy; `command` is all, select, insert, update or delete; no `roles` are all roles.

    Roles belong to the cluster: in a scratch database every policy is for all.
    """

    command: str
    permissive: bool
    roles: list[str]
    using: str | None
    with_check: str | None
    comment: str | None
