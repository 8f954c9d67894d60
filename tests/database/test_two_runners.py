"""Two runs on one database at once: one does the work, the other is told who holds the run lock, and since when."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from test_kill import started, wait_for

from killing import Place, changed

STEPS = """
- name: Shop
  hosts: production
  steps:
    - name: Users
      table: {name: users, columns: {id: {type: bigint, primary_key: true}}}
    - name: Slow
      sql:
        irreversible: true
        text: |
          do $$ begin
            while exists (select from pg_catalog.pg_class where relname = 'gate') loop perform pg_sleep(0.05); end loop;
          end $$
    - name: Orders
      table: {name: orders, columns: {id: {type: bigint, references: users(id)}}}
"""


WAITS = "select 1 from pg_stat_activity where query like '%relname = ''gate''%' and pid <> pg_backend_pid()"


def shut(place: Place, shut: bool = True) -> None:
    """Shut or open the gate before which a run waits."""
    with psycopg.connect(place.url, autocommit=True) as database:
        database.execute("create table public.gate (a int)" if shut else "drop table public.gate")


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    for name, text in (("environments", 'url: "{{ env.DATABASE_URL }}"\n'), ("playbooks", STEPS)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "production.yml").write_text(text.replace("\\\n", "\n"))
    return Place(tmp_path, "production.yml", database_url)


def test_the_second_runner_exits_13_and_names_the_first(place: Place) -> None:
    shut(place)
    first = started(place)
    wait_for(place.url, WAITS, first)
    second = place.run()
    assert second.returncode == 13, second.stderr
    said = json.loads(second.stdout)["results"][0]["errors"][0]
    assert re.search(r"pid \d+ \(wgm-play/lock\).* since \d{4}-", said["message"]), said
    assert f"process {first.pid}" in " ".join(said["details"]), said
    assert "wgm-play status" in said["hint"] and "wgm-play abort" in said["hint"], said
    assert place.run("production.yml", "--check").returncode == 0  # planning needs no lock
    shut(place, False)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    third = place.run()
    assert (third.returncode, changed(third)) == (0, 0), third.stderr


def test_many_runners_at_once_do_the_work_once(place: Place) -> None:
    runners = [started(place) for _ in range(4)]
    codes = sorted(process.returncode for process in runners if process.communicate(timeout=120))
    assert set(codes) <= {0, 13} and 0 in codes, codes
    with psycopg.connect(place.url, autocommit=True) as database:
        runs = database.execute("select count(*) from wgm.sql_once where step = 'Slow'").fetchone()
    assert runs == (1,)
    assert place.left_behind() == []


def test_abort_ends_a_run_and_the_same_command_resumes(place: Place) -> None:
    shut(place)
    first = started(place)
    wait_for(place.url, WAITS, first)
    file = place.folder / "playbooks" / "production.yml"
    file.write_text(STEPS.replace("columns:", "colums:"))  # somebody edits it meanwhile
    ended = subprocess.run(
        [sys.executable, "-m", "wgm_play", "abort", "production.yml"],
        cwd=place.folder,
        env=place.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    out, said = first.communicate(timeout=30)
    assert first.returncode == 2 and "Traceback" not in said, said
    assert "another session cancelled it" in out + said
    file.write_text(STEPS)
    shut(place, False)
    assert place.run().returncode == 0
    assert place.left_behind() == []


def test_pause_without_a_run_says_what_it_will_hold(place: Place) -> None:
    assert place.run().returncode == 0
    idle = place.run("pause", "production.yml")
    assert idle.returncode == 0
    assert "no run is in progress: the next one waits" in idle.stdout + idle.stderr
    shut(place)
    place.folder.joinpath("playbooks/production.yml").write_text(STEPS.replace("name: Slow", "name: Slow again"))
    first = started(place)
    wait_for(place.url, WAITS, first)
    assert place.run("resume", "production.yml").returncode == 0
    busy = place.run("pause", "production.yml")
    assert busy.returncode == 0
    assert "no run is in progress" not in busy.stdout + busy.stderr
    shut(place, False)
    first.communicate(timeout=30)
    assert first.returncode == 0
