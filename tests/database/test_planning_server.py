"""A scratch server without a row plans as the database does whose statistics it has; what it cannot know is unknown, never equal."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from planned import QUERIES, catalog_of, fill

from wgm_play.stats.file import StatisticsFile
from wgm_play.stats.files import height
from wgm_play.stats.judge import DIFFERENT, EQUAL, UNKNOWN, compare, explain, judge
from wgm_play.stats.read import read
from wgm_play.stats.scratch import planning_server
from wgm_play.stats.writing import written


def statistics(database: psycopg.Connection[Any], values: str) -> StatisticsFile:
    return StatisticsFile(json.loads(written(read(database, "production", values))), "stats.json")


def test_a_server_without_rows_plans_as_the_database_does(database: psycopg.Connection[Any], database_url: str) -> None:
    fill(database, 20_000)
    real = {query: explain(database, query) for query in QUERIES}
    catalog = catalog_of(database_url)
    # Before PostgreSQL 17 nobody is shown what the planner knows of ranges.
    least = {"full": len(QUERIES) - 1, "hashed": 20, "none": 20}
    with planning_server(statistics(database, "full")) as server:
        found = {}
        for values in least:
            there = server.lay(catalog, values, statistics(database, values))
            found[values] = [judge(there, query) for query in QUERIES]
    for values, certain in least.items():
        judged = found[values]
        assert [one.error for one in judged if one.plan is None] == []
        # What is called certain is so; it is never the other way round.
        unlike = [one.query for one in judged if one.certain and one.plan.shape != real[one.query].shape]  # type: ignore[union-attr]
        assert unlike == [], values
        assert sum(one.certain for one in judged) >= certain, values
        if values == "full":
            # What lies in the pages of a GIN index is not known.
            off = [
                one.query
                for one in judged
                if one.plan and abs(one.plan.cost - real[one.query].cost) > 0.02 * one.plan.cost
            ]
            assert len(off) <= 4, off


def test_what_depends_on_a_value_that_was_left_out_is_unknown(
    database: psycopg.Connection[Any], database_url: str
) -> None:
    database.execute("create table t (id bigint primary key, state text, n int)")
    database.execute(
        "insert into t select g, case when g % 100 = 0 then 'open' else 'done' end, g % 10 from generate_series(1, 20000) g"
    )
    database.execute("create index on t (state)")
    database.execute("vacuum analyze t")
    by_state, by_key = "select * from t where state = 'open'", "select * from t where id = 7"
    with planning_server(statistics(database, "none")) as server:
        for values, wanted in (("none", UNKNOWN), ("hashed", EQUAL), ("full", EQUAL)):
            there = server.lay(catalog_of(database_url), values, statistics(database, values))
            before, key = judge(there, by_state), judge(there, by_key)
            assert compare(before, before)[0] == wanted, values
            assert compare(key, key)[0] == EQUAL
            if wanted == UNKNOWN:
                assert before.depends_on == ("public.t: state",)
            there.admin.execute("drop index t_state_idx")
            after = judge(there, by_state)
            assert compare(before, after)[0] == (DIFFERENT if wanted == EQUAL else UNKNOWN), values
            assert compare(key, judge(there, by_key))[0] == EQUAL


def test_what_the_file_does_not_hold_is_said(database: psycopg.Connection[Any], database_url: str) -> None:
    database.execute("create table t (id bigint primary key, n int)")
    database.execute("insert into t select g, g from generate_series(1, 50000) g")
    database.execute("vacuum analyze t")
    document = read(database, "production", "full")
    with planning_server(StatisticsFile(document, "stats.json")) as server:
        query = "select * from t where n = 5"
        database.execute("create index t_n on t (n)")
        database.execute("vacuum analyze t")
        there = server.lay(catalog_of(database_url), "grown")
        assert there.notes == ("the index public.t_n is not there: its size is guessed",)
        assert judge(there, query).plan.cost == pytest.approx(explain(database, query).cost, rel=0.05)  # type: ignore[union-attr]

        (table,) = document["tables"]
        table["hidden"] = ["n"]
        table["columns"] = [one for one in table["columns"] if one["name"] != "n"]
        there = server.lay(catalog_of(database_url), "hidden")
        assert judge(there, query).depends_on == ("public.t: n is not known",)
        assert judge(there, "select * from t where id = 3").certain

        # A file from before the column had another type.
        table["columns"].append(
            {"name": "n", "null_frac": 0, "avg_width": 2, "n_distinct": -1, "histogram": ["x", "y"]}
        )
        table["hidden"] = []
        there = server.lay(catalog_of(database_url), "stale", StatisticsFile(document, "stats.json"))
        assert "the statistics of public.t: n do not fit its type: they are left out" in there.notes
        assert judge(there, query).depends_on == ("public.t: n is not known",)

        found = judge(there, "select nothing from t")
        assert found.plan is None and 'column "nothing" does not exist' in found.error
        assert compare(found, found) == (UNKNOWN, (found.error, found.error))


def test_types_with_a_size_and_ranges_are_supposed_or_unknown(
    database: psycopg.Connection[Any], database_url: str
) -> None:
    database.execute("create table t (n numeric(6, 2), c char(3), v varchar(4), r int4range, m numeric)")
    database.execute(
        "insert into t select g % 900, g % 90, g % 70, int4range(g % 10, g % 10 + 3), case when g % 3 = 0 then 7.00 else g end from generate_series(1, 9000) g"
    )
    database.execute("create index on t (n)")
    database.execute("create index on t using gist (r)")
    database.execute("create index on t (m)")
    database.execute("vacuum analyze t")
    queries = [
        f"select * from t where {one}"
        for one in ("n > 800", "c >= '7'", "v < '3'", "r @> 3", "r && int4range(2, 4)", "m = 7")
    ]
    real = {query: explain(database, query).shape for query in queries}
    with planning_server(statistics(database, "none")) as server:
        for values in ("none", "hashed", "full"):
            there = server.lay(catalog_of(database_url), values, statistics(database, values))
            for query in queries:
                found = judge(there, query)
                assert found.plan is not None and (not found.certain or found.plan.shape == real[query]), query


@pytest.mark.parametrize(("pages", "width", "levels"), [(1, 8, 0), (2, 8, 0), (3, 8, 1), (276, 8, 1), (2745, 8, 2)])
def test_a_tree_is_as_high_as_so_many_pages_make_it(pages: int, width: int, levels: int) -> None:
    assert height(pages, width) == levels
