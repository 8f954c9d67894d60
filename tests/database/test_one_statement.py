"""What a step declares is one statement: a second one would change the wanted state and belong to no step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from laws import Project

from wgm_play.errors import InputError

TABLE = {"name": "T", "table": {"name": "t", "columns": {"id": {"type": "bigint", "primary_key": True}}}}
SEVERAL: list[dict[str, Any]] = [
    {"index": {"name": "t_idx", "table": "t", "columns": ["id"], "where": "id > 0; drop table t"}},
    {"view": {"name": "v", "query": "select 1 as a; grant select on t to public"}},
    {"view": {"name": "v", "query": "create view v as select id from t;\n-- and then\ndrop table t cascade;"}},
    {"domain": {"name": "d", "type": "int; drop table t"}},
]
ONE: list[dict[str, Any]] = [
    {"view": {"name": "v", "query": "select 1 as a;  -- done; really"}},
    {"view": {"name": "w", "query": "create view w as select ';x' as a, $$;y$$ as b /* ; */ ;;"}},
    {"function": {"name": "f", "returns": "int", "language": "plpgsql", "body": "begin perform 1; return 2; end;"}},
]


@pytest.mark.parametrize("step", SEVERAL, ids=lambda step: next(iter(step)))
def test_a_second_statement_is_refused_where_it_stands(project: Path, database_url: str, step: dict[str, Any]) -> None:
    book = Project(project, database_url)
    book.write([TABLE, {"name": "S", **step}])
    with pytest.raises(InputError, match=r"a second statement|one expression is expected, ';' ends it") as refused:
        book.apply(check=True)
    assert refused.value.where is not None
    assert refused.value.where.line > 1


def test_semicolons_that_end_or_lie_within_a_statement_are_allowed(project: Path, database_url: str) -> None:
    book = Project(project, database_url)
    book.write([{"name": f"S{number}", **step} for number, step in enumerate(ONE)])
    assert book.apply().changed == len(ONE)
    assert book.apply().changed == 0


@pytest.mark.pg(">= 14")
def test_a_body_of_begin_atomic_is_one_statement(project: Path, database_url: str) -> None:
    body = "create function g() returns int language sql begin atomic select 1; select 2; end;"
    book = Project(project, database_url)
    book.write([{"name": "G", "function": {"name": "g", "body": body}}])
    assert book.apply().changed == 1
