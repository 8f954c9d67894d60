"""Queries of the application: a change that one of them does not survive is refused, with both places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql

from wgm_play.errors import InputError, Problems

TASKS = {"id": {"type": "int", "primary_key": True}, "user_id": "int", "title": "text", "due": "date", "tags": "text[]"}
OPEN = {
    "name": "Open tasks",
    "sql": "select id, title from tasks where user_id = :user and due < :until",
    "values": {"user": 1, "until": "2026-01-01"},
}


def write(book: Project, *queries: Any, without: str | None = None, **play: Any) -> None:
    columns: dict[str, Any] = dict(TASKS)
    if without:
        columns[without] = {"state": "absent"}
    steps = [{"name": "Tasks", "table": {"name": "tasks", "columns": columns}}]
    book.write(steps, {"queries": list(queries), **play})


@pytest.fixture
def book(project: Path, database_url: str) -> Project:
    return Project(project, database_url)


def problems(book: Project, **options: Any) -> list[InputError]:
    with pytest.raises(InputError) as caught:
        book.apply(**options)
    found = caught.value
    return [one for one in (found.problems if isinstance(found, Problems) else [found]) if isinstance(one, InputError)]


def test_a_column_that_goes_and_a_query_reads_stops_the_plan(book: Project) -> None:
    write(book, OPEN, {"name": "Note it", "sql": "insert into tasks (id, title) values ($1, $2)"})
    assert book.apply().changed
    write(book, OPEN, without="title")
    [problem] = problems(book, check=True, allow_destructive=True)
    assert problem.message == "the query 'Open tasks': column \"title\" does not exist"
    assert problem.where is not None and problem.where.line
    assert any("title" in line for line in problem.details), problem.details  # where the column goes
    assert "let the application" in (problem.hint or "")
    write(book, without="title")
    assert book.apply(allow_destructive=True).changed


def test_a_query_alone_that_is_edited_is_prepared_again(book: Project) -> None:
    write(book, OPEN)
    book.apply()
    assert not book.apply().changed
    write(book, {**OPEN, "sql": OPEN["sql"].replace("title", "titel")})  # type: ignore[attr-defined]
    [problem] = problems(book)
    assert 'column "titel" does not exist' in problem.message
    assert "tasks.title" in (problem.hint or "")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"sql": "select 1; select 2"}, "2 statements, where one"),
        ({"sql": "drop table tasks"}, "where one SELECT, INSERT, UPDATE or DELETE is expected"),
        ({"sql": "select * into copies from tasks"}, "where one SELECT"),
        ({"sql": "explain select 1"}, "where one SELECT"),
        ({"sql": "-- nothing"}, "0 statements"),
        ({"sql": "selec 1"}, 'syntax error at or near "selec"'),
        ({"sql": "select 'a"}, "unterminated quoted string"),
        ({"sql": "select $1 + :a"}, "both as $1 and as :name"),
        ({"sql": "select $2::int"}, "there is $2, and no $1"),
        ({"sql": "select :a::int", "values": {"b": 1}}, ":a has no value"),
        ({"sql": "select :a::int", "values": {"a": 1, "b": 1}}, ":b is no parameter"),
        ({"sql": "select :a::int", "values": [1]}, "`values` is a list"),
        ({"sql": "select $1::int", "values": {"a": 1}}, "`values` is a mapping"),
        ({"sql": "select $1::int, $2::int", "values": [1]}, "1 values for 2 parameters"),
    ],
)
def test_what_is_no_query_is_an_error_with_its_place(book: Project, query: dict[str, Any], message: str) -> None:
    write(book, {"name": "It", **query})
    [problem] = problems(book)
    assert message in problem.message
    assert problem.where is not None and problem.where.line


@pytest.mark.parametrize(
    "sql",
    [
        "select tags[1:2], tags[:n], ':no', $$ :no $$ /* :no */ from tasks where id = :n -- :no",
        "select title::varchar(3) from tasks where due = :due::date and title <> ':x'",
        "with gone as (delete from tasks where id = :id returning *) select * from gone;",
        "update tasks set title = coalesce(:title, title) where id in (:id,:other)",
        "values (:id::int)",
        "select id from tasks where user_id = any(:ids) for update skip locked",
        "select :anything",
    ],
)
def test_parameters_are_told_from_slices_casts_and_texts(book: Project, sql: str) -> None:
    write(book, {"name": "It", "sql": sql})
    assert book.apply(check=True).changed


def test_two_of_one_name_and_an_application_without_a_version_are_told(book: Project) -> None:
    write(book, OPEN, OPEN)
    assert "two queries are called 'Open tasks'" in problems(book)[0].message
    write(book, OPEN, application="shop")
    assert "a name, a slash, a version" in str(problems(book)[0].message + (problems(book)[0].hint or ""))


def application_point(book: Project) -> Any:
    from laws import Listener

    from wgm_play.commands.checklist import points
    from wgm_play.options import Options
    from wgm_play.run.opening import open_plays
    from wgm_play.run.plans import plan

    [work] = open_plays(Options(str(book.folder / book.playbook), url=book.url, check=True), Listener())
    with work:
        return next(one for one in points(work, plan(work)) if one.code == "application")


def test_the_checklist_says_whether_the_application_is_ready(book: Project) -> None:
    write(book)
    assert application_point(book).evidence == "nothing says what the application sends"
    write(book, OPEN)
    point = application_point(book)
    assert (point.holds, point.evidence) == (True, "1 query prepared with what this makes")
    write(book, OPEN, application="shop/2.4")
    assert application_point(book).evidence == "no session of shop/2.4 is there"
    with psycopg.connect(book.url, application_name="shop/2.4"):
        point = application_point(book)
        assert point.holds and point.evidence.endswith("; 1 session of shop/2.4, none of another version")
        with psycopg.connect(book.url, application_name="shop/2.3"), psycopg.connect(book.url, application_name="shop"):
            assert application_point(book).evidence == "there are still 1 session of shop, 1 session of shop/2.3"


def test_what_a_query_reads_and_no_step_declares_is_named_and_what_is_taken_away_is_refused(book: Project) -> None:
    load_sql(book.url, "create table archive (id int); create function of_all() returns int language sql as 'select 1'")
    write(book, {"name": "Old", "sql": "select * from archive"}, {"name": "All", "sql": "select public.of_all()"}, OPEN)
    said = book.apply(check=True).plans[-1].unknown
    assert [one for one in said if "no step declares" in one] == [
        "the query 'Old' reads archive, which no step declares: it was not prepared",
        "the query 'All' reads of_all, which no step declares: it was not prepared",
    ]
    write(book, {"name": "Older", "sql": "select * from archives"})
    assert 'relation "archives" does not exist' in problems(book)[0].message
