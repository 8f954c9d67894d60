"""Waiting for a synchronous standby that does not answer: told after some seconds, wherever we commit or create.

In: the connections that change something, a function that tells people. Out: one line for each place that waits. The
server has committed by then and waits for as long as it takes (manual: "Synchronous Replication").
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from psycopg import Connection

# A thread looks this often, and asks the server only for a connection that was busy at two looks.
LOOK_EVERY = 1.5


class StandbyWatch:
    """A thread that looks for connections of ours that wait for a standby; `ask` opens a connection to ask by."""

    def __init__(self, ask: Callable[[], Connection[Any]], tell: Callable[[str], None]) -> None:
        self._ask = ask
        self._tell = tell
        self._watched: WeakSet[Connection[Any]] = WeakSet()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, connection: Connection[Any]) -> Connection[Any]:
        """Look after a connection, from now until it is closed; return it."""
        self._watched.add(connection)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="wgm-play standby", daemon=True)
            self._thread.start()
        return connection

    def stop(self) -> None:
        """Look no more."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=LOOK_EVERY * 2)

    def _run(self) -> None:
        import psycopg

        from wgm_play.errors import WgmError

        busy: set[int] = set()
        while not self._end.wait(LOOK_EVERY):
            before, busy = busy, {id(one) for one in list(self._watched) if _busy(one)}
            if not before & busy:
                continue
            try:
                if self._told([one for one in list(self._watched) if id(one) in before & busy]):
                    return
            except (psycopg.Error, WgmError):
                continue  # it is told by whoever waits for the server

    def _told(self, waiting: list[Connection[Any]]) -> bool:
        from wgm_play.pooler import backend_pid
        from wgm_play.render import render

        pids = [backend_pid(one) for one in waiting]
        with self._ask() as connection:
            row = connection.execute(render("server/waits_for_standby.sql.j2", pids=pids).sql).fetchone()
        if row is None:
            return False
        pid, names = row
        self._tell(
            f"pid {pid} waits for a synchronous standby: it has committed here, and none of "
            f"synchronous_standby_names = {names!r} answers; start it, or let an administrator change the setting"
        )
        return True


def _busy(connection: Connection[Any]) -> bool:
    return not connection.closed and connection.info.transaction_status.name == "ACTIVE"
