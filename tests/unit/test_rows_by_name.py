"""Rows of a catalog are read by the names of their fields: a field that is added moves no other one.

In: the modules of the package. Out: one failure for each row of a catalog that is read by number.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "wgm_play"


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.Slice):
        return any(bound is not None and _is_number(bound) for bound in (node.lower, node.upper))
    node = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def by_number(text: str) -> list[int]:
    """Return the lines in which a row of `rows[key]` is read by number."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Subscript)
        and _is_number(node.slice)
        and isinstance(node.value, ast.Subscript)
        and not _is_number(node.value.slice)
        and isinstance(node.value.value, ast.Attribute)
        and node.value.value.attr == "rows"
    ]


@pytest.mark.parametrize("planted", ["live.rows[key][0]", "self.situation.wanted.rows[one][:2]", "a.rows[b.key][-1]"])
def test_a_row_that_is_read_by_number_is_found(planted: str) -> None:
    assert by_number(planted) == [1]


def test_rows_of_a_catalog_are_read_by_name() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in SOURCE.rglob("*.py")
        for line in by_number(path.read_text(encoding="utf-8"))
    ]
    assert found == []
