"""C15: what SELECT * of a relation that is live returns changes, and the plan says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql

KEY = {"type": "bigint", "primary_key": True}
T = {"id": KEY, "a": "integer", "b": "text"}


def _table(**columns: Any) -> dict[str, Any]:
    return {"name": "T", "table": {"name": "t", "columns": {**T, **columns}}}


def _view(query: str) -> dict[str, Any]:
    return {"name": "V", "view": {"name": "v", "query": query}}


RENAMED = {
    "name": "T",
    "table": {"name": "t", "columns": {"id": KEY, "a": "integer", "c": {"type": "text", "renamed_from": "b"}}},
}
V = _view("select id, a from t")
CHANGES = {
    "a column is added": ([_table(c="text"), V], "t"),
    "a column with a volatile default is added": ([_table(c={"type": "uuid", "default": "gen_random_uuid()"}), V], "t"),
    "a column goes to the trash": ([_table(b={"state": "absent"}), V], "t"),
    "a column is renamed": ([RENAMED, V], "t"),
    "a type changes": ([_table(b="varchar(20)"), V], "t"),
    "a type changes beside a view": ([_table(a="bigint"), V], "t"),
    "a view gets a column": ([_table(), _view("select id, a, b from t")], "v"),
    "a view loses a column": ([_table(), _view("select id from t")], "v"),
}
UNCHANGED = {
    "a default": [_table(a={"type": "integer", "default": 3}), V],
    "a rule": [_table(a={"type": "integer", "check": "a > 0"}), V],
    "a new table": [_table(), V, {"name": "N", "table": {"name": "n", "columns": {"id": KEY}}}],
    "another query of a view": [_table(), _view("select id, a from t where a > 0")],
}


@pytest.fixture(params=["auto", "always"])
def made(request: pytest.FixtureRequest, project: Path, new_database: Callable[..., str]) -> Project:
    book = Project(project, new_database(), f"embedded: true\npolicy: {{online: {request.param}}}\n")
    book.write([_table(), V])
    book.apply()
    load_sql(book.url, "INSERT INTO t SELECT g, g, g FROM generate_series(1, 9) AS g")
    return book


@pytest.mark.parametrize("named", CHANGES)
def test_the_plan_names_what_a_session_then_meets(made: Project, named: str) -> None:
    steps, relation = CHANGES[named]
    with psycopg.connect(made.url, autocommit=True) as session:
        session.execute(f"PREPARE p AS SELECT * FROM {relation}")
        session.execute("EXECUTE p")
        made.write(steps)
        plan = made.apply()
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            session.execute("EXECUTE p")
    hazards = [one.what for operation in plan.operations for one in operation.hazards if one.code == "C15"]
    assert any(f" of {relation} " in one or "prepared statements" in one for one in hazards)


@pytest.mark.parametrize("named", UNCHANGED)
def test_nothing_is_said_where_no_session_meets_it(made: Project, named: str) -> None:
    made.write(UNCHANGED[named])
    with psycopg.connect(made.url, autocommit=True) as session:
        session.execute("PREPARE p AS SELECT * FROM t")
        session.execute("PREPARE q AS SELECT * FROM v")
        plan = made.apply()
        session.execute("EXECUTE p")
        session.execute("EXECUTE q")
    assert not [one for operation in plan.operations for one in operation.hazards if one.code == "C15"]
