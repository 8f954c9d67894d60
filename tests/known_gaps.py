"""Tests that show a known defect: they run, and are expected to fail until it is mended.

In: nothing. Out: `GAPS`, the reason by the beginning of a test's name. A line goes when its test passes.
"""

from __future__ import annotations

_CASE = "tests/database/test_cases.py::test_case[pg18-"

GAPS: dict[str, str] = {
    "tests/database/test_readonly.py::test_a_role_that_may_only_read_plans_what_the_owner_plans[pg18-read only by default]": (
        "the digests of a reader's plan differ: it does not see all that the owner sees"
    ),
    "tests/database/test_readonly.py::test_a_role_that_may_only_read_plans_what_the_owner_plans[pg18-select on all tables]": (
        "the digests of a reader's plan differ: it does not see all that the owner sees"
    ),
    "tests/database/test_readonly.py::test_a_standby_is_planned_against_the_embedded_server": ("not seen to pass yet"),
    "tests/database/test_kill.py::test_a_backup_gate_killed": "not seen to pass yet",
    "tests/database/test_two_runners.py::test_the_second_runner": (
        "the first runner does not end within a minute after its step may go on: not understood yet"
    ),
}
