"""What is said of a run of some steps alone: nothing of the others, whatever they would change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laws import Listener, Project


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    made = Project(project, new_database(), "embedded: true\n")
    made.write(
        [
            {"name": name, "table": {"name": name.lower(), "columns": {"id": "bigint"}}, "tags": [name.lower()]}
            for name in ("One", "Two", "Three")
        ]
    )
    return made


def told(heard: Listener) -> list[tuple[str, str]]:
    """Return the steps that a run spoke of, and how they ended."""
    return [(result.name, result.outcome) for result in heard.results]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"tags": ("two",)}, ["Two"]),
        ({"skip_tags": ("two",)}, ["One", "Three"]),
        ({"start_at_step": "Two"}, ["Two", "Three"]),
    ],
    ids=["tags", "skip_tags", "start_at_step"],
)
def test_only_the_chosen_steps_are_told(book: Project, options: dict[str, Any], names: list[str]) -> None:
    assert told(book.apply(check=True, **options)) == [(name, "changed") for name in names]
    assert told(book.apply(**options)) == [(name, "changed") for name in names]
    assert told(book.apply(**options)) == [(name, "ok") for name in names]
    assert [name for name, outcome in told(book.apply()) if outcome == "ok"] == names
