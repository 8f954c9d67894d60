"""Whatever kills a run at whatever moment, the same command finishes the work and ends where an undisturbed run ends.

`tests/benchmarks/kill_every_statement.py` kills after each statement; here a few of them, and other ways to die.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_postgres import Postgres
from killing import Place, changed, copy_of_project, differences, kill_and_resume
from wgm_play import embedded
from wgm_play.environment import Embedded

# The first statements (run lock, ledger), some in between, and the last ones of the shipped production playbook.
MOMENTS = ("1", "2:sent", "7", "19", "30:sent", "48", "77:sent", "95", "120:sent", "140", "160:sent", "172")
LATE = 100000


@pytest.fixture(scope="module")
def undisturbed(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """What an undisturbed run of the production playbook leaves in an empty database."""
    name = server.create_database()
    place = Place(copy_of_project(tmp_path_factory.mktemp("whole")), "production.yml", server.url(name))
    done = place.run()
    assert done.returncode == 0, done.stderr
    yield place.content()
    server.drop_database(name)


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    return Place(copy_of_project(tmp_path), "production.yml", database_url)


@pytest.mark.slow
def test_a_run_killed_after_a_statement_is_finished_by_the_same_command(
    new_database: Callable[[], str], undisturbed: tuple[str, list[str]], tmp_path: Path
) -> None:
    folder = copy_of_project(tmp_path)
    for moment in MOMENTS if os.environ.get("WGM_TEST_MATRIX") == "long" else MOMENTS[::4]:
        verdict = kill_and_resume(Place(folder, "production.yml", new_database()), moment, undisturbed)
        assert verdict.killed, f"there are fewer statements than {moment}: choose earlier ones"
        assert not verdict.problems, (moment, verdict.problems)


def started(place: Place, *words: str) -> subprocess.Popen[str]:
    """Start a run that is left to itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "wgm_play", *(words or (place.playbook,))],
        cwd=place.folder,
        env=place.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(url: str, condition: str, process: subprocess.Popen[str], seconds: float = 30) -> Any:
    """Wait until a query returns a row; return it."""
    until = time.monotonic() + seconds
    with psycopg.connect(url, autocommit=True) as watch:
        while True:
            try:
                row = watch.execute(condition.encode()).fetchone()
            except psycopg.errors.UndefinedTable:
                row = None
            if row is not None:
                return row
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, f"never: {condition}"
            time.sleep(0.01)


def finished(place: Place, wanted: tuple[str, list[str]]) -> None:
    """Run the same command twice: it finishes the work, then finds nothing to do."""
    second = place.run()
    assert second.returncode == 0, second.stderr
    third = place.run()
    assert (third.returncode, changed(third)) == (0, 0), third.stderr
    assert differences(wanted, place.content()) == []
    assert place.left_behind() == []


def test_a_backup_gate_killed_is_passed_again(place: Place, undisturbed: tuple[str, list[str]]) -> None:
    with psycopg.connect(place.url, autocommit=True) as database:
        database.execute("create table big as select g, repeat('x', 500) as filler from generate_series(1, 40000) g")
    process = started(place)
    wait_for(place.url, "select 1 from pg_stat_activity where query ~* '^copy .*public.big'", process)
    process.kill()
    process.communicate()
    with psycopg.connect(place.url, autocommit=True) as database:
        assert database.execute("select to_regclass('public.users')").fetchone() == (None,)
        time.sleep(0.5)
        database.execute("drop table big")
    finished(place, undisturbed)


def test_a_rollback_killed_is_finished_by_the_same_command(place: Place) -> None:
    assert place.run().returncode == 0
    empty = ("rollback", "production.yml")
    for moment in ("6", "30:sent", "60", "90", "120"):
        killed = place.run(*empty, kill_after=moment)
        if killed.returncode != -signal.SIGKILL:
            break
    last = place.run(*empty)
    assert last.returncode in (0, 11), last.stderr
    with psycopg.connect(place.url, autocommit=True) as database:
        assert database.execute("select to_regclass('public.users')").fetchone() == (None,)
    assert place.left_behind() == []


def test_a_connection_cut_in_mid_run_exits_2_and_the_same_command_resumes(
    place: Place, undisturbed: tuple[str, list[str]]
) -> None:
    process = started(place)
    wait_for(place.url, "select 1 from wgm.operation offset 40 limit 1", process)
    with psycopg.connect(place.url, autocommit=True) as database:
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '^wgm-play/[0-9]+$'"
        assert database.execute(cut).fetchall()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2, said
    assert "connection was lost" in said and "same command" in said and "Traceback" not in said, said
    finished(place, undisturbed)


def test_the_server_killed_in_mid_run_restarts_and_the_same_command_resumes(project: Path) -> None:
    copy_of_project(project)
    text = (project / "environments" / "development.yml").read_text()
    assert "embedded:" in text
    environ = {**os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "wgm_play", "development.yml"],
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = _await_server(project, process)
    wait_for(url, "select 1 from wgm.operation offset 40 limit 1", process, 60)
    for running in embedded.running(Embedded(), project):
        os.kill(running.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert "Traceback" not in said and "same command" in said, said
    words = [sys.executable, "-m", "wgm_play", "development.yml", "--format", "json"]
    second = subprocess.run(words, cwd=project, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 0, second.stderr
    third = subprocess.run(words, cwd=project, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (third.returncode, changed(third)) == (0, 0), third.stderr


def _await_server(project: Path, process: subprocess.Popen[str]) -> str:
    until = time.monotonic() + 60
    while True:
        for running in embedded.running(Embedded(), project):
            url = embedded.start(Embedded(database="wasteland"), project).url
            assert running.pid
            return str(url)
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
