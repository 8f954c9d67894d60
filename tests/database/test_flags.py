"""Feature flags: a step that breaks the application waits until the application has moved, in one reviewed playbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql

from wgm_play.errors import InputError

FLAG = {"name": "full_names", "query": """select enabled as "on", since from features where name = 'full_names'"""}
FEATURES = {
    "name": "Features",
    "table": {
        "name": "features",
        "columns": {"name": {"type": "text", "primary_key": True}, "enabled": "boolean", "since": "timestamptz"},
    },
}
PEOPLE = {
    "name": "People",
    "table": {
        "name": "people",
        "columns": {"id": {"type": "int", "primary_key": True}, "first": "text", "name": "text"},
    },
}
CONTRACT = {
    "name": "Contract",
    "after_flag": "full_names",
    "table": {"name": "people", "columns": {"first": {"state": "absent"}}},
}


def write(book: Project, query: str | None = None, **step: Any) -> None:
    book.write([FEATURES, PEOPLE, {**CONTRACT, **step}], {"flags": [{**FLAG, **({"query": query} if query else {})}]})


def columns(book: Project) -> list[str]:
    with psycopg.connect(book.url) as connection:
        found = connection.execute(
            "select attname from pg_attribute where attrelid = 'people'::regclass and attnum > 0 and attname !~ 'trash'"
        )
        return [row[0] for row in found]


def outcome(book: Project, **options: Any) -> tuple[str, str]:
    return next((one.outcome, one.reason) for one in book.apply(**options).results if one.name == "Contract")


@pytest.fixture
def book(project: Path, database_url: str) -> Project:
    return Project(project, database_url)


def test_a_step_waits_until_the_flag_is_on_and_has_been_for_long_enough(book: Project) -> None:
    write(book, **{"for": "7d"})
    assert outcome(book) == ("skipped", "waiting: the flag 'full_names' is off")  # there is not even the table
    load_sql(book.url, "insert into features values ('full_names', true, now() - interval '3 days')")
    assert outcome(book) == ("skipped", "waiting: the flag 'full_names' has been on for 3d of 7d")
    assert columns(book) == ["id", "first", "name"]
    load_sql(book.url, "update features set since = now() - interval '8 days'")
    assert outcome(book)[0] == "changed"
    assert columns(book) == ["id", "name"]
    assert outcome(book)[0] == "ok"


def test_without_since_it_counts_from_when_it_was_seen_first(book: Project) -> None:
    write(book, """select enabled as "on" from features""", **{"for": "1h"})
    book.apply()
    load_sql(book.url, "insert into features values ('full_names', true)")
    assert outcome(book, check=True)[1].endswith("has been on for 0ms of 1h")
    with psycopg.connect(book.url) as connection:
        assert connection.execute("select from wgm.flag").rowcount == 0  # looking is no seeing that is kept
    book.apply()
    moved = "set wgm.maintenance = on; update wgm.flag set at = at - interval '2 hours'"
    load_sql(book.url, moved)
    load_sql(book.url, "update features set enabled = false")
    book.apply()
    load_sql(book.url, "update features set enabled = true")
    assert outcome(book)[1].endswith("of 1h")  # it was off meanwhile
    load_sql(book.url, moved)
    assert outcome(book)[0] == "changed"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('select 1 as "on"', "returns no boolean `on`"),
        ("select true as enabled", "returns no boolean `on`"),
        ('select x as "on" from (values (true), (false)) as t (x)', "more than one row"),
        ("select true as \"on\", 'x' as since", "is no timestamptz"),
        ("delete from features", "not a query that only reads"),
        ('select 1/0 = 1 as "on"', "division by zero"),
    ],
)
def test_a_query_that_tells_no_flag_is_an_error_with_its_place(book: Project, query: str, message: str) -> None:
    write(book, query)
    with pytest.raises(InputError, match=message) as caught:
        book.apply()
    assert caught.value.where is not None and caught.value.where.line


def test_words_that_are_wrong_are_told(book: Project) -> None:
    write(book, after_flag="full_name")
    with pytest.raises(InputError, match="no flag 'full_name'") as caught:
        book.apply()
    assert caught.value.hint == "did you mean 'full_names'?"
    book.write([{**PEOPLE, "for": "1d"}])
    with pytest.raises(InputError, match="`for` goes with `after_flag`"):
        book.apply()


def test_a_flag_of_a_null_or_no_row_is_off_and_one_that_may_not_be_asked_is_unknown(book: Project) -> None:
    book.write([FEATURES, PEOPLE])
    book.apply()
    for query, why in (
        ('select null::boolean as "on"', "is off"),
        ('select true as "on" where false', "is off"),
        ("select pg_read_file('PG_VERSION') is not null as \"on\"", "is unknown: it uses pg_catalog.pg_read_file"),
    ):
        write(book, query)
        assert why in outcome(book, check=True)[1]
