"""A health check has its query, and a test that makes a database ill for it: the recipe of `doc inside`.

In: the checks, the tests. Out: one failure for each check, which names what it lacks.
"""

from __future__ import annotations

import pytest
from readme import ROOT

from wgm_play.health import CHECKS

# What no test makes a database ill with yet, and what it takes. The list only shrinks.
UNPROVOKED = {
    "stale_statistics": "counters of a table that come later than its changes",
    "dead_rows": "counters of a table that come later than its changes",
    "replication_lag": "a standby that is kept behind",
    "checksum_failures": "a page that is damaged on disk",
}
TESTS = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "database").glob("*.py")]


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_a_check_has_its_query_and_a_test(name: str) -> None:
    places = {
        f"templates/health/{name}.sql, its query": (ROOT / "templates" / "health" / f"{name}.sql").is_file(),
        "an ailment in tests/database/test_ailments.py": any(f'"{name}"' in text for text in TESTS)
        != (name in UNPROVOKED),
    }
    missing = [place for place, there in places.items() if not there]
    assert not missing, "\n  ".join([f"the check {name} lacks", *missing])
