"""Queries of the application, prepared with what a play makes: a change that one of them does not survive stops the plan.

In: a connection to the shadow, a `Query`. Out: the query as PostgreSQL reads it, and why it does not prepare.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import RELATIONS, WITH_BODY
from wgm_play.catalog.model import Catalog
from wgm_play.errors import InputError
from wgm_play.playbook.model import Query
from wgm_play.playbook.queries import Prepared, prepared

if TYPE_CHECKING:
    import psycopg

# A type that only the caller decides: a driver that says the types of its parameters is not refused.
_OPEN_TYPE = "42P18"


# What PostgreSQL quotes in a message, and the name of a function in one.
_NAMED = re.compile(r'"([^"]+)"|(?:function|procedure) ([^\s(]+)\(')


def reads_outside(refused: InputError, live: Catalog | None, declared: Catalog) -> str:
    """Return what a query reads that is there and that no step declares; empty where that is not why it was refused."""
    if live is None or "does not exist" not in refused.message:
        return ""
    kinds = RELATIONS | WITH_BODY
    for quoted, called in _NAMED.findall(refused.message.partition(": ")[2]):
        name = (quoted or called).rpartition(".")[2]
        there = {key for key in live.rows if key.kind in kinds and key.name[1] == name}
        if there and not any(key.kind in kinds and key.name[1] == name for key in declared.rows):
            return str(name)
    return ""


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
