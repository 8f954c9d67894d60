"""A step with `pause_pool`: the application's transactions wait, none fails, and whoever dies leaves no pool paused.

In: PgBouncer in transaction mode before a server, clients that write through it, a change that rewrites their table. Out: no
error of a client; the pool goes on after kills of the runner, of the watchdog, and after the deadline.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from laws import Project, load_sql

from fix_postgres import Postgres
from pooling import Pool, pgbouncer
from wgm_play.environment import Pool as Console
from wgm_play.pgbouncer.console import console

WAIT = 20.0
ENVIRONMENT = """
url: {url}
policy: {{online: never, lock_timeout: 1s, lock_budget: 30s}}
pool: {{admin: "{admin}", deadline: {deadline}}}
"""


@pytest.fixture(scope="module")
def pool(server: Postgres) -> Iterator[Pool]:
    with pgbouncer(server, "transaction", admin_users=server.superuser) as found:
        yield found


class Setting:
    """A database with a table of rows, reached through the pool, and a playbook that rewrites the table."""

    def __init__(self, pool: Pool, folder: Path, url: str) -> None:
        self.url = url
        self.name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        self.pooled = pool.url(str(self.name))
        self.admin = pool.url("pgbouncer")
        self.book = Project(folder, url)
        load_sql(
            url,
            "CREATE TABLE t (id integer PRIMARY KEY, n integer NOT NULL); INSERT INTO t SELECT g, 0 FROM generate_series(1, 2000) g",
        )

    def wants(self, deadline: str = "10s", **more: object) -> None:
        self.book.environment = ENVIRONMENT.format(url=self.url, admin=self.admin, deadline=deadline)
        columns = {"id": {"type": "integer", "primary_key": True}, "n": {"type": "bigint", "not_null": True}}
        self.book.write([{"name": "T", "table": {"name": "t", "columns": columns}, "pause_pool": True, **more}])

    def started(self, *command: str) -> subprocess.Popen[str]:
        more = () if command else ("--no-backup",)
        words = [sys.executable, "-m", "wgm_play", *command, str(self.book.folder / "playbook.yml"), *more]
        return subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def paused(self) -> bool:
        with console(Console(self.admin)) as session:
            return any(row["name"] == self.name and row["paused"] == "1" for row in session.send("SHOW DATABASES"))

    def type(self) -> str:
        with psycopg.connect(self.url) as connection:
            [(found,)] = connection.execute(
                "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'n'"
            )
            return str(found)


@pytest.fixture
def setting(pool: Pool, project: Path, database_url: str) -> Iterator[Setting]:
    made = Setting(pool, project, database_url)
    made.wants()
    # A database that no line of the pool's file names is forgotten while nobody is connected to it.
    with psycopg.connect(made.pooled, autocommit=True, prepare_threshold=None):
        yield made


def until(asked: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not asked():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


@contextmanager
def clients(url: str, number: int = 4) -> Iterator[list[str]]:
    """Write and read through the pool, each client in its own transactions; yields what failed."""
    failed: list[str] = []
    done: list[int] = []
    over = threading.Event()

    def work(own: int) -> None:
        while not over.is_set():
            try:
                with psycopg.connect(url, prepare_threshold=None) as connection:
                    while not over.is_set():
                        connection.execute("UPDATE t SET n = n + 1 WHERE id = %s", [own])
                        connection.execute("SELECT sum(n) FROM t WHERE id < 10")
                        connection.commit()
                        done.append(own)
            except psycopg.Error as error:
                failed.append(f"{error.sqlstate} {error}")

    threads = [threading.Thread(target=work, args=(own,)) for own in range(1, number + 1)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(done) > 50)
        yield failed
        before = len(done)
        until(lambda: len(done) > before + 20)
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def held(url: str, statement: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, prepare_threshold=None) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
        yield connection
        connection.rollback()


LOCK = "LOCK TABLE t IN SHARE MODE"


def watchdogs(runner: subprocess.Popen[str]) -> list[int]:
    words = ["pgrep", "-P", str(runner.pid), "-f", "wgm_play.execute.watchdog"]
    return [int(word) for word in subprocess.run(words, check=False, capture_output=True, text=True).stdout.split()]


def test_no_transaction_of_the_application_fails_while_its_table_is_rewritten(setting: Setting) -> None:
    plan = setting.book.apply(check=True).plans[0]
    assert plan.groups[0].operations[0].payload["pause_pool"] is True
    with clients(setting.pooled) as failed:
        runner = setting.started()
        said = runner.communicate(timeout=60)[0]
        assert runner.returncode == 0, said
    assert failed == []
    assert (setting.type(), setting.paused()) == ("bigint", False)


def test_a_runner_that_is_killed_while_the_pool_is_paused_leaves_it_going(setting: Setting) -> None:
    with held(setting.url, LOCK):
        runner = setting.started()
        until(setting.paused)
        os.killpg(runner.pid, signal.SIGKILL)
        runner.communicate()
        until(lambda: not setting.paused())
    with clients(setting.pooled) as failed:
        runner = setting.started()
        said = runner.communicate(timeout=60)[0]
        assert runner.returncode == 0, said
    assert failed == [] and setting.type() == "bigint"


def test_a_runner_that_is_killed_while_the_pool_empties_leaves_it_going(setting: Setting) -> None:
    with held(setting.pooled, "SELECT 1"):
        runner = setting.started()
        until(setting.paused)
        os.killpg(runner.pid, signal.SIGKILL)
        runner.communicate()
    until(lambda: not setting.paused())
    with psycopg.connect(setting.pooled, prepare_threshold=None) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_rollback_pauses_the_pool_as_its_run_did_and_leaves_it_going_when_killed(setting: Setting) -> None:
    setting.book.apply()
    assert setting.type() == "bigint"
    with held(setting.url, LOCK):
        runner = setting.started("rollback")
        until(setting.paused)
        os.killpg(runner.pid, signal.SIGKILL)
        runner.communicate()
        until(lambda: not setting.paused())
    with clients(setting.pooled) as failed:
        runner = setting.started("rollback")
        said = runner.communicate(timeout=60)[0]
        assert runner.returncode == 0, said
    assert failed == []
    assert (setting.type(), setting.paused()) == ("integer", False)


def test_a_pool_that_does_not_empty_stops_the_run_before_the_change(setting: Setting) -> None:
    setting.wants(deadline="1s")
    with held(setting.pooled, "SELECT 1"):
        runner = setting.started()
        said = runner.communicate(timeout=60)[0]
    assert runner.returncode == 2 and "could not be paused: a transaction was open for 1 s" in said, said
    assert (setting.type(), setting.paused()) == ("integer", False)


def test_a_watchdog_that_is_killed_leaves_the_rest_to_the_runner(setting: Setting) -> None:
    with held(setting.url, LOCK):
        runner = setting.started()
        until(setting.paused)
        for pid in watchdogs(runner):
            os.kill(pid, signal.SIGKILL)
    said = runner.communicate(timeout=60)[0]
    assert runner.returncode == 0, said
    assert (setting.type(), setting.paused()) == ("bigint", False)


def test_at_the_deadline_the_application_goes_on_and_so_does_the_run(setting: Setting) -> None:
    setting.wants(deadline="1s")
    with held(setting.url, LOCK):
        runner = setting.started()
        until(setting.paused)
        until(lambda: not setting.paused())
        assert runner.poll() is None
    said = runner.communicate(timeout=60)[0]
    assert runner.returncode == 0 and "was let go after 1 s" in said, said
    assert (setting.type(), setting.paused()) == ("bigint", False)


def test_without_a_pool_in_the_environment_nothing_is_paused(setting: Setting) -> None:
    setting.book.environment = f"url: {setting.url}\npolicy: {{online: never}}\n"
    columns = {"id": {"type": "integer", "primary_key": True}, "n": {"type": "bigint", "not_null": True}}
    setting.book.write([{"name": "T", "table": {"name": "t", "columns": columns}, "pause_pool": True}])
    assert "pause_pool" not in setting.book.apply().plans[0].groups[0].operations[0].payload
