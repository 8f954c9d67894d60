"""Rebuild a part of a live catalog in a scratch database.

In: a catalog. Out: the statements that make it in an empty database.
"""

from __future__ import annotations

from wgm_play.catalog.model import Catalog, Key
from wgm_play.diff.compare import diff
from wgm_play.environment import Policy
from wgm_play.operations.base import Facts, PlanContext
from wgm_play.operations.order import order


def statements_for(catalog: Catalog) -> list[str]:
    """Return the statements that make everything in `catalog` in an empty database, in order."""
    empty = Catalog(version=catalog.version)
    public = Key("schema", ("public",))
    if public in catalog.rows:
        empty.rows[public] = (None,)  # it is there, without a comment of anybody's
    situation = PlanContext(empty, catalog, Facts(Policy(), catalog.version))
    changes = order(diff(situation).changes, (), catalog.edges)
    return [
        command.sql
        for change in changes
        for command in change.operation.commands
        if command.shadow and not command.sql.startswith("REFRESH ")
    ]
