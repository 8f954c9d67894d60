"""Rows for which what is declared raises an error, instead of being false, are shown by `--check`.

In: rows, a step with an expression. Out: 11 with the rows, nothing touched.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laws import Project, load_sql, state

from wgm_play.errors import Refused

LIVE = (
    "CREATE TABLE t (id int PRIMARY KEY, x int, y text); INSERT INTO t VALUES (1, 0, '7'), (2, 5, 'b'), (3, NULL, '8');"
)
COLUMNS = {"id": {"type": "integer", "primary_key": True}, "x": "integer", "y": "text"}
# The columns that differ, what is told.
RAISING = {
    "a check": ({"x": {"type": "integer", "check": "10 / x > 1"}}, "id=1: division by zero"),
    "a cast in a check": ({"y": {"type": "text", "check": "y::integer > 1"}}, "id=2: invalid input syntax"),
    "a generated column": ({"g": {"type": "integer", "generated": "10 / x"}}, "id=1: division by zero"),
    "a backfill": (
        {"g": {"type": "integer", "not_null": True, "backfill": "y::integer"}},
        "id=2: invalid input syntax",
    ),
    "an identity over NULL": ({"x": {"type": "integer", "identity": "always"}}, "id=3"),
}


@pytest.mark.parametrize("what", RAISING)
def test_rows_that_raise_are_shown(what: str, project: Path, new_database: Callable[..., str]) -> None:
    columns, told = RAISING[what]
    url = new_database()
    load_sql(url, LIVE)
    book = Project(project, url, "embedded: true\n")
    made: dict[str, Any] = {"name": "t", "columns": {**COLUMNS, **columns}}
    book.write([{"name": "T", "table": made}])
    before = state(url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert caught.value.exit_code == 11
    assert told in "\n".join(caught.value.details)
    assert before.differences(state(url)) == []
