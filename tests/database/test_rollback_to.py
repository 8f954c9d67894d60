"""`rollback --to RUN` over several runs gives the catalog and the rows as they were just after RUN.

In: a table with rows, later versions of the play, each one applied. Out: the state of the first version.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, state

Steps = list[dict[str, Any]]

ID = {"type": "bigint", "primary_key": True}


def table(name: str = "t", old: str | None = None, **columns: Any) -> dict[str, Any]:
    """Return the step of a table."""
    made = {"name": "T", "table": {"name": name, "columns": {"id": ID, **columns}}}
    return made | ({"renamed_from": old} if old else {})


GONE = {"name": "T", "state": "absent", "table": {"name": "t"}}
SQL = {"name": "Q", "sql": {"up": "update t set x = upper(x)", "down": "update t set x = lower(x)"}}
SEED = {"name": "S", "seed": {"table": "t", "key": ["id"], "rows": [{"id": 1, "x": "uno"}, {"id": 3, "x": "tre"}]}}
FIRST = [table(x="text")]
INTEGER = {"type": "integer", "convert": {"from": "text", "using": "length(x)", "back": "repeat('a', x)"}}
BOOLEAN = {"type": "boolean", "convert": {"from": "integer", "using": "x > 1", "back": "case when x then 9 else 1 end"}}

HISTORIES: dict[str, list[Steps]] = {
    "a table goes and another one gets its name": [[GONE], [table(x="text", y="integer")]],
    "a column goes and another one gets its name": [
        [table(x={"type": "text", "state": "absent"})],
        [table(x="integer")],
    ],
    "a renamed table gets the name of one that went": [[GONE], [table("u", x="text")], [table("t", "u", x="text")]],
    "a table is renamed twice": [[table("u", "t", x="text")], [table("v", "u", x="text")]],
    "a column is renamed twice": [
        [table(y={"type": "text", "renamed_from": "x"})],
        [table(z={"type": "text", "renamed_from": "y"})],
    ],
    "a name is given twice": [
        [table("u", "t", x="text")],
        [{"name": "T", "state": "absent", "table": {"name": "u"}}],
        [table(x="text")],
        [table("u", "t", x="text")],
    ],
    "a column is converted twice": [[table(x=INTEGER)], [table(x=BOOLEAN)]],
    "a table goes whose rows were changed": [[*FIRST, SQL, SEED], [GONE]],
    "a column goes whose values were changed": [[*FIRST, SQL, SEED], [table(x={"type": "text", "state": "absent"})]],
    "what is new is renamed": [
        [table(x="text", y="integer")],
        [table(x="text", z={"type": "integer", "renamed_from": "y"})],
    ],
}


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    made = Project(project, new_database(), "embedded: true\npolicy: {allow_destructive: true}\n")
    made.write(FIRST)
    made.apply()
    run(made, "insert into t values (1, 'one'), (2, 'two')")
    return made


def run(book: Project, text: str) -> None:
    """Run SQL that returns nothing."""
    with psycopg.connect(book.url) as connection:
        connection.execute(text.encode())


def names(listener: Listener) -> list[str]:
    """Return what the recap calls the runs."""
    return [result.name for result in listener.results]


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_state_after_a_run_comes_back_over_several_runs(book: Project, history: list[Steps]) -> None:
    start = state(book.url)
    for steps in history:
        book.write(steps)
        assert book.apply().changed
    book.rollback(to_run=1)
    assert start.differences(state(book.url)) == []
    assert names(book.rollback(to_run=1)) == ["Roll back"]


def test_what_stands_in_nothings_way_goes_in_one_run(book: Project) -> None:
    for steps in ([table(x="text", y="integer")], [table(x="text", y="bigint")]):
        book.write(steps)
        book.apply()
    assert names(book.rollback(to_run=1)) == ["Roll back runs 2, 3"]


def test_check_shows_the_first_run_and_names_the_others(book: Project) -> None:
    for steps in HISTORIES["a table goes and another one gets its name"]:
        book.write(steps)
        book.apply()
    listener = book.rollback(to_run=1, check=True)
    assert names(listener) == ["Roll back run 3"]
    assert "run 2 would then be taken back: how, is known when it is their turn" in listener.said


def test_nothing_is_taken_back_where_one_of_the_runs_cannot_be(book: Project) -> None:
    book.write([*FIRST, {"name": "Q", "sql": {"up": "delete from t", "irreversible": True}}])
    book.apply()
    book.write([GONE])
    book.apply()
    before = state(book.url)
    with pytest.raises(Exception, match="what was done cannot be undone"):
        book.rollback(to_run=1)
    assert before.differences(state(book.url)) == []
