"""The server of our own for scratch databases: what it lacks is told as such, what a killed command left there goes.

In: commands and environments. Out: messages, exit codes, what is on the servers afterwards.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project

import fix_postgres
from fix_postgres import Postgres
from wgm_play import embedded
from wgm_play.errors import Refused, WgmError
from wgm_play.user_folder import OURS, working

PEOPLE: dict[str, Any] = {
    "name": "people",
    "columns": {"id": {"type": "bigint", "primary_key": True}, "nick": "citext"},
}
CITEXT = {"name": "E", "extension": {"name": "citext"}}


@pytest.fixture
def owner_with_citext(servers: Any, project: Path) -> Iterator[tuple[Project, Postgres]]:
    """A project of an owner without rights, on a server with contrib; the wheel's, which has none, is its shadow."""
    if not {15, 18} <= set(fix_postgres.available()):
        pytest.skip("needs PostgreSQL 15 with contrib and the wheel's 18")
    target, bare = servers.get(15), servers.get(18)
    role, password = target.create_role()
    database = target.create_database(owner=role)
    with target.connect(database) as admin:
        if not admin.execute("select from pg_available_extensions where name = 'citext'").rowcount:
            pytest.skip("the server lacks citext")
        admin.execute("create extension citext; create extension pg_trgm")
    book = Project(project, target.url(database, role, password), f"embedded: true\nshadow: {bare.url()}\n")
    yield book, target
    target.drop_database(database)
    target.drop_role(role)


@pytest.mark.parametrize(
    ("steps", "lacks"),
    [
        ([CITEXT, {"name": "T", "table": PEOPLE}], "citext"),
        ([{"name": "T", "table": PEOPLE}], "citext"),
        (
            [
                {"name": "T", "table": {**PEOPLE, "columns": {**PEOPLE["columns"], "nick": "text"}}},
                {
                    "name": "I",
                    "index": {
                        "name": "i",
                        "table": "people",
                        "method": "gin",
                        "columns": [{"expression": "nick", "opclass": "gin_trgm_ops"}],
                    },
                },
            ],
            "pg_trgm",
        ),
    ],
)
def test_an_extension_that_the_scratch_server_lacks_is_named_with_the_way_out(
    steps: list[dict[str, Any]], lacks: str, owner_with_citext: tuple[Project, Postgres]
) -> None:
    book, _ = owner_with_citext
    book.write(steps)
    with pytest.raises(Refused, match=f"the server of `shadow:` lacks the extension '{lacks}'") as caught:
        book.apply(check=True)
    hint = caught.value.hint or ""
    assert "`shadow:`" in hint
    assert "CREATEDB" in hint
    assert "did you mean" not in hint


def test_a_live_table_of_such_an_extension_is_told_the_same_way(owner_with_citext: tuple[Project, Postgres]) -> None:
    book, _ = owner_with_citext
    with psycopg.connect(book.url, autocommit=True) as session:
        session.execute("create table people (id bigint primary key, nick citext)")
    book.write(
        [
            {
                "name": "T",
                "table": {"name": "people", "columns": {"id": {"type": "bigint", "primary_key": True}, "nick": "text"}},
            }
        ]
    )
    with pytest.raises(Refused, match="lacks the extension 'citext'") as caught:
        book.apply(check=True)
    assert "shadow:" in (caught.value.hint or "")


def test_a_word_that_is_really_wrong_is_still_told_as_the_mistake_it_is(
    owner_with_citext: tuple[Project, Postgres],
) -> None:
    book, _ = owner_with_citext
    book.write([{"name": "T", "table": {"name": "t", "columns": {"id": "bigint", "a": "txt"}}}])
    with pytest.raises(WgmError, match='type "txt" does not exist') as caught:
        book.apply(check=True)
    assert caught.value.hint == "did you mean 'text'?"


def test_an_installed_server_of_the_targets_version_has_its_extensions(
    owner_with_citext: tuple[Project, Postgres],
) -> None:
    """Without `shadow:` the scratch server is of the target's version, and the installed one where there is one."""
    if not Path("/usr/lib/postgresql/15/bin/postgres").exists():
        pytest.skip("no installed PostgreSQL 15")
    book, _ = owner_with_citext
    book.environment = ""
    book.write([CITEXT, {"name": "T", "table": PEOPLE}])
    assert [operation.title for operation in book.apply(check=True).operations] == ["create table people"]


def test_shadow_target_is_said_by_name_and_told(project: Path, database_url: str) -> None:
    book = Project(project, database_url, "embedded: true\nshadow: target\n")
    book.write([{"name": "T", "table": {"name": "t", "columns": {"id": "bigint"}}}])
    told = book.apply(check=True)
    assert any("shadow: target" in text and "superuser's rights" in text for text in told.said)


def _left() -> list[str]:
    found: list[str] = []
    for server in embedded.running_scratch():
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(server.url, autocommit=True) as admin,
        ):  # it may be starting
            rows = admin.execute(
                "select datname from pg_database where datname ~ '^wgm_shadow' union all "
                "select rolname from pg_roles where rolname ~ '^wgm_shadow'"
            )
            found += [name for (name,) in rows.fetchall()]
    return found


def test_what_a_killed_command_left_is_swept_by_the_next_of_any_kind(project: Path, database_url: str) -> None:
    book = Project(project, database_url, 'url: "{{ env.DATABASE_URL }}"\n')
    sleep = "begin perform pg_sleep(60); return true; end"
    book.write(
        [
            {"name": "F", "function": {"name": "f", "returns": "boolean", "volatility": "immutable", "body": sleep}},
            {"name": "T", "table": {"name": "t", "columns": {"id": "bigint"}}},
            {"name": "I", "index": {"name": "i", "table": "t", "columns": ["id"], "where": "f()"}},
        ]
    )
    others = set(_left())
    words = [sys.executable, "-m", "wgm_play", "playbook.yml", "--check", "--url", database_url]
    command = subprocess.Popen(words, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (mine := set(_left()) - others) and time.monotonic() < until and command.poll() is None:
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    command.wait()
    assert mine
    done = subprocess.run(
        [sys.executable, "-m", "wgm_play", "status", "playbook.yml", "--url", database_url],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "server for scratch databases: pid" in done.stdout + done.stderr
    assert not mine & set(_left())


def _stop(project: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "wgm_play", "stop", "playbook.yml"]
    return subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)


def test_the_server_is_shown_kept_and_stopped(
    project: Path, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One serves all projects of a person: it is stopped unless another command works on it."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    book = Project(project, database_url)
    book.write([{"name": "T", "table": {"name": "t", "columns": {"id": "bigint"}}}])
    book.apply(check=True)
    [server] = embedded.running_scratch()
    (project / "environments" / "development.yml").write_text(f"url: {database_url}\n")
    with working(OURS):  # before it has a connection
        stopped = _stop(project)
    assert f"pid {server.pid} is in use by another command" in stopped.stdout + stopped.stderr
    assert embedded.running_scratch()
    stopped = _stop(project)
    assert stopped.returncode == 0, stopped.stderr
    assert f"shadow: stopped (pid {server.pid})" in stopped.stdout + stopped.stderr
    assert not embedded.running_scratch()
    book.write([{"name": "T", "table": {"name": "t", "columns": {"id": "bigint", "n": "int"}}}])
    assert book.apply(check=True).operations
    assert _stop(project).returncode == 0
