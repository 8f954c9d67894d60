"""How large the planner takes a table for: never analysed, grown since it was, without statistics, in partitions.

In: tables that are filled in each of these ways. Out: the rows and bytes that `Situation.online` decides by.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from wgm_play.catalog.introspect import query

Connection = psycopg.Connection[Any]
MADE = "CREATE TABLE public.t (id int, text text) WITH (autovacuum_enabled = false)"
FILLED = "INSERT INTO public.t SELECT g, repeat('x', 60) FROM generate_series(1, 30000) g"


def size(database: Connection, name: str) -> tuple[float, int]:
    rows = database.execute(query("sizes", database.info.server_version).encode()).fetchall()
    return next((tuples, size) for _, relname, tuples, size in rows if relname == name)


@pytest.mark.parametrize("before", [(), ("ANALYZE public.t",)], ids=["never analysed", "analysed while empty"])
def test_a_table_that_nobody_analysed_counts_by_its_file(database: Connection, before: tuple[str, ...]) -> None:
    for statement in (MADE, *before, FILLED, "SELECT pg_stat_reset()"):
        database.execute(statement)
    rows, size_in_bytes = size(database, "t")
    assert rows > 15_000
    assert size_in_bytes > 2_000_000


def test_an_empty_table_is_empty(database: Connection) -> None:
    database.execute(MADE)
    assert size(database, "t") == (0, 0)


def test_rows_that_came_after_analyze_count(database: Connection) -> None:
    database.execute(MADE)
    database.execute("INSERT INTO public.t VALUES (1, 'x')")
    database.execute("ANALYZE public.t")
    database.execute(FILLED)
    if database.info.server_version >= 150000:
        database.execute("SELECT pg_stat_force_next_flush()")
    else:
        database.execute("SELECT pg_sleep(1.2)")
    assert size(database, "t")[0] >= 30_000


def test_a_partitioned_table_is_as_large_as_its_partitions(database: Connection) -> None:
    database.execute("CREATE TABLE public.p (id int, text text) PARTITION BY RANGE (id)")
    for low in (0, 15_000):
        database.execute(
            f"CREATE TABLE public.p{low} PARTITION OF public.p FOR VALUES FROM ({low}) TO ({low + 15_000})"
        )
    database.execute("INSERT INTO public.p SELECT g, repeat('x', 60) FROM generate_series(0, 29999) g")
    rows, size_in_bytes = size(database, "p")
    assert rows > 15_000
    assert size_in_bytes > 2_000_000


def test_the_rows_of_children_count_as_the_parents(database: Connection) -> None:
    database.execute("CREATE TABLE public.base (id int, text text)")
    database.execute(
        "CREATE TABLE public.kid () INHERITS (public.base); CREATE TABLE public.below () INHERITS (public.kid)"
    )
    for name in ("kid", "below"):
        database.execute(f"INSERT INTO public.{name} SELECT g, 'x' FROM generate_series(1, 20000) g")
    database.execute("ANALYZE")
    assert (size(database, "base")[0], size(database, "kid")[0], size(database, "below")[0]) == (40_000, 40_000, 20_000)
