"""The process that holds an application's pool still: it lives on where the runner does not, and lets the pool go then.

In: on standard input a line of JSON (`admin`: URL of PgBouncer's console, `database`: its name there, `deadline`: seconds),
then `pause` and `resume`, one a line. Out: on standard output `paused`, `resumed` or `late`, or `failed` and why.
Run: python -m wgm_play.execute.watchdog

PgBouncer keeps a pool paused when whoever paused it is gone (manual: "PAUSE"). So the end of standard input means that the
runner died, and it is answered by RESUME; so is a pause that takes longer than the deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable

from wgm_play.environment import Pool
from wgm_play.errors import Unreachable
from wgm_play.pgbouncer.console import Console, console

# How often a console that is gone for a moment is asked again to let the pool go, and for how long, in seconds.
AGAIN_SECONDS = 0.5
GIVE_UP_SECONDS = 60.0


def quoted(name: str) -> str:
    """Return the name of a database as the console reads it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def is_paused(session: Console, database: str) -> bool:
    """Tell whether a database of the pool is paused."""
    return any(row.get("name") == database and row.get("paused") == "1" for row in session.send("SHOW DATABASES"))


def let_go(pool: Pool, database: str, seconds: float = GIVE_UP_SECONDS) -> str:
    """Resume a database, with new connections to the server; ask again while that fails. Return what last failed."""
    until = time.monotonic() + seconds
    while True:
        try:
            with console(pool) as session:
                with contextlib.suppress(Unreachable):
                    session.send(f"RECONNECT {quoted(database)}")
                if is_paused(session, database):
                    session.send(f"RESUME {quoted(database)}")
                if not is_paused(session, database):
                    return ""
                failed = "it is still paused after RESUME"
        except Exception as error:  # whatever it is, the pool is not to stay paused
            failed = str(error)
        if time.monotonic() >= until:
            return failed
        time.sleep(AGAIN_SECONDS)


class Watchdog:
    """Pauses and resumes one database; `say` tells the runner."""

    def __init__(self, pool: Pool, database: str, say: Callable[[str], None]) -> None:
        self.pool = pool
        self.database = database
        self.say = say
        self.until: float | None = None  # when a pause has lasted too long

    def pause(self) -> None:
        """Pause as soon as no transaction is open; give up, and let go, at the deadline."""
        until = time.monotonic() + self.pool.deadline
        try:
            with console(self.pool) as session:
                session.send(f"PAUSE {quoted(self.database)}")
        except Exception as error:  # whatever it is, the pool is not to stay paused
            late = time.monotonic() >= until
            told = f"a transaction was open for {self.pool.deadline:g} s" if late else str(error)
            left = let_go(self.pool, self.database)
            self.say(f"failed {told}{f'; and the pool is still paused: {left}' if left else ''}")
            return
        self.until = until
        self.say("paused")

    def resume(self, word: str = "resumed") -> None:
        """Let the pool go; say how that ended."""
        self.until = None
        failed = let_go(self.pool, self.database)
        self.say(f"failed {failed}" if failed else word)

    @property
    def left(self) -> float | None:
        """The seconds until the pool is let go whatever the runner does; None where it is not paused."""
        return None if self.until is None else max(self.until - time.monotonic(), 0.0)


def main() -> int:
    """Do what the runner says until it is gone; then let the pool go."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lines = _Lines(sys.stdin.fileno())
    first = lines.next(None)
    if not first:
        return 0
    given = json.loads(first)

    def say(text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), f"{text}\n".encode())

    dog = Watchdog(Pool(given["admin"], deadline=float(given["deadline"])), given["database"], say)
    while True:
        line = lines.next(dog.left)
        if line is None:  # the deadline
            dog.resume("late")
        elif line == "pause":
            dog.pause()
        elif line == "resume":
            dog.resume()
        elif not line:
            if dog.until is not None:
                let_go(dog.pool, dog.database)
            return 0


class _Lines:
    """The lines of a file, one after another, each within a time: "" at its end, None where the time is over."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.held = b""
        self.selector = selectors.DefaultSelector()
        self.selector.register(file, selectors.EVENT_READ)

    def next(self, seconds: float | None) -> str | None:
        until = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self.held:
            left = None if until is None else until - time.monotonic()
            if (left is not None and left <= 0) or not self.selector.select(left):
                return None
            read = os.read(self.file, 65536)
            if not read:
                return ""
            self.held += read
        line, _, self.held = self.held.partition(b"\n")
        return line.decode()


if __name__ == "__main__":
    sys.exit(main())
