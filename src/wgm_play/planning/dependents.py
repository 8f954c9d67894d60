"""Unmanaged live objects that must be made again, because what they depend on changes below them.

In: the situation. Out: the wanted rows of such objects, read from a scratch database in which they were made on top of
what is declared; one that cannot be made there stops the plan and is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wgm_play.catalog.access import keep_roles
from wgm_play.catalog.graph import closure
from wgm_play.catalog.kinds import AS_ROWS
from wgm_play.desired.model import DesiredState
from wgm_play.diff.compare import compare, dependents_of_hard
from wgm_play.errors import Refused
from wgm_play.operations.base import PlanContext
from wgm_play.secret import mask
from wgm_play.shadow import read, send
from wgm_play.shadow.rebuild import statements_for

if TYPE_CHECKING:
    from wgm_play.shadow import Shadow


def realise_dependents(shadow: Callable[[], Shadow], situation: PlanContext, wanted: DesiredState) -> None:
    """Read how unmanaged dependents of what changes will be described; put that into the wanted catalog."""
    found = compare(situation.current, situation.wanted)
    found.altered += sorted(situation.goal.forced - set(found.altered))
    affected = sorted(
        key for key in dependents_of_hard(situation, found) if key not in wanted.managed and key.kind != "column"
    )
    if not affected:
        return
    catalog = situation.wanted
    part = closure(catalog, affected) - {key for key in catalog.rows if key.kind in AS_ROWS}
    import psycopg as library

    with shadow().database() as connection:
        for statement in statements_for(catalog.only(part)):
            try:
                send(connection, statement)
            except library.Error as error:
                raise Refused(
                    f"an object that no step declares stands in the way: {mask(str(error.diag.message_primary or error))}",
                    details=[f"depends on what changes: {key}" for key in affected],
                    hint="declare it as it shall be, or remove it with `state: absent`",
                ) from error
        made = read(connection)
    for key in affected:
        if key in made.rows:
            catalog.rows[key] = keep_roles(made.rows, situation.current.rows).get(key, made.rows[key])
    catalog.edges |= frozenset(edge for edge in made.edges if edge[0] in set(affected))
