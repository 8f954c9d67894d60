"""Rows that would stop the run half-way are found by `--check`: it names them, and what it lets pass goes through.

In: SQL that makes a live database, the steps wanted. Out: `--check` and the run agree, whatever lies where.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql, state

from wgm_play.errors import Refused

ID = {"type": "integer", "primary_key": True}


def _table(name: str, **columns: Any) -> dict[str, Any]:
    return {"name": name, "table": {"name": name, "columns": {"id": ID, **columns}}}


def _enum(*values: str, **step: Any) -> dict[str, Any]:
    return {"name": "E", "enum": {"name": "e", "values": list(values)}, **step}


def _parted(by: dict[str, Any], partitions: dict[str, Any], **columns: str) -> list[dict[str, Any]]:
    listed = {name: {"type": of} for name, of in columns.items()}
    return [{"name": "P", "table": {"name": "p", "columns": listed, "partition_by": by, "partitions": partitions}}]


ABC = "CREATE TYPE e AS ENUM ('a', 'b', 'c');"
# What is live, the steps, what is told of which rows.
ENUMS = {
    "a column": ("CREATE TABLE t (id int PRIMARY KEY, x e); INSERT INTO t VALUES (1, 'c'), (2, 'c'), (3, 'a')",
                 [_enum("a", "b"), _table("t", x="e")], ["column t.x holds 'c', which is removed from enum e", "2 rows", "id=1, x=c"]),
    "an array": ("CREATE TABLE t (id int PRIMARY KEY, x e[]); INSERT INTO t VALUES (1, '{a,c}'), (2, '{{a},{b}}')",
                 [_enum("a", "b"), _table("t", x="e[]")], ["1 row", "id=1"]),
    "a domain": ("CREATE DOMAIN d AS e; CREATE TABLE t (id int PRIMARY KEY, x d); INSERT INTO t VALUES (1, 'c')",
                 [_enum("a", "b"), {"name": "D", "domain": {"name": "d", "type": "e"}}, _table("t", x="d")], ["id=1, x=c"]),
    "a composite type": ("CREATE TYPE k AS (n int, v e); CREATE TABLE t (id int PRIMARY KEY, x k); INSERT INTO t VALUES (1, '(1,c)'), (2, '(1,a)')",
                         [_enum("a", "b"), {"name": "K", "composite": {"name": "k", "attributes": {"n": "int", "v": "e"}}}, _table("t", x="k")],
                         ["1 row", "id=1, x=(1,c)"]),
    "a table in no step": ("CREATE TABLE stranger (n int, x e); INSERT INTO stranger VALUES (7, 'c')", [_enum("a", "b")],
                           ["column stranger.x holds 'c'", "n=7", "x=c"]),
    "a partition": ("CREATE TABLE t (id int PRIMARY KEY, x e) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9); INSERT INTO t VALUES (1, 'c')",
                    [_enum("a", "b"), {"name": "T", "table": {"name": "t", "columns": {"id": ID, "x": "e"}, "partition_by": {"range": ["id"]}, "partitions": {"t1": {"from": 0, "to": 9}}}}],
                    ["column t1.x holds 'c'", "id=1, x=c"]),
    "a child": ("CREATE TABLE t (id int PRIMARY KEY, x e); CREATE TABLE kid () INHERITS (t); INSERT INTO kid VALUES (4, 'c')",
                [_enum("a", "b"), _table("t", x="e"), {"name": "K", "table": {"name": "kid", "inherits": ["t"]}}], ["column kid.x holds 'c'", "1 row"]),
    "several values": ("CREATE TABLE t (id int PRIMARY KEY, x e); INSERT INTO t VALUES (1, 'c'), (2, 'b')",
                       [_enum("a"), _table("t", x="e")], ["holds 'b', 'c', which are removed from enum e", "2 rows"]),
    "another name": ("CREATE TABLE t (id int PRIMARY KEY, x e); INSERT INTO t VALUES (1, 'b')",
                     [_enum("a", "z", "c"), _table("t", x="e")], ["holds 'b'", "{name: z, renamed_from: b}"]),
    "names that change": ("CREATE TABLE old (id int PRIMARY KEY, y e); INSERT INTO old VALUES (1, 'c')",
                          [_enum("a", "b"), {"name": "t", "table": {"name": "t", "columns": {"id": ID, "x": {"type": "e", "renamed_from": "y"}}}, "renamed_from": "old"}],
                          ["column t.x holds 'c'", "id=1, y=c"]),
    "names that need quotes": ('CREATE TABLE "T t" ("Id" int PRIMARY KEY, "X x" e); INSERT INTO "T t" VALUES (1, \'c\')',
                               [_enum("a", "b"), {"name": "t", "table": {"name": "T t", "columns": {"Id": ID, "X x": "e"}}}], ["Id=1, X x=c"]),
    "nobody": ("CREATE TABLE t (id int PRIMARY KEY, x e); INSERT INTO t VALUES (1, 'b'), (3, NULL)", [_enum("a", "b"), _table("t", x="e")], None),
}  # fmt: skip
EVENTS = "CREATE TABLE p (k int, t text) PARTITION BY RANGE (k); CREATE TABLE d PARTITION OF p DEFAULT;"
DEFAULTS = {
    "range": (EVENTS + "INSERT INTO p VALUES (5, 'x'), (50, 'y'), (NULL, 'z')",
              _parted({"range": ["k"]}, {"d": {"default": True}, "n": {"from": 0, "to": 10}}, k="integer", t="text"),
              ["table d, the default partition, holds rows that belong to table n", "1 row", "k=5", "WHERE k >= 0 AND k < 10 RETURNING *"]),
    "range, none": (EVENTS + "INSERT INTO p VALUES (50, 'y'), (NULL, 'z'), (10, 'end')",
                    _parted({"range": ["k"]}, {"d": {"default": True}, "n": {"from": 0, "to": 10}}, k="integer", t="text"), None),
    "range without end": (EVENTS + "INSERT INTO p VALUES (50, 'y')",
                          _parted({"range": ["k"]}, {"d": {"default": True}, "n": {"from": 0, "to": "maxvalue"}}, k="integer", t="text"), ["k=50"]),
    "range of two": ("CREATE TABLE p (k int, t text) PARTITION BY RANGE (k, t); CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, 'b'), (1, NULL), (2, 'b')",
                     _parted({"range": ["k", "t"]}, {"d": {"default": True}, "n": {"from": [1, "a"], "to": [2, "a"]}}, k="integer", t="text"),
                     ["1 row", "k=1, t=b"]),
    "range of two, with an end": ("CREATE TABLE p (k int, t text) PARTITION BY RANGE (k, t); CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (2, 'zzz')",
                                  _parted({"range": ["k", "t"]}, {"d": {"default": True}, "n": {"from": [1, "a"], "to": [2, "maxvalue"]}}, k="integer", t="text"),
                                  ["1 row"]),
    "list": ("CREATE TABLE p (k int, t text) PARTITION BY LIST (t); CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, 'it''s'), (2, 'b')",
             _parted({"list": ["t"]}, {"d": {"default": True}, "n": {"values": ["it's"]}}, k="integer", t="text"), ["1 row", "t=it's"]),
    "an expression": ("CREATE TABLE p (k int, t text) PARTITION BY LIST (lower(t)); CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, 'A'), (2, 'b')",
                      _parted({"list": [{"expression": "lower(t)"}]}, {"d": {"default": True}, "n": {"values": ["a"]}}, k="integer", t="text"), ["1 row", "t=A"]),
}  # fmt: skip


def _agrees(
    project: Path, url: str, live: str, steps: list[dict[str, Any]], told: list[str] | None, online: str
) -> None:
    load_sql(url, live)
    book = Project(project, url, f"embedded: true\npolicy: {{online: {online}, allow_destructive: true}}\n")
    book.write(steps)
    if told is None:
        book.apply(check=True)
        assert book.apply().changed > 0
        assert book.apply().changed == 0
        return
    before = state(url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    said = "\n".join(caught.value.details)
    assert [words for words in told if words not in said] == [], said
    assert before.differences(state(url)) == []


@pytest.mark.parametrize("online", ["auto", "always"])
@pytest.mark.parametrize("named", ENUMS)
def test_values_of_an_enum_that_rows_hold(
    named: str, online: str, project: Path, new_database: Callable[..., str]
) -> None:
    live, steps, told = ENUMS[named]
    _agrees(project, new_database(), ABC + live, steps, told, online)


@pytest.mark.parametrize("named", DEFAULTS)
def test_rows_of_the_default_partition_that_belong_to_a_new_one(
    named: str, project: Path, new_database: Callable[..., str]
) -> None:
    live, steps, told = DEFAULTS[named]
    _agrees(project, new_database(), live, steps, told, "auto")


def test_a_new_partition_locks_and_reads_the_default_one(project: Path, new_database: Callable[..., str]) -> None:
    live, steps, _ = DEFAULTS["range, none"]
    url = new_database()
    load_sql(url, live)
    book = Project(project, url, "embedded: true\npolicy: {small_rows: 1, small_bytes: 1kB}\n")
    load_sql(url, "ANALYZE")
    book.write(steps)
    (plan,) = book.apply(check=True).plans
    commands = [command for operation in plan.operations for command in operation.commands]
    locked = {lock.relation: lock.level for command in commands for lock in command.locks}
    assert locked["d"] == "AccessExclusive"
    assert any(one.code == "P01" and "d, the default" in one.what for made in plan.operations for one in made.hazards)
    with psycopg.connect(url) as connection:
        connection.execute("BEGIN")
        for command in commands:
            connection.execute(command.sql.encode())
        held = connection.execute(
            "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'd'::regclass AND mode = 'AccessExclusiveLock'"
        ).fetchall()
        assert held
