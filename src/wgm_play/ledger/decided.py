"""What people decided and what runs were made from: revisions, approvals, freezes, releases, flags.

In: a connection to a database with a ledger. Out: dataclasses of `model.py`; rows. A ledger of an earlier program, which no run
has upgraded yet, has none of these, and is read as empty.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from wgm_play.ledger import install
from wgm_play.ledger.model import Approval, Decision, Revision
from wgm_play.ledger.statements import Connection, run

# The version of the ledger that has these tables.
SINCE = 5


def _readable(connection: Connection) -> bool:
    present, readable = run(connection, "access").fetchone() or (False, False)
    return bool(present and readable and install.installed(connection) >= SINCE)


def _rows(connection: Connection, name: str, kind: Any, *values: Any) -> list[Any]:
    if not _readable(connection):
        return []
    return run(connection, name, *values, row_factory=class_row(kind)).fetchall()


def now(connection: Connection) -> datetime:
    """Return the time by the server's clock."""
    row = run(connection, "now").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return row[0]  # type: ignore[no-any-return]


def revisions(connection: Connection, runs: Sequence[int]) -> dict[int, Revision]:
    """Return what these runs were made from, by run."""
    return {one.run: one for one in _rows(connection, "revisions", Revision, list(runs))}


def decisions(connection: Connection, *kinds: str) -> list[Decision]:
    """Return the decisions of these kinds, newest first."""
    return _rows(connection, "decisions", Decision, list(kinds))


def approvals(connection: Connection, plan: str) -> list[Approval]:
    """Return who approved the plan with this digest, oldest first."""
    return _rows(connection, "approvals", Approval, plan)


def flags_seen(connection: Connection) -> dict[str, tuple[bool, datetime]]:
    """Return how each flag was seen last, and since when it has been so."""
    if not _readable(connection):
        return {}
    return {name: (is_on, at) for name, is_on, at in run(connection, "flags_seen").fetchall()}


def insert_revision(connection: Connection, run_id: int, made: Revision) -> None:
    """Write what a run is made from, in the present transaction."""
    steps = json.dumps(made.steps, ensure_ascii=False, separators=(",", ":"))
    run(connection, "insert_revision", run_id, made.commit, made.source, made.dirty, made.whole, made.mark, steps)


def insert_decision(connection: Connection, made: Decision, run_id: int | None, os_user: str) -> None:
    """Write a decision; who it is and when, the server says."""
    run(
        connection,
        "insert_decision",
        made.kind,
        run_id if made.run is None else made.run,
        made.subject,
        made.until,
        made.reason,
        made.details,
        os_user,
    )


def insert_approval(connection: Connection, plan: str, note: str | None) -> None:
    """Write that the present login approves a plan."""
    run(connection, "insert_approval", plan, note)


def insert_flag(connection: Connection, name: str, is_on: bool) -> None:
    """Write how a flag is seen now."""
    run(connection, "insert_flag", name, is_on)
