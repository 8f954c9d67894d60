"""The runner is killed after every statement in turn, the server restarts: the same command finishes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hand_made
import psycopg
import pytest
from hand_made import Listening, apply, concurrently, connector, operation, plan, to_json

import fix_postgres
from wgm_play.environment import Policy
from wgm_play.errors import StepFailed
from wgm_play.execute.guard import run_lock
from wgm_play.ledger import Ledger
from wgm_play.ledger.history import changes
from wgm_play.plan import Command, Group, Plan

Connection = psycopg.Connection[Any]

# More statements than the plan below sends, ledger and all; the test sees for itself that the last kill came too late.
MOST = 60

STEPS = (
    ("a", "CREATE TABLE public.a (id int PRIMARY KEY)", "CREATE INDEX a_idx ON public.a (id)"),
    ("b", "CREATE TABLE public.b (id int REFERENCES public.a (id))"),
)
INDEX = "CREATE INDEX CONCURRENTLY b_idx ON public.b (id)"
VALID = "SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('public.b_idx') AND indisvalid)"
SEED = "INSERT INTO public.a SELECT generate_series(1, 10)"


def replanned(database: Connection) -> Plan:
    """Plan what the database still needs, as the differ does from the live catalog."""
    groups: list[Group] = []
    for name, *statements in STEPS:
        if database.execute("select to_regclass(%s)", [f"public.{name}"]).fetchone() == (None,):
            groups.append(Group((operation(*statements, name=name),), 0))
    invalid = database.execute(
        "select exists (select from pg_index where indexrelid = to_regclass('public.b_idx') and not indisvalid)"
    ).fetchone()
    built = database.execute(VALID).fetchone()
    if built == (False,):
        drop = [concurrently("DROP INDEX CONCURRENTLY IF EXISTS public.b_idx")] if invalid == (True,) else []
        groups.append(Group((operation(*drop, concurrently(INDEX, VALID), name="b_idx"),), 1, False))
    made = database.execute("select to_regclass('public.a') is not null").fetchone() == (True,)
    if not made or database.execute("select count(*) from public.a").fetchone() == (0,):
        groups.append(Group((operation(Command(SEED, wait="data"), name="rows"),), 1))
    return plan(*groups)


def run_in_a_process(url: str, made: Plan, folder: Path, kill_after: str = "") -> subprocess.CompletedProcess[str]:
    file = folder / "plan.json"
    file.write_text(to_json(made))
    return subprocess.run(
        [sys.executable, hand_made.__file__, url, str(file)],
        env={**os.environ, "WGM_TEST_KILL_AFTER": kill_after},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def content(database: Connection) -> list[Any]:
    return [
        database.execute(sql).fetchall()
        for sql in (
            "select relname, relkind from pg_class where relnamespace = 'public'::regnamespace order by 1",
            "select indexrelid::regclass::text, indisvalid from pg_index join pg_class c on c.oid = indexrelid "
            "where relnamespace = 'public'::regnamespace order by 1",
            "select count(*), max(id) from public.a",
        )
    ]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["", ":sent"])
def test_a_kill_after_any_statement_is_finished_by_the_same_command(
    new_database: Callable[[], str], tmp_path: Path, moment: str
) -> None:
    undisturbed = new_database()
    with psycopg.connect(undisturbed, autocommit=True) as database:
        assert run_in_a_process(undisturbed, replanned(database), tmp_path).returncode == 0
        expected = content(database)
    # Between a statement and its answer after each eighth one, after its answer four further on: the long form does all.
    first_one, step = (1, 1) if os.environ.get("WGM_TEST_MATRIX") == "long" else (5 if moment else 1, 8)
    for number in range(first_one, MOST, step):
        url = new_database()
        with psycopg.connect(url, autocommit=True) as database:
            first = run_in_a_process(url, replanned(database), tmp_path, f"{number}{moment}")
            # Under the lock, as the pipeline plans again: what the dead run left on the server has ended by then.
            with run_lock(connector(url), wait=10):
                rest = replanned(database)
            again = run_in_a_process(url, rest, tmp_path)
            assert again.returncode == 0, (number, again.stderr)
            assert content(database) == expected, number
            check_ledger(database, number)
        if first.returncode == 0:
            assert number > 15  # begin, four groups, finish
            return
        assert first.returncode == -signal.SIGKILL, first.stderr
    raise AssertionError(f"the plan sends more than {MOST} statements")


def check_ledger(database: Connection, number: int) -> None:
    """Check that the ledger holds exactly what was committed, once, in one chain of runs."""
    ledger = Ledger(database)
    runs = ledger.last_runs()
    assert runs[0].status == "done"
    assert [run.status for run in runs[1:]] in ([], ["killed"], ["done"]), number
    done = [name for (name,) in database.execute("select name[2] from wgm.operation order by run, number")]
    # A concurrent build that was through when the runner died is not planned again, and so not an operation twice.
    assert [name for name in done if name != "b_idx"] == ["a", "b", "rows"], number
    assert done.count("b_idx") <= 1
    assert len([change for change in changes(runs) if change.operations]) <= 1
    open_ends = database.execute(
        "select count(*) from wgm.statement s where ended_at is null and run = %s "
        "and not exists (select from wgm.statement_end e where e.run = s.run and e.number = s.number)",
        [runs[0].id],
    ).fetchone()
    assert open_ends == (0,)


@pytest.fixture
def own_server() -> Iterator[fix_postgres.Postgres]:
    """A server of one test, which may stop it."""
    yield from fix_postgres.started(fix_postgres.available()[-1])


def test_a_server_that_goes_down_in_a_run_is_told_and_resumable(own_server: fix_postgres.Postgres) -> None:
    url = own_server.url(own_server.create_database())
    # A backend that dies hard makes the server end all others and start again.
    with psycopg.connect(url, autocommit=True) as victim:
        victim_pid = victim.info.backend_pid
        made = plan(
            ["CREATE TABLE public.a (id int)"],
            ["CREATE TABLE public.b (id int)", "SELECT pg_sleep(20)"],
        )
        killer = subprocess.Popen(["/bin/sh", "-c", f"sleep 1; kill -9 {victim_pid}"])
        with pytest.raises(StepFailed, match="connection was lost"):
            apply(url, made, policy=Policy(statement_timeout=30))
        killer.wait()
    end = time.monotonic() + 20
    while True:
        try:
            database = psycopg.connect(url, autocommit=True)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.1)
    with database:
        assert database.execute("select to_regclass('public.b')").fetchone() == (None,)
        listening = Listening()
        run, outcome = apply(url, plan(["CREATE TABLE public.b (id int)"], digest="rest"), reporter=listening)
        assert outcome.operations == 1
        assert [(r.id, r.resumes) for r in Ledger(database).last_runs()] == [(run, 1), (1, None)]


def test_a_crash_after_every_commit_of_a_plan_resumes_where_it_was(database_url: str, database: Connection) -> None:
    made = plan(*[[f"CREATE TABLE public.t{n} (id int)"] for n in range(4)])

    class Crash(Exception):
        pass

    for stop in range(4):

        def crash(result: Any, stop: int = stop) -> None:
            if result.index == stop:
                raise Crash

        with pytest.raises(Crash):
            apply(database_url, made, on_group=crash)
    _, outcome = apply(database_url, made)
    assert outcome.operations == 0
    assert database.execute("select count(*) from wgm.operation").fetchone() == (4,)
