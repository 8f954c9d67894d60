"""Executing a plan: group after group, each with its ledger rows, retried where locked, resumable where cut.

In: a `Plan`, a session, the held run lock, the ledger and the number of the run. Out: `Outcome`; the first error ends
it. Each transactional group commits together with its ledger rows or not at all: in one message where it waits for no
lock and nothing is to be done between its statements (`message.py`), otherwise statement by statement. What cannot run
in a transaction is recorded before and after, and not sent where its `done` query says that it is not needed.

What `Operation.payload` asks to be recorded with the operation, all of it JSON:
  sql_once     {"event", "play", "step", "item", "checksum", "sql", "down"} or a list of such
  trash        {"event", "kind", "name", "trash_name", "definition"} or a list
  row_changes  [{"relation", "key", "before", "after"}, …]
  handlers     [{"event", "play", "name"}, …]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import field
from typing import Any

import psycopg

from wgm_play.catalog.model import Key
from wgm_play.environment import Environment
from wgm_play.errors import Interrupted, Locked, Position, Refused, StepFailed, Unreachable, WgmError
from wgm_play.execute.failure import RESUME, StatementContext, failure, is_lost
from wgm_play.execute.guard import RunLock, end_blockers
from wgm_play.execute.interrupt import interruptible, undisturbed
from wgm_play.execute.invalid_index import drop_invalid_index
from wgm_play.execute.message import Message, fits
from wgm_play.execute.pausing import Pauses
from wgm_play.execute.retry import QUICK, Exhausted, Retries, reason
from wgm_play.execute.session import Session
from wgm_play.execute.watch import INTERVAL, SeenBlockers, StatementWatcher
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.statements import send, text
from wgm_play.plan import Command, Group, Lock, Operation, Plan
from wgm_play.reporter import Reporter
from wgm_play.secret import mask, resolve

# What a group without statements sends: its operations are recorded all the same.
NOTHING = Command("SELECT")
# Statement classes that may take long enough for people to want to see how far they are.
SHOWN = ("long", "data")
# A group that is sent as one message waits this long for a lock, in seconds: less than the watch would see, and what is
# waited for is told. Where that is not enough, its statements are sent one by one.
AT_ONCE = QUICK / 4
LOCK_NOT_AVAILABLE = "55P03"
# How long a backend whose connection we lost may still be busy with our COMMIT, in seconds.
COMMIT_SETTLES = 30.0


@dataclass(slots=True)
class GroupResult:
    """What one group did. `seconds` covers failed attempts and pauses; `lock_wait` is in seconds; `locks` are those that
    its transaction held on tables when it ended."""

    index: int
    group: Group
    seconds: float = 0.0
    attempts: int = 1
    lock_wait: float = 0.0
    locks: tuple[Lock, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What a run did: what was committed, the seconds it took and those spent waiting for locks."""

    groups: int = 0
    operations: int = 0
    statements: int = 0
    retries: int = 0
    seconds: float = 0.0
    lock_wait: float = 0.0
    results: list[GroupResult] = field(default_factory=list)


OnGroup = Callable[[GroupResult], None]


def execute(
    plan: Plan,
    *,
    session: Session,
    ledger: Ledger,
    run: int,
    environment: Environment,
    reporter: Reporter,
    lock: RunLock | None = None,
    on_group: OnGroup | None = None,
    positions: Sequence[Position | None] = (),
    skip_groups: Collection[int] = (),
    kill_after: float | None = None,
    alarm: Callable[[], str | None] | None = None,
    pauses: Pauses | None = None,
) -> Outcome:
    """Run a plan on the session's database and record it as `run`; return what was done.

    `lock` is the run lock, whose connection watches what blocks us. `on_group` is called after each commit.
    `positions` are the steps' places by index. `skip_groups` are those that an earlier run of the same plan committed
    (`Ledger.groups_done`). `alarm` names an alert that fires: batches wait for its end. `kill_after`: seconds of
    waiting after which blockers are ended, where the policy allows. `pauses`: the pool that groups are run without.
    Raises StepFailed, Refused, Unreachable, InputError, Locked, Interrupted; the end of the run is recorded then.
    """
    if kill_after is not None and not environment.policy.allow_kill_blockers:
        raise Refused(
            f"the environment {environment.name!r} does not allow to end blockers",
            hint="set policy: {allow_kill_blockers: true} in its file, or run without --kill-blockers",
        )
    interval = min(INTERVAL, max(min(environment.policy.lock_timeout, QUICK) / 4, 0.01))
    with (
        StatementWatcher(lock.connection, interval, reporter.retry) if lock else nullcontext() as watch,
        interruptible(),
    ):
        work = _Execution(
            plan, session, ledger, run, environment, reporter, lock, watch, positions, kill_after, alarm, pauses
        )
        return work.run_all(on_group, frozenset(skip_groups))


@dataclass(slots=True)
class _Execution:
    """One run of one plan."""

    plan: Plan
    session: Session
    ledger: Ledger
    run: int
    environment: Environment
    reporter: Reporter
    lock: RunLock | None
    watch: StatementWatcher | None
    positions: Sequence[Position | None]
    kill_after: float | None
    alarm: Callable[[], str | None] | None = None
    pauses: Pauses | None = None
    outcome: Outcome = field(default_factory=Outcome)
    changed: bool = False
    operation: int = 0
    statement: int = 0
    sending: tuple[Operation, Command] | None = None
    # The group whose COMMIT is under way together with its statements.
    whole: int | None = None

    def run_all(self, on_group: OnGroup | None, skipped: frozenset[int]) -> Outcome:
        """Run the groups in order; record how the run ended when it did not end well."""
        self.session.relabel(self.run)
        began = time.perf_counter()
        try:
            for index, group in enumerate(self.plan.groups):
                if index in skipped:
                    continue
                result = self._group(index, group)
                self.outcome.results.append(result)
                if on_group is not None:
                    on_group(result)
        except KeyboardInterrupt:
            raise self._interrupted() from None
        except WgmError as error:
            self._end("failed", error.message)
            raise
        except psycopg.Error as error:
            # What is not met where it happens: the ledger could not be written.
            failed = self._failure(error)
            self._end("failed", failed.message)
            raise failed from error
        finally:
            self.outcome.seconds = time.perf_counter() - began
        return self.outcome

    # One group

    def _group(self, index: int, group: Group) -> GroupResult:
        result = GroupResult(index, group)
        began = time.perf_counter()
        retries = Retries(self.environment.policy.lock_budget, self.reporter, self._label(group.operations[0]))
        self._require_lock()
        if group.transactional:
            with self.pauses.around(group) if self.pauses else nullcontext():
                result.locks = self._transaction(index, group, retries)
        else:
            for operation in group.operations:
                self._alone(index, operation, retries)
        result.seconds = time.perf_counter() - began
        result.attempts, result.lock_wait = retries.attempts, retries.waited
        self.outcome.groups += 1
        self.outcome.retries += retries.attempts - 1
        self.outcome.lock_wait += retries.waited
        return result

    def _transaction(self, index: int, group: Group, retries: Retries) -> tuple[Lock, ...]:
        """Run a group until it is committed; return the locks that it held."""
        if fits(group):
            locks = self._at_once(index, group, retries)
            if locks is not None:
                return locks
        held: list[Any] = []
        while True:
            began = time.perf_counter()
            seen = SeenBlockers()
            try:
                statements, rows = self._attempt(index, group, retries, seen)
            except psycopg.Error as error:
                self._after_failure(error, retries, time.perf_counter() - began, seen)
                continue
            try:
                held = self.session.commit(rows, self.session.locks)
            except psycopg.Error as error:
                if not is_lost(error, self.session.connection):
                    self._after_failure(error, retries, time.perf_counter() - began, seen)
                    continue
                if not self._committed_anyway(error, index):
                    raise self._failure(error, lost=True) from error
            self._count(len(group.operations), statements)
            return _locks(held)

    def _at_once(self, index: int, group: Group, retries: Retries) -> tuple[Lock, ...] | None:
        """Run a group in one message, which waits for no lock; None where it must be tried statement by statement."""
        self.ledger.prepare_record()
        self.session.prepare()
        self.session.patience = AT_ONCE
        message = Message(
            group,
            lambda operations, statements: self.ledger.record_timed_sql(self.run, operations, statements),
            lambda number, operation: self._operation(self.operation + number, index, operation),
            lambda operation, number, of, command: (
                self._statement(self.operation + operation, self.statement + number, of, command)
                | {"lock_wait_ms": 0, "attempts": 1}
            ),
            self.session.locks,
        )
        began = time.perf_counter()
        self.sending, self.whole = message.owner(0), index
        held: list[tuple[str, ...]] = []
        try:
            held = self.session.at_once(group.operations[0].commands[0], message.parts)[-2]
        except psycopg.Error as error:
            lost = is_lost(error, self.session.connection)
            self.sending = message.owner(self.session.answered)
            # The server's last words come after its answers; where there are none, nothing tells how far it came.
            if lost and (error.sqlstate is None or self.session.answered == len(message.parts)):
                if not self._committed_anyway(error, index):
                    raise self._failure(error, lost=True) from error
            else:
                spent = time.perf_counter() - began
                if error.sqlstate == LOCK_NOT_AVAILABLE:
                    self.session.roll_back()
                    retries.waited += spent
                else:
                    self._after_failure(error, retries, spent, SeenBlockers())
                self.whole = None
                return None
        self.whole = None
        self._count(len(group.operations), message.statements)
        return _locks(held)

    def _attempt(self, index: int, group: Group, retries: Retries, seen: SeenBlockers) -> tuple[int, str]:
        """Send a group's statements in an open transaction; return their number and the SQL of their ledger rows."""
        self.ledger.prepare_record()
        self.session.prepare()
        self.session.patience = retries.patience
        first = next((command for operation in group.operations for command in operation.commands), NOTHING)
        self.session.begin(first)
        if first is NOTHING:
            self._watched(NOTHING.sql, seen, None)
        operations: list[dict[str, Any]] = []
        statements: list[dict[str, Any]] = []
        waited = retries.waited  # what failed attempts of the group waited is told with its first statement
        written = False
        for operation in group.operations:
            started = time.perf_counter()
            number = self.operation + len(operations)
            for command in operation.commands:
                if self._is_done(command):
                    continue
                if written and not _writes(command):
                    # PostgreSQL alters no table for which deferred checks and triggers still wait.
                    self.session.send(text("execute/deferred_now"))
                written = _writes(command)
                row = self._statement(number, self.statement + len(statements), operation, command)
                row["started_at"] = self.session.now()
                self._send(operation, command, seen)
                row["ended_at"] = self.session.now()
                row["lock_wait_ms"] = (waited + seen.blocked) * 1000
                row["attempts"] = retries.attempts
                retries.waited += seen.blocked
                waited = seen.blocked = 0.0
                statements.append(row)
            operations.append(self._operation(number, index, operation) | self._times(started, time.perf_counter()))
        self._record_payloads(group.operations)
        return len(statements), self.ledger.record_sql(self.run, operations, statements)

    def _send(self, operation: Operation, command: Command, seen: SeenBlockers) -> None:
        self.sending = operation, command
        self.session.allow(command)
        sql = resolve(command.sql)
        if command.wait in SHOWN and self.watch is not None:
            with self.reporter.progress(operation.title) as shown:
                self._watched(sql, seen, shown)
        else:
            self._watched(sql, seen, None)

    def _watched(self, sql: str, seen: SeenBlockers, shown: Any) -> None:
        if self.watch is None:
            self.session.send(sql)
            return
        self.watch.start(self.session.pid, shown)
        try:
            self.session.send(sql)
        finally:
            found = self.watch.stop()
            if found is not None:
                seen.blockers, seen.blocked = found.blockers, found.blocked

    # An operation that cannot run in a transaction

    def _alone(self, index: int, operation: Operation, retries: Retries) -> None:
        started = time.perf_counter()
        for command in operation.commands:
            if "backfill" in operation.payload:
                self._batches(operation, command, retries)
            else:
                self._autocommit(operation, command, retries)
        number = self.operation
        row = self._operation(number, index, operation) | self._times(started, time.perf_counter())
        try:
            self.session.send("BEGIN")
            self.ledger.record_group(self.run, [row], [])
            self._record_payloads([operation])
            self.session.commit()
        except psycopg.Error as error:
            lost = is_lost(error, self.session.connection)
            self.session.roll_back()
            if not lost or not self._committed_anyway(error, index):
                raise self._failure(error, lost=lost) from error
        self._count(1, 0)

    def _autocommit(self, operation: Operation, command: Command, retries: Retries) -> None:
        number = self.statement
        row = self._statement(self.operation, number, operation, command)
        self.sending = operation, command
        row["started_at"] = self.session.now()
        before = retries.waited
        sent = False
        while True:
            seen = SeenBlockers()
            attempt = time.perf_counter()
            try:
                if self._is_done(command):
                    outcome = "done" if sent else "not needed"
                    break
                if not sent:
                    self.ledger.record_group(self.run, [], [row])
                    sent = True
                self._send(operation, command, seen)
                retries.waited += seen.blocked
                outcome = "done"
                break
            except psycopg.Error as error:
                wait = (retries.waited - before) * 1000
                try:
                    self._after_autocommit_failure(error, command, retries, time.perf_counter() - attempt, seen)
                except WgmError as raised:
                    if sent and not self.session.lost:
                        self._statement_end(number, "failed", retries, wait, raised.message)
                    raise
        if not sent:
            self.ledger.record_group(self.run, [], [row])
        # From here on the database has changed, whatever happens to the rows that say so.
        self.changed = self.changed or outcome == "done"
        self._statement_end(number, outcome, retries, (retries.waited - before) * 1000, None)
        self.statement += 1
        self.outcome.statements += 1

    def _batches(self, operation: Operation, command: Command, retries: Retries) -> None:
        """Change many rows a few at a time; recorded as one statement."""
        from wgm_play.execute.backfill import Backfill, Task
        from wgm_play.execute.steering import Steering

        number = self.statement
        row = self._statement(self.operation, number, operation, command)
        self.sending = operation, command
        row["started_at"] = self.session.now()
        self.ledger.record_group(self.run, [], [row])
        task = Task.of(operation.payload["backfill"])

        def failed(error: psycopg.Error, spent: float) -> None:
            self._after_failure(error, retries, spent, SeenBlockers())

        steering = Steering(
            lambda: self.session.connection,
            self.environment.policy,
            self.reporter,
            operation.title,
            task.batch,
            self.alarm,
            self._require_lock,
        )
        with self.reporter.progress(operation.title) as shown:
            self.changed = True
            try:
                Backfill(task, self.session, self.ledger, self.run, failed, steering, shown).all()
            except (psycopg.Error, WgmError) as error:
                if not self.session.lost:
                    self.session.roll_back()
                    self._statement_end(number, "failed", retries, retries.waited * 1000, mask(str(error)))
                raise
        self._statement_end(number, "done", retries, retries.waited * 1000, None)
        self.statement += 1
        self.outcome.statements += 1

    def _statement_end(self, number: int, outcome: str, retries: Retries, wait_ms: float, error: str | None) -> None:
        self.ledger.record_statement_end(
            self.run,
            number,
            outcome=outcome,
            at=self.session.now(),
            lock_wait_ms=wait_ms,
            attempts=retries.attempts,
            error=error,
        )

    def _is_done(self, command: Command) -> bool:
        if command.done is None:
            return False
        rows = self.session.send(resolve(command.done), rows=True)
        return bool(rows and rows[0][0])

    def _after_autocommit_failure(
        self, error: psycopg.Error, command: Command, retries: Retries, spent: float, seen: SeenBlockers
    ) -> None:
        if is_lost(error, self.session.connection):
            self.changed = True  # the statement may have done a part: an INVALID index, a state between two
        else:
            self._drop_leftover(command)
        self._after_failure(error, retries, spent, seen)

    def _drop_leftover(self, command: Command) -> None:
        try:
            name = drop_invalid_index(self.session, resolve(command.sql))
        except psycopg.Error as error:
            self.reporter.warn(f"an INVALID index may be left; the next run drops it: {mask(str(error).strip())}")
            return
        if name:
            self.reporter.note(f"dropped the INVALID index {name!r} that the failed attempt left")

    # Failing, retrying, ending

    def _after_failure(self, error: psycopg.Error, retries: Retries, spent: float, seen: SeenBlockers) -> None:
        """Pause where `error` may be gone when tried again; raise our error otherwise."""
        lost = is_lost(error, self.session.connection)
        self.session.roll_back()
        why = None if lost else reason(error)
        if why is None:
            raise self._failure(error, lost=lost) from error
        if self.kill_after is not None and retries.waited + spent >= self.kill_after and self.lock is not None:
            end_blockers(self.lock.connection, seen.blockers, self.reporter)
        if any(blocker.backend == "autovacuum worker" for blocker in seen.blockers) and self.sending is not None:
            self._send_vacuum_away(self.sending[1])
        try:
            retries.again(why, spent, seen.blockers)
        except Exhausted as exhausted:
            raise self._exhausted(exhausted, error) from error

    def _send_vacuum_away(self, command: Command) -> None:
        """Wait for the table behind its autovacuum, with a lock that lets readers and writers pass.

        It gives up when somebody waited for deadlock_timeout (manual: "Routine Vacuuming"); our statement waits less.
        """
        names = {tuple(lock.relation.split(".")) for lock in command.locks}
        for name in sorted(name if len(name) == 2 else ("public", *name) for name in names if len(name) < 3):
            try:
                self.session.send(text("execute/send_vacuum_away", name=name))
                self.session.send("ROLLBACK")
            except psycopg.Error:
                self.session.roll_back()

    def _exhausted(self, exhausted: Exhausted, error: psycopg.Error) -> WgmError:
        kind = StepFailed if self.changed else Locked
        details = [f"in the way: {blocker}" for blocker in exhausted.blockers]
        if error.diag.message_detail:
            details.append(f"DETAIL: {mask(error.diag.message_detail)}")
        hint = RESUME if self.changed else "nothing was changed: try again later, or give policy.lock_budget more time"
        return kind(exhausted.text, where=self.now.where, step=self.now.step, details=details, hint=hint)

    def _failure(self, error: psycopg.Error, *, lost: bool | None = None) -> WgmError:
        gone = is_lost(error, self.session.connection) if lost is None else lost
        return failure(error, self.now, changed=self.changed, lost=gone)

    def _committed_anyway(self, error: psycopg.Error, index: int) -> bool:
        """Return whether a COMMIT whose answer was lost succeeded: then the ledger rows of the group are there."""
        old = self.session.pid
        try:
            self.session.reopen()
            self.ledger.connection = self.session.connection
            self._await_end_of(old)
            return self.ledger.group_recorded(self.run, index)
        except (psycopg.Error, Unreachable) as again:
            raise StepFailed(
                f"{self.now.title}: the connection was lost at COMMIT: {mask(str(again).strip())}",
                where=self.now.where,
                step=self.now.step,
                hint="whether it was committed is told by the ledger: run the same command when the server answers",
            ) from error

    def _await_end_of(self, pid: int) -> None:
        """Wait until the backend that had our COMMIT is gone: until then its rows may still come."""
        until = time.monotonic() + COMMIT_SETTLES
        while time.monotonic() < until:
            row = send(self.session.connection, text("execute/backend_alive"), pid).fetchone()
            if not row or not row[0]:
                return
            time.sleep(0.05)

    def _require_lock(self) -> None:
        if self.lock is not None and not self.lock.held:
            kind = StepFailed if self.changed else Unreachable
            raise kind(
                "the connection that holds the run lock was lost, so another run may begin",
                details=[self.lock.gone] if self.lock.gone else [],
                hint=RESUME if self.changed else "nothing was changed: run the same command again",
            )

    def _interrupted(self) -> Interrupted:
        with undisturbed():
            self.session.roll_back()
            self._count_whole()
            self._end("interrupted", f"interrupted at: {self.now.title}" if self.now.title else "interrupted")
        done = self.outcome.operations
        return Interrupted(
            f"interrupted: {done} operation{'' if done == 1 else 's'} done, the rest cancelled on the server too",
            step=self.now.step,
            where=self.now.where,
            hint="the same command resumes",
        )

    def _count_whole(self) -> None:
        """Count a group that was being committed in one message when the run was interrupted, where it was committed."""
        if self.whole is None:
            return
        group = self.plan.groups[self.whole]
        with suppress(psycopg.Error):
            if self.ledger.group_recorded(self.run, self.whole):
                self._count(len(group.operations), sum(len(operation.commands) for operation in group.operations))

    def _end(self, status: str, error: str) -> None:
        """Record how the run ended, on a new connection where the old one is gone; quiet where that fails too."""
        try:
            if self.session.lost:
                self.session.reopen(within=1.0)
                self.ledger.connection = self.session.connection
            self.ledger.finish(self.run, status, error=error)
        except (psycopg.Error, Unreachable):
            return  # the next run finds this one without an end, and records it as killed

    # What is recorded

    def _count(self, operations: int, statements: int) -> None:
        self.changed = True
        self.operation += operations
        self.statement += statements
        self.outcome.operations += operations
        self.outcome.statements += statements

    @property
    def now(self) -> StatementContext:
        """What is under way, for errors."""
        if self.sending is None:
            return StatementContext(None, None, "the ledger", "")
        operation, command = self.sending
        where = self.positions[operation.step] if 0 <= operation.step < len(self.positions) else None
        return StatementContext(
            self._step_name(operation.step) or None, where, operation.title, command.sql, self.session.lead
        )

    def _step_name(self, step: int) -> str:
        return self.plan.step_names[step] if 0 <= step < len(self.plan.step_names) else ""

    def _step_item(self, step: int) -> str:
        return self.plan.step_items[step] if 0 <= step < len(self.plan.step_items) else ""

    def _label(self, operation: Operation) -> str:
        return self._step_name(operation.step) or operation.title

    def _times(self, began: float, ended: float) -> dict[str, Any]:
        return {"started_at": self.session.at(began), "ended_at": self.session.at(ended)}

    def _operation(self, number: int, group: int, operation: Operation) -> dict[str, Any]:
        return {
            "number": number,
            "group_number": group,
            "step": operation.step,
            "step_name": self._step_name(operation.step),
            "item": self._step_item(operation.step),
            "verb": operation.verb,
            "kind": operation.key.kind,
            "name": list(operation.key.name),
            "title": mask(operation.title),
            "irreversible": operation.irreversible,
        }

    def _statement(self, operation: int, number: int, of: Operation, command: Command) -> dict[str, Any]:
        return {
            "number": number,
            "operation": operation,
            "step_name": self._step_name(of.step),
            "sql": mask(command.sql),
        }

    def _record_payloads(self, operations: Sequence[Operation]) -> None:
        sql_once: list[Mapping[str, Any]] = []
        trash: list[Mapping[str, Any]] = []
        rows: list[Mapping[str, Any]] = []
        handlers: list[Mapping[str, Any]] = []
        for number, operation in enumerate(operations, self.operation):
            payload = operation.payload
            if not payload:
                continue
            sql_once += _listed(payload.get("sql_once"))
            trash += _listed(payload.get("trash"))
            rows += [{**row, "operation": number} for row in _listed(payload.get("row_changes"))]
            handlers += _listed(payload.get("handlers"))
        self.ledger.record_sql_once(self.run, sql_once)
        self.ledger.record_trash(self.run, trash)
        self.ledger.record_row_changes(self.run, rows)
        self.ledger.record_handlers(self.run, handlers)


def _writes(command: Command) -> bool:
    """Tell whether a statement writes rows, as INSERT and UPDATE do, and is no ALTER that rewrites them."""
    return command.wait == "data" and not command.rewrites


def _locks(held: Sequence[Sequence[str]]) -> tuple[Lock, ...]:
    return tuple(Lock(mode, Key("table", (schema, name)).label) for mode, schema, name in held)


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []
