"""Drills: the condition of an alert is brought about on a scratch server, where it must fire, and end again.

In: an alert, how one connects to the scratch server. Out: `Drilled`, or `NotDrilled` with the reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.counter import key_of
from wgm_play.alerts.evaluate import AlertState, evaluate
from wgm_play.alerts.outside_values import NOTHING, Counted, OutsideValues
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg

    from wgm_play.playbook.model import Alert

# Statistics come to be seen a second after a transaction, on a busy machine later; a failing archive_command is
# tried again every second.
LONGEST_SECONDS = 30.0
_PAUSE = 0.1
# Connects to a database of the scratch server; None is the drill's own.
Connect = Callable[[str | None], "psycopg.Connection[Any]"]
# Something that is brought about on entering, and ended on leaving.
Recipe = Callable[[Connect], AbstractContextManager[None]]


class NotDrilled(Exception):
    """The condition could not be brought about; the message says why."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """How a drill went: the states when it fired and when it was over, and after how many seconds each came."""

    alert: str
    threshold: str
    fired: AlertState
    fired_after: float
    resolved_after: float


def drill(alert: Alert, connect: Connect, beside: OutsideValues = NOTHING, recipe: Recipe | None = None) -> Drilled:
    """Bring the condition of an alert about, and end it. Raise `NotDrilled` where the alert does not say so."""
    told = alert.drill or {}
    tried = replace(alert, threshold=str(told.get("threshold", alert.threshold)), seconds=0)
    if recipe is None and not told:
        raise NotDrilled(f"the alert {alert.name} has no `drill:` that says how its condition comes about and ends")
    with connect(None) as watching:
        eye = _Eye(watching, tried, beside)
        before = eye.look()
        if before.state != "ok":
            raise NotDrilled(f"the alert {alert.name} is {before.state} before the drill: {_said(before)}")
        eye.remember()
        with (recipe or (lambda connect: sent(told, connect)))(connect):
            fired, fired_after = eye.wait_for("firing")
        eye.remember()
        _, resolved_after = eye.wait_for("ok")
    return Drilled(alert.name, tried.threshold, fired, fired_after, resolved_after)


def _said(state: AlertState) -> str:
    return state.error or f"its value is {state.value}"


@dataclass(slots=True)
class _Eye:
    """Looks at one alert again and again; of counters it knows where they stood when it was told to remember."""

    connection: psycopg.Connection[Any]
    alert: Alert
    beside: OutsideValues
    earlier: list[Mapping[str, float]] = field(default_factory=lambda: [{}])

    def look(self) -> AlertState:
        """Return how the alert stands now."""
        return evaluate(self.connection, [self.alert], beside=replace(self.beside, counted=self._counted))[0]

    def _counted(self, alert: Alert) -> Counted:
        return self.earlier, alert.over

    def remember(self) -> None:
        """Take what the counters say now for where they stood at the window's beginning."""
        state = self.look()
        self.earlier = [{key_of(one.labels): one.counted for one in state.samples if one.counted is not None}]

    def wait_for(self, word: str) -> tuple[AlertState, float]:
        """Look until the alert is as expected; return its state, and after how many seconds that was."""
        begun = time.monotonic()
        while (state := self.look()).state != word:
            if time.monotonic() - begun > LONGEST_SECONDS:
                wanted = "does not fire" if word == "firing" else "does not end"
                raise NotDrilled(
                    f"the alert {self.alert.name} {wanted} within {LONGEST_SECONDS:.0f} s: it is {state.state}, {_said(state)}"
                )
            time.sleep(_PAUSE)
        return state, time.monotonic() - begun


@contextmanager
def sent(told: Mapping[str, Any], connect: Connect) -> Iterator[None]:
    """Send what brings a condition about, and at the end what ends it."""
    sessions = _Sessions(connect)
    try:
        sessions.send(told["provoke"])
        yield
        sessions.send(told["resolve"])
    finally:
        sessions.close()


class _Sessions:
    """The sessions of a drill, by name; what waits for a lock waits in a thread of its own."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.open: dict[str, psycopg.Connection[Any]] = {}
        self.waiting: dict[str, threading.Thread] = {}

    def send(self, statements: Sequence[Any]) -> None:
        """Send statements, each when the one before is done or waits."""
        for one in statements:
            given: Mapping[str, Any] = {"sql": one} if isinstance(one, str) else one
            for number in range(int(given.get("sessions", 1))):
                self._one(given, number if "sessions" in given else None)

    def _one(self, given: Mapping[str, Any], number: int | None) -> None:
        import psycopg

        database = given.get("database")
        name = f"{given.get('session', '')} {database or ''} {'' if number is None else number}"
        if name in self.waiting:
            self.waiting.pop(name).join(LONGEST_SECONDS)
        connection = self.open.get(name)
        if connection is None:
            connection = self.open[name] = self.connect(database)
        if given.get("waits"):
            self.waiting[name] = threading.Thread(target=self._wait, args=(connection, given["sql"]), daemon=True)
            self.waiting[name].start()
            time.sleep(_PAUSE)
            return
        try:
            connection.execute(reveal(given["sql"]).encode())
        except psycopg.Error as error:
            if error.sqlstate != given.get("fails"):
                raise NotDrilled(f"{str(given['sql']).strip()[:80]!r}: {str(error).strip()}") from error
            return
        if "fails" in given:
            raise NotDrilled(f"{str(given['sql']).strip()[:80]!r} was to fail with {given['fails']}")

    @staticmethod
    def _wait(connection: psycopg.Connection[Any], sql: str) -> None:
        import psycopg

        with suppress(psycopg.Error):
            connection.execute(reveal(sql).encode())

    def close(self) -> None:
        """Close all sessions, whatever they do."""
        for connection in self.open.values():
            if self.waiting:
                connection.cancel_safe(timeout=5)
            connection.close()
