"""What slows a backfill down or stops it for a while: a person, a replica that lags, writers that wait, an alert.

In: the ledger's last order (`wgm-play pause`, `wgm-play resume`), the server's statistics. Out: `wait` returns when the
next batch may begin.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from wgm_play.environment import Policy
from wgm_play.execute.pace import Pace
from wgm_play.execute.replay import Replay
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.statements import Connection, run, send, text
from wgm_play.reporter import Reporter

# How often orders and the server's pressure are looked at, in seconds; and how often alerts are evaluated.
LOOK_EVERY = 0.5
ALERTS_EVERY = 10.0
# While an alert fires a batch has this long a rest before it, in seconds. It goes on, for the alert may fire for another
# reason, or until a person comes.
ALERT_REST = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """The last order that a person gave: batches wait while `paused`; `batch_ms` is the time of one (None: as planned)."""

    paused: bool
    batch_ms: int | None
    role: str
    os_user: str
    at: datetime


def last_order(connection: Connection) -> Order | None:
    """Return the last order, or None where there was none."""
    return run(connection, "steering", row_factory=class_row(Order)).fetchone()


def give_order(connection: Connection, *, paused: bool, batch_ms: int | None, os_user: str) -> None:
    """Record an order; the batches of a run in progress follow it within a second."""
    run(connection, "insert_steering", paused, batch_ms, os_user)


@dataclass(slots=True)
class Steering:
    """Holds the next batch back while it would do harm. `alarm` returns the name of an alert that fires, or None;
    `alive` raises when the run must not go on."""

    connection: Callable[[], Connection]
    policy: Policy
    reporter: Reporter
    label: str
    target: float = 0.1
    alarm: Callable[[], str | None] | None = None
    alive: Callable[[], None] = lambda: None
    pace: Pace = field(default_factory=Pace)
    _looked: float = 0.0
    _asked: float = 0.0
    _fires: str | None = None
    _told: str | None = None
    _replay: Replay = field(default_factory=Replay)

    def wait(self) -> None:
        """Return when the next batch may begin."""
        while True:
            self.alive()
            if time.monotonic() - self._looked < LOOK_EVERY:
                break
            why = self._reason()
            self._looked = time.monotonic()
            if why is None:
                self._say(self._alert())
                break
            self._say(f"waits, {why}")
            time.sleep(LOOK_EVERY)
            self._looked = 0.0
        if self._fires is not None:
            time.sleep(ALERT_REST)

    def _say(self, why: str | None) -> None:
        """Say once what holds the batches back, and when nothing does any more."""
        if why is None and self._told is not None:
            self.reporter.note(f"{self.label}: goes on")
        elif why is not None and self._told is None:
            self.reporter.retry(f"{self.label}: {why}")
        self._told = why

    def _reason(self) -> str | None:
        order = last_order(self.connection())
        self.pace.target = order.batch_ms / 1000 if order and order.batch_ms else self.target
        if order is not None and order.paused:
            return f"paused by {order.os_user} at {order.at:%H:%M:%S}: wgm-play resume PLAYBOOK lets it go on"
        lag, waiting = self._pressure()
        if lag > self.policy.max_replica_lag:
            return f"a replica is {lag:.1f} s behind"
        if waiting:
            self.pace.smaller()
        return None

    def _pressure(self) -> tuple[float, int]:
        row: Any = send(self.connection(), text("backfill/pressure")).fetchone()
        lag, waiting, end, replayed = row
        return max(lag or 0.0, self._replay.behind(time.monotonic(), end, replayed)), waiting

    def _alert(self) -> str | None:
        if self.alarm is not None and time.monotonic() - self._asked > ALERTS_EVERY:
            self._fires, self._asked = self.alarm(), time.monotonic()
        return f"goes slowly, the alert {self._fires!r} fires" if self._fires is not None else None
