"""Rows, of a catalog and of a query, are read by the names of their fields: a field that is added moves no other one.

In: the modules of the package. Out: one failure for each row that is read by number.
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


# What every row of the catalog's own queries begins and ends with is cut off by number, in these two files.
CUTTING = {"catalog/introspect.py", "inspect/nested.py"}
ONE, MANY = "fetchone", ("fetchall", "fetchmany")


def _fetches(node: ast.expr | None, *how: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in how


def _of_query(function: ast.AST) -> tuple[set[str], set[str]]:
    """Return the names of a function that hold a row of a query, and those that hold several."""
    rows, several = {"row"}, {"rows"}
    nodes = list(ast.walk(function))
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                rows |= {target.id} if _fetches(node.value, ONE) else set()
                several |= {target.id} if _fetches(node.value, *MANY) else set()
    for node in nodes:
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            listed = isinstance(node.iter, ast.Name) and node.iter.id in several
            rows |= {node.target.id} if listed or _fetches(node.iter, *MANY) else set()
    return rows, several


def _is_further(node: ast.expr) -> bool:
    """Tell whether a subscript reaches beyond the first column, which may be the only one."""
    return _is_number(node) and not (isinstance(node, ast.Constant) and node.value == 0)


def of_query_by_number(text: str) -> list[int]:
    """Return the lines in which a row of a query is read by number, the only column of a row left out."""
    found: set[int] = set()
    for function in [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]:
        rows, several = _of_query(function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Subscript) or not _is_further(node.slice):
                continue
            of = node.value
            is_row = (isinstance(of, ast.Name) and of.id in rows) or _fetches(of, ONE)
            if isinstance(of, ast.Subscript) and isinstance(of.value, ast.Name):
                is_row = is_row or of.value.id in several
            if is_row:
                found.add(node.lineno)
    return sorted(found)


@pytest.mark.parametrize(
    "planted",
    [
        "state = s.execute(q).fetchone(); return state[3]",
        "return [one[1] for one in s.execute(q).fetchall()]",
        "found = s.execute(q).fetchall(); return found[0][2]",
        "return {row[:2]: row[2] for row in rows}",
        "return s.execute(q).fetchone()[1]",
    ],
)
def test_a_row_of_a_query_that_is_read_by_number_is_found(planted: str) -> None:
    assert of_query_by_number(f"def ask(s, q, rows):\n    {planted}\n") == [2]


def test_the_only_column_of_a_row_has_no_name_to_be_read_by() -> None:
    assert of_query_by_number("def ask(s, q):\n    return s.execute(q).fetchone()[0]\n") == []


def test_rows_of_queries_are_read_by_name() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).as_posix() not in CUTTING
        for line in of_query_by_number(path.read_text(encoding="utf-8"))
    ]
    assert found == []
