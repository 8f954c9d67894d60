"""What is going on in a database: the run in progress, what it does, who blocks it, and what was before.

In: any connection to the database. Out: `Status`. What this role may not see is left empty, and named in `unknown`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import UNKNOWN, Ledger
from wgm_play.ledger.model import PendingHandler, Run, TrashEntry
from wgm_play.ledger.statements import Connection, run, text
from wgm_play.quantities import format_duration
from wgm_play.secret import mask

# As much history as fits on a screen.
RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Backend:
    """A server process of a run, or the one that holds its lock (`wgm-play/lock`)."""

    pid: int
    application: str
    state: str
    wait_type: str
    wait_event: str
    query: str
    query_start: datetime | None
    xact_start: datetime | None
    blocked_by: list[int]


@dataclass(frozen=True, slots=True)
class Filling:
    """A backfill under way: what it fills, how far its last checkpoint is, how fast it goes (units a second)."""

    title: str
    done: float
    total: float
    unit: str
    rate: float | None
    at: datetime

    @property
    def left(self) -> float | None:
        """The seconds that it will still take at this rate, None where that cannot be told."""
        return max(self.total - self.done, 0) / self.rate if self.rate and self.total else None

    def __str__(self) -> str:
        words = [f"{self.done:,.0f} of about {self.total:,.0f} {self.unit}"]
        words += [f"{min(self.done / self.total, 1):.0%}"] if self.total else []
        words += [f"{self.rate:,.0f} {self.unit} a second"] if self.rate else []
        words += [f"about {format_duration(self.left)} left"] if self.left is not None else []
        return f"{self.title}: {', '.join(words)}, at {self.at:%H:%M:%S}"


@dataclass(frozen=True, slots=True)
class InProgress:
    """The run in progress. `run` is None where the ledger cannot be read or the run has not begun to change anything.

    `step`, `statement` and `since` are what its session does now; `progress` has a line for each progress view and the backfill;
    `blockers` say who is in its way. `holder` is who holds the run lock, None where the runner is gone.
    """

    run: Run | None
    holder: Any
    pid: int | None
    step: str
    statement: str
    since: datetime | None
    waits: str
    progress: tuple[Any, ...]
    blockers: tuple[Any, ...]
    operations: int


@dataclass(frozen=True, slots=True)
class Status:
    """All that `wgm-play status` tells."""

    runs: tuple[Run, ...]
    marker: str | None
    in_progress: InProgress | None
    handlers: tuple[PendingHandler, ...]
    trash: tuple[TrashEntry, ...]
    unknown: tuple[str, ...]


def outcome(run: Run, *, running: bool) -> str:
    """Return how a run ended; without an end it is in progress where one is `running`, else it was killed."""
    return run.status or ("in progress" if running else "killed")


def is_running(connection: Connection) -> bool:
    """Tell whether somebody holds the run lock."""
    from wgm_play.execute.guard import holder

    return holder(connection) is not None


def status(connection: Connection, limit: int = RUNS_SHOWN) -> Status:
    """Read the status of the database behind `connection`; `limit` bounds the history."""
    ledger = Ledger(connection)
    runs = ledger.last_runs(limit)
    return Status(
        runs=tuple(runs),
        marker=ledger.marker(),
        in_progress=_in_progress(connection, ledger, runs),
        handlers=tuple(ledger.pending_handlers()),
        trash=tuple(ledger.trash_entries()),
        unknown=(UNKNOWN,) if ledger.access() == "unknown" else (),
    )


def _in_progress(connection: Connection, ledger: Ledger, runs: list[Run]) -> InProgress | None:
    # Not at the top: `execute` writes what is read here, and imports this package.
    from wgm_play.execute.guard import blockers, holder
    from wgm_play.execute.message import commands_in
    from wgm_play.execute.watch import progress

    held = holder(connection)
    cursor = psycopg.RawCursor(connection, row_factory=class_row(Backend))
    sessions = cursor.execute(text("execute/sessions").encode()).fetchall()
    working = next((backend for backend in sessions if backend.application != "wgm-play/lock"), None)
    if held is None and working is None:
        return None
    current = next((one for one in runs if one.status is None), None)
    return InProgress(
        run=current,
        holder=held,
        pid=working.pid if working else None,
        step=_step(connection, ledger, current),
        statement=mask(commands_in(working.query)) if working and working.state == "active" else "",
        since=working.query_start if working and working.state == "active" else None,
        waits=f"{working.wait_type}: {working.wait_event}" if working and working.wait_type == "Lock" else "",
        progress=(*(progress(connection, working.pid) if working else ()), *_filling(connection, ledger, current)),
        blockers=tuple(blockers(connection, working.pid)) if working and working.blocked_by else (),
        operations=current.operations if current else 0,
    )


def _filling(connection: Connection, ledger: Ledger, current: Run | None) -> list[Filling]:
    """Return the backfill that the run is at, from its checkpoints, or nothing."""
    if current is None or ledger.access() != "readable":
        return []
    row = run(connection, "filling", current.id).fetchone()
    if row is None:
        return []
    operation, first, last, began, at = row
    if last.get("done"):
        return []
    unit = "rows" if "rows" in last else "pages"
    name = "rows" if unit == "rows" else "page"
    done, seconds = float(last.get(name, 0)), (at - began).total_seconds()
    rate = (done - float(first.get(name, 0))) / seconds if seconds > 0 else None
    title = operation.rpartition(" on ")[0] or operation
    return [Filling(title, done, float(last.get("total", 0)), unit, rate, at)]


def _step(connection: Connection, ledger: Ledger, current: Run | None) -> str:
    """Return the step of the last statement that was recorded: for a long one outside a transaction, the present."""
    if current is None or ledger.access() != "readable":
        return ""
    row = run(connection, "last_step", current.id).fetchone()
    return str(row[0]) if row else ""
