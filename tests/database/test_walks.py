"""The walks of `wgm-play doc inside`: a column to its ALTER TABLE, a rollback, an alert.

In: the page, and one real run for each walk. Out: a failure where a function is not there, or not called in that order.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from wgm_play.cli.application import run

ROOT = Path(__file__).parents[2] / "src" / "wgm_play"
PAGE = ROOT / "reference" / "guide" / "90-inside.md"
BOOK = """
- name: One
  hosts: here
  steps:
    - name: Nodes
      table: {{name: nodes, columns: {{id: {{type: int}}{more}}}}}
  alerts:
    - {{name: Many, query: select count(*) as value from nodes, threshold: ">= 0", severity: warning, summary: Many, runbook: Look}}
"""


def walks() -> dict[str, list[str]]:
    """Return the functions of each walk, by its title."""
    found: dict[str, list[str]] = {}
    for section in (
        PAGE.read_text(encoding="utf-8").partition("## Three walks")[2].partition("\n## ")[0].split("\n### ")[1:]
    ):
        title, _, steps = section.partition("\n")
        found[title.split(",")[0]] = re.findall(r"^\d+\. `([\w/]+\.py:[\w.]+)`", steps, re.MULTILINE)
    return found


@contextmanager
def traced() -> Iterator[list[str]]:
    """Yield the functions of the program in the order of their first calls."""
    called: dict[str, None] = {}
    below = f"{ROOT}/"

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(below):
            called.setdefault(f"{code.co_filename.removeprefix(below)}:{code.co_qualname}", None)

    found: list[str] = []
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        found += called


@pytest.fixture
def book(tmp_path: Path, new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A playbook whose table lacks a column."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "here.yml").write_text(f"url: {new_database()}\n")
    path = tmp_path / "book.yml"
    path.write_text(BOOK.format(more=""))
    assert run(["book.yml"]) == 0
    path.write_text(BOOK.format(more=", x: {type: int}"))
    return path


def test_a_column_a_rollback_and_an_alert_go_as_the_page_says(book: Path) -> None:
    told = walks()
    with traced() as column:
        assert run([book.name]) == 0
    with traced() as alert:
        assert run(["check", book.name, "--fail-on", "error"]) in (0, 12)
    with traced() as back:
        assert run(["rollback", book.name]) == 0
    for title, called in (("One column", column), ("One alert", alert), ("One rollback", back)):
        assert told[title], title
        assert [one for one in called if one in told[title]] == told[title]
