"""Batches on a real server: every row once, checkpoints, pauses, locks in the way.

In: hand-made operations with a "backfill" payload. Out: rows, ledger rows, what the reporter was told.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hand_made import Listening, apply, connector, plan

from wgm_play import pipeline
from wgm_play.catalog.model import Key
from wgm_play.commands.status import status
from wgm_play.environment import Policy
from wgm_play.errors import Refused
from wgm_play.execute.pace import LARGEST, SMALLEST, Pace
from wgm_play.execute.steering import ALERT_REST, give_order
from wgm_play.ledger import Ledger
from wgm_play.options import Options
from wgm_play.plan import Command, Group, Operation, Plan

Connection = psycopg.Connection[Any]
POLICY = Policy(lock_timeout=0.2, lock_budget=20.0)


def filling(**task: Any) -> Plan:
    values = {"table": ["public", "t"], "set": "n = n + 1", "columns": ["n"], "batch": 0.01, **task}
    made = Command("UPDATE public.t SET n = n + 1", wait="data", transactional=False, shadow=False)
    return plan(
        Group(
            (Operation("run", Key("table", ("public", "t")), "count", (made,), 0, payload={"backfill": values}),),
            0,
            False,
        )
    )


def one(database: Connection, sql: str) -> Any:
    row = database.execute(sql).fetchone()
    assert row is not None
    return row[0]


def table(database: Connection, keys: str = "id int PRIMARY KEY", values: str = "g", rows: int = 20_000) -> None:
    """Make the table `t` with `rows` rows, whose leading columns have `values` over the number `g`."""
    database.execute(f"CREATE TABLE public.t ({keys}, n int NOT NULL DEFAULT 0, other text)")
    database.execute(f"INSERT INTO public.t SELECT {values} FROM generate_series(1, {rows}) g")
    database.execute("ANALYZE public.t")


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ("id int PRIMARY KEY", "g"),
        ("id text PRIMARY KEY", "g || 'é'"),
        ("a int, b text, PRIMARY KEY (b, a)", "g, g % 7"),
        ("id numeric NOT NULL UNIQUE", "g / 3.0"),
    ],
    ids=["int", "text", "two columns", "unique"],
)
def test_every_row_is_changed_once_in_many_transactions(
    database_url: str, database: Connection, keys: str, values: str
) -> None:
    table(database, keys, values, 5000)
    apply(database_url, filling(), policy=POLICY)
    assert database.execute("SELECT DISTINCT n FROM public.t").fetchall() == [(1,)]
    assert one(database, "SELECT count(DISTINCT xmin::text) FROM public.t") > 3


def test_batches_follow_the_order_of_the_key_and_not_that_of_its_digits(
    database_url: str, database: Connection
) -> None:
    table(database, rows=5000)
    apply(database_url, filling(), policy=POLICY)
    first = one(database, "SELECT xmin::text FROM public.t WHERE id = 1")
    assert one(database, f"SELECT max(id) FROM public.t WHERE xmin::text = '{first}'") == Pace().size
    apart = "SELECT min(id) AS low, max(id) AS high, count(*) AS rows FROM public.t GROUP BY xmin::text"
    assert one(database, f"SELECT bool_and(high - low + 1 = rows) FROM ({apart}) batch")


def test_a_table_without_a_key_is_walked_by_pages(database_url: str, database: Connection) -> None:
    table(database, "id int")
    with pytest.raises(Refused, match="no primary key"):
        apply(database_url, filling(), policy=POLICY)
    apply(database_url, filling(where="n = 0"), policy=POLICY)
    assert database.execute("SELECT DISTINCT n FROM public.t").fetchall() == [(1,)]


def test_a_killed_backfill_goes_on_where_it_was(database_url: str, database: Connection, tmp_path: Path) -> None:
    table(database, rows=30_000)
    made = filling()
    file = tmp_path / "plan.json"
    task = made.groups[0].operations[0].payload["backfill"]
    file.write_text(json.dumps(task))
    program = (
        "import sys, json; sys.path.insert(0, sys.argv[3]); from test_backfill import filling, POLICY; from hand_made import apply;"
        "apply(sys.argv[1], filling(**json.load(open(sys.argv[2]))), policy=POLICY)"
    )
    command = [sys.executable, "-c", program, database_url, str(file), str(Path(__file__).parent)]
    for kill in ("25", "40:sent", "33"):
        done = subprocess.run(
            command, env={**os.environ, "WGM_TEST_KILL_AFTER": kill}, capture_output=True, check=False
        )
        assert done.returncode == -9, done.stderr.decode()
    assert 0 < one(database, "SELECT count(*) FROM public.t WHERE n > 0") < 30_000
    apply(database_url, made, policy=POLICY)
    assert database.execute("SELECT n, count(*) FROM public.t GROUP BY n").fetchall() == [(1, 30_000)]


def test_an_old_checkpoint_is_not_one_of_a_column_made_again(database_url: str, database: Connection) -> None:
    table(database, rows=500)
    database.execute("ALTER TABLE public.t ALTER n DROP NOT NULL; UPDATE public.t SET n = NULL")
    task = {"set": "n = id", "where": "n IS NULL", "left": "n IS NULL", "name": "fill n"}
    apply(database_url, filling(**task), policy=POLICY)
    database.execute("ALTER TABLE public.t DROP n; ALTER TABLE public.t ADD n int")
    apply(database_url, filling(**task), policy=POLICY)
    assert one(database, "SELECT count(*) FROM public.t WHERE n IS NULL") == 0


def test_a_row_that_is_locked_is_waited_for_within_the_budget(database_url: str, database: Connection) -> None:
    table(database, rows=500)
    reporter = Listening()
    with psycopg.connect(database_url) as other:
        other.execute("UPDATE public.t SET other = 'x' WHERE id = 77")
        threading.Timer(1.0, other.commit).start()
        apply(database_url, filling(), policy=POLICY, reporter=reporter)
    assert database.execute("SELECT DISTINCT n FROM public.t").fetchall() == [(1,)]
    assert any("lock not available" in text for text in reporter.retries)


def test_a_backfill_is_paused_and_resumed_from_another_terminal(database_url: str, database: Connection) -> None:
    table(database, rows=40_000)
    apply(database_url, plan(["SELECT 1"]))
    with connector(database_url)("test") as connection:
        give_order(connection, paused=True, batch_ms=None, os_user="somebody")
    reporter = Listening()
    thread = threading.Thread(target=lambda: apply(database_url, filling(), policy=POLICY, reporter=reporter))
    thread.start()
    time.sleep(1.5)
    assert one(database, "SELECT count(*) FROM public.t WHERE n > 0") == 0
    assert any("paused by somebody" in text for text in reporter.retries)
    with connector(database_url)("test") as connection:
        give_order(connection, paused=False, batch_ms=20, os_user="somebody")
    thread.join(30)
    assert one(database, "SELECT count(*) FROM public.t WHERE n = 1") == 40_000
    assert [run.status for run in Ledger(database).last_runs(2)] == ["done", "done"]


def test_status_tells_how_far_a_backfill_is_and_when_it_ends(database_url: str, database: Connection) -> None:
    table(database, rows=400_000)
    thread = threading.Thread(target=lambda: apply(database_url, filling(name="count"), policy=POLICY))
    thread.start()
    for _ in range(1000):
        time.sleep(0.02)
        with suppress(psycopg.errors.UndefinedTable):
            if one(database, "SELECT count(*) FROM wgm.checkpoint") >= 2:
                break
    with connector(database_url)("test") as connection:
        give_order(connection, paused=True, batch_ms=None, os_user="somebody")
        time.sleep(1.0)
        now = status(connection).in_progress
        give_order(connection, paused=False, batch_ms=None, os_user="somebody")
    thread.join(60)
    assert now is not None
    (found,) = now.progress
    assert found.title == "count"
    assert 0 < found.done < found.total
    assert found.left > 0
    assert re.fullmatch(
        r"count: [\d,]+ of about 400,000 rows, \d+%, [\d,]+ rows a second, about \S+ left, at [\d:]+", str(found)
    ), str(found)


def test_a_firing_alert_slows_the_batches_down(project: Path, database_url: str, database: Connection) -> None:
    database.execute("CREATE TABLE public.calm (id int PRIMARY KEY)")
    database.execute("INSERT INTO public.calm SELECT generate_series(1, 2000)")
    (project / "environments" / "here.yml").write_text(f'url: "{database_url}"\npolicy: {{online: always}}\n')
    (project / "play.yml").write_text(
        "- name: Play\n  hosts: here\n  steps:\n    - name: T\n      table: {name: calm, columns: {"
        "id: {type: integer, primary_key: true}, a: {type: integer, backfill: id}}}\n"
        "  alerts:\n    - {name: Busy, query: select count(*) as value from calm, threshold: '> 100', severity: warning}\n"
    )
    reporter = Listening()
    began = time.monotonic()
    pipeline.apply(Options(str(project / "play.yml"), no_backup=True), reporter)
    assert any("goes slowly, the alert 'Busy' fires" in text for text in reporter.retries)
    assert time.monotonic() - began > ALERT_REST
    assert one(database, "SELECT count(*) FROM public.calm WHERE a = id") == 2000


def test_batches_follow_the_time_that_they_take() -> None:
    pace = Pace(target=0.1)
    for _ in range(30):
        pace.after(pace.size * 0.0001, pace.size)
    assert 400 < pace.size <= 700  # 0.1 ms a row: about 500 in 50 ms
    calm = pace.after(pace.size * 0.0001, pace.size)
    behind = pace.after(pace.size * 0.0001, pace.size, commit=0.2)
    assert behind >= calm + 0.19  # the disk is behind: the others' COMMITs go first
    pressed = pace.after(pace.size * 0.0004, pace.size)
    assert pressed > 5 * calm  # rows take longer than they used to: rest
    for _ in range(30):
        pace.after(10.0, pace.size)
    assert pace.size == SMALLEST
    for _ in range(60):
        pace.after(0.0001, pace.size)
    assert pace.size == LARGEST
