"""Planning while another run or tool changes the database: what would be refused of a catalog that is gone is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project

from wgm_play import pipeline
from wgm_play.errors import Locked
from wgm_play.execute import guard
from wgm_play.options import Options
from wgm_play.planning.target import PlanTarget

OLD = "CREATE TABLE t (id bigint PRIMARY KEY, old text); INSERT INTO t VALUES (1, '5')"
STEPS = [
    {
        "name": "T",
        "table": {
            "name": "t",
            "columns": {
                "id": {"type": "bigint", "primary_key": True},
                "amount": {
                    "type": "integer",
                    "renamed_from": "old",
                    "convert": {"from": "text", "using": "old::integer"},
                },
            },
        },
    }
]


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    made = Project(project, new_database(), "embedded: true\n")
    with psycopg.connect(made.url) as connection:
        connection.execute(OLD.encode())
    made.write(STEPS)
    return made


def moving(monkeypatch: pytest.MonkeyPatch, move: Callable[[int], None]) -> None:
    """Have `move(n)` happen just before rows are looked at for the n-th time."""
    times = iter(range(1, 100))
    look = PlanTarget.look_at_rows

    def moved(self: Any, *arguments: Any) -> list[str]:
        move(next(times))
        return look(self, *arguments)

    monkeypatch.setattr(PlanTarget, "look_at_rows", moved)


def apply(book: Project) -> int:
    return pipeline.apply(Options(str(book.folder / "playbook.yml"), url=book.url), Listener())


def test_what_another_run_did_meanwhile_is_planned_for(book: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def move(time: int) -> None:
        if time == 1:
            with psycopg.connect(book.url) as connection:
                connection.execute("ALTER TABLE t RENAME old TO amount")

    moving(monkeypatch, move)
    assert apply(book) == 0
    with psycopg.connect(book.url) as connection:
        assert connection.execute("SELECT amount FROM t").fetchall() == [(5,)]


def test_a_run_beside_one_that_keeps_changing_says_that_it_is_locked(
    book: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(time: int) -> None:
        with psycopg.connect(book.url) as connection:
            connection.execute(f"ALTER TABLE t RENAME {'old' if time == 1 else f'old{time - 1}'} TO old{time}".encode())
            connection.execute(b"ALTER TABLE t ADD old text")

    moving(monkeypatch, move)
    with guard.run_lock(lambda name: psycopg.connect(book.url, application_name=name)), pytest.raises(Locked):
        apply(book)
