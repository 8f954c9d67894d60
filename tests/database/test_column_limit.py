"""A table that has used up its column numbers: the plan is refused before anything is touched.

In: a table of which so many columns were dropped that it can take two more. Out: two are added; three are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project

from wgm_play.errors import Refused

DROPPED = """
DO $$ BEGIN
    FOR i IN 1..1596 LOOP EXECUTE format('ALTER TABLE t ADD COLUMN c%s int', i); END LOOP;
    FOR i IN 1..1596 LOOP EXECUTE format('ALTER TABLE t DROP COLUMN c%s', i); END LOOP;
END $$
"""


def wanted(*columns: str) -> list[dict[str, Any]]:
    made = {"id": {"type": "bigint", "primary_key": True}, **dict.fromkeys(columns, "text")}
    return [{"name": "T", "table": {"name": "t", "columns": {**made, "n": "bigint"}}}]


def test_columns_that_were_dropped_count_and_the_plan_says_so(
    database: psycopg.Connection[Any], database_url: str, project: Path
) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, n integer)")
    database.execute(DROPPED)
    book = Project(project, database_url, "embedded: true\npolicy: {online: always}\n")
    book.write(wanted("a", "b"))  # the new bigint beside the old integer is the third
    with pytest.raises(
        Refused, match=r"public\.t has used 1598 of 1600 columns, 1596 of them dropped, and the plan adds 3"
    ):
        book.apply()
    assert database.execute("SELECT relnatts FROM pg_class WHERE relname = 't'").fetchone() == (1598,)
    book.write(wanted("a"))
    book.apply()
    database.execute("VACUUM FULL t")
    assert database.execute("SELECT relnatts FROM pg_class WHERE relname = 't'").fetchone() == (1600,)
