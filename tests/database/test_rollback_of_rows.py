"""A rollback looks at the rows that it does not put back itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from laws import Project

from wgm_play.errors import Refused


def test_a_row_whose_key_is_null_is_looked_at(project: Path, new_database: Callable[..., str]) -> None:
    book = Project(project, new_database(), "")
    columns = {"k": {"type": "integer", "unique": True}, "x": "integer"}
    book.write([{"name": "T", "table": {"name": "t", "columns": columns}}])
    book.apply()
    seed = {"table": "t", "key": ["k"], "rows": [{"k": 1, "x": "b"}]}
    book.write(
        [{"name": "T", "table": {"name": "t", "columns": {**columns, "x": "text"}}}, {"name": "S", "seed": seed}]
    )
    book.apply()
    with psycopg.connect(book.url, autocommit=True) as connection:
        connection.execute("INSERT INTO t VALUES (NULL, 'no number')")
    with pytest.raises(Refused, match="the data break 1 rule") as caught:
        book.rollback()
    assert "no number" in str(caught.value.details) and '"b"' not in str(caught.value.details)
