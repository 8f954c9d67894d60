"""A large table that becomes a partition is not read while it is attached, whatever its bound is.

In: partitioned tables of each kind, a table with rows beside them. Out: what the server says while the plan's statements
run: where it need not read, it says that a constraint is implied (ATTACH PARTITION in tablecmds.c, at DEBUG1).
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from laws import Project

ALWAYS = "embedded: true\npolicy: {online: always}\n"
COLUMNS = "id integer NOT NULL, kind text NOT NULL, at date NOT NULL"
# The parent, the bound of the table that joins, its rows.
BOUNDS = {
    "range": ("RANGE (id)", {"from": 100, "to": 200}, "(150, 'a', '2026-01-01')"),
    "range without end": ("RANGE (at)", {"from": ["2026-01-01"], "to": ["maxvalue"]}, "(1, 'a', '2026-01-02')"),
    "range of two": ("RANGE (kind, id)", {"from": ["a", 1], "to": ["b", 5]}, "(1, 'a', '2026-01-01')"),
    "list": ("LIST (kind)", {"values": ["a", "b"]}, "(1, 'a', '2026-01-01')"),
    "expression": ("RANGE ((id + 1))", {"from": 100, "to": 200}, "(150, 'a', '2026-01-01')"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_attached_is_not_read(name: str, database_url: str, project: Path) -> None:
    by, bound, row = BOUNDS[name]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE public.e ({COLUMNS}) PARTITION BY {by}".encode())
        connection.execute("CREATE TABLE public.rest PARTITION OF public.e DEFAULT")
        connection.execute("CREATE INDEX e_at_idx ON public.e (at) WHERE id > 0")
        connection.execute(f"CREATE TABLE public.joins ({COLUMNS})".encode())
        connection.execute(f"INSERT INTO public.joins VALUES {row}".encode())
        connection.execute("INSERT INTO public.rest VALUES (-5, 'z', '1999-01-01')")
    book = Project(project, database_url, ALWAYS)
    method, _, key = by.partition(" ")
    listed = [{"expression": "id + 1"}] if "+" in key else key.strip("()").split(", ")
    declared = {
        "name": "e",
        "columns": {
            column: {"type": kind, "not_null": True}
            for column, kind in (("id", "integer"), ("kind", "text"), ("at", "date"))
        },
        "partition_by": {method.lower(): listed},
        "partitions": {"rest": {"default": True}, "joins": bound},
    }
    index = {"name": "e_at_idx", "table": "e", "columns": ["at"], "where": "id > 0"}
    book.write([{"name": "E", "table": declared}, {"name": "I", "index": index}])
    plan = book.apply(check=True).plans[-1]
    said: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.add_notice_handler(lambda one: said.append(str(one.message_primary)))
        connection.execute("SET client_min_messages = debug1")
        for operation in plan.operations:
            for command in operation.commands:
                connection.execute(command.sql.encode())
    assert 'partition constraint for table "joins" is implied by existing constraints' in said
    assert [text for text in said if "building index" in text and "joins" in text and "wgm_new" not in text] == []
    assert any('default partition "rest" is implied by existing constraints' in text for text in said)
    assert book.apply().plans == []
