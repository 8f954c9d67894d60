"""A rollback of what others worked on since: what they made inside of what goes, goes along; what they made over it is
named, and nothing is touched.

In: two playbooks, the second one applied; SQL by hand. Out: the catalog before the second one, or a refusal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql, state

from wgm_play.errors import Refused

OTHER = {"name": "O", "table": {"name": "o", "columns": {"id": {"type": "integer", "primary_key": True}}}}
NEW = {"name": "T", "table": {"name": "t", "columns": {"id": {"type": "integer", "primary_key": True}, "a": "text"}}}
WIDER = {"name": "O", "table": {"name": "o", "columns": {"id": {"type": "integer", "primary_key": True}, "a": "text"}}}
TRIGGER = "create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger by_hand {} for each row execute function f()"

# What the run makes, what is made by hand after it, what is left of that.
ALONG: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "a column": ([OTHER, NEW], "alter table t add by_hand int; insert into t values (1, 'x', 7)", ""),
    "an index": ([OTHER, NEW], "create index by_hand on t (a)", ""),
    "a rule": ([OTHER, NEW], "alter table t add constraint by_hand check (a <> '')", ""),
    "a trigger": ([OTHER, NEW], TRIGGER.format("before update on t"), "drop function f()"),
    "a policy": ([OTHER, NEW], "create policy by_hand on t using (true)", ""),
    "privileges": ([OTHER, NEW], "grant select on t to public; grant update (a) on t to public", ""),
    "an index over a column": ([WIDER], "create index by_hand on o (a)", ""),
    "a rule over a column": ([WIDER], "alter table o add constraint by_hand check (a <> '')", ""),
    "a trigger of a view": (
        [OTHER, {"name": "V", "view": {"name": "v", "query": "select id from o"}}],
        TRIGGER.format("instead of update on v"),
        "drop function f()",
    ),
    "an index of a materialized view": (
        [OTHER, {"name": "V", "materialized_view": {"name": "v", "query": "select id from o"}}],
        "create index by_hand on v (id)",
        "",
    ),
    "a rule of a domain": (
        [OTHER, {"name": "D", "domain": {"name": "d", "type": "text"}}],
        "alter domain d add constraint by_hand check (value <> '')",
        "",
    ),
    "a table of a publication": (
        [OTHER, {"name": "P", "publication": {"name": "p", "tables": []}}],
        "alter publication p add table o",
        "",
    ),
}

STANDS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "a view": ([OTHER, NEW], "create view by_hand as select a from t", "view by_hand depends on column t.a"),
    "a view over a column": ([WIDER], "create view by_hand as select a from o", "view by_hand depends on column o.a"),
    "a reference": (
        [OTHER, NEW],
        "create table c (x int references t)",
        "constraint c.c_x_fkey depends on column t.id",
    ),
    "a generated column": (
        [WIDER],
        "alter table o add by_hand text generated always as (upper(a)) stored",
        "column o.by_hand depends on column o.a",
    ),
    "a column of a type": (
        [OTHER, {"name": "E", "enum": {"name": "m", "values": ["a"]}}],
        "alter table o add by_hand m",
        "column o.by_hand depends on enum m",
    ),
    "a table of a schema": (
        [OTHER, {"name": "S", "schema": {"name": "s"}}],
        "create table s.by_hand (id int)",
        "table s.by_hand depends on schema s",
    ),
}


@pytest.fixture
def book(project: Path, database_url: str) -> Project:
    made = Project(project, database_url)
    made.write([OTHER])
    made.apply()
    return made


@pytest.mark.parametrize("what", ALONG)
def test_what_is_inside_of_what_goes_goes_along(book: Project, what: str) -> None:
    steps, by_hand, undone = ALONG[what]
    before = state(book.url)
    book.write(steps)
    book.apply()
    load_sql(book.url, by_hand)
    book.rollback()
    load_sql(book.url, undone or "select 1")
    assert before.differences(state(book.url)) == []


@pytest.mark.parametrize("what", STANDS)
def test_what_is_over_what_goes_stands_in_the_way(book: Project, what: str) -> None:
    steps, by_hand, said = STANDS[what]
    book.write(steps)
    book.apply()
    load_sql(book.url, by_hand)
    before = state(book.url)
    with pytest.raises(Refused, match=said.replace(".", r"\.")) as caught:
        book.rollback()
    assert "roll back" in str(caught.value.hint)
    assert before.differences(state(book.url)) == []


def test_rows_of_a_column_that_goes_along_are_in_the_trash(book: Project) -> None:
    book.write([OTHER, NEW])
    book.apply()
    load_sql(book.url, "alter table t add by_hand int; insert into t values (1, 'x', 7)")
    book.rollback()
    with psycopg.connect(book.url) as connection:
        found = connection.execute(
            "select relname from pg_class where relnamespace = 'wgm_trash'::regnamespace and relkind = 'r'"
        )
        ((name,),) = found.fetchall()
        assert connection.execute(f'select by_hand from wgm_trash."{name}"'.encode()).fetchall() == [(7,)]
