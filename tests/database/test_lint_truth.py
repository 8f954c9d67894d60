"""What lint takes for granted about types and functions is what a server does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from wgm_play.asking.effects import harmless
from wgm_play.lint.types import MUTABLE, VOLATILE, changes_by_row, keeps_bytes

PAIRS = {
    ("varchar(10)", "varchar(20)"): "'x'", ("varchar(10)", "varchar"): "'x'", ("varchar(10)", "text"): "'x'", ("text", "varchar"): "'x'",
    ("numeric(10,2)", "numeric(14,2)"): "1.5", ("numeric(10,2)", "numeric"): "1.5", ("timestamp(3)", "timestamp(6)"): "now()",
    ("timestamptz(3)", "timestamptz"): "now()", ("time(3)", "time"): "'10:00'", ("interval(3)", "interval"): "'1 day'",
    ("varbit(5)", "varbit(10)"): "B'101'", ("cidr", "inet"): "'10.0.0.0/8'", ("text", "citext"): "'x'", ("citext", "text"): "'x'",
    ("int4", "int8"): "1", ("int8", "int4"): "1", ("text", "varchar(20)"): "'x'", ("varchar(20)", "varchar(10)"): "'x'",
    ("numeric(10,2)", "numeric(10,4)"): "1.5", ("numeric(14,2)", "numeric(10,2)"): "1.5", ("timestamptz", "timestamptz(3)"): "now()",
    ("timestamp", "date"): "now()", ("json", "jsonb"): "'{}'", ("inet", "cidr"): "'10.0.0.0/8'", ("float4", "float8"): "1",
    ("bpchar(3)", "text"): "'x'", ("text", "bpchar(3)"): "'x'", ("int4", "text"): "1", ("citext", "varchar(5)"): "'x'",
}  # fmt: skip


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as found:
        yield found


def test_a_type_that_keeps_its_bytes_rewrites_nothing(connection: psycopg.Connection[Any]) -> None:
    there = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'citext'").rowcount
    if there:
        connection.execute("CREATE EXTENSION citext")
    for number, ((old, new), value) in enumerate(PAIRS.items()):
        if "citext" in old + new and not there:
            continue
        file = f"SELECT pg_relation_filenode('t{number}')"
        connection.execute(f"CREATE TABLE t{number} (a {old})".encode())
        connection.execute(f"INSERT INTO t{number} VALUES ({value})".encode())
        before = connection.execute(file.encode()).fetchone()
        connection.execute(f"ALTER TABLE t{number} ALTER a TYPE {new} USING a::{new}".encode())
        assert (connection.execute(file.encode()).fetchone() == before) or not keeps_bytes(old, new), (old, new)


def test_every_function_of_the_server_that_changes_from_row_to_row_is_known(
    connection: psycopg.Connection[Any],
) -> None:
    rows = connection.execute(
        "SELECT DISTINCT proname, provolatile = 'v' FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile <> 'i'"
    ).fetchall()
    volatile = {name for name, is_volatile in rows if is_volatile}
    steady = {name for name, is_volatile in rows if not is_volatile} - volatile
    missed = {name for name in volatile & harmless() if not changes_by_row(name)}
    assert missed <= {"bernoulli", "system", "txid_status"}, "a default that calls one would pass"
    assert steady & VOLATILE == set(), "a default that calls one would be no finding"
    assert {"now", "current_setting", "random"} <= MUTABLE
