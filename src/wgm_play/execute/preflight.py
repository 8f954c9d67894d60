"""What would make a run wait or do harm, looked for before it changes anything.

In: two connections to the target. Out: `Obstacles`: warnings to show, and reasons to refuse.
"""

from __future__ import annotations

import secrets
from dataclasses import field

from psycopg.rows import class_row

from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.statements import Connection, send, text
from wgm_play.secret import mask

# Transactions that are open for longer delay every CONCURRENTLY form, and queue us behind them.
LONG = 60.0


@dataclass(frozen=True, slots=True)
class Sign:
    """One row of the preflight query: what was seen, and what about it."""

    kind: str
    name: str
    age: float | None
    detail: str


@dataclass(slots=True)
class Obstacles:
    """What the preflight saw."""

    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def raise_refusals(self) -> None:
        """Raise `Refused` where going on would be dangerous."""
        if self.refusals:
            raise Refused(self.refusals[0], details=self.refusals[1:], hint=self.hints[0] if self.hints else None)


def look(connection: Connection, other: Connection | None = None) -> Obstacles:
    """Look at the server; `other` is a second connection, to find out whether a pooler hands sessions around."""
    found = Obstacles()
    for sign in send(connection, text("execute/preflight"), LONG, row_factory=class_row(Sign)).fetchall():
        _weigh(found, sign)
    if other is not None and pooled(connection, other):
        found.refusals.append("a pooler hands the sessions of this connection to others after each transaction")
        found.hints.append("connect to PostgreSQL itself, or to the pooler's port for session pooling")
    found.warnings.append(
        "nobody can ask SQL how much disk is free: index builds and copies of a table need as much again as it takes"
    )
    return found


def _weigh(found: Obstacles, sign: Sign) -> None:
    age = "" if sign.age is None else f" for {sign.age:.0f} s"
    what = f"{sign.name}{age}{': ' + mask(sign.detail) if sign.detail else ''}"
    if sign.kind == "recovery":
        found.refusals.append("the server is a standby (pg_is_in_recovery): it cannot be changed")
        found.hints.append("connect to the primary")
    elif sign.kind == "prepared":
        found.warnings.append(
            f"a prepared transaction holds its locks{age}: {sign.name}; COMMIT or ROLLBACK PREPARED it"
        )
    elif sign.kind == "dump":
        found.warnings.append(f"a dump runs, and holds every table it reads: {what}")
    elif sign.kind == "wraparound":
        found.warnings.append(f"a vacuum against wraparound runs and gives way to nobody: {what}")
    elif sign.kind == "slot":
        found.warnings.append(
            f"the replication slot {sign.name} is not read: rewrites and backfills will pile up WAL for it"
        )
    elif sign.kind == "invalid":
        found.warnings.append(f"the index {sign.name} is INVALID: a build of it failed")
    else:
        found.warnings.append(f"a transaction is open{age}: {sign.name}: {mask(sign.detail)}")


def pooled(one: Connection, other: Connection) -> bool:
    """Tell whether two transactions of one connection may meet two sessions: then SET and locks would go astray."""
    mark = secrets.token_hex(8)
    first = send(one, text("execute/mark_session"), mark).fetchone()
    send(other, text("execute/mark_session"), "other")
    again = send(one, text("execute/marked_session")).fetchone()
    if not (first and again):
        return False
    (pid, *_), (pid_again, mark_again) = first, again
    return bool(pid != pid_again or mark != mark_again)
