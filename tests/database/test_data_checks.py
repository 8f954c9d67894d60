"""Data that break a rule to come are found, in a READ ONLY transaction, with their keys."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from wgm_play.checks.data import (
    as_lines,
    read_rows,
    rows_breaking_check,
    rows_breaking_foreign_key,
    rows_breaking_not_null,
    rows_breaking_unique,
    rows_failing_expression,
)
from wgm_play.sql import Sql

PEOPLE = Sql('public."People"')


@pytest.fixture
def data(database: Connection[Any]) -> Connection[Any]:
    database.execute(
        """
        CREATE TABLE "People" (id text PRIMARY KEY, "first name" text, age int, boss text, town text, part int);
        INSERT INTO "People" VALUES
            ('6f9619ff-8b86-d011-b42d-00c04fc964ff', 'Ann', 30, NULL, 'a', 1),
            ('not-a-uuid', 'Bob', -1, '6f9619ff-8b86-d011-b42d-00c04fc964ff', 'a', 2),
            ('6f9619ff-8b86-d011-b42d-00c04fc964fe', 'Bob', NULL, 'gone', NULL, 1),
            ('neither', NULL, 5, NULL, NULL, NULL);
        CREATE TABLE places (town text, part int, PRIMARY KEY (town, part));
        INSERT INTO places VALUES ('a', 1);
        """
    )
    database.read_only = True
    database.autocommit = False
    return database


def test_a_check_is_broken_by_false_and_not_by_null(data: Connection[Any]) -> None:
    assert read_rows(data, rows_breaking_check(PEOPLE, Sql("age > 0 OR age > 100"), ["id"])) == [{"id": "not-a-uuid"}]


def test_a_check_without_key_shows_the_row(data: Connection[Any]) -> None:
    [row] = read_rows(data, rows_breaking_check(PEOPLE, Sql("age > 0")))
    assert row["first name"] == "Bob"


def test_nulls_are_found_by_key(data: Connection[Any]) -> None:
    assert read_rows(data, rows_breaking_not_null(PEOPLE, "first name", ["id"])) == [{"id": "neither"}]


def test_values_that_occur_twice_are_counted(data: Connection[Any]) -> None:
    assert read_rows(data, rows_breaking_unique(PEOPLE, ["first name"])) == [{"first name": "Bob", "rows": 2}]
    assert read_rows(data, rows_breaking_unique(PEOPLE, ["first name"], where=Sql("age IS NULL"))) == []
    assert read_rows(data, rows_breaking_unique(PEOPLE, [Sql('lower("first name")')]))[0]["rows"] == 2


def test_nulls_are_the_same_only_where_it_is_declared(data: Connection[Any]) -> None:
    assert read_rows(data, rows_breaking_unique(PEOPLE, ["town"])) == [{"town": "a", "rows": 2}]
    found = read_rows(data, rows_breaking_unique(PEOPLE, ["town"], nulls_not_distinct=True))
    assert {row["town"] for row in found} == {"a", None}


def test_rows_without_their_parent_are_found(data: Connection[Any]) -> None:
    statement = rows_breaking_foreign_key(PEOPLE, ["boss"], PEOPLE, ["id"], key_columns=["id"])
    assert read_rows(data, statement) == [{"id": "6f9619ff-8b86-d011-b42d-00c04fc964fe", "boss": "gone"}]


def test_match_full_refuses_what_is_null_in_part(data: Connection[Any]) -> None:
    def found(match: str) -> set[tuple[str | None, int | None]]:
        statement = rows_breaking_foreign_key(PEOPLE, ["town", "part"], Sql("places"), ["town", "part"], match=match)
        return {(row["town"], row["part"]) for row in read_rows(data, statement)}

    assert found("simple") == {("a", 2)}
    assert found("full") == {("a", 2), (None, 1)}


def test_the_limit_holds(data: Connection[Any]) -> None:
    assert len(read_rows(data, rows_breaking_check(PEOPLE, Sql("false"), ["id"], limit=2))) == 2
    assert len(rows_failing_expression(data, PEOPLE, Sql("id::uuid"), ["id"], limit=1)) == 1


def test_a_conversion_that_works_finds_nothing(data: Connection[Any]) -> None:
    assert rows_failing_expression(data, PEOPLE, Sql("age::numeric(10,2)"), ["id"]) == []


def test_rows_that_do_not_convert_are_told_with_the_reason(data: Connection[Any]) -> None:
    found = rows_failing_expression(data, PEOPLE, Sql("id::uuid"), ["id"])
    assert {row.key["id"] for row in found} == {"not-a-uuid", "neither"}
    assert all("uuid" in row.error and row.sqlstate == "22P02" for row in found)
    assert data.execute('SELECT count(*) FROM "People"').fetchone() == (4,)


def test_what_the_table_will_be_can_be_asked(data: Connection[Any]) -> None:
    future = Sql('(SELECT id AS key, "first name" || id AS name, $$o\'clock$$ AS x FROM "People") AS t')
    found = rows_failing_expression(data, future, Sql("(t.name)::int"), ["key"], limit=10)
    assert len(found) == 3
    [row] = read_rows(data, rows_breaking_not_null(future, "name", ["key"]))
    assert row == {"key": "neither"}


def test_a_key_of_several_columns_and_none(data: Connection[Any]) -> None:
    two = rows_failing_expression(data, PEOPLE, Sql("id::uuid"), ["id", "age"])
    assert {(row.key["id"], row.key["age"]) for row in two} == {("not-a-uuid", "-1"), ("neither", "5")}
    none = rows_failing_expression(data, PEOPLE, Sql("id::uuid"))
    assert [sorted(row.key) for row in none] == [["ctid"], ["ctid"]]
    nothing = rows_failing_expression(data, Sql('(SELECT id FROM "People") AS t'), Sql("id::uuid"))
    assert len(nothing) == 1 and nothing[0].key == {} and "uuid" in nothing[0].error


def test_quiet_sessions_are_heard_too(data: Connection[Any]) -> None:
    data.execute("SET client_min_messages = error")
    assert len(rows_failing_expression(data, PEOPLE, Sql("id::uuid"), ["id"])) == 2


def test_masked_rows_show_no_value(data: Connection[Any]) -> None:
    found = rows_failing_expression(data, PEOPLE, Sql("id::uuid"), ["id"])
    assert "not-a-uuid" in "".join(as_lines(found))
    assert as_lines(found, masked=True)[0] == "id=***: 22P02"
    assert as_lines([{"id": None, "n": 1}]) == ["id=null, n=1"]
