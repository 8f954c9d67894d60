"""The run lock, blockers, retries and abort, each with real backends in each other's way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hand_made
import psycopg
import pytest
from hand_made import Listening, apply, by_itself, concurrently, connector, operation, plan, to_json

from wgm_play import secret
from wgm_play.commands.abort import abort
from wgm_play.commands.status import status
from wgm_play.environment import Policy
from wgm_play.errors import Interrupted, Locked, StepFailed, Unreachable
from wgm_play.execute import retry
from wgm_play.execute.guard import APPLICATION, KEY, holder, run_lock
from wgm_play.execute.session import Session
from wgm_play.execute.watch import blockers
from wgm_play.ledger import Ledger, RunInfo
from wgm_play.plan import Command, Group, Plan

Connection = psycopg.Connection[Any]
IMPATIENT = Policy(lock_timeout=0.2, lock_budget=0.8)
PATIENT = Policy(lock_timeout=0.2, lock_budget=20.0)


@contextmanager
def blocking(url: str, sql: str = "LOCK TABLE public.t IN ACCESS SHARE MODE") -> Iterator[Connection]:
    """An application that holds a lock in an open transaction."""
    with psycopg.connect(url, application_name="billing") as connection:
        connection.execute(sql)
        yield connection
        if not connection.closed:
            connection.rollback()


def runner(url: str, made: Any, folder: Path, **environ: str) -> subprocess.Popen[str]:
    """Start a runner of its own process."""
    file = folder / "plan.json"
    file.write_text(to_json(made))
    return subprocess.Popen(
        [sys.executable, hand_made.__file__, url, str(file)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )


def until(database: Connection, sql: str, seconds: float = 10.0) -> None:
    """Wait until a query returns true."""
    end = time.monotonic() + seconds
    while not (row := database.execute(sql).fetchone()) or not row[0]:
        assert time.monotonic() < end, f"not within {seconds} s: {sql}"
        time.sleep(0.02)


@pytest.fixture
def table(database: Connection) -> Connection:
    database.execute("CREATE TABLE public.t (id int)")
    return database


def test_the_second_run_is_told_who_holds_the_lock(database_url: str, database: Connection) -> None:
    connect = connector(database_url)
    with run_lock(connect) as lock, psycopg.connect(database_url, autocommit=True) as other:
        assert lock.held
        Ledger(other).begin(RunInfo("production.yml", "Wasteland", "test", "apply"))
        with pytest.raises(Locked) as caught, run_lock(connect, wait=0.2):
            pass
    error = caught.value
    assert error.exit_code == 13
    assert f"pid {lock.pid} ({APPLICATION})" in error.message
    assert "since" in error.message
    assert "run 1: apply of production.yml (Wasteland)" in error.details[0]
    assert f"process {os.getpid()}" in error.details[0]
    with run_lock(connect, wait=0):
        assert holder(database) is not None
    assert holder(database) is None


def test_the_lock_is_taken_as_soon_as_it_is_free(database_url: str) -> None:
    connect = connector(database_url)
    first = run_lock(connect)
    first.__enter__()
    threading.Timer(0.3, lambda: first.__exit__(None, None, None)).start()
    began = time.monotonic()
    with run_lock(connect, wait=5):
        assert 0.2 < time.monotonic() - began < 3


def test_each_database_has_its_own_lock(new_database: Any) -> None:
    with run_lock(connector(new_database())), run_lock(connector(new_database()), wait=0):
        pass


def test_waiting_for_the_lock_holds_no_snapshot(database_url: str, database: Connection) -> None:
    with run_lock(connector(database_url)):
        failed: list[Locked] = []

        def contend() -> None:
            try:
                with run_lock(connector(database_url), wait=1.0):
                    pass
            except Locked as error:
                failed.append(error)

        thread = threading.Thread(target=contend)
        thread.start()
        seen: Counter[tuple[Any, ...]] = Counter()  # one look may meet a try in its own short statement
        for _ in range(20):
            seen.update(
                database.execute(
                    "select pid, query_start from pg_stat_activity where application_name = %s and backend_xmin is not null",
                    [APPLICATION],
                ).fetchall()
            )
            time.sleep(0.02)
        assert all(looks < 5 for looks in seen.values()), "a statement that waits holds a snapshot"
        thread.join()
        assert failed


def test_a_lost_lock_connection_is_noticed(database_url: str, database: Connection) -> None:
    with run_lock(connector(database_url)) as lock:
        database.execute("select pg_terminate_backend(%s)", [lock.pid])
        time.sleep(0.2)
        assert not lock.held


def test_a_run_that_lost_its_lock_stops_before_the_next_group(database_url: str, database: Connection) -> None:
    cut = f"""SELECT pg_terminate_backend(pid), pg_sleep(0.3) FROM pg_locks
              WHERE locktype = 'advisory' AND objid = {KEY[1]} AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    with pytest.raises(StepFailed, match="holds the run lock was lost"):
        apply(database_url, plan(["CREATE TABLE public.a (id int)", cut], ["CREATE TABLE public.b (id int)"]))
    assert database.execute("select to_regclass('public.a') is not null, to_regclass('public.b')").fetchone() == (
        True,
        None,
    )


def test_a_backend_of_a_dead_run_is_ended(database_url: str, database: Connection) -> None:
    with psycopg.connect(database_url, application_name="wgm-play/7") as dead:
        dead.execute("CREATE TABLE public.half (id int)")
        with psycopg.connect(database_url, application_name="wgm-play/plan") as reading:
            listening = Listening()
            with run_lock(connector(database_url), reporter=listening):
                assert database.execute("select to_regclass('public.half')").fetchone() == (None,)
                assert reading.execute("select 1").fetchone() == (1,)
            assert "ending pid" in listening.notes[0]
        with pytest.raises(psycopg.OperationalError):
            dead.execute("select 1")


def test_a_build_of_a_dead_run_is_waited_for(database_url: str, table: Connection) -> None:
    with (
        psycopg.connect(database_url, autocommit=True, application_name="wgm-play/7") as dead,
        blocking(database_url, "INSERT INTO public.t VALUES (1)") as writer,
    ):
        thread = threading.Thread(target=dead.execute, args=["CREATE INDEX CONCURRENTLY t_idx ON public.t (id)"])
        thread.start()
        until(
            table,
            "select exists (select from pg_locks join pg_stat_activity using (pid) "
            "where not granted and application_name = 'wgm-play/7')",
        )
        threading.Timer(0.5, writer.rollback).start()
        listening = Listening()
        # The idle session that is left when the build is through is ended like any other.
        with run_lock(connector(database_url), reporter=listening):
            assert table.execute(
                "select indisvalid from pg_index where indexrelid = 'public.t_idx'::regclass"
            ).fetchone() == (True,)
        thread.join()
        assert "still runs: CREATE INDEX CONCURRENTLY" in listening.retries[0]


def test_blockers_are_named_with_what_they_do(database_url: str, table: Connection) -> None:
    secret.register("hunter22", "WORD")
    with blocking(database_url) as application, psycopg.connect(database_url) as waiting:
        application.execute("SELECT 'hunter22'")
        waiting.execute("SET lock_timeout = '3s'")
        thread = threading.Thread(target=waiting.execute, args=["DROP TABLE public.t"])
        thread.start()
        until(table, "select exists (select from pg_locks where not granted)")
        (found,) = blockers(table, waiting.info.backend_pid)
        application.rollback()
        thread.join()
        assert (found.pid, found.application, found.state) == (
            application.info.backend_pid,
            "billing",
            "idle in transaction",
        )
        assert found.query == "SELECT '***'"
        assert found.age is not None and found.age > 0


def test_a_lock_that_comes_free_is_retried_for_and_the_blocker_named(database_url: str, table: Connection) -> None:
    listening = Listening()
    with blocking(database_url) as application:
        threading.Timer(0.9, application.rollback).start()
        _, outcome = apply(
            database_url, plan(["ALTER TABLE public.t ADD COLUMN x int"]), policy=PATIENT, reporter=listening
        )
        pid = application.info.backend_pid
    assert outcome.retries >= 1
    assert f"held by pid {pid}, application 'billing'" in listening.retries[0]
    assert "query: LOCK TABLE public.t" in listening.retries[0]
    attempts, wait = table.execute("select attempts, lock_wait_ms from wgm.statement").fetchone() or (0, 0)
    assert attempts == outcome.retries + 1
    assert 150 <= wait < 2000
    assert Ledger(table).last_runs()[0].lock_wait_ms == wait


def test_a_lock_not_to_be_had_before_the_first_change_is_13(database_url: str, table: Connection) -> None:
    with blocking(database_url), pytest.raises(Locked) as caught:
        apply(database_url, plan(["ALTER TABLE public.t ADD COLUMN x int"]), policy=IMPATIENT)
    assert caught.value.exit_code == 13
    assert "gave up after" in caught.value.message
    assert "application 'billing'" in caught.value.details[0]
    assert Ledger(table).last_runs()[0].status == "failed"


def test_a_lock_not_to_be_had_after_the_first_change_is_2(database_url: str, table: Connection) -> None:
    with blocking(database_url), pytest.raises(StepFailed) as caught:
        apply(
            database_url,
            plan(["CREATE TABLE public.a (id int)"], ["ALTER TABLE public.t ADD COLUMN x int"]),
            policy=IMPATIENT,
        )
    assert caught.value.exit_code == 2
    assert "resumes" in str(caught.value.hint)


def test_a_blocker_is_ended_where_that_is_asked_for_and_allowed(database_url: str, table: Connection) -> None:
    listening = Listening()
    with blocking(database_url) as application:
        apply(
            database_url,
            plan(["ALTER TABLE public.t ADD COLUMN x int"]),
            policy=Policy(lock_timeout=0.2, lock_budget=5.0, allow_kill_blockers=True),
            reporter=listening,
            kill_after=0.1,
        )
        with pytest.raises(psycopg.OperationalError):
            application.execute("select 1")
    assert "ended the blocker: pid" in listening.warnings[0]


def test_a_deadlock_is_retried(database_url: str, table: Connection) -> None:
    table.execute("CREATE TABLE public.u (id int)")
    with psycopg.connect(database_url, application_name="billing") as other:
        # Ours is the one that the server ends: the other one looks for deadlocks much later.
        other.execute("SET deadlock_timeout = '60s'; LOCK TABLE public.u")

        def cross() -> None:
            other.execute("LOCK TABLE public.t")
            other.rollback()

        threading.Timer(0.5, cross).start()
        _, outcome = apply(
            database_url,
            plan(
                [
                    "SET LOCAL deadlock_timeout = '10ms'",
                    "LOCK TABLE public.t",
                    "SELECT pg_sleep(1)",
                    "LOCK TABLE public.u",
                ]
            ),
            policy=Policy(lock_timeout=5.0, lock_budget=20.0),
        )
    assert outcome.retries == 1


def test_a_cancelled_statement_is_not_retried(database_url: str, table: Connection) -> None:
    cancel = threading.Timer(
        0.5,
        lambda: table.execute(
            "select pg_cancel_backend(pid) from pg_stat_activity where application_name ~ '^wgm-play/[0-9]+$'"
        ),
    )
    cancel.start()
    with pytest.raises(StepFailed, match="cancel"):
        apply(database_url, plan(["SELECT pg_sleep(20)"]))
    assert Ledger(table).last_runs()[0].status == "failed"


def test_pauses_grow_and_stay_within_the_budget() -> None:
    clock = [0.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    retries = retry.Retries(60.0, Listening(), "step", sleep=sleep, clock=lambda: clock[0])
    with pytest.raises(retry.Exhausted):
        for _ in range(100):
            clock[0] += 2.0
            retries.again("lock not available", 2.0, [])
    assert 0.25 <= pauses[0] <= 0.5
    assert pauses[3] > pauses[0]
    assert 60.0 <= clock[0] <= 64.0


def test_a_long_build_shows_its_progress_and_whom_it_waits_for(database_url: str, table: Connection) -> None:
    listening = Listening()
    with blocking(database_url, "INSERT INTO public.t VALUES (1)") as writer:
        threading.Timer(1.5, writer.rollback).start()
        apply(
            database_url,
            plan(Group((operation(concurrently("CREATE INDEX CONCURRENTLY t_idx ON public.t (id)")),), 0, False)),
            reporter=listening,
            policy=Policy(lock_timeout=0.2, lock_budget=0.5),
        )
    assert "waits for pid" in listening.retries[0]
    assert "application 'billing'" in listening.retries[0]
    wait = table.execute("select lock_wait_ms from wgm.statement_end").fetchone()
    assert wait is not None and wait[0] >= 500


@pytest.mark.parametrize(
    ("number", "sleep"),
    [
        (signal.SIGINT, by_itself("SELECT pg_sleep(60)")),
        (signal.SIGTERM, by_itself("SELECT pg_sleep(60)")),
        (signal.SIGHUP, by_itself("SELECT pg_sleep(60)")),
        (signal.SIGINT, Command("SELECT pg_sleep(60)")),
    ],
)
def test_an_interrupt_cancels_on_the_server_too(
    database_url: str, database: Connection, tmp_path: Path, number: int, sleep: Command
) -> None:
    made = plan(["CREATE TABLE public.a (id int)"], ["CREATE TABLE public.b (id int)", sleep])
    process = runner(database_url, made, tmp_path)
    until(
        database,
        "select exists (select from pg_stat_activity where query like '%SELECT pg_sleep(60)%' and state = 'active'"
        " and application_name ~ '^wgm-play/[0-9]+$')",
    )
    shown = status(database).in_progress
    assert shown is not None and shown.statement.endswith("SELECT pg_sleep(60)")
    assert "wgm_" not in shown.statement
    began = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=10)
    assert process.returncode == Interrupted.exit_code, told
    assert time.monotonic() - began < 5
    until(database, "select not exists (select from pg_stat_activity where application_name like 'wgm-play/%')")
    (run,) = Ledger(database).last_runs()
    assert (run.status, run.operations) == ("interrupted", 1)
    assert database.execute("select to_regclass('public.b')").fetchone() == (None,)


def test_a_session_cut_in_the_middle_of_a_statement_is_resumable(database_url: str, database: Connection) -> None:
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(Unreachable, match="connection was lost"):
        apply(database_url, plan(["CREATE TABLE public.a (id int)", cut]))
    with pytest.raises(StepFailed, match="connection was lost"):
        apply(database_url, plan(["CREATE TABLE public.a (id int)"], [cut], digest="other"))
    first, second = Ledger(database).last_runs()
    assert [first.status, second.status] == ["failed", "failed"]
    assert first.resumes == second.id


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_lost_at_commit_is_resolved_by_the_ledger(
    database_url: str, database: Connection, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    honest, cut = Session.commit, []

    def cutting(self: Session, last: str = "", look: str = "") -> list[Any]:
        if not cut:
            cut.append(1)
            if moment == "after":
                honest(self, last)
            database.execute("select pg_terminate_backend(%s)", [self.pid])
            time.sleep(0.2)
            self.send("COMMIT")
        return honest(self, last, look)

    monkeypatch.setattr(Session, "commit", cutting)
    _lost_at_commit(
        database_url,
        database,
        plan([by_itself("CREATE TABLE public.a (id int)")], [by_itself("CREATE TABLE public.b (id int)")]),
        moment,
    )


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_lost_while_a_group_is_sent_as_one_message_is_resolved_by_the_ledger(
    database_url: str, database: Connection, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    honest, cut = Session.at_once, []

    def cutting(self: Session, command: Command, statements: Sequence[str]) -> Any:
        if cut:
            return honest(self, command, statements)
        cut.append(1)
        if moment == "after":
            honest(self, command, statements)
        database.execute("select pg_terminate_backend(%s)", [self.pid])
        time.sleep(0.2)
        if moment == "before":
            return honest(self, command, statements)
        self.connection.close()
        raise psycopg.OperationalError("the answer did not come")

    monkeypatch.setattr(Session, "at_once", cutting)
    made = plan(["CREATE TABLE public.a (id int)"], ["CREATE TABLE public.b (id int)"])
    _lost_at_commit(database_url, database, made, moment)


def _lost_at_commit(database_url: str, database: Connection, made: Plan, moment: str) -> None:
    if moment == "after":
        _, outcome = apply(database_url, made)
        assert outcome.operations == 2
        assert database.execute("select count(*) from wgm.operation").fetchone() == (2,)
        assert Ledger(database).last_runs()[0].status == "done"
    else:
        with pytest.raises(Unreachable, match="connection was lost"):
            apply(database_url, made)
        assert database.execute("select to_regclass('public.a'), count(*) from wgm.operation").fetchone() == (None, 0)
        assert Ledger(database).last_runs()[0].status == "failed"


def test_abort_ends_a_hung_run_and_leaves_it_resumable(database_url: str, database: Connection, tmp_path: Path) -> None:
    sleep = by_itself("SELECT pg_sleep(60)")
    made = plan(["CREATE TABLE public.a (id int)"], ["CREATE TABLE public.b (id int)", sleep])
    process = runner(database_url, made, tmp_path)
    until(
        database,
        "select exists (select from pg_stat_activity where query = 'SELECT pg_sleep(60)' and state = 'active')",
    )
    process.send_signal(signal.SIGSTOP)
    try:
        seen = status(database).in_progress
        assert seen is not None and seen.run is not None and seen.holder is not None
        assert (seen.run.id, seen.statement, seen.step) == (1, "SELECT pg_sleep(60)", "First step")
        ended = abort(connector(database_url), cancel_within=1.0)
        assert ended.run == 1
        assert len(ended.backends) == 2
        with run_lock(connector(database_url), wait=0):
            pass
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=10)
    assert process.returncode == StepFailed.exit_code
    (run,) = Ledger(database).last_runs()
    assert run.status == "aborted"
    assert status(database).in_progress is None
    apply(database_url, plan(["CREATE TABLE public.b (id int)"], digest="rest"))
    assert Ledger(database).last_runs()[0].resumes == 1


def test_abort_without_a_run_does_nothing(database_url: str) -> None:
    assert abort(connector(database_url)).backends == ()


def test_status_tells_who_blocks_the_run(database_url: str, table: Connection) -> None:
    with blocking(database_url) as application:
        done: list[BaseException] = []

        def go() -> None:
            try:
                apply(
                    database_url,
                    plan(["ALTER TABLE public.t ADD COLUMN x int"]),
                    policy=Policy(lock_timeout=3.0, lock_budget=20.0),
                )
            except BaseException as error:
                done.append(error)

        thread = threading.Thread(target=go)
        thread.start()
        until(table, "select exists (select from pg_locks where not granted and locktype = 'relation')")
        seen = status(table).in_progress
        while thread.is_alive() and (seen is None or not seen.blockers):  # it waits a tenth of a second at a time
            seen = status(table).in_progress
        application.rollback()
        thread.join()
        assert not done
        assert seen is not None
        assert seen.waits.startswith("Lock")
        assert [blocker.pid for blocker in seen.blockers] == [application.info.backend_pid]
        assert "ALTER TABLE public.t" in seen.statement
