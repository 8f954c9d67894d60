"""The ledger: what was done to this database, by whom, when, and how to take it back. Schema `wgm`, append-only.

In: a connection (a session's for writing; any, also a read-only one, for reading). Out: rows in `wgm`; dataclasses of
`model.py`. Reading never fails for want of privileges: `access()` says "unknown", and what would be read is empty.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg.rows import class_row

from wgm_play import __version__
from wgm_play.catalog.model import Catalog, Key, digest
from wgm_play.ledger import decided, history, install, snapshot
from wgm_play.ledger.model import (
    BackupPin,
    Consent,
    DoneOperation,
    Evidence,
    MadeOperation,
    PendingHandler,
    RestorePoint,
    RowChange,
    Run,
    RunChange,
    RunInfo,
    SentStatement,
    SqlOnce,
    TrashEntry,
)
from wgm_play.ledger.statements import Connection, run, send, text
from wgm_play.render import render
from wgm_play.secret import kept, mask, placeholders
from wgm_play.sql import shortened

__all__ = [
    "BackupPin",
    "Consent",
    "Evidence",
    "Ledger",
    "PendingHandler",
    "RestorePoint",
    "RowChange",
    "Run",
    "RunChange",
    "RunInfo",
    "SqlOnce",
    "TrashEntry",
    "restore_point_name",
]

UNKNOWN = "the ledger (schema wgm): this role may not read it; name the role under readers: of the environment"
# The version of the ledger that has consents.
_CONSENTS = 3
# The version of the ledger that has evidence: drills and rehearsals.
_EVIDENCE = 6
# More runs than any rollback goes back; the history is read whole up to here.
_ALL_RUNS = 100_000


def restore_point_name(run_id: int, database: str) -> str:
    """Return the name of the restore point of before a run, within the 63 bytes of one; the whole server has one space for them."""
    return shortened(f"wgm-play run {run_id} of {database}")


class Ledger:
    """The ledger of the database behind `connection`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._access: str | None = None
        self._prepared_on: Connection | None = None

    # Reading

    def access(self) -> str:
        """Return "absent", "readable" or "unknown" (this role may not read it)."""
        if self._access is None:
            present, readable = run(self.connection, "access").fetchone() or (False, False)
            self._access = "readable" if readable else "unknown" if present else "absent"
        return self._access

    def exists(self) -> bool:
        """Return whether the database has a ledger, readable or not."""
        return self.access() != "absent"

    def _version(self) -> int:
        """Return the version of the ledger: an earlier program may have made it, and no run has upgraded it yet."""
        row = run(self.connection, "installed").fetchone() if self.access() == "readable" else None
        return row[0] if row else 0

    def marker(self) -> str | None:
        """Return the environment that this database is marked with."""
        row = run(self.connection, "marker").fetchone() if self.access() == "readable" else None
        return row[0] if row else None

    def last_runs(self, limit: int = _ALL_RUNS) -> list[Run]:
        """Return the runs, newest first."""
        return self._rows("runs", Run, limit)

    def unfinished_run(self) -> Run | None:
        """Return the last run where it did not end well: the same command finishes it."""
        last = next(iter(self.last_runs(1)), None)
        return last if last and last.status != "done" else None

    def done_before(self, play: str) -> dict[str, list[str]]:
        """Return, by the name of the step, what the runs did that the next run of this play finishes."""
        runs = self.last_runs()
        last = history.resumes(runs, play=play, is_rollback=False)
        ids = next((change.ids for change in history.changes(runs) if last in change.ids), ())
        found: dict[str, list[str]] = {}
        for step, title in run(self.connection, "operations_of", list(ids)).fetchall() if ids else ():
            found.setdefault(step, []).append(title)
        return found

    def state_before_last_change(self) -> RunChange | None:
        """Return the change that rollback takes back: the last one that is neither a rollback nor rolled back."""
        return history.last_change(self.last_runs())

    def changes_after(self, run_id: int) -> list[RunChange]:
        """Return the changes that `rollback --to RUN` takes back, newest first."""
        return history.after(self.last_runs(), run_id)

    def taken_back_since(self, run_id: int) -> tuple[int, int] | None:
        """Return (run, rollback) where a later rollback took a run back that stood just after `run_id`."""
        return history.taken_back_since(self.last_runs(), run_id)

    def emptied_since(self, runs: Sequence[int]) -> list[tuple[str, list[str], str, int]]:
        """Return what these runs put into the trash and what is there no more: kind, name, purged or restored, by which run."""
        return run(self.connection, "emptied_since", list(runs)).fetchall() if self.access() == "readable" else []

    def changes(self) -> list[RunChange]:
        """Return all runs, each joined with those that finished it, newest first."""
        return history.changes(self.last_runs())

    def titles_since(self, run_id: int) -> list[str]:
        """Return the titles of the operations of a run, and of those after it."""
        ids = [one.id for one in self.last_runs() if one.id >= run_id]
        return [title for _, title in run(self.connection, "operations_of", ids).fetchall()] if ids else []

    def snapshot_of(self, run_id: int, moment: str) -> Catalog | None:
        """Return the catalog as it was `before` or `after` a run; None where it was not recorded."""
        if self.access() != "readable":
            return None
        row = run(self.connection, "snapshot_of", run_id, moment).fetchone()
        if row is None:
            return None
        _, packed = row
        return snapshot.unpack(bytes(packed))

    def sql_once_known(self) -> dict[tuple[str, str, str], SqlOnce]:
        """Return the imperative steps that ran and were not undone, by (play, step, item)."""
        return {(row.play, row.step, row.item): row for row in self.sql_done()}

    def sql_done(self) -> list[SqlOnce]:
        """Return what ran and was not undone, oldest first: a handler, or a step that ran again, more than once."""
        left: list[SqlOnce] = []
        for row in self._rows("sql_once_events", SqlOnce):
            if row.event == "done":
                left.append(row)
                continue
            which = (row.play, row.step, row.item)
            same = [number for number, one in enumerate(left) if (one.play, one.step, one.item) == which]
            if same:
                del left[same[-1]]  # what ran last is what was undone
        return left

    def pending_handlers(self) -> list[PendingHandler]:
        """Return the handlers that were notified and have not run since."""
        return self._rows("pending_handlers", PendingHandler)

    def trash_entries(self) -> list[TrashEntry]:
        """Return what lies in the trash, oldest first."""
        return self._rows("trash", TrashEntry)

    def done_in(self, runs: Sequence[int]) -> list[DoneOperation]:
        """Return the operations of runs, in the order in which they were made."""
        return self._rows("done_in", DoneOperation, list(runs))

    def operations_about(
        self, key: Key, kinds: Sequence[str] = (), relation: Sequence[str] = ()
    ) -> list[MadeOperation]:
        """Return what all runs did to an object, and to those of `kinds` whose names begin with `relation`."""
        return self._rows("operations_about", MadeOperation, key.kind, list(key.name), list(kinds), list(relation))

    def operations_by_verb(self, verb: str) -> list[MadeOperation]:
        """Return all operations of a verb, the oldest first."""
        return self._rows("operations_by_verb", MadeOperation, verb)

    def operations_named(self, names: Sequence[str]) -> list[MadeOperation]:
        """Return what all runs did to objects of these names, of whatever kind."""
        return self._rows("operations_named", MadeOperation, list(names))

    def sent_in(self, runs: Sequence[int]) -> list[SentStatement]:
        """Return the statements of runs as they were sent."""
        return self._rows("sent_in", SentStatement, list(runs))

    def row_changes(self, runs: Sequence[int]) -> list[RowChange]:
        """Return the rows that these runs wrote, in the order of writing."""
        return self._rows("row_changes", RowChange, list(runs))

    def consents(self, runs: Sequence[int]) -> list[Consent]:
        """Return what was consented to with these runs."""
        if self._version() < _CONSENTS:
            return []
        return self._rows("consents", Consent, list(runs))

    def evidence(self, kind: str, environment: str, play: str, limit: int = 1) -> list[Evidence]:
        """Return the newest evidence of a kind (drill, rehearsal, forecast) for a play on an environment, newest first."""
        if self._version() < _EVIDENCE:
            return []
        return self._rows("evidence", Evidence, kind, environment, play, limit)

    def evidence_of(self, kind: str, runs: Sequence[int]) -> list[Evidence]:
        """Return the evidence of a kind that is about these runs, the oldest first."""
        if self._version() < _EVIDENCE:
            return []
        return self._rows("evidence_of_runs", Evidence, kind, list(runs))

    def restore_points(self, runs: Sequence[int]) -> list[RestorePoint]:
        """Return the restore points taken before these runs."""
        return self._rows("restore_points", RestorePoint, list(runs))

    def backup_pins(self) -> list[BackupPin]:
        """Return the backups that must be kept."""
        return self._rows("backup_pins", BackupPin)

    def groups_done(self, run_id: int) -> frozenset[int]:
        """Return the groups of this run's plan that it, or the runs it resumes with the same plan, committed."""
        if self.access() != "readable":
            return frozenset()
        return frozenset(number for (number,) in run(self.connection, "groups_done", run_id).fetchall())

    def checkpoint(self, operation: str, runs: Sequence[int]) -> Any:
        """Return the last position of a batched operation in these runs, or None."""
        if self.access() != "readable":
            return None
        row = run(self.connection, "checkpoint", operation, list(runs)).fetchone()
        return row[0] if row else None

    def _rows(self, name: str, kind: Any, *values: Any) -> list[Any]:
        if self.access() != "readable":
            return []
        return run(self.connection, name, *values, row_factory=class_row(kind)).fetchall()

    # Writing

    def unread_by(self, readers: Sequence[str]) -> list[str]:
        """Return which of these roles may not read all of the ledger; one that is no role is not among them."""
        return install.ungranted(self.connection, readers)

    def ensure(self, readers: Sequence[str] = ()) -> list[str]:
        """Create or upgrade the ledger inside the present transaction; return readers that are no roles."""
        missing = install.ensure(self.connection, readers, __version__)
        self._access = "readable"
        return missing

    def begin(
        self,
        info: RunInfo,
        *,
        before: Catalog | None = None,
        before_digest: str | None = None,
        before_kept: str | None = None,
        readers: Sequence[str] = (),
        marker: str | None = None,
        restore_point: bool = True,
    ) -> int:
        """Record that a run begins, in one transaction; return its number.

        The run lock is held, so runs without an end are dead: they are recorded as killed. Where the last run of the
        same play and direction did not end well, this one resumes it. `before` is the live catalog, `before_digest`
        its digest where it is known, `before_kept` the snapshot that an earlier run kept of it; `marker` marks a database that has no marker yet. The connection's
        application_name becomes `wgm-play/RUN`.
        """
        send(self.connection, "BEGIN")
        try:
            self.ensure(readers)
            run(self.connection, "end_dead_runs")
            number = self._insert(info)
            if marker is not None and self.marker() is None:
                run(self.connection, "set_marker", marker)
            if before is not None:
                self._snapshot(number, "before", before, before_digest, before_kept)
            self._events("insert_consent", number, [_as_row(one) for one in info.consents])
            if info.revision is not None:
                decided.insert_revision(self.connection, number, info.revision)
            for one in info.decisions:
                decided.insert_decision(self.connection, one, number, _os_user())
            if restore_point:
                self._restore_point(number)
            send(self.connection, "COMMIT")
        except BaseException:
            if not self.connection.closed:
                self.connection.rollback()
            self._access = None
            raise
        return number

    def _insert(self, info: RunInfo) -> int:
        resumed = history.resumes(
            self.last_runs(1), play=info.play, is_rollback=bool(info.rolls_back) or info.command == "rollback"
        )
        row = run(
            self.connection,
            "insert_run",
            info.id,
            mask(info.playbook),
            info.play,
            info.environment,
            info.command,
            __version__,
            _os_user(),
            socket.gethostname(),
            os.getpid(),
            info.plan_digest,
            info.from_digest,
            info.to_digest,
            info.playbook_digest,
            resumed,
            list(info.rolls_back),
            list(info.tags),
            list(info.skip_tags),
            info.start_at_step,
        ).fetchone()
        return int(row[0]) if row else 0

    def _snapshot(
        self, run_id: int, moment: str, catalog: Catalog, catalog_digest: str | None, kept: str | None = None
    ) -> str:
        if kept is not None and self._has_snapshot(kept):
            run(self.connection, "insert_run_snapshot", run_id, moment, kept)
            return kept
        packed = snapshot.pack(catalog)
        if not self._has_snapshot(packed.digest):
            run(
                self.connection,
                "insert_snapshot",
                packed.digest,
                catalog_digest or digest(catalog.rows),
                snapshot.FORMAT,
                packed.objects,
                packed.content,
            )
        run(self.connection, "insert_run_snapshot", run_id, moment, packed.digest)
        return packed.digest

    def _has_snapshot(self, mark: str) -> bool:
        known = run(self.connection, "has_snapshot", mark).fetchone()
        return bool(known and known[0])

    def snapshot(self, run_id: int, moment: str, catalog: Catalog, catalog_digest: str | None = None) -> str:
        """Record the catalog `before` or `after` a run; return the snapshot's digest. Equal ones are kept once."""
        return self._snapshot(run_id, moment, catalog, catalog_digest)

    def _restore_point(self, run_id: int) -> RestorePoint | None:
        row = run(self.connection, "restore_point_possible").fetchone()
        kind = str(row[0]) if row else "time"
        statement = text("ledger/insert_restore_point", kind=kind)
        cursor = send(
            self.connection,
            statement,
            run_id,
            kind,
            restore_point_name(run_id, self.connection.info.dbname),
            row_factory=class_row(RestorePoint),
        )
        return cursor.fetchone()

    def restore_point(self, run_id: int) -> RestorePoint | None:
        """Return the restore point that was taken before a run."""
        return next(iter(self.restore_points([run_id])), None)

    def finish(
        self,
        run_id: int,
        status: str,
        *,
        error: str | None = None,
        after: Catalog | None = None,
        after_digest: str | None = None,
    ) -> str | None:
        """Record how a run ended (done, failed, interrupted, aborted); the first record of an end stands.

        Return the digest of the snapshot that was kept of `after`.
        """
        kept = None
        send(self.connection, "BEGIN")
        try:
            if after is not None:
                kept = self._snapshot(run_id, "after", after, after_digest)
            run(self.connection, "insert_end", run_id, status, mask(error) if error else None)
            send(self.connection, "COMMIT")
        except BaseException:
            if not self.connection.closed:
                self.connection.rollback()
            raise
        return kept

    def record_group(
        self, run_id: int, operations: Sequence[Mapping[str, Any]], statements: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write operation and statement rows in one round trip, in the present transaction where there is one.

        The rows have the names of the columns; times are seconds since 1970.
        """
        run(self.connection, "record_group", run_id, _json(operations), _json(statements))

    def prepare_record(self) -> None:
        """Prepare what `record_sql` executes, once for each connection: planning it costs more than running it."""
        if self._prepared_on is not self.connection:
            send(self.connection, text("ledger/prepare_record"))
            send(self.connection, text("ledger/prepare_record_timed"))
            self._prepared_on = self.connection

    def record_sql(
        self, run_id: int, operations: Sequence[Mapping[str, Any]], statements: Sequence[Mapping[str, Any]]
    ) -> str:
        """Return the statement that writes what `record_group` writes, to be sent together with COMMIT."""
        return render(
            "ledger/execute_record.sql.j2", run=run_id, operations=_json(operations), statements=_json(statements)
        ).sql

    def record_timed_sql(
        self, run_id: int, operations: Sequence[Mapping[str, Any]], statements: Sequence[Mapping[str, Any]]
    ) -> str:
        """Return the statement that writes a group's rows with the server's own times, to be sent before its COMMIT.

        Where the rows of `record_group` have times, these have `began` and `ended`: settings that hold a time, made by
        `execute/mark`; None is the transaction's begin, or now.
        """
        return render(
            "ledger/execute_record_timed.sql.j2", run=run_id, operations=_json(operations), statements=_json(statements)
        ).sql

    def record_statement_end(
        self,
        run_id: int,
        number: int,
        *,
        outcome: str,
        at: float,
        lock_wait_ms: float,
        attempts: int,
        error: str | None = None,
    ) -> None:
        """Write how a statement outside a transaction ended: done, not needed, failed."""
        masked = mask(error) if error else None
        run(self.connection, "statement_end", run_id, number, outcome, at, lock_wait_ms, attempts, masked)

    def group_recorded(self, run_id: int, group: int) -> bool:
        """Return whether a group's rows are there, and so whether its COMMIT succeeded."""
        row = run(self.connection, "group_recorded", run_id, group).fetchone()
        return bool(row and row[0])

    def record_sql_once(self, run_id: int, events: Iterable[Mapping[str, Any]]) -> None:
        """Write events of imperative steps: event (done, undone), play, step, item, checksum, sql, down."""
        rows = [{**event, "event": event.get("event", "done"), "item": event.get("item") or ""} for event in events]
        for row in rows:
            # `down` is run by a rollback: what came from the environment is put back then.
            down = row.get("down")
            row["sql"], row["down"] = _masked(row.get("sql")), _masked(down and placeholders(down))
        self._events("insert_sql_once", run_id, rows)

    def record_row_changes(self, run_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write changed rows: operation, relation (name parts), key, before, after (without the secrets it declares)."""
        self._events("insert_row_changes", run_id, [{**row, "after": kept(row["after"])} for row in rows])

    def record_trash(self, run_id: int, events: Iterable[Mapping[str, Any]]) -> None:
        """Write trash events: event (trashed, restored, purged), kind, name, trash_name, definition."""
        self._events("insert_trash", run_id, list(events))

    def record_handlers(self, run_id: int, events: Iterable[Mapping[str, Any]]) -> None:
        """Write handler events: event (notified, done), play, name."""
        self._events("insert_handlers", run_id, list(events))

    def record_backup_pin(self, run_id: int, backup: str, event: str = "pinned") -> None:
        """Write that a backup must be kept (pinned) or need not be kept (released) for a run."""
        run(self.connection, "insert_backup_pin", run_id, event, backup)

    def record_evidence(
        self,
        kind: str,
        environment: str,
        play: str,
        content: Mapping[str, Any],
        *,
        passed: bool,
        run_id: int | None = None,
    ) -> int:
        """Write evidence; return its number. The ledger must be there (`ensure`)."""
        text = mask(_encoder.encode(content))
        row = run(self.connection, "insert_evidence", kind, environment, play, passed, run_id, text).fetchone()
        return int(row[0]) if row else 0

    def set_marker(self, environment: str) -> None:
        """Mark this database as belonging to an environment."""
        run(self.connection, "set_marker", environment)

    def _events(self, name: str, run_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            run(self.connection, name, run_id, _json(rows))


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


def _as_row(one: Consent) -> dict[str, Any]:
    return {"code": one.code, "kind": one.kind, "name": one.name, "what": mask(one.what), "reason": mask(one.reason)}


def _masked(value: str | None) -> str | None:
    return mask(value) if value else value


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return _encoder.encode(rows)


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user id need not have a name
        return str(os.getuid()) if hasattr(os, "getuid") else ""
