"""The page for emergencies: each of its commands is run in the situation that it is for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, TABLE, Shop
from clusters import room_of
from sites import POLICY, Site, site_of

PAGE = Path(__file__).parents[2] / "src/wgm_play/reference/guide/70-emergencies.md"
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^##+ ", PAGE.read_text(), flags=re.MULTILINE)[1:]}
TRIED = {
    "First",
    "Rows are gone or wrong",
    "The schema is corrupt: restore, then replay",
    "A migration hangs",
    "Common issues",
    "Foreign key violations",
    "Index builds that time out",
    "Rollbacks that fail",
}


def commands(section: str) -> list[str]:
    """Return the commands of a section, in their order."""
    found = re.findall(r"^```sh\n(.*?)^```$", SECTIONS[section], re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines()]


def statements(name: str) -> str:
    [found] = re.findall(rf"^```sql {name}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


class Project:
    """A project whose environment says where its database is; commands as they are typed in its folder."""

    def __init__(self, folder: Path, url: str, server: str = "") -> None:
        self.folder, self.url, self.server = folder, url, server

    def write(self, steps: str, backup: str) -> None:
        Shop(self.folder).write(backup, steps)
        (self.folder / "environments/production.yml").write_text(f"url: {self.url}\n{self.server}")

    def words(self, command: str) -> list[str]:
        program, *words = shlex.split(command)
        assert program == "wgm-play"
        return [sys.executable, "-m", "wgm_play", *words]

    def run(self, command: str, *codes: int) -> str:
        done = subprocess.run(
            self.words(command),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        )
        said = done.stdout + done.stderr
        assert done.returncode in (codes or (0,)), f"{command}: {done.returncode}\n{said}"
        return said

    def sql(self, text: str) -> list[str]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(text.encode())
            return [row[0] for row in connection.execute("select title from tasks order by id")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for place in room_of():
        yield from site_of(15, place, tmp_path)


def just_before(said: str, what: str) -> str:
    """Return the LSN that is told beside what a commit did."""
    found = re.findall(r"lsn:[0-9A-F]+/[0-9A-F]+", said[: said.rindex(what)])
    assert found, said
    return str(found[-1])


def test_every_section_is_tried() -> None:
    assert set(SECTIONS) == TRIED


def test_rows_that_are_gone_and_a_schema_that_is_wrecked(site: Site) -> None:
    server = (site.shop.folder / "environments/production.yml").read_text().partition("\n")[2]
    project = Project(site.shop.folder, site.url, server)
    policy = POLICY.format(site.method, site.cluster.directory)
    project.write(TABLE, policy)
    project.run("wgm-play backup production.yml")
    project.run("wgm-play production.yml")
    project.write(NOTE, policy)
    project.run("wgm-play production.yml")
    project.sql("insert into tasks (title) values ('a'), ('b'), ('c')")
    project.sql("delete from tasks where title < 'c'")
    project.sql("insert into tasks (title) values ('late')")

    freeze, status, check = commands("First")
    assert "is frozen until it is lifted" in project.run(freeze)
    assert "received up to" in project.run(status)
    project.run(check, 0, 12)
    project.write(NOTE.replace("note: text", "note: text, more: text"), policy)
    assert "froze it" in project.run("wgm-play production.yml", 11)
    project.write(NOTE, policy)

    site.cluster.flushed()
    find, restore = commands("Rows are gone or wrong")
    lsn = just_before(project.run(find), "tasks: 2 deleted")
    assert "wgm_restored.tasks: 3 rows" in project.run(restore.replace("lsn:0/3000148", lsn))
    assert project.sql(statements("back")) == ["a", "b", "c", "late"]

    project.sql("truncate tasks")
    project.sql("insert into tasks (title) values ('after the harm')")
    site.cluster.flushed()
    deep, restore, replay, check, lift, release = commands("The schema is corrupt: restore, then replay")
    project.run(deep, 0, 12)
    lsn = just_before(project.run("wgm-play wal production.yml --commits"), "dropped (DROP")
    said = project.run(restore.replace("lsn:0/3000148", lsn))
    assert "is the base of the new timeline" in said
    assert project.sql("select") == ["a", "b", "c", "late"]
    assert "wgm_restored.tasks: 1 row" in project.run(replay)
    assert project.sql(statements("replay")) == ["a", "b", "c", "late", "after the harm"]
    project.run(check, 0, 12)
    assert "is not frozen any more" in project.run(lift)
    project.run(release)

    *_, rollback, restore = [*commands("Rollbacks that fail")]
    assert "tasks.note" in project.run(rollback)
    assert "wgm_restored.tasks: 0 rows" in project.run(restore)


def test_a_migration_that_hangs(database_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    project.write(TABLE, "{before_changes: none}")
    project.run("wgm-play production.yml")
    project.write(NOTE, "{before_changes: none}")
    status, pause, resume, abort, again, rollback = commands("A migration hangs")
    with psycopg.connect(database_url) as blocker:
        blocker.execute("select from tasks")  # a transaction that somebody left open
        hanging = subprocess.Popen(
            project.words(again), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while str(blocker.info.backend_pid) not in (said := project.run(status)):
            assert time.monotonic() < until, said
        project.run(pause)
        project.run(resume)
        assert "ended" in project.run(abort)
        assert hanging.wait(60) != 0
    assert "changed=1" in project.run(again)
    assert "changed=1" in project.run(rollback)


FAMILY = """
    - name: Users
      table: {name: users, columns: {id: {type: bigint, primary_key: true}}}
    - name: Tasks
      table:
        name: tasks
        columns: {id: {type: bigint, identity: always, primary_key: true}, title: text, user_id: bigint}
"""
KEY = FAMILY.replace("user_id: bigint", "user_id: {type: bigint, references: users(id)}")
INDEX = """
    - name: Titles are unique
      index: {name: tasks_title_key, table: tasks, columns: [title], unique: true}
"""


def test_the_common_issues(database_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    project.write(FAMILY, "{before_changes: none}")
    project.run("wgm-play production.yml")
    project.sql("insert into tasks (title, user_id) values ('a', 7), ('a', null)")
    project.write(KEY, "{before_changes: none}")
    [look] = commands("Foreign key violations")
    assert "tasks" in project.run(look, 11)
    assert project.sql(statements("orphans")) == ["a"]
    project.run("wgm-play production.yml")

    project.sql("insert into tasks (title) values ('a')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        project.sql("create unique index concurrently tasks_title_key on tasks (title)")
    project.write(KEY + INDEX, "{before_changes: none}")
    check, run = commands("Index builds that time out")
    assert "tasks_title_key" in project.run(check, 0, 12)
    project.sql("delete from tasks where id = 3")
    assert "changed=1" in project.run(run)
    with psycopg.connect(database_url) as connection:
        valid = "select indisvalid from pg_index where indexrelid = 'tasks_title_key'::regclass"
        assert connection.execute(valid).fetchone() == (True,)
