"""A standby for drills: it takes the server's log and says how far it has come, only when it is told to.

In: the URL of a superuser. Out: a session that the server lists in pg_stat_replication.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import conninfo, pq

from wgm_play.errors import Unreachable


class Standby:
    """Streams from where the server's log is now."""

    def __init__(self, url: str) -> None:
        told = conninfo.make_conninfo(url, replication="true", application_name="wgm-play drill")
        self.connection = pq.PGconn.connect(told.encode())
        if self.connection.status != pq.ConnStatus.OK:
            raise Unreachable(self.connection.get_error_message())
        known = self.connection.exec_(b"IDENTIFY_SYSTEM")
        begin = known.get_value(0, 2) or b""
        started = self.connection.exec_(b"START_REPLICATION PHYSICAL " + begin)
        if started.status != pq.ExecStatus.COPY_BOTH:
            raise Unreachable(self.connection.get_error_message())
        self.tell(begin.decode())

    def tell(self, position: str) -> None:
        """Say that the log was written, flushed and replayed up to a position (as 0/16B3748)."""
        high, low = position.split("/")
        at = (int(high, 16) << 32) + int(low, 16)
        # A status update (manual: "Streaming Replication Protocol"): written, flushed, replayed; when; no answer wanted.
        self.connection.put_copy_data(struct.pack("!cQQQqb", b"r", at, at, at, 0, 0))
        self.connection.flush()

    def take(self) -> None:
        """Take what the server has sent."""
        while self.connection.get_copy_data(1)[0] > 0:
            pass

    def close(self) -> None:
        """End the session."""
        self.connection.finish()


@contextmanager
def standby(url: str) -> Iterator[Standby]:
    """Open a standby for a `with` block."""
    made = Standby(url)
    try:
        yield made
    finally:
        made.close()
