"""Tests that show a known defect: they run, and are expected to fail until it is mended.

In: nothing. Out: `GAPS`, the reason by the beginning of a test's name. A line goes when its test passes.
"""

from __future__ import annotations

GAPS: dict[str, str] = {
    "tests/database/test_partial.py::test_an_edit_planned_in_part_is_planned_as_in_whole": "an edit of a table that a "
    "grant step names is planned as a whole, not in part",
    "tests/database/test_manual.py::test_every_alteration_is_seen_and_comes_back[pg18-alter_materialized_view]": "a "
    "materialized view whose owner may not read its tables is not filled: the run ends there",
    "tests/database/test_roles.py::test_what_an_administrator_runs_is_no_longer_skipped": "a membership in a group of "
    "PostgreSQL's own is skipped where the role may not grant it, also when it is there",
}
