"""Whether nothing may be run now: by a window of the environment, or by what somebody said with `wgm-play freeze`.

In: a connection that may only read, the environment's windows. Out: `ActiveFreeze`, or None. The time is the server's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import decided
from wgm_play.ledger.model import Decision
from wgm_play.ledger.statements import Connection
from wgm_play.windows import Window, closed


@dataclass(frozen=True, slots=True)
class ActiveFreeze:
    """Why nothing may be run, and until when; None: until somebody lifts it."""

    why: str
    until: datetime | None

    def __str__(self) -> str:
        until = f"until {self.until.astimezone():%Y-%m-%d %H:%M %Z}" if self.until else "until it is lifted"
        return f"{self.why}, {until}"


def frozen(connection: Connection, windows: Sequence[Window]) -> ActiveFreeze | None:
    """Return what stands in the way of a run now."""
    now = decided.now(connection)
    said = by_hand(connection, now)
    if said is not None:
        return ActiveFreeze(
            f"{said.role} ({said.os_user}) froze it on {said.at:%Y-%m-%d %H:%M}: {said.reason}", said.until
        )
    found = closed(windows, now)
    return ActiveFreeze(*found) if found else None


def by_hand(connection: Connection, now: datetime) -> Decision | None:
    """Return the freeze that somebody ordered, that is not over and that nobody lifted."""
    for one in decided.decisions(connection, "freeze", "lift"):
        if one.kind == "lift":
            return None
        if one.until is None or one.until > now:
            return one
    return None
