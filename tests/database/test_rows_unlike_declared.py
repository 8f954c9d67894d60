"""Rows that what is declared would meet only in the run are shown by `--check`: all rules that a statement looks at them for.

In: rows, steps. Out: 11 with the rows, nothing touched.
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


def _table(constraints: dict[str, Any] | None = None, **columns: Any) -> dict[str, Any]:
    made = {"name": "t", "columns": {"id": ID, **columns}}
    return {"name": "T", "table": {**made, **({"constraints": constraints} if constraints else {})}}


def _domain(**more: Any) -> dict[str, Any]:
    return {"name": "D", "domain": {"name": "d", "type": "integer", **more}}


def _index(**more: Any) -> dict[str, Any]:
    return {"name": "I", "index": {"name": "i", "table": "t", **more}}


DOMAIN = "CREATE DOMAIN d AS integer;"
TABLE = "CREATE TABLE t (id integer PRIMARY KEY, {}); INSERT INTO t VALUES {};"
CASES: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "a domain's check": (
        DOMAIN + TABLE.format("x d", "(1, 5), (2, 50)"), [_domain(check="value < 10"), _table(x="d")], "id=2, x=50"),
    "a domain's check that raises": (
        DOMAIN + TABLE.format("x d", "(1, 5), (2, 0)"), [_domain(check="10 / value < 10"), _table(x="d")], "division by zero"),
    "a domain's NOT NULL": (
        DOMAIN + TABLE.format("x d", "(1, 5), (2, NULL)"), [_domain(not_null=True), _table(x="d")], "id=2, x=null"),
    "a domain over a domain": (
        DOMAIN + "CREATE DOMAIN e AS d;" + TABLE.format("x e", "(1, 5), (2, 50)"),
        [_domain(check="value < 10"), {"name": "E", "domain": {"name": "e", "type": "d"}}, _table(x="e")], "id=2, x=50"),
    "a domain within an array": (
        DOMAIN + TABLE.format("x d[]", "(1, '{5}')"), [_domain(check="value < 10"), _table(x="d[]")], "within another type"),
    "an index expression that raises": (
        TABLE.format("x integer", "(1, 0), (2, 5)"), [_table(x="integer"), _index(columns=[{"expression": "10 / x"}])],
        "id=1: division by zero"),
    "an index predicate that raises": (
        TABLE.format("y text", "(1, '1'), (2, 'b')"), [_table(y="text"), _index(columns=["id"], where="y::integer > 0")],
        "id=2: invalid input syntax"),
    "a unique index over an expression that raises": (
        TABLE.format("x integer", "(1, 0), (2, 5)"),
        [_table(x="integer"), _index(columns=[{"expression": "10 / x"}], unique=True)], "id=1: division by zero"),
    "an exclusion": (
        TABLE.format("r int4range", "(1, '[1,5)'), (2, '[4,9)'), (3, '[20,30)')"),
        [_table({"t_r": {"exclude": [{"column": "r", "with": "&&"}], "method": "gist"}}, r="int4range")], "id=1"),
    "an exclusion with a condition": (
        TABLE.format("r int4range", "(1, '[1,5)'), (2, '[4,9)'), (3, '[3,30)')"),
        [_table({"t_r": {"exclude": [{"column": "r", "with": "&&"}], "method": "gist", "where": "id <> 2"}}, r="int4range")],
        "id=3"),
    "a generated value that is too long": (
        TABLE.format("y text", "(1, 'abc'), (2, 'abcdef')"),
        [_table(y="text", g={"type": "varchar(4)", "generated": "y || ''"})], "id=2"),
    "a conversion that raises": (
        TABLE.format("y text", "(1, '1'), (2, 'b')"),
        [_table(y={"type": "integer", "convert": {"from": "text", "using": "(y || '0')::integer", "back": "y::text"}})],
        "id=2: invalid input syntax"),
    "a unique index under a collation": (
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
        + TABLE.format("y text", "(1, 'a'), (2, 'A')"),
        [_table(y="text"), _index(columns=[{"column": "y", "collation": "ci"}], unique=True)], "rows=2"),
    "a unique column of a collation": (
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
        + TABLE.format('y text COLLATE ci', "(1, 'a'), (2, 'A')"),
        [_table(y={"type": "text", "collation": "ci", "unique": True})], "rows=2"),
    "a unique index that takes NULLs for equal": (
        TABLE.format("x integer", "(1, NULL), (2, NULL)"),
        [_table(x="integer"), _index(columns=["x"], unique=True, nulls_not_distinct=True)], "rows=2"),
}  # fmt: skip


@pytest.mark.pg(">= 15")
@pytest.mark.parametrize("what", CASES)
def test_rows_are_shown_before_anything_is_touched(what: str, project: Path, new_database: Callable[..., str]) -> None:
    live, steps, told = CASES[what]
    url = new_database()
    try:
        load_sql(url, live)
    except psycopg.errors.FeatureNotSupported as lacking:
        pytest.skip(str(lacking))  # a server without ICU
    book = Project(project, url, "embedded: true\n")
    book.write(steps)
    before = state(url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert caught.value.exit_code == 11
    assert "the data break 1 rule" in str(caught.value)
    assert told in "\n".join(caught.value.details)
    assert before.differences(state(url)) == []
