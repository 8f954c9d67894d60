"""What is watched after a run: reported or taken back, begun anew where the runner was killed, never on what was not silent before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from orders import COLUMNS, FLAG, Orders, with_orders

# It fires as soon as the run has added the column, and says nothing before.
FLAG_THERE: dict[str, Any] = {
    "name": "FlagThere",
    "query": "select count(*) as value from information_schema.columns where table_name = 'orders' and column_name = 'flag'",
    "threshold": "> 0",
    "severity": "warning",
    "summary": "orders have a flag",
}
SIGNALS: dict[str, Any] = {
    "name": "Signals",
    "query": "select count(*) as value from signals",
    "threshold": "> 0",
    "severity": "critical",
}
# It sees nothing any more once the column is there.
BLIND: dict[str, Any] = {
    "name": "Blind",
    "threshold": "> 5",
    "severity": "critical",
    "query": "select nullif(count(*), 1) as value from information_schema.columns where table_name = 'orders' and column_name = 'flag'",
}


@pytest.fixture
def orders(project: Path, database_url: str) -> Orders:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE signals (id int); CREATE TABLE errors (n bigint); INSERT INTO errors VALUES (1000)"
        )
    return with_orders(project, database_url)


def watching(orders: Orders, *alerts: dict[str, Any], columns: dict[str, Any] | None = None, **told: Any) -> Orders:
    more = {name: told.pop(name) for name in ("invariants", "further") if name in told}
    tables = {"orders": {**COLUMNS, **(columns or FLAG)}, "signals": {"id": "int"}, "errors": {"n": "bigint"}}
    steps = [{"name": name, "table": {"name": name, "columns": columns}} for name, columns in tables.items()]
    steps += more.pop("further", [])
    return orders.write(
        steps=steps,
        after_changes={"for": "1s", "every": "200ms", **told},
        **({"alerts": list(alerts)} if alerts else {}),
        **more,
    )


def asked(orders: Orders, query: str) -> Any:
    with psycopg.connect(orders.url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def until(holds: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def begun(orders: Orders, kind: str = "watch_from", times: int = 1) -> bool:
    return bool(
        asked(orders, "SELECT to_regclass('wgm.evidence') IS NOT NULL")
        and asked(orders, f"SELECT count(*) >= {times} FROM wgm.evidence WHERE kind = '{kind}'")
    )


@contextmanager
def start(orders: Orders) -> Iterator[subprocess.Popen[str]]:
    """Start a run, and wait until it watches."""
    with subprocess.Popen(
        [sys.executable, "-m", "wgm_play", "prod.yml"],
        cwd=orders.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "DATABASE_URL": orders.url},
        text=True,
    ) as run:
        try:
            until(lambda: begun(orders) or run.poll() is not None, "the run is done")
            yield run
        finally:
            run.kill()


def test_a_run_after_which_all_stays_well_says_so_once(orders: Orders) -> None:
    watching(orders, SIGNALS)
    done = orders.play("prod.yml")
    assert done.returncode == 0 and "all stayed well for 1s" in done.stdout, done.stdout
    again = orders.play("prod.yml")
    assert again.returncode == 0 and "watch" not in again.stdout and "stayed well" not in again.stdout


def test_an_alert_that_begins_to_fire_is_reported(orders: Orders) -> None:
    done = watching(orders, FLAG_THERE, SIGNALS).play("prod.yml")
    assert done.returncode == 12, done.stdout
    assert "FlagThere: 1 (> 0): orders have a flag" in done.stdout and "prod.yml:" in done.stdout
    assert "wgm-play rollback prod.yml" in done.stdout and "flag" in orders.columns()
    assert orders.play("prod.yml").returncode == 0, "it is told once"


def test_it_is_taken_back_where_the_play_says_so_and_held(orders: Orders) -> None:
    done = watching(orders, FLAG_THERE, on_failure="rollback").play("prod.yml")
    assert done.returncode == 2 and "was taken back: the database was not well after it" in done.stdout, done.stdout
    assert "flag" not in orders.columns() and asked(orders, "SELECT count(*) FROM orders") == 300
    assert "a run would be refused now: run 1 was taken back" in orders.play("prod.yml", "--check").stdout
    again = orders.play("prod.yml")
    assert again.returncode == 11 and "held" in again.stdout and "FlagThere" in again.stdout, again.stdout
    other = watching(orders, FLAG_THERE, columns={"colour": "text"}, on_failure="rollback").play("prod.yml")
    assert other.returncode == 0, "another wanted state is not held"


def test_what_was_not_silent_before_does_not_count(orders: Orders) -> None:
    with psycopg.connect(orders.url, autocommit=True) as connection:
        connection.execute("INSERT INTO signals VALUES (1)")
    gone = {**SIGNALS, "name": "Gone", "query": "select null::int as value from signals"}
    done = watching(orders, SIGNALS, gone, on_failure="rollback").play("prod.yml")
    assert done.returncode == 0, done.stdout
    assert "not silent before, so not counted: Signals (firing), Gone (unknown)" in done.stdout


def test_what_cannot_be_seen_is_reported_and_takes_nothing_back(orders: Orders) -> None:
    done = watching(orders, BLIND, on_failure="rollback").play("prod.yml")
    assert done.returncode == 12 and "Blind: unknown: the value is NULL" in done.stdout, done.stdout
    assert "flag" in orders.columns()


def test_an_invariant_that_others_break_later_counts(orders: Orders) -> None:
    broken = [{"name": "no signals", "query": "select * from signals"}]
    watching(orders, invariants=broken, **{"for": "30s"}, on_failure="rollback")
    with start(orders) as run:
        with psycopg.connect(orders.url, autocommit=True) as connection:
            connection.execute("INSERT INTO signals VALUES (7)")
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 2 and "'no signals' is broken after the run" in said, said
        assert "flag" not in orders.columns()


def test_what_cannot_be_undone_is_not_taken_back(orders: Orders) -> None:
    once = {"name": "Once", "sql": {"text": "insert into signals values (0)", "irreversible": True}}
    watching(orders, FLAG_THERE, on_failure="rollback", further=[once])
    done = orders.play("prod.yml")
    assert done.returncode == 12 and "not taken back: what was done cannot be undone" in done.stdout, done.stdout
    assert "flag" in orders.columns()


def test_rows_that_were_written_since_are_not_taken_away(orders: Orders) -> None:
    watching(orders, SIGNALS, on_failure="rollback", **{"for": "30s"})
    with start(orders) as run:
        with psycopg.connect(orders.url, autocommit=True) as connection:
            connection.execute("INSERT INTO orders (amount, flag) VALUES (1, true)")
            connection.execute("INSERT INTO signals VALUES (7)")
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 12 and "rows were written since the run" in said, said
        assert asked(orders, "SELECT count(*) FROM orders WHERE flag") == 1


def test_writes_that_know_nothing_of_what_is_new_are_no_loss(orders: Orders) -> None:
    watching(orders, SIGNALS, on_failure="rollback", **{"for": "30s"})
    with start(orders) as run:
        with psycopg.connect(orders.url, autocommit=True) as connection:
            connection.execute("UPDATE orders SET note = 'sent' WHERE id < 50; INSERT INTO orders (amount) VALUES (5)")
            connection.execute("INSERT INTO signals VALUES (7)")
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 2 and "flag" not in orders.columns(), said
        assert asked(orders, "SELECT count(*) FROM orders WHERE note = 'sent'") == 49


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_watch_that_was_cut_short_is_begun_anew_by_the_same_command(orders: Orders, end: signal.Signals) -> None:
    watching(orders, SIGNALS, on_failure="rollback", **{"for": "30s"})
    with start(orders) as run:
        time.sleep(0.5)
        run.send_signal(end)
        said, _ = run.communicate(timeout=60)
        assert run.returncode == (-signal.SIGKILL if end is signal.SIGKILL else 130), said
        with psycopg.connect(orders.url, autocommit=True) as connection:
            connection.execute("INSERT INTO signals VALUES (7)")
        again = orders.play("prod.yml")
        assert again.returncode == 2 and "Signals: 1 (> 0)" in again.stdout, again.stdout
        assert "flag" not in orders.columns()


def test_a_rollback_of_a_watch_that_was_killed_is_finished_and_not_run_forward(orders: Orders) -> None:
    watching(orders, FLAG_THERE, on_failure="rollback")
    lock = psycopg.connect(orders.url)
    with start(orders):
        lock.execute("LOCK TABLE orders IN ACCESS SHARE MODE")  # the rollback waits for its first statement
        until(lambda: asked(orders, "SELECT bool_or(command = 'rollback') FROM wgm.run"), "a rollback")
    lock.close()
    again = orders.play("prod.yml")
    assert again.returncode == 2 and "cut short: it is finished" in again.stdout, again.stdout
    assert "flag" not in orders.columns()


def test_another_run_ends_the_watch(orders: Orders) -> None:
    watching(orders, SIGNALS, on_failure="rollback", **{"for": "60s"})
    with start(orders) as run:
        assert orders.play("rollback", "prod.yml").returncode == 0
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 0 and "has begun since" in said, said


def test_a_counter_counts_from_the_run_on(orders: Orders) -> None:
    """Nobody has recorded where it stood: before the run it is unknown, but what it grows by since is the run's time."""
    counter = {
        "name": "Errors",
        "query": "select n as value from errors",
        "over": "1h",
        "threshold": "> 5",
        "severity": "warning",
    }
    watching(orders, counter, **{"for": "30s"})
    with start(orders) as run:
        with psycopg.connect(orders.url, autocommit=True) as connection:
            connection.execute("UPDATE errors SET n = n + 9")
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 12 and "Errors: 9 (> 5)" in said, said


def test_a_name_that_no_alert_has_is_an_error_at_its_place(orders: Orders) -> None:
    done = watching(orders, SIGNALS, alerts=["Signal"]).play("prod.yml", "--check")
    assert done.returncode == 1 and "no alert of the play is called 'Signal'" in done.stdout, done.stdout
    assert "did you mean 'Signals'" in done.stdout
