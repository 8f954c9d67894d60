"""Columns of ours stay out of what is published, whatever else a table changes meanwhile.

In: published tables and partitions with a column in the trash, changes in every form. Out: the run comes through, a
subscriber is sent none of our columns and has the same rows, publications list no columns where none of ours are left.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from laws import Project, load_sql
from replica import following

from fix_postgres import Postgres
from wgm_play.errors import Refused

pytestmark = pytest.mark.pg(">=15")

TABLES = """
create table t (id int primary key, "a b" int, n int, x text, wgm_0 int);
create table p (id int, n int, x text, primary key (id)) partition by range (id);
create table p1 partition of p for values from (0) to (100);
create table m (id int primary key, n int, x text);
create table child () inherits (m);
alter table child add primary key (id);
insert into t select g, g, g, 'x', g from generate_series(1, 5) g; insert into p select id, n, x from t;
insert into m select id, n, x from t; insert into child select id + 10, n, x from t;
create publication pb for table t, p1, only m, child where (id > 0);
"""
WRITTEN = "insert into t (id, n) values (50, 1); insert into p (id, n) values (50, 1); update p set n = 2; update t set n = 2; update m set n = 2; delete from child where id = 11"


def declared(n: str | dict[str, str], number: str = "integer", **more: Any) -> list[dict[str, Any]]:
    """Return the steps: the same for each table."""
    own = {"id": {"type": "integer", "primary_key": True}, "n": n, "x": "text"}
    return [
        {
            "name": "T",
            "table": {
                "name": "t",
                "columns": {
                    **own,
                    "id": {"type": number, "primary_key": True},
                    "a b": more.get("ab", "integer"),
                    "wgm_0": "integer",
                },
            },
        },
        {
            "name": "P",
            "table": {
                "name": "p",
                "columns": own,
                "partition_by": {"range": ["id"]},
                "partitions": {"p1": {"from": 0, "to": 100}},
            },
        },
        {"name": "M", "table": {"name": "m", "columns": own}},
        {"name": "Child", "table": {"name": "child", "inherits": ["m"], "primary_key": ["id"]}},
    ]


@pytest.mark.parametrize("online", ["never", "always"])
def test_no_change_of_a_published_table_shows_a_column_of_ours(
    online: str, server: Postgres, database_url: str, project: Any
) -> None:
    load_sql(database_url, TABLES)
    book = Project(project, database_url, f"embedded: true\npolicy: {{online: {online}}}\n")
    gone: dict[str, str] = {"type": "integer", "state": "absent"}
    with following(database_url, "pb", f"s_{database_url.rpartition('/')[2]}") as subscriber:
        for n, number, more in (("integer", "integer", {}), (gone, "integer", {}), (gone, "bigint", {"ab": "text"})):
            book.write(declared(n, number, **more))
            book.apply(allow_destructive=True)
            assert book.apply().changed == 0
            load_sql(
                database_url,
                WRITTEN
                if n == "integer"
                else "update p set x = 'y'; update t set x = 'z', wgm_0 = 5; update only m set x = 'w'; update child set x = 'v'",
            )
        book.rollback()
        book.rollback()
        load_sql(database_url, "update t set n = 7; update p set n = 7")
        assert subscriber.end() == []
    with psycopg.connect(database_url) as connection:
        listed = connection.execute(
            "select prrelid::regclass::text from pg_publication_rel where prattrs is not null and not exists"
            " (select from pg_attribute where attrelid = prrelid and attname like 'wgm%' and not attisdropped)"
        )
        assert listed.fetchall() == []


def filling(name: str, step: int) -> list[dict[str, Any]]:
    """Return steps that fill a column of a table: by its declaration, or by a step of its own."""
    key: dict[str, Any] = {"type": "integer"} if name == "keyless" else {"type": "integer", "primary_key": True}
    filled = {"type": "text", "not_null": True, "backfill": "'-'"}
    table = {"name": "T", "table": {"name": name, "columns": {"id": key, "x": "text" if step else filled}}}
    own = {"name": "B", "backfill": {"table": name, "set": {"x": "'-'"}, "where": "x is null"}}
    return [table, own] if step else [table]


@pytest.mark.parametrize("online", ["never", "always"])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("name", ["keyless", "filtered"])
def test_what_a_publication_forbids_is_known_before_rows_are_filled(
    name: str, step: int, online: str, database_url: str, project: Any
) -> None:
    load_sql(
        database_url,
        """create table keyless (id int, x text); create table filtered (id int primary key, x text);
        insert into keyless values (1, null), (2, 'a'); insert into filtered values (1, null), (2, 'a');
        create publication pb for table keyless, filtered where (x <> 'z')""",
    )
    book = Project(project, database_url, f"embedded: true\npolicy: {{online: {online}}}\n")
    book.write(filling(name, step))
    with pytest.raises(Refused, match=f'cannot update table "{name}".*nothing was touched'):
        book.apply()
    load_sql(database_url, "alter publication pb set (publish = 'insert')")
    book.apply()
    with psycopg.connect(database_url) as connection:
        assert connection.execute(f"select count(*) from {name} where x is null").fetchone() == (0,)
