"""Tests that show a known defect: they run, and are expected to fail until it is mended.

In: nothing. Out: `GAPS`, the reason by the beginning of a test's name. A line goes when its test passes.
"""

from __future__ import annotations

GAPS: dict[str, str] = {
    "tests/database/test_partial.py::test_an_edit_planned_in_part_is_planned_as_in_whole": "an edit of a table that a "
    "grant step names is planned as a whole, not in part",
}
