"""How objects hang together is told once, in `catalog/graph.py`: no other function walks edges or parents of tables. What
comes before what is told by the methods of a `Change` alone.

In: the modules of the package. Out: one failure for each function that walks them besides, for each edge that is set otherwise.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "wgm_play"
GRAPH = "catalog/graph.py"
# What tells from one object to the next; `while` goes on with what it found.
TOLD = {"edges", "needs", "directly_needed", "parents", "owned_by"}
# A dict or set that is filled by these is a map of its own.
FILLING = {"append", "add", "update", "extend", "setdefault"}
# Who walks otherwise than from one object to the next, and why.
OTHERWISE = {
    ("catalog/model.py", "directly_needed"): "the map that all others ask for",
    ("diff/compare.py", "_circular_keys"): "tables, taken off one by one from circles of foreign keys",
    ("operations/online/choose.py", "_with_neighbours"): "tables that one constraint joins",
    ("planning/inheritance.py", "filled_from"): "relations by their names, whatever of them is depended on",
    ("stats/judge.py", "_relations"): "numbers of relations in a file of statistics, which is no catalog",
    ("planning/refresh_rights.py", "lacking"): "pairs of a reader and what he reads",
}


def _attributes(node: ast.AST) -> set[str]:
    return {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


def _maps_edges(node: ast.For) -> bool:
    """Tell whether a loop over edges puts each under one of its ends: `found.setdefault(a, []).append(b)`, `found[a].add(b)`."""
    if "edges" not in _attributes(node.iter):
        return False
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    return any(
        one.func.attr in FILLING
        and (isinstance(one.func.value, ast.Subscript) or "setdefault" in _attributes(one.func.value))
        for one in calls
        if isinstance(one.func, ast.Attribute)
    )


def walkers(text: str) -> list[str]:
    """Return the functions of a module that walk edges or parents, or make a map of them."""
    return [
        function.name
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef)
        and any(
            (isinstance(node, ast.While) and TOLD & _attributes(node))
            or (isinstance(node, ast.For) and _maps_edges(node))
            for node in ast.walk(function)
        )
    ]


@pytest.mark.parametrize(
    "planted",
    [
        "while todo:\n  for a, b in catalog.edges:\n   todo.append(a)",
        "while todo:\n  row = catalog.get(todo.pop())\n  todo += row.parents or ()",
        "for a, b in catalog.edges:\n  found.setdefault(b, []).append(a)",
        "for a, b in (*one.edges, *other.edges):\n  found[a].add(b)",
    ],
)
def test_a_second_telling_is_found(planted: str) -> None:
    lines = "\n".join(f" {line}" for line in planted.splitlines())
    assert walkers(f"def walk(catalog):\n{lines}") == ["walk"]


def test_who_hangs_on_whom_is_told_once() -> None:
    found = {
        (name, function)
        for path in SOURCE.rglob("*.py")
        if (name := path.relative_to(SOURCE).as_posix()) != GRAPH
        for function in walkers(path.read_text(encoding="utf-8"))
    }
    assert found - OTHERWISE.keys() == set()
    assert OTHERWISE.keys() - found == set()


# What decides the place of a change.
EDGES = {"makes", "removes", "needs", "after"}
AUTHOR = "operations/base.py"


def test_the_place_of_a_change_has_one_author() -> None:
    found = [
        f"{name}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        if (name := path.relative_to(SOURCE).as_posix()) != AUTHOR
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in EDGES
    ]
    assert found == []
