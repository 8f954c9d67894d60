"""Which database it is, so that what was said of one is not taken for another.

In: a connection. Out: a text that can be compared; where this role may not know the server, its place in it is empty.
"""

from __future__ import annotations

from wgm_play.ledger.statements import Connection, run


def identity_of(connection: Connection) -> str:
    """Return server identifier, number and name of the database, with colons between."""
    may = run(connection, "may_know_server").fetchone()
    server = run(connection, "server_identity").fetchone() if may and may[0] else None
    place = run(connection, "database_identity").fetchone() or ("", "")
    return ":".join([str(server[0]) if server else "", *map(str, place)])


def same(one: str, other: str) -> bool:
    """Tell whether two identities may be those of the same database."""
    (server, *place), (other_server, *other_place) = one.split(":", 2), other.split(":", 2)
    return place == other_place and (server == other_server or not (server and other_server))
