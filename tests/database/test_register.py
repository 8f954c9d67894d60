"""What a step registers: over a loop, and over a run that was cut short and is finished by the same command.

In: playbooks whose later steps ask whether an earlier one changed something. Out: the rows that these steps wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project

from wgm_play.errors import StepFailed


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    made = Project(project, new_database(), "embedded: true\n")
    made.write([table("t")])
    made.apply()
    return made


def table(name: str, **columns: Any) -> dict[str, Any]:
    """Return the step of a table."""
    return {"name": f"Table {name}", "table": {"name": name, "columns": {"id": "bigint", **columns}}}


def sql(name: str, text: str, **more: Any) -> dict[str, Any]:
    """Return an imperative step."""
    return {"name": name, "sql": {"up": text, "irreversible": True}, **more}


def ids(book: Project) -> list[int]:
    """Return the rows of the table."""
    with psycopg.connect(book.url) as connection:
        return [row[0] for row in connection.execute("select id from t order by id").fetchall()]


def test_what_was_done_before_a_failure_is_known_to_the_run_that_finishes_it(book: Project) -> None:
    changed = {**table("t", x="text"), "register": "made"}
    follows = sql("Fill", "insert into t values (1)", when="made.changed")
    book.write([changed, sql("Fails", "insert into t values (1 / 0)"), follows])
    with pytest.raises(StepFailed):
        book.apply()
    book.write([changed, sql("Fails", "insert into t values (0)"), follows])
    book.apply()
    assert ids(book) == [0, 1]
    assert book.apply().changed == 0


def test_a_step_that_did_nothing_before_a_failure_has_not_changed(book: Project) -> None:
    same = {**table("t"), "register": "made"}
    follows = sql("Fill", "insert into t values (1)", when="made.changed")
    book.write([same, table("u"), sql("Fails", "insert into t values (1 / 0)"), follows])
    with pytest.raises(StepFailed):
        book.apply()
    book.write([same, table("u"), follows])
    book.apply()
    assert ids(book) == []


def test_a_loop_has_changed_where_one_of_its_items_has(book: Project) -> None:
    each = {**table("{{ item }}"), "name": "Each", "loop": ["u", "t"], "register": "made"}
    book.write(
        [each, sql("Fill", "insert into t values (1)", when="made.changed and made.operations == ['create table u']")]
    )
    book.apply()
    assert ids(book) == [1]
