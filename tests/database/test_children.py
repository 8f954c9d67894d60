"""What is done to a table is done to its children: the plan shows their locks, and no commit leaves them otherwise.

In: a table with children, an edit of it. Out: the plan's locks and rows; which changes commit together.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from laws import Project, load_sql

LIVE = """
CREATE TABLE base (id integer, v integer NOT NULL DEFAULT 1);
CREATE TABLE kid (v integer DEFAULT 2) INHERITS (base);
CREATE TABLE grandkid (x integer) INHERITS (kid);
INSERT INTO kid SELECT g, g FROM generate_series(1, 1000) g;
"""
BASE = {
    "name": "base",
    "columns": {"id": "integer", "v": {"type": "bigint", "not_null": True, "default": 1}, "u": "uuid"},
    "check": "v > 0",
}
KID = {"name": "kid", "inherits": ["base"], "columns": {"v": {"type": "bigint", "not_null": True, "default": 2}}}
GRANDKID = {"name": "grandkid", "inherits": ["kid"], "columns": {"x": "integer", "v": {"default": 2, "not_null": True}}}


def test_locks_on_children_are_shown_and_their_defaults_come_back_in_the_same_transaction(
    project: Path, database_url: str
) -> None:
    load_sql(database_url, LIVE)
    book = Project(project, database_url)
    book.write([{"name": t["name"], "table": t} for t in (BASE, KID, GRANDKID)])
    (plan,) = book.apply(check=True).plans
    for operation in plan.operations:
        for command in operation.commands:
            names = [lock.relation for lock in command.locks]
            assert "base" not in names or names == ["base", "kid", "grandkid"], command.sql
    group = next(g for g in plan.groups if any("type of column base.v" in one.title for one in g.operations))
    assert any("the default of column kid.v to 2" in one.title for one in group.operations)
    book.apply()
    assert book.apply_anew().changed == 0
    book.rollback()
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid IN ('base'::regclass, 'kid'::regclass, 'grandkid'::regclass) ORDER BY adrelid"
        ).fetchall()
    assert found == [("1",), ("2",), ("2",)]


def test_many_partitions_are_counted(project: Path, database_url: str) -> None:
    load_sql(database_url, "CREATE TABLE p (k integer) PARTITION BY LIST (k)")
    load_sql(database_url, "".join(f"CREATE TABLE p{n} PARTITION OF p FOR VALUES IN ({n});" for n in range(25)))
    book = Project(project, database_url)
    partitions = {f"p{n}": {"values": [n]} for n in range(25)}
    table = {
        "name": "p",
        "partition_by": {"list": ["k"]},
        "columns": {"k": "integer", "x": "text"},
        "partitions": partitions,
    }
    book.write([{"name": "P", "table": table}])
    (plan,) = book.apply().plans
    names = [lock.relation for lock in plan.operations[0].commands[0].locks]
    assert (len(names), names[-1]) == (22, "5 more tables below p")
