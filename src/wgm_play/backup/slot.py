"""The replication slot of a cluster's WAL receiver: what the server keeps for it, and how far it has received.

In: a session on the server, the slot's name. Out: `ReplicationSlot`; proof that a position was received.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

from wgm_play.backup.moment import lsn_of
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import NAME_BYTES

_PREFIX = "wgm_"
_POLL = 0.005
# A receiver whose connection broke off comes back within this, or it does not run.
_ABSENT_SECONDS = 1.5
_PAGE, _HEADERS = 8192, (24, 40)
# Statuses of a slot for which the server no longer has everything (manual: pg_replication_slots).
_LOST = ("unreserved", "lost")


@dataclass(frozen=True, slots=True)
class ReplicationSlot:
    """What the server says of a slot: who receives by it, how far he has come, what it holds back.

    `received` is None where nobody receives, or this role may not see it (`hidden`). `kept` is the text of
    `max_slot_wal_keep_size`, "-1" for no bound.
    """

    name: str
    pid: int | None
    received: int | None
    hidden: bool
    status: str
    kept: str
    reached: bool = False

    @property
    def lost(self) -> bool:
        """Tell whether the server has removed WAL that was not received, or is about to."""
        return self.status in _LOST

    @property
    def unbounded(self) -> bool:
        """Tell whether the slot may fill the server's disk."""
        return self.kept == "-1"


def slot_name(environment: str) -> str:
    """Return the name of the slot of an environment's receiver: small letters, digits and underscores."""
    return (_PREFIX + re.sub(r"[^a-z0-9_]", "_", environment.lower()))[:NAME_BYTES]


def look(session: Any, name: str) -> ReplicationSlot | None:
    """Return the slot of a name, None where there is none."""
    row = session.execute(render("backup/slot.sql.j2", name=name).sql).fetchone()
    if row is None:
        return None
    pid, received, hidden, status, kept = row
    return ReplicationSlot(name, pid, None if received is None else lsn_of(received), bool(hidden), status or "", kept)


def await_received(session: Any, name: str, lsn: int, seconds: float) -> ReplicationSlot | None:
    """Wait until the receiver has flushed a position to its disk; return the slot as it is then, or at the end of waiting.

    `reached` says which.
    """
    # What is at most the header of a page holds no record: the server has nothing to send of it yet.
    lsn -= lsn % _PAGE if lsn % _PAGE in _HEADERS else 0
    until = time.monotonic() + seconds
    absent = min(until, time.monotonic() + _ABSENT_SECONDS)
    while True:
        slot = look(session, name)
        if slot is None or slot.hidden or time.monotonic() > (until if slot.pid is not None else absent):
            return slot
        if slot.received is not None and slot.received >= lsn:
            return replace(slot, reached=True)
        time.sleep(_POLL)


def flush_mark(session: Any, token: str) -> int:
    """Write a mark into the WAL and let the server's disk hold it; return the position of its end."""
    with session.transaction():
        session.execute(render("backup/flush_now.sql.j2").sql)
        return lsn_of(session.execute(render("backup/wal_mark.sql.j2", token=token).sql).fetchone()[0])
