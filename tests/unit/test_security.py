"""The page about security: each line is held by a test that attacks.

In: the page, the files of the tests. Out: one failure for each line that no test holds.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.reference.pages import doc
from wgm_play.security import LINES


def test_each_line_names_a_test_that_is_there() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert not [name for *_, name in LINES if f"def {name}(" not in tests]


def test_the_page_shows_each_line() -> None:
    page = doc("security")
    assert all(f"- {moment}: {what}" in page for _, moment, what, _ in LINES)
