"""Whether the target can be changed at all: a frozen database and a standby are planned for, and said so.

In: the reading session, a plan that changes something. Out: a warning or nothing; `IsFrozen` for whoever could run it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.errors import Position
from wgm_play.frozen import frozen
from wgm_play.planning import may_change
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Catalog
    from wgm_play.plan import Plan


def unwritable(
    connection: psycopg.Connection[Any], plan: Plan, live: Catalog, wanted: Catalog, where: Position
) -> str | None:
    """Return why nobody may run the plan now, for a role that plans only; raise `IsFrozen` for one that would run it."""
    if (found := frozen(connection)) is not None:
        if may_change.missing(connection, plan.operations, live, wanted):
            return str(found)
        raise found.refusal(where)
    row = connection.execute(render("server/recovers.sql.j2").sql).fetchone()
    return "the server is a standby: the plan is for its primary" if row and row[0] else None
