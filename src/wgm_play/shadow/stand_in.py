"""Extensions that a scratch server cannot make, there in name: what they give people is there too where we know it.

In: the session of the superuser of a server of ours, the error of CREATE EXTENSION. Out: the extension's entry in the catalog,
and for pg_cron its tables and functions, which write down jobs and run none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

# What scripts say that need a library loaded as the server starts, or a database of their own (pg_cron, pgaudit, timescaledb).
_WANTS_ITS_SERVER = re.compile(
    r"unrecognized configuration parameter|can only create extension in database|preload", re.IGNORECASE
)
# The versions of pg_cron in which the name of a job is of type name; later ones have text.
_NAMED = ("1.0", "1.1", "1.2", "1.3", "1.4")
# Of which it is known what they give people.
_KNOWN = frozenset(["pg_cron"])


def can_stand_in(error: psycopg.Error) -> bool:
    """Tell whether an extension's script failed because it wants a server that was started for it."""
    return _WANTS_ITS_SERVER.search(str(error.diag.message_primary or "")) is not None


def stand_in(
    session: psycopg.Connection[Any], name: str, schema: str | None = None, version: str | None = None
) -> bool:
    """Put the extension into the catalog, as the superuser of a server of ours; tell whether all that it gives is there."""
    session.execute(render("shadow/stand_in_extension.sql.j2", name=name, schema=schema, version=version).sql)
    if name in _KNOWN:
        row = session.execute(render("shadow/stand_in_version.sql.j2", name=name).sql).fetchone()
        named = row is not None and str(row[0]).startswith(_NAMED)
        session.execute(render(f"shadow/stand_in_{name}.sql.j2", named=named).sql)
    return name in _KNOWN
