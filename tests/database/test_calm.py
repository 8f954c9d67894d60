"""What is said is true, and said once: of runs that were killed, of roles, of rows in the way, of what holds a lock.

In: a project, a database with rows. Out: what the commands say.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, load_sql

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import Found, Refused
from wgm_play.execute import retry
from wgm_play.execute.watch import HIDDEN, Blocker
from wgm_play.ledger import Ledger
from wgm_play.ledger.model import RunInfo
from wgm_play.options import Options
from wgm_play.reporter import Reporter

ID = {"type": "bigint", "primary_key": True}


class Heard(Listener):
    """Keeps tables, and what is said of locks."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[Any]] = {}
        self.retries: list[str] = []
        self.found: list[dict[str, Any]] = []

    def table(self, title: str, columns: Any, rows: Any) -> None:
        self.tables[title] = list(rows)

    def data(self, name: str, value: Any) -> None:
        if name == "findings":
            self.found = value

    def retry(self, text: str) -> None:
        self.retries.append(text)


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    return Project(project, new_database())


def options(book: Project, **more: Any) -> Options:
    return Options(str(book.folder / "playbook.yml"), url=book.url, **more)


def table(**columns: Any) -> dict[str, Any]:
    return {"name": "T", "table": {"name": "t", "columns": {"id": ID, **columns}}}


def test_roles_that_a_rollback_leaves_alone_are_no_drift(book: Project, server: Postgres) -> None:
    role, _ = server.create_role("NOLOGIN")
    try:
        steps = [{"name": "R", "role": {"name": role}}, table()]
        book.write(steps)
        book.apply()
        book.write([*steps[:1], table(x="text")])
        book.apply()
        book.rollback()
        book.write(steps)
        assert drift(book) == []
        load_sql(book.url, f"ALTER ROLE {role} CREATEDB")
        assert drift(book) == [f"role {role}"]
    finally:
        load_sql(book.url, f"DROP ROLE {role}")


def drift(book: Project) -> list[str]:
    """Return the objects that have drifted."""
    heard = Heard()
    with suppress(Found):
        pipeline.check(options(book, only=("drift",)), heard)
    return [one["object"] for one in heard.found]


def test_a_run_whose_process_is_gone_was_killed(book: Project) -> None:
    book.write([table()])
    book.apply()
    with psycopg.connect(book.url, autocommit=True) as connection:
        live = Ledger(connection).snapshot_of(1, "after")
        assert live is not None
        Ledger(connection).begin(RunInfo("playbook.yml", "Case", "development", "apply"), before=live)
    heard = Heard()
    pipeline.status(options(book), heard)
    assert [row[3] for row in heard.tables["runs"]] == ["killed", "done"]
    assert "in progress" not in heard.tables


def test_of_several_copies_in_the_trash_the_newest_is_told(book: Project) -> None:
    for _ in range(3):
        book.write([table(x="text")])
        said = book.apply(no_trash=False).said
        book.write([table(x={"type": "text", "state": "absent"})])
        book.apply(no_trash=False)
    told = [text for text in said if "is made anew" in text]
    assert len(told) == 1 and "as it was before run 4" in told[0]


def test_what_helps_is_told_of_what_is_wrong(book: Project) -> None:
    book.write([table(x="text")])
    book.apply()
    load_sql(book.url, "INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, NULL)")
    book.write([table(x={"type": "text", "unique": True})])
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert "1 value that several rows have:" in caught.value.details[0]
    assert "backfill" not in (caught.value.hint or "")
    book.write([table(x={"type": "text", "not_null": True})])
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert "backfill" in (caught.value.hint or "")


def test_who_holds_a_lock_is_said_again_only_now_and_then() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def blocker(pid: int) -> Blocker:
        return Blocker(pid, "", "", "", "", None, HIDDEN)

    heard = Heard()
    retries = retry.Retries(600.0, heard, "step", sleep=sleep, clock=lambda: clock[0])
    while clock[0] < 100:
        clock[0] += 0.1
        retries.again("lock not available", 0.1, [blocker(1)])
    assert 3 <= len(heard.retries) <= 4
    retries.again("lock not available", 0.1, [blocker(2)])
    assert "pid 2" in heard.retries[-1]
    assert HIDDEN not in heard.retries[-1] and "pg_read_all_stats" in heard.retries[-1]


def test_a_rename_tells_the_schema(book: Project) -> None:
    def made(**columns: Any) -> list[Any]:
        return [
            {"name": "S", "schema": {"name": "s"}},
            {"name": "T", "table": {"name": "s.t", "columns": {"id": ID, **columns}}},
        ]

    book.write(made(x="text"))
    book.apply()
    book.write(made(y={"type": "text", "renamed_from": "x"}))
    assert [one.title for one in book.apply(check=True).operations] == ["rename column s.t.x to y"]


def test_where_no_database_may_be_made_the_statement_that_helps_is_told(server: Postgres, project: Path) -> None:
    role, password = server.create_role("LOGIN")
    database = server.create_database(owner=role)
    book = Project(project, server.url(database, role, password))
    try:
        book.write([table()], {"backup": {"method": "logical", "before_changes": "new"}})
        pipeline.backup(options(book), Reporter())
        with pytest.raises(Refused) as caught:
            pipeline.restore(options(book), Reporter(), None, None, "made_by_hand")
        hint = caught.value.hint or ""
        load_sql(server.url(), hint.removeprefix("ask an administrator for: "))
        assert pipeline.restore(options(book), Reporter(), None, None, "made_by_hand") == 0
        with pytest.raises(Refused) as caught:
            pipeline.restore(options(book), Reporter(), None, None, None)
        assert "does not exist" not in caught.value.message
        load_sql(server.url(), (caught.value.hint or "").removeprefix("ask an administrator for: "))
        assert pipeline.restore(options(book), Reporter(), None, None, None) == 0
    finally:
        load_sql(server.url(), "DROP DATABASE IF EXISTS made_by_hand")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for (name,) in connection.execute(
                "select datname from pg_database where datname like %s", (f"{database}%",)
            ).fetchall():
                server.drop_database(name)
        server.drop_role(role)


def test_a_role_that_may_only_read_is_told_who_may_run(book: Project, server: Postgres) -> None:
    book.write([table()])
    book.apply()
    role, password = server.create_role("LOGIN")
    book.write([table(x="text")])
    theirs = Options(str(book.folder / "playbook.yml"), url=server.url(book.url.rpartition("/")[2], role, password))
    try:
        heard = Heard()
        pipeline.status(theirs, heard)
        assert "runs" not in heard.tables, "what is unknown is not none"
        with pytest.raises(Refused) as caught:
            pipeline.apply(theirs, Heard())
        assert (caught.value.hint or "").startswith(
            "run as 'postgres', who owns what is changed, or let an administrator"
        )
        with pytest.raises(Refused) as caught:
            pipeline.trash(theirs, Heard(), None, None)
        assert "readers" not in caught.value.message
    finally:
        server.drop_role(role)
