"""What may happen to a run of online forms beside being killed: it ends with its exit code, and the same command finishes.

In: the playbook and tables of tests/benchmarks/online_faults.py. Out: catalog and rows as an undisturbed run leaves them,
and no INVALID index, trigger, function, column or lock that outlives its purpose.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from test_online import faults, shop

from fix_postgres import Postgres

__all__ = ["faults", "shop"]

Connection = psycopg.Connection[Any]


@pytest.fixture
def finished(faults: ModuleType, shop: Path, database_url: str) -> Callable[[], None]:
    """Run the same command again: it finishes, leaves nothing behind, and then finds nothing to do."""

    def check() -> None:
        done = faults.run(shop, database_url, "shop.yml")
        assert done.returncode == 0, done.stdout + done.stderr
        assert faults.left(database_url) == []
        again = faults.run(shop, database_url, "shop.yml")
        assert "changed=0" in again.stdout, again.stdout + again.stderr

    return check


def run_aside(
    faults: ModuleType, shop: Path, url: str
) -> tuple[threading.Thread, list[subprocess.CompletedProcess[str]]]:
    ended: list[subprocess.CompletedProcess[str]] = []
    thread = threading.Thread(target=lambda: ended.append(faults.run(shop, url, "shop.yml")))
    thread.start()
    return thread, ended


def await_statement(database: Connection, pattern: str, seconds: float = 60.0) -> int:
    """Wait until a run's session is at a statement like this one; return its pid."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        row = database.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            " AND application_name LIKE 'wgm-play/%%' AND query ILIKE %s AND pid <> pg_backend_pid()",
            (pattern,),
        ).fetchone()
        if row is not None:
            return int(row[0])
        time.sleep(0.005)
    raise AssertionError(f"no statement like {pattern}")


# What holds a statement for long enough to be met there: who only looks for it may come too late.
HELD_BY_AN_OLD_SNAPSHOT = ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1"]
HELD_BY_AN_EVENT_TRIGGER = [
    """CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF current_query() ILIKE '%validate constraint%' THEN PERFORM pg_catalog.pg_sleep(60); END IF; END $$""",
    "CREATE EVENT TRIGGER hold ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION hold()",
]


@pytest.mark.parametrize(
    ("pattern", "held_by"),
    [
        ("%update%wgm_new_%", []),  # there are many of them, and none is short
        ("%create%index concurrently%", HELD_BY_AN_OLD_SNAPSHOT),
        ("%validate constraint%", HELD_BY_AN_EVENT_TRIGGER),
    ],
)
def test_a_connection_that_is_cut_in_a_statement(
    faults: ModuleType,
    shop: Path,
    database_url: str,
    database: Connection,
    finished: Callable[[], None],
    pattern: str,
    held_by: list[str],
) -> None:
    with psycopg.connect(database_url, autocommit=True) as holder:
        for statement in held_by:
            holder.execute(statement)
        thread, ended = run_aside(faults, shop, database_url)
        database.execute("SELECT pg_terminate_backend(%s)", (await_statement(database, pattern),))
        thread.join()
    database.execute("DROP EVENT TRIGGER IF EXISTS hold")
    assert ended[0].returncode == 2, ended[0].stdout + ended[0].stderr
    assert "the connection was lost" in ended[0].stderr
    assert "Traceback" not in ended[0].stderr
    database.execute("DROP FUNCTION IF EXISTS hold")
    finished()


def test_a_lock_that_is_held_for_longer_than_the_budget(
    faults: ModuleType, shop: Path, database_url: str, database: Connection, finished: Callable[[], None]
) -> None:
    (shop / "environments" / "faults.yml").write_text(faults.ENVIRONMENT.replace("lock_budget: 60s", "lock_budget: 2s"))
    with psycopg.connect(database_url, application_name="night report") as holder:
        holder.execute("LOCK TABLE items IN ROW EXCLUSIVE MODE")
        ended = faults.run(shop, database_url, "shop.yml")
    assert ended.returncode in (2, 13), ended.stdout + ended.stderr
    assert "night report" in ended.stdout + ended.stderr
    finished()


def test_two_runners_at_once(
    faults: ModuleType, shop: Path, database_url: str, database: Connection, finished: Callable[[], None]
) -> None:
    thread, ended = run_aside(faults, shop, database_url)
    await_statement(database, "%wgm_new_%")
    second = faults.run(shop, database_url, "shop.yml")
    thread.join()
    assert {ended[0].returncode, second.returncode} <= {0, 13}, second.stdout + second.stderr
    assert 0 in (ended[0].returncode, second.returncode)
    finished()


def test_an_index_build_that_runs_out_of_space(
    faults: ModuleType, shop: Path, database_url: str, database: Connection, finished: Callable[[], None]
) -> None:
    name = database.info.dbname
    more = "INSERT INTO items (amount, note) SELECT 1, md5(g::text) || md5(g::text) FROM generate_series(1, 30000) g"
    database.execute(more)
    # Sorting goes to disk, where it may take no more than this: as a disk that is full ends it (53100), this does (53400).
    database.execute(f"ALTER DATABASE {name} SET maintenance_work_mem = '1MB'")
    database.execute(f"ALTER DATABASE {name} SET temp_file_limit = '512kB'")
    ended = faults.run(shop, database_url, "shop.yml")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "temporary file size exceeds" in ended.stderr
    assert [one for one in faults.left(database_url) if "concurrently" in one] == []
    database.execute(f"ALTER DATABASE {name} RESET ALL")
    finished()
    assert database.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)


def test_a_server_that_crashes_and_starts_again_during_a_run(
    faults: ModuleType, shop: Path, database_url: str, finished: Callable[[], None]
) -> None:
    thread, ended = run_aside(faults, shop, database_url)
    with psycopg.connect(database_url, autocommit=True) as watching:
        os.kill(await_statement(watching, "%update%wgm_new_%"), signal.SIGKILL)  # the postmaster ends all, and recovers
        watching.close()
    thread.join()
    assert ended[0].returncode in (0, 2), ended[0].stdout + ended[0].stderr
    assert "Traceback" not in ended[0].stderr
    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(database_url).close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)
    finished()


@pytest.fixture
def small_disk(server: Postgres) -> Iterator[Callable[[str], None]]:
    """A tablespace `tight` on a file system of its own in memory; the function gives it another size."""
    if os.geteuid() != 0 or server.data is None or shutil.which("mount") is None:
        pytest.skip("only root may mount a file system")
    place = Path(tempfile.mkdtemp(prefix="wgm-tight-", dir=server.data.parent))
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        place.rmdir()
        pytest.skip(f"no file system may be mounted here: {made.stderr.decode().strip()}")
    owner = server.data.stat()
    (place / "data").mkdir()
    os.chown(place / "data", owner.st_uid, owner.st_gid)
    try:
        with server.connect() as admin:
            admin.execute(f"CREATE TABLESPACE tight LOCATION '{place / 'data'}'")
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)
    finally:
        with server.connect() as admin:  # the database goes after this fixture: what it has there moves away first
            for (name,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'").fetchall():
                with server.connect(name) as there:
                    there.execute("ALTER TABLE IF EXISTS items SET TABLESPACE pg_default")
                    there.execute("ALTER INDEX ALL IN TABLESPACE tight SET TABLESPACE pg_default")
            admin.execute("DROP TABLESPACE IF EXISTS tight")
        subprocess.run(["umount", "-l", place], check=True)
        place.rmdir()


def test_a_disk_that_is_full(
    faults: ModuleType,
    shop: Path,
    database_url: str,
    database: Connection,
    small_disk: Callable[[str], None],
    finished: Callable[[], None],
) -> None:
    database.execute("INSERT INTO items (amount, note) SELECT 1, md5(g::text) FROM generate_series(1, 30000) g")
    database.execute("ALTER TABLE items SET TABLESPACE tight")
    ended = faults.run(shop, database_url, "shop.yml")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    small_disk("100m")
    finished()
