"""How long the slowest replica has not come to where the WAL ended then.

In: positions in the WAL, looked at now and again. Out: seconds. The server's own `replay_lag` is NULL for a replica that
replays nothing, as one whose replay is paused: it is told only of what was replayed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field

from wgm_play.lazy_dataclass import dataclass


@dataclass(slots=True)
class Replay:
    """Remembers where the WAL ended when it was looked at, as long as a replica has not come there."""

    _ends: deque[tuple[float, int]] = field(default_factory=deque)

    def behind(self, now: float, end: int, replayed: int | None) -> float:
        """Return the age of the first end that was seen and is not replayed; 0 where there is no replica, or all is."""
        if replayed is None:
            self._ends.clear()
            return 0.0
        if not self._ends or self._ends[-1][1] < end:
            self._ends.append((now, end))
        while self._ends and self._ends[0][1] <= replayed:
            self._ends.popleft()
        return now - self._ends[0][0] if self._ends else 0.0
