"""Ending a hung run from outside: cancelled, then terminated on the server; recorded as aborted; resumable.

In: `connect(application_name)`. Out: `Aborted`, what was ended. Open transactions roll back, so whole groups remain.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row

from wgm_play.commands.status import Backend
from wgm_play.errors import Unreachable
from wgm_play.execute.session import Connect
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.statements import Connection, text
from wgm_play.reporter import Reporter

# How long a cancelled statement gets to end before its session is terminated, and a session to end, in seconds.
CANCEL_WITHIN = 5.0
END_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Aborted:
    """What `abort` ended: the backends, and the run that was recorded as aborted (None: there was none)."""

    backends: tuple[int, ...]
    run: int | None


def abort(
    connect: Connect,
    *,
    reporter: Reporter | None = None,
    cancel_within: float = CANCEL_WITHIN,
    end_within: float = END_WITHIN,
) -> Aborted:
    """End the run in progress on the server, and its run lock; raise Unreachable where the role may not."""
    say = reporter or Reporter()
    with connect("wgm-play/abort") as connection:
        connection.autocommit = True
        found = _sessions(connection)
        _tell(connection, found, "cancel", "cancelled", say)
        _await_idle(connection, cancel_within)
        # The lock's session first: its runner must not go on to the next group while we record.
        _tell(connection, sorted(found, key=lambda b: not b.application.endswith("/lock")), "terminate", "ended", say)
        left = _await_gone(connection, {backend.pid for backend in found}, end_within)
        if left:
            raise Unreachable(
                f"the server has not ended {', '.join(f'pid {pid}' for pid in sorted(left))} within {end_within:g} s",
                hint="run abort as the role of the run, or as one with pg_signal_backend",
            )
        return Aborted(tuple(sorted(backend.pid for backend in found)), _record(connection))


def _sessions(connection: Connection) -> list[Backend]:
    cursor = psycopg.RawCursor(connection, row_factory=class_row(Backend))
    return cursor.execute(text("execute/sessions").encode()).fetchall()


def _tell(connection: Connection, found: Sequence[Backend], order: str, past: str, reporter: Reporter) -> None:
    for backend in found:
        if order == "cancel" and backend.state != "active":
            continue
        try:
            told: Any = psycopg.RawCursor(connection).execute(text(f"execute/{order}").encode(), [backend.pid])
            if told.fetchone()[0]:
                reporter.note(f"{past} pid {backend.pid} ({backend.application})")
        except psycopg.errors.InsufficientPrivilege as error:
            raise Unreachable(
                f"this role may not end pid {backend.pid} ({backend.application})",
                details=(str(error).strip(),),
                hint="run abort as the role of the run, or as one with pg_signal_backend",
            ) from error


def _await_idle(connection: Connection, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(backend.state == "active" for backend in _sessions(connection)):
        time.sleep(0.05)


def _await_gone(connection: Connection, pids: set[int], seconds: float) -> set[int]:
    until = time.monotonic() + seconds
    while left := pids & {backend.pid for backend in _sessions(connection)}:
        if time.monotonic() > until:
            return left
        time.sleep(0.05)
    return set()


def _record(connection: Connection) -> int | None:
    ledger = Ledger(connection)
    run = ledger.unfinished_run()
    if run is None or run.status is not None:
        return None
    ledger.finish(run.id, "aborted", error="ended by wgm-play abort")
    return run.id
