"""Standbys, real ones: one that is gone and that commits wait for, one that receives and replays nothing, and planning on one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from orders import Orders, with_orders

import fix_postgres
from fix_postgres import Postgres

pytestmark = pytest.mark.skipif(fix_postgres.newest("pg_basebackup") is None, reason="there is no pg_basebackup here")
FILL = {"amount": {"type": "bigint", "not_null": True}}


@pytest.fixture
def primary(server: Postgres) -> Iterator[Postgres]:
    """A server of its own: what commits wait for concerns all of its databases."""
    if server.bin is None:
        pytest.skip("the server runs in a container")
    life = fix_postgres.started(server.major, wal_level="replica", synchronous_commit="on")
    made = next(life)
    yield made
    life.close()  # type: ignore[attr-defined]


@pytest.fixture
def standby(primary: Postgres) -> Iterator[Postgres]:
    """A standby of it that streams."""
    life = fix_postgres.standby_of(primary)
    made = next(life)
    yield made
    life.close()  # type: ignore[attr-defined]


@pytest.fixture
def orders(project: Path, primary: Postgres) -> Orders:
    return with_orders(project, primary.url(primary.create_database()))


def started(orders: Orders, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wgm_play", *words],
        cwd=orders.folder,
        stdin=subprocess.DEVNULL,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "DATABASE_URL": orders.url},
    )


def said_until(process: subprocess.Popen[str], word: str, seconds: float = 60.0) -> str:
    """Return what a command said up to the line that has `word`; fail where it ends before that."""
    assert process.stdout is not None
    said, until = "", time.monotonic() + seconds
    while word not in said:
        line = process.stdout.readline()
        assert line and time.monotonic() < until, said
        said += line
    return said


def test_a_wait_for_a_synchronous_standby_that_is_gone_is_told(primary: Postgres, orders: Orders) -> None:
    with primary.connect() as admin:
        admin.execute("SET synchronous_commit = local")
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = gone")
        admin.execute("SELECT pg_reload_conf()")
        while admin.execute("SHOW synchronous_standby_names").fetchone() != ("gone",):
            time.sleep(0.05)
        process = started(orders, "prod.yml")
        said = said_until(process, "synchronous_standby_names")
        assert "waits for a synchronous standby" in said and "'gone'" in said
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        admin.execute("SELECT pg_reload_conf()")
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said + rest
    assert orders.columns()[-1] == "flag"


def test_batches_wait_for_a_standby_whose_replay_stands_still(
    primary: Postgres, standby: Postgres, orders: Orders
) -> None:
    orders.write(FILL, policy="policy: {online: always, max_replica_lag: 1s}\n")
    with psycopg.connect(orders.url) as connection:
        connection.execute("INSERT INTO orders (amount) SELECT g FROM generate_series(1, 300000) g")
    with standby.connect() as other:
        other.execute("SELECT pg_wal_replay_pause()")
        process = started(orders, "prod.yml")
        said = said_until(process, "behind")
        assert "a replica is" in said
        other.execute("SELECT pg_wal_replay_resume()")
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said + rest


def test_a_standby_is_planned_for_and_named(primary: Postgres, standby: Postgres, orders: Orders) -> None:
    url = standby.url(orders.url.rsplit("/", 1)[1], primary.superuser, primary.password)
    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)
    planned = orders.play("prod.yml", "--check", "--detailed-exitcode", url=url)
    assert planned.returncode == 10 and "the server is a standby" in planned.stdout
    for words, code in ((("check", "prod.yml"), 0), (("status", "prod.yml"), 0), (("inspect", url), 0)):
        done = orders.play(*words, url=url)
        assert done.returncode == code, done.stdout
    run = orders.play("prod.yml", url=url)
    assert run.returncode == 11 and "standby" in run.stdout and "connect to the primary" in run.stdout


def test_alerts_of_the_library_see_on_a_standby_and_see_it_from_the_primary(
    tmp_path: Path, primary: Postgres, standby: Postgres
) -> None:
    from test_alert_library import BESIDE, imported

    from wgm_play.alerts import evaluate

    whole = [one for one in imported(tmp_path, "- import_alerts: library") if one.name not in BESIDE]
    with standby.connect() as there:
        blind = {one.name: one.error for one in evaluate(there, whole) if one.state == "unknown"}
    with primary.connect() as here:
        (behind,) = [one for one in evaluate(here, whole) if one.name == "StandbyBehind"]
    assert {name for name, why in blind.items() if "it is a counter" not in why} == set()
    assert behind.state == "ok" and len(behind.samples) == 1
