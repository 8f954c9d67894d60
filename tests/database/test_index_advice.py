"""Indexes that `analyze` advises: tried on a scratch server or by HypoPG, told as steps, never twice what is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from laws import load_sql
from test_analyze import Book, codes

from wgm_play.finding import Finding
from wgm_play.stats.read import read
from wgm_play.stats.writing import written

ORDERS: dict[str, Any] = {
    "id": {"type": "bigint", "primary_key": True},
    "customer": "int",
    "state": "varchar(20)",
    "email": "text",
    "made": "timestamptz",
    "total": "numeric",
    "tags": "text[]",
    "note": "text",
    "gone": "timestamptz",
    "shop": "int",
}
STEPS: list[Any] = [
    {"name": "Orders", "table": {"name": "orders", "columns": ORDERS}},
    {"name": "Lines", "table": {"name": "lines", "columns": {"order_id": "bigint", "item": "int"}}},
    {"name": "By total", "index": {"name": "orders_total_idx", "table": "orders", "columns": ["total"]}},
]
ROWS = """
insert into orders select i, i % 3000, 'state' || i % 7, 'User' || i || '@example.org', timestamptz '2026-01-01' + i * interval '1 min',
    i % 977, array['t' || i % 500, 'u'], 'note ' || i, case when i % 50 > 0 then now() end, i % 40 from generate_series(1, 40000) as i;
insert into lines select i, i % 100 from generate_series(1, 40000) as i, generate_series(1, 2);
analyze orders, lines"""
# It serves `=` as well.
PATTERN = [{"column": "email", "opclass": "text_pattern_ops"}]
# A query, and the index that it wants; None where what is there serves it, or nothing could.
WANTED: dict[str, tuple[str, Any]] = {
    "either": ("select note from orders where customer = 7 or email = 'x'", "two"),
    "equal": ("select note from orders where customer = $1", ["customer"]),
    "newest of one": ("select id from orders where state = $1 order by made desc limit 5", ["made"]),
    "first of some": ("select id from orders where shop = 3 order by email limit 3", ["shop", "email"]),
    "newest": ("select note from orders order by made desc limit 10", ["made"]),
    "both ways": ("select note from orders order by state, made desc limit 10", ["state", "made desc"]),
    "expression": ("select id from orders where lower(email) = 'user77@example.org'", [{"expression": "lower(email)"}]),
    "join": ("select l.item from orders o join lines l on l.order_id = o.id where o.id = $1", ["order_id"]),
    "list": ("select note from orders where customer in (1, 2, 3)", ["customer"]),
    "delete": ("delete from lines where order_id = $1", ["order_id"]),
    "update": ("update orders set note = '' where email = $1", PATTERN),
    "inside": (
        "select id, (select count(*) from lines l where l.order_id = o.id) from orders o where id < 20",
        ["order_id"],
    ),
    "contains": ("select id from orders where tags @> array['t7']", ["tags"]),
    "begins": ("select id from orders where email like 'User777%'", PATTERN),
    "there": ("select note from orders where total = 5", None),
    "by key": ("select note from orders where id = $1", None),
    "all of it": ("select sum(total) from orders", None),
    "most of it": ("select note from orders where customer > 5", None),
    "volatile": ("select id from orders where to_char(made, 'YYYY') = '1999'", None),
}


# Each condition that a query always has, of few rows: the keys, the condition of the index that it wants.
PARTIAL: dict[str, tuple[str, list[Any] | None, str]] = {
    "open ones of one": ("select id from orders where gone is null and customer = $1", ["customer"], "gone IS NULL"),
    "newest that are left": (
        "select id from orders where gone is null order by made desc limit 5",
        ["made"],
        "gone IS NULL",
    ),
    "of a state": ("select total from orders where kind = 'rare' and shop < 9", ["shop"], "kind = 'rare'"),
    "of a flag": ("select total from orders where not done", ["done"], "NOT done"),
    "of two": ("select note from orders where kind in ('rare', 'odd') and note > 'note 9'", ["note"], "kind = ANY"),
    "most of them": ("select id from orders where gone is not null order by note limit 5", ["note"], ""),
    "a parameter": (
        "select total from orders where kind = $1 and email > 'User4' order by email limit 5",
        ["email"],
        "",
    ),
}


@pytest.fixture
def orders(project: Path, database_url: str) -> Book:
    made = Book(project, database_url)
    made.write(STEPS)
    made.apply()
    load_sql(made.url, ROWS)
    return made


def advised(orders: Book, queries: dict[str, str], steps: list[Any] = STEPS, **given: Any) -> list[Finding]:
    """Return the advice on some queries."""
    orders.write(steps, {"queries": [{"name": name, "sql": text} for name, text in queries.items()]})
    return [one for one in orders.analyze(**given)[0] if one.code == "index_advice"]


def step_of(one: Finding) -> dict[str, Any]:
    """Return the step that is shown, as YAML reads it."""
    start = next(number for number, line in enumerate(one.evidence) if line.startswith("- name:"))
    [step] = yaml.safe_load("\n".join(one.evidence[start:]))
    return dict(step)


def test_each_query_gets_the_index_that_serves_it_and_what_is_served_gets_none(
    orders: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgm_play.analysis.advice.MOST", 99)
    found = advised(orders, {name: text for name, (text, _) in WANTED.items()})
    helped: dict[str, list[Any]] = {}
    for one in found:
        for line in one.evidence:
            if (name := line.partition(":")[0]) in WANTED:
                helped.setdefault(name, []).append(step_of(one)["index"]["columns"])
    assert len({str(step_of(one)["index"]["columns"]) for one in found}) == len(found)
    for name, (_, columns) in WANTED.items():
        wanted = [] if columns is None else [["customer"], PATTERN] if columns == "two" else [columns]
        assert sorted(map(str, helped.get(name, []))) == sorted(map(str, wanted)), name


def test_what_a_query_always_asks_for_of_few_rows_is_the_condition_of_its_index(orders: Book) -> None:
    more = {**ORDERS, "kind": "text", "done": "boolean"}
    steps = [{"name": "Orders", "table": {"name": "orders", "columns": more}}, *STEPS[1:]]
    orders.write(steps)
    orders.apply()
    kinds = "case when id % 100 = 1 then 'rare' when id % 100 = 2 then 'odd' else 'usual' || id % 3 end"
    load_sql(orders.url, f"update orders set kind = {kinds}, done = id % 60 > 0; analyze orders")
    made = []
    for query, (text, columns, where) in PARTIAL.items():
        [one] = advised(orders, {query: text}, steps)
        index = step_of(one)["index"]
        assert (index["columns"], index.get("where", "")[: len(where)]) == (columns, where), one
        assert bool(where) == ("where" in index) == ("% of the rows" in "\n".join(one.evidence)), one
        made += [step_of(one)] if where else []
    two = {
        "named": "select id from orders where kind = 'rare' order by made limit 3",
        "given": "select id from orders where kind = $1",
    }
    play = [{"name": name, "sql": text} for name, text in two.items()]
    orders.write(steps, {"queries": [play[0], {**play[1], "values": ["rare"]}]})
    of_two = [one for one in orders.analyze()[0] if one.code == "index_advice"]
    assert "wgm_try" not in str(of_two)
    for one in of_two:  # of the next value there may be more
        helped = {line[:5] for line in one.evidence}
        assert ("where" in step_of(one)["index"]) == ("given" not in helped), one
    texts = {query: text for query, (text, _, where) in PARTIAL.items() if where}
    assert advised(orders, texts, [*steps, *made]) == []  # they wait to be made
    orders.apply()
    assert advised(orders, texts, [*steps, *made]) == []


def test_the_step_is_pasted_and_then_there_is_nothing_to_advise(orders: Book) -> None:
    """With the gain, who writes, and what is superfluous then; what waits to be made, or is broken, is not advised again."""
    queries = {"newest": "select id from orders where shop = 3 order by email limit 3"}
    short = {"name": "By shop", "index": {"name": "orders_shop_idx", "table": "orders", "columns": ["shop"]}}
    orders.write([*STEPS, short])
    orders.apply()
    load_sql(orders.url, "update orders set note = 'x' where id < 11; analyze orders")
    [one] = advised(orders, queries, [*STEPS, short])
    told = "\n".join(one.evidence)
    assert one.severity == "info" and one.where is not None
    assert (
        "newest: " in told
        and "times less (Index Scan using orders_shop_email_idx" in told
        and "on disk (tried on a scratch server)" in told
    )
    assert "40,000 inserts" in told and "the index orders_shop_idx is superfluous then" in told
    step = step_of(one)
    assert step["index"] == {"name": "orders_shop_email_idx", "table": "orders", "columns": ["shop", "email"]}
    assert advised(orders, queries, [*STEPS, short, step]) == []  # it waits to be made
    assert orders.apply().changed
    assert advised(orders, queries, [*STEPS, short, step]) == []
    load_sql(orders.url, "update pg_index set indisvalid = false where indexrelid = 'orders_shop_email_idx'::regclass")
    orders.write([*STEPS, short], {"queries": [{"name": "newest", "sql": queries["newest"]}]})
    assert "index_advice" not in codes(orders.analyze()[0])


def test_ranges_get_gist_and_of_many_indexes_the_best_are_told_and_the_rest_counted(
    orders: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"id": {"type": "int", "primary_key": True}, "at": "int4range", "spot": "point"}
    steps = [*STEPS, {"name": "Stays", "table": {"name": "stays", "columns": columns}}]
    orders.write(steps)
    orders.apply()
    load_sql(
        orders.url,
        "insert into stays select n, int4range(n * 10, n * 10 + 5), point(n, n) from generate_series(1, 30000) n; analyze stays",
    )
    queries = {
        "overlap": "select id from stays where at && int4range(700, 720)",
        "nearest": "select id from stays order by spot <-> point(5, 5) limit 3",
    }
    made = {one.attribute: step_of(one)["index"] for one in advised(orders, queries, steps)}
    assert {name: one["method"] for name, one in made.items()} == {"at": "gist", "spot": "gist"}
    monkeypatch.setattr("wgm_play.analysis.advice.MOST", 1)
    told = advised(orders, queries, steps)
    assert [one.message for one in told if not one.object] == ["1 more query would get cheaper by further indexes"]
    assert len(told) == 2


def test_a_partitioned_table_gets_one_index_for_all_its_parts(orders: Book) -> None:
    parts = {f"seen_{year}": {"from": f"{year}-01-01", "to": f"{year + 1}-01-01"} for year in (2025, 2026)}
    columns = {"id": "bigint", "at": "timestamptz", "who": "int"}
    seen = {
        "name": "Seen",
        "table": {"name": "seen", "columns": columns, "partition_by": {"range": ["at"]}, "partitions": parts},
    }
    orders.write([seen])
    orders.apply()
    load_sql(
        orders.url,
        """insert into seen select i, timestamptz '2025-03-01' + i * interval '20 min', i % 900
        from generate_series(1, 40000) as i; analyze seen""",
    )
    # Before 15 a process collects the statistics, some time later.
    counted = "select sum(n_tup_ins) >= 40000 from pg_stat_user_tables where relname like 'seen%'"
    with psycopg.connect(orders.url, autocommit=True) as session:
        for _ in range(100):
            if session.execute(counted).fetchone() == (True,):
                break
            time.sleep(0.1)
    [one] = advised(orders, {"who": "select id from seen where who = $1"}, [seen])
    assert step_of(one)["index"] == {"name": "seen_who_idx", "table": "seen", "columns": ["who"]}
    assert "40,000 inserts" in "\n".join(one.evidence)


def test_hypopg_tries_them_on_the_target(orders: Book) -> None:
    with psycopg.connect(orders.url, autocommit=True) as connection:
        if connection.execute("select from pg_available_extensions where name = 'hypopg'").fetchone() is None:
            pytest.skip("HypoPG is not installed (Debian: postgresql-15-hypopg)")
        connection.execute("create schema tools; create extension hypopg schema tools")
    texts = {name: text for name, (text, _) in WANTED.items() if name in ("equal", "expression", "there", "join")}
    found = advised(orders, texts)
    assert all("tried by HypoPG on the target" in "\n".join(one.evidence) for one in found)
    columns = [step_of(one)["index"]["columns"] for one in found]
    assert sorted(columns, key=str) == [["customer"], ["order_id"], [{"expression": "lower(email)"}]]
    both = advised(orders, {"tags": WANTED["contains"][0], "equal": WANTED["equal"][0]})  # it knows no GIN
    assert all("scratch server" in "\n".join(one.evidence) for one in both) and len(both) == 2


def test_a_file_of_statistics_without_values_gives_advice_too(orders: Book, tmp_path: Path) -> None:
    with psycopg.connect(orders.url) as connection:
        document = read(connection, "production", "none")
    (tmp_path / "stats.json").write_text(written(document))
    load_sql(orders.url, "truncate orders, lines; analyze orders, lines")
    assert advised(orders, {"equal": WANTED["equal"][0]}) == []
    [one] = advised(orders, {"equal": WANTED["equal"][0]}, file=str(tmp_path / "stats.json"))
    assert step_of(one)["index"]["columns"] == ["customer"]
