"""Privileges as a playbook writes them: names of columns are as they are in the catalog, quotes are taken for quotes."""

from __future__ import annotations

import pytest

from wgm_play.document.nodes import Map
from wgm_play.playbook.kinds.privileges import listed


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("select (a, b)", ["SELECT (a)", "SELECT (b)"]),
        ("select (displayName)", ['SELECT ("displayName")']),
        ('select ("displayName")', ['SELECT ("displayName")']),
        ('update ("a, b", "q""x")', ['UPDATE ("a, b")', 'UPDATE ("q""x")']),
        ("all privileges", ["ALL"]),
    ],
)
def test_columns_are_named_with_and_without_quotes(said: str, read: list[str]) -> None:
    spec = Map()
    spec["privileges"] = [said]
    assert listed(spec, "privileges") == read
