"""`trash`: what lies there is listed, and one object comes back beside what is live; a rollback knows of it.

In: a project, a database with rows. Out: the rows, the names, the refusals.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, load_sql

from wgm_play import pipeline
from wgm_play.errors import InputError, Refused, WgmError
from wgm_play.options import Options

TASKS = {
    "name": "Tasks",
    "table": {
        "name": "tasks",
        "columns": {
            "id": {"type": "bigserial", "primary_key": True},
            "title": "text",
            "n": {"type": "int", "identity": "always", "unique": True},
        },
    },
}
GONE = {"name": "Tasks", "table": {"name": "tasks"}, "state": "absent"}


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    return Project(project, new_database())


def ask(book: Project, query: str) -> list[Any]:
    with psycopg.connect(book.url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


class Heard(Listener):
    """Keeps tables too."""

    def table(self, title: str, columns: Any, rows: Any) -> None:
        self.said += [f"{title}: {' '.join(map(str, row[:4]))}" for row in rows]


def trash(book: Project, name: str | None = None, wanted: str | None = None, **options: Any) -> list[str]:
    heard = Heard()
    pipeline.trash(Options(str(book.folder / "playbook.yml"), url=book.url, **options), heard, name, wanted)
    return heard.said


def steps(book: Project, *stages: list[Any]) -> None:
    for stage in stages:
        book.write(stage)
        book.apply(no_trash=False)


def test_a_table_comes_back_beside_the_one_that_has_its_name(book: Project) -> None:
    steps(book, [TASKS])
    load_sql(book.url, "insert into tasks (title) values ('mine'), ('yours')")
    steps(book, [GONE])
    book.write([TASKS])
    said = book.apply().said
    assert any("table tasks is made anew: the trash holds it as it was before run 2" in text for text in said)
    (line,) = trash(book)
    assert line.startswith("trash: table public.tasks wgm_trash.tasks_")
    trash(book, "tasks", check=True)
    assert ask(book, "select to_regclass('tasks_restored')") == [(None,)]
    trash(book, "public.tasks")
    assert ask(book, "select id, title, n from tasks_restored order by 1") == [(1, "mine", 1), (2, "yours", 2)]
    load_sql(book.url, "insert into tasks_restored (title) values ('next'); insert into tasks (title) values ('first')")
    assert ask(book, "select max(id), max(n) from tasks_restored union all select max(id), max(n) from tasks") == [
        (3, 3),
        (1, 1),
    ]
    assert trash(book) == ["nothing lies in the trash"]
    assert book.apply().changed == 0


def test_a_table_gets_its_name_back_where_that_is_free_or_the_one_that_is_asked_for(book: Project) -> None:
    load_sql(book.url, "create schema old; create schema gone")
    steps(book, [TASKS, {"name": "T", "table": {"name": "gone.t", "columns": {"a": "int"}}}])
    steps(book, [GONE, {"name": "T", "table": {"name": "gone.t"}, "state": "absent"}])
    load_sql(book.url, "drop schema gone; create table taken ()")
    with pytest.raises(InputError, match="'taken' is taken"):
        trash(book, "tasks", "taken")
    trash(book, "tasks")
    with pytest.raises(Refused, match="the schema gone is not there") as refused:
        trash(book, "gone.t")
    assert "--as SCHEMA.NAME" in str(refused.value.hint)
    trash(book, "gone.t", "old.other")
    assert ask(book, "select count(*) from tasks union all select count(*) from old.other") == [(0,), (0,)]
    book.write([TASKS])
    assert book.apply().changed == 0  # it is the table that the playbook declares


def test_a_column_comes_back_with_its_values(book: Project) -> None:
    steps(book, [TASKS])
    load_sql(book.url, "insert into tasks (title) values ('mine')")
    columns = {
        "id": {"type": "bigserial", "primary_key": True},
        "n": {"type": "int", "identity": "always", "unique": True},
    }
    gone = {"name": "Tasks", "table": {"name": "jobs", "columns": {**columns, "title": {"state": "absent"}}}}
    steps(book, [{**gone, "table": {**gone["table"], "name": "tasks"}}])  # type: ignore[dict-item]
    steps(book, [{**gone, "renamed_from": "tasks"}])
    assert any("declare it" in text and "title: text" in text for text in trash(book, "tasks.title"))
    assert ask(book, "select title from jobs") == [("mine",)]


def test_types_and_sequences_come_back_too(book: Project) -> None:
    load_sql(
        book.url,
        "create type mood as enum ('a', 'b'); create domain short as text check (length(value) < 5);"
        "create type pair as (a int, b int);"
        "create table t (a mood, b short, c pair); create sequence s start 7; select nextval('s')",
    )
    steps(
        book,
        [{"name": "T", "table": {"name": "t"}, "state": "absent"}]
        + [
            {"name": kind, kind: {"name": name}, "state": "absent"}
            for kind, name in (("enum", "mood"), ("domain", "short"), ("composite", "pair"), ("sequence", "s"))
        ],
    )
    load_sql(book.url, "create table mood ()")
    for name in ("mood", "short", "pair", "s", "t"):
        trash(book, name)
    assert ask(book, "select 'a'::mood_restored::text, 'ab'::short::text, (row(1, 2)::pair).b, nextval('s')") == [
        ("a", "ab", 2, 8)
    ]
    assert ask(book, "select count(*) from t") == [(0,)]


def test_names_that_nothing_or_several_things_have(book: Project) -> None:
    steps(book, [TASKS], [GONE], [TASKS], [GONE])
    with pytest.raises(InputError, match="2 objects in the trash are called 'tasks'") as several:
        trash(book, "tasks")
    assert len(several.value.details) == 2
    with pytest.raises(InputError, match="nothing in the trash is called 'other'"):
        trash(book, "other")
    trash(book, str(several.value.details[0]).split()[2])
    assert len(trash(book)) == 1


def test_a_rollback_takes_back_what_was_done_before_and_says_what_it_cannot(book: Project) -> None:
    steps(book, [TASKS])
    load_sql(book.url, "insert into tasks (title) values ('mine')")
    other = {"name": "O", "table": {"name": "o", "columns": {"a": "int"}}}
    steps(book, [GONE], [GONE, other])
    trash(book, "tasks", "kept")
    book.rollback()  # the run before it, which made `o`
    assert ask(book, "select to_regclass('o'), (select title from kept)") == [(None, "mine")]
    with pytest.raises(Refused, match="cannot be undone") as refused:
        book.rollback()
    assert "table public.tasks: it was brought back from the trash by run 4" in str(refused.value.details)


@pytest.mark.parametrize("asked", [1, 2, 3, 4])
def test_the_state_after_a_run_that_was_taken_back_cannot_be_had(book: Project, asked: int) -> None:
    steps(book, [TASKS])  # 1
    steps(book, [TASKS, {"name": "O", "table": {"name": "o", "columns": {"a": "int"}}}])  # 2
    book.rollback()  # 3 takes 2 back
    book.rollback()  # 4 takes 1 back
    steps(book, [TASKS])  # 5
    load_sql(book.url, "insert into tasks (title) values ('new')")
    if asked == 4:
        book.rollback(to_run=asked)
        assert ask(book, "select to_regclass('tasks')") == [(None,)]
        return
    with pytest.raises(WgmError) as refused:
        book.rollback(to_run=asked)
    taken, by = (2, 3) if asked == 2 else (1, 4)
    assert f"run {taken} was taken back by run {by}" in str(refused.value)
    assert ask(book, "select title from tasks") == [("new",)]
