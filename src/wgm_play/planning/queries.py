"""Queries of the application, prepared with what a play makes: a change that one of them does not survive stops the plan.

In: a connection to the shadow, a `Query`. Out: the query as PostgreSQL reads it, and why it does not prepare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.errors import InputError
from wgm_play.playbook.model import Query
from wgm_play.playbook.queries import Prepared, prepared

if TYPE_CHECKING:
    import psycopg

# A type that only the caller decides: a driver that says the types of its parameters is not refused.
_OPEN_TYPE = "42P18"


def unprepared(connection: psycopg.Connection[Any], query: Query) -> tuple[Prepared, InputError | None]:
    """Have the server parse and analyse a query, never running it; return it and why the server refuses."""
    from wgm_play.checks.sqlsteps import describe

    made = prepared(query)
    refused, _ = describe(connection, made.text)
    if refused is None or refused.sqlstate == _OPEN_TYPE:
        return made, None
    where = made.where(refused.offset) if refused.offset is not None else made.position
    hint = refused.hint or "let the application send it otherwise first, then change it here; or keep what it reads"
    return made, InputError(f"the query {query.name!r}: {refused.message}", where=where, hint=hint)
