"""What an alert's query may not see: rows under row level security, sessions of others.

In: a connection, and what a query asked or failed with. Out: whether it saw everything, or `Unseen`.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.render import render

# Views in which the sessions of other roles are half empty for a role that may not read all statistics
# (manual: "Viewing Statistics", pg_read_all_stats).
_SESSIONS = re.compile(
    r"\bpg_stat_(?:activity|replication|wal_receiver|ssl|gssapi|statements|subscription|progress_\w+)\b", re.IGNORECASE
)


_SEQUENCES = re.compile(r"\bpg_sequences\b", re.IGNORECASE)


class Unseen(Exception):
    """A query does not tell what an alert needs; the message is for the user."""


def all_rows_seen(connection: Any, error: Any) -> bool:
    """Tell whether a query failed for row level security alone, and no policy hides a row from this role."""
    rows = connection.execute(render("alerts/hidden.sql.j2").sql).fetchall()
    # The message is in the server's language, the name is in it in any.
    named = [table for table, _ in rows if table in (error.diag.message_primary or "")]
    return bool(named) and not any(hides for _, hides in rows)


def refuse_hidden_sessions(connection: Any, query: str) -> None:
    """Raise `Unseen` where a query reads what is told of sessions, and this role sees its own alone."""
    found = _SESSIONS.search(query)
    if found is None:
        return
    role, sees = connection.execute(render("alerts/sees_sessions.sql.j2").sql).fetchone()
    if not sees:
        raise Unseen(f"{found.group()} hides the sessions of others from {role!r}: GRANT pg_monitor TO {role}")


def refuse_hidden_sequences(connection: Any, query: str) -> None:
    """Raise `Unseen` where a query reads how far sequences have come, and this role may not read all of them."""
    if _SEQUENCES.search(query) is None:
        return
    role, schemas = connection.execute(render("alerts/hidden_sequences.sql.j2").sql).fetchone()
    if schemas:
        grant = f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schemas} TO {role}"
        raise Unseen(f"pg_sequences hides the numbers of sequences from {role!r}: {grant}")
