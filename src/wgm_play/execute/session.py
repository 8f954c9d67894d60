"""The session that changes a database: one place that sets timeouts and sends statements.

In: `connect(application_name)`, which gives a connection with an empty search_path and time zone UTC. Out: `Session`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from wgm_play import fault
from wgm_play.environment import Policy
from wgm_play.errors import Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.statements import Connection, send, text
from wgm_play.plan import Command

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

Connect = Callable[[str], Connection]

# Our own transaction is never left open by a runner that hangs: others would queue behind its locks.
IDLE_IN_TRANSACTION = "60s"
# A transaction of catalog changes may take as long as this many of its statements together, from PostgreSQL 17 on.
TRANSACTION_STATEMENTS = 20
BEGIN = "BEGIN;\n"
# Between statements of one message; the line's end ends a comment.
NEXT = "\n;\n"
# How long to try to reach a server that restarts, in seconds.
REOPEN_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The timeouts of a class of statements, in milliseconds; 0 is none."""

    lock: int
    statement: int
    transaction: int


def wait_class(command: Command) -> str:
    """Return a statement's class: its `wait`, or "concurrent" for a CONCURRENTLY form outside a transaction.

    Such a form waits for other transactions under the lock timeout, and giving up there leaves an INVALID index
    (manual: CREATE INDEX, "Building Indexes Concurrently"); its locks let reads and writes pass, so nobody queues
    behind them.
    """
    return command.wait if command.transactional or "CONCURRENTLY" not in command.sql.upper() else "concurrent"


def timeouts(policy: Policy) -> dict[str, Timeouts]:
    """Return the timeouts for each class of statements."""
    lock, statement = round(policy.lock_timeout * 1000), round(policy.statement_timeout * 1000)
    return {
        "short": Timeouts(lock, statement, statement * TRANSACTION_STATEMENTS),
        "long": Timeouts(lock, 0, 0),
        "data": Timeouts(lock, 0, 0),
        "concurrent": Timeouts(0, 0, 0),
    }


class Session:
    """A connection in autocommit mode whose timeouts follow the class of what it sends."""

    def __init__(self, connect: Connect, label: str, policy: Policy) -> None:
        self.label = label
        self._timeouts = timeouts(policy)
        self._connect = connect
        self._open()

    def _open(self) -> None:
        self.connection = self._connect(f"wgm-play/{self.label}")
        self.connection.autocommit = True
        # psycopg would answer an ALTER or DROP with DEALLOCATE ALL once it has prepared something: ours would go too.
        self.connection.prepare_threshold = None
        self.version = self.connection.info.server_version
        self._cursor = self.connection.cursor()
        # How long a catalog change waits for a lock at most, in seconds, where that is less than the policy says.
        self.patience: float | None = None
        self._set: tuple[str, float | None] | None = None
        self._local: tuple[str, float | None] | None = None
        # What goes before the next statement, and how many characters went before the last one: the positions in
        # PostgreSQL's errors count them.
        self._due = ""
        self.lead = 0
        # How many statements of the last message were answered before its error.
        self.answered = 0
        self._prepared = False
        row = send(self.connection, text("execute/open"), IDLE_IN_TRANSACTION).fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        now, self.pid, *_ = row
        self._server_ahead: float = now.timestamp() - time.perf_counter()

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return bool(self.connection.closed)

    def now(self) -> float:
        """Return the server's time, as seconds since 1970, without asking it."""
        return self.at(time.perf_counter())

    def at(self, moment: float) -> float:
        """Return the server's time at a moment of `time.perf_counter()`, as seconds since 1970."""
        return self._server_ahead + moment

    def relabel(self, label: str | int) -> None:
        """Say under which label (the run's number) this session reconnects; the ledger has renamed it already."""
        self.label = str(label)

    def send(self, sql: str, *, rows: bool = False) -> list[Any]:
        """Send one statement as it is, after a BEGIN that is due; return its rows where they are asked for."""
        self.lead = len(self._due)
        if self._due:
            sql, self._due = self._due + sql, ""
        fault.before_statement(self.connection, sql)
        self._cursor.execute(sql.encode(), prepare=False)
        fault.after_statement(self.connection, sql)
        while rows and self.lead and self._cursor.nextset():  # the rows come after the answer to BEGIN
            pass
        return self._cursor.fetchall() if rows and self._cursor.description else []

    def begin(self, command: Command) -> None:
        """Open a transaction whose first statement is `command`; BEGIN goes in the same round trip."""
        self._session_timeouts((wait_class(command), self.patience))
        self._due = BEGIN
        self._local = self._set

    def allow(self, command: Command) -> None:
        """Set the timeouts for `command`, only where they differ from those in force."""
        wanted = (wait_class(command), self.patience)
        if self._local is None:
            self._session_timeouts(wanted)
        elif wanted != self._local:
            self._set_timeouts(wanted, local=True)
            self._local = wanted

    def prepare(self) -> None:
        """Prepare `locks`, once for each connection: planning it costs more than running it."""
        if not self._prepared:
            send(self.connection, text("execute/prepare_locks_held"))
            self._prepared = True

    @property
    def locks(self) -> str:
        """The statement that tells the locks on tables that the open transaction holds."""
        return text("execute/execute_locks_held")

    def at_once(self, command: Command, statements: Sequence[str]) -> list[list[tuple[str, ...]]]:
        """Send statements in one message, a transaction with its BEGIN and COMMIT; return the rows of each as texts.

        The timeouts are those of `command`. PostgreSQL counts a statement timeout for each statement by itself.
        On an error, `answered` and `lead` tell which statement it is and where it begins.
        """
        self._session_timeouts((wait_class(command), self.patience))
        sql = NEXT.join(statements)
        fault.before_statement(self.connection, sql)
        self.answered = self.lead = 0
        # A cursor would not tell how many statements went well before an error.
        with self.connection.lock:
            self.connection.pgconn.send_query(sql.encode())
            results = self.connection.wait(generators.execute(self.connection.pgconn))
        fault.after_statement(self.connection, sql)
        for number, result in enumerate(results):
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                self.answered = number
                self.lead = sum(len(one) + len(NEXT) for one in statements[:number])
                raise error_from_result(result)
        return [_rows(result) for result in results]

    def commit(self, last: str = "", look: str = "") -> list[Any]:
        """Commit the open transaction, after the statement `last` in the same round trip; return the rows of `look`."""
        self.send(";\n".join([*([look] if look else []), *([last] if last else []), "COMMIT"]))
        self._local = None
        rows: list[Any] = []
        while look:
            if self._cursor.description:
                rows = self._cursor.fetchall()
            if not self._cursor.nextset():
                break
        return rows

    def roll_back(self) -> None:
        """Roll back what is open; quiet where nothing is, or where the connection is gone."""
        self._local = None
        self._due = ""
        if not self.lost:
            try:
                self.connection.rollback()
            except psycopg.OperationalError:
                self.connection.close()

    def _session_timeouts(self, wanted: tuple[str, float | None]) -> None:
        if wanted != self._set:
            self._set_timeouts(wanted, local=False)
            self._set = wanted

    def _set_timeouts(self, wanted: tuple[str, float | None], *, local: bool) -> None:
        found, patience = self._timeouts[wanted[0]], wanted[1]
        lock = found.lock
        if wanted[0] == "short" and patience is not None:
            lock = max(1, min(lock, round(patience * 1000)))
        values = [f"{lock}ms", local, f"{found.statement}ms"]
        if self.version >= 170000:
            values.append(f"{found.transaction}ms")
        send(self.connection, text("execute/timeouts", version=min(self.version, 170000)), *values)

    def reopen(self, within: float = REOPEN_WITHIN) -> None:
        """Connect again after the connection was lost; raises psycopg.OperationalError or Unreachable when that fails for long."""
        self.connection.close()
        until = time.monotonic() + within
        while True:
            try:
                self._open()
                return
            except (psycopg.OperationalError, Unreachable):
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rows(result: PGresult) -> list[tuple[str, ...]]:
    return [
        tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
        for row in range(result.ntuples)
    ]


def open_session(connect: Connect, run_label: str = "run", policy: Policy | None = None) -> Session:
    """Open the session that changes the database, as `wgm-play/LABEL`. Call it while the run lock is held."""
    return Session(connect, run_label, policy or Policy())
