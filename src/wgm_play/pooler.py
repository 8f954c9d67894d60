"""Poolers: which connections are handed on by one, and whether a session stays ours behind it.

In: a connection that nothing was set in yet. Out: nothing where it is a session of ours; `Unreachable` where a pooler
gives each transaction or statement another session: what is set for one would stay for the application, and a lock of
the session would be nobody's.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from wgm_play.errors import Position, Unreachable

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

# How often two connections are compared: the server's sessions go from hand to hand while an application works.
ROUNDS = 5
HINT = (
    "connect to PostgreSQL itself, or to a pool whose sessions stay with a connection (PgBouncer: pool_mode = session)"
)

# The backends of connections through a pooler, whose handshake named another number.
_BACKENDS: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
# The places whose pooler was found to keep sessions together.
_KEPT: set[tuple[Any, ...]] = set()


def backend_pid(connection: Connection[Any]) -> int:
    """Return the number of the server's process behind a connection."""
    return _BACKENDS.get(connection, connection.info.backend_pid)


def pooled(connection: Connection[Any]) -> bool:
    """Tell whether a pooler stands between."""
    return connection in _BACKENDS


def keep_session(
    connection: Connection[Any], again: Callable[[], Connection[Any]], wait: float, where: Position | None = None
) -> None:
    """Raise `Unreachable` unless the pooler that `connection` goes through keeps its session for it.

    `again` opens another connection to the same place. Nothing is set and nothing stays open. `wait` is seconds that
    the pooler may take to give a session.
    """
    info = connection.info
    place = (info.host, info.port, info.dbname, info.user)
    if place not in _KEPT:
        second = again()
        try:
            shared = _shared(connection, second, wait)
        finally:
            second.close()
        if shared:
            raise Unreachable(
                f"a pooler in {shared} mode stands before PostgreSQL: sessions go from hand to hand, and a run needs its own",
                where=where,
                hint=HINT,
            )
        _KEPT.add(place)
    _BACKENDS[connection] = _pid(connection, wait)


def recognise(connection: Connection[Any], again: Callable[[], Connection[Any]], wait: float) -> None:
    """Raise `Unreachable` where a pooler stands between that does not keep sessions together."""
    if _pid(connection, wait) != connection.info.backend_pid:
        try:
            keep_session(connection, again, wait)
        except BaseException:
            connection.close()
            raise


def _shared(first: Connection[Any], second: Connection[Any], wait: float) -> str:
    """Return the mode of a pooler in which two connections share a server's session; nothing where each has its own."""
    import psycopg

    for _ in range(ROUNDS):
        one = _pid(first, wait)
        try:
            two = _pid(second, wait, begin=True)
        except psycopg.errors.ProtocolViolation as error:
            # PgBouncer's words, in English always.
            if "statement pooling" in str(error):
                return "statement"
            raise
        # Where the second holds the first one's session, the first may get no other.
        if two == one or _pid(first, wait) != one:
            return "transaction"
        second.rollback()
    return ""


def _pid(connection: Connection[Any], wait: float, *, begin: bool = False) -> int:
    """Ask which process answers; `begin` leaves a transaction open. Raise where no answer comes within `wait` seconds."""
    from psycopg import pq

    from wgm_play.render import render

    found = 0
    for result in answers(connection, render("server/backend.sql.j2", begin=begin).sql, wait):
        if result.status == pq.ExecStatus.TUPLES_OK:
            found = int(result.get_value(0, 0) or 0)
    return found


def answers(connection: Connection[Any], asked: str, wait: float) -> list[PGresult]:
    """Send a text by the simple protocol; return what comes back. Raise where that is an error, or takes over `wait` seconds."""
    import psycopg
    from psycopg import pq

    until = time.monotonic() + wait
    connection.pgconn.send_query(asked.encode())
    found: list[PGresult] = []
    while True:
        while connection.pgconn.is_busy():
            if not select.select([connection.fileno()], [], [], max(0.0, until - time.monotonic()))[0]:
                raise psycopg.OperationalError("query_wait_timeout")
            connection.pgconn.consume_input()
        result = connection.pgconn.get_result()
        if result is None:
            return found
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
        found.append(result)
