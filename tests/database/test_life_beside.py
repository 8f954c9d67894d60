"""Cases with life beside them: rows, an audit, a grant on a column, an owner who is no superuser, a client that writes.

In: some cases of tests/cases, in the automatic and in the online form (all of them: tests/benchmarks/life_beside.py).
Out: rows that nobody was to touch are as a plain change in a database at rest leaves them, after the change and after its
rollback; the application's triggers were set off by the application alone; no statement of the client failed that does not
fail in the finished database too; the next INSERT works.
"""

from __future__ import annotations

from pathlib import Path

import beside
import life
import pytest
from laws import load_case

from fix_postgres import Postgres

CASES = Path(__file__).parents[1] / "cases"
CHOSEN = [
    "composite/stored_in_a_table",
    "constraint/foreign_key_online",
    "constraint/unique_online",
    "enum/under_a_domain_and_a_composite",
    "online/column_with_volatile_default",
    "online/type_of_a_column",
    "renames/serial",
    "table/add_column",
    "table/add_column_with_default_and_backfill",
]


@pytest.mark.share(3)
@pytest.mark.parametrize("online", ["auto", beside.ONLINE])
@pytest.mark.parametrize("name", CHOSEN)
def test_a_change_beside_an_application(name: str, online: str, server: Postgres, project: Path) -> None:
    found = beside.run(load_case((CASES / f"{name}.yml").read_text()), server, project, online=online)
    assert (found.skipped, found.wrong) == ("", [])
    assert found.writes >= life.WRITES
