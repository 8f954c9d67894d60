"""The direction of imports: the map of `wgm-play doc inside` is a staircase, and no two files need one another.

In: the modules of the package, the table of that page. Out: one failure for each import that goes up, each circle.
"""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter

from readme import ROOT

SOURCE = ROOT / "src" / "wgm_play"
# Two files that need one another, and why.
CIRCLES = {
    # A value may hold templates over variables, and a variable is rendered where it is read.
    ("wgm_play.playbook.values", "wgm_play.playbook.variables"),
}


def _name(parts: tuple[str, ...]) -> str:
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(("wgm_play", *path.relative_to(SOURCE).with_suffix("").parts)): path for path in SOURCE.rglob("*.py")}


def _imported(name: str) -> set[str]:
    """Return the modules of ours that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found |= {whole if (whole := f"{base}.{one.name}") in MODULES else base for one in node.names}
    return {one for one in found if one in MODULES and one != name}


IMPORTED = {name: _imported(name) for name in MODULES}


def _rows() -> list[list[str]]:
    table = (SOURCE / "reference" / "guide" / "90-inside.md").read_text(encoding="utf-8")
    return [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]


def _package(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_the_map_names_every_package_once() -> None:
    named = sorted(one for row in _rows() for one in row)
    assert named == sorted({_package(name) for name in MODULES} - {"", "__main__"})


def test_a_module_imports_from_its_own_line_or_from_those_above() -> None:
    stair = {one: number for number, row in enumerate(_rows()) for one in row}
    upwards = [
        f"{name} imports {other}"
        for name, others in sorted(IMPORTED.items())
        for other in sorted(others)
        if stair.get(_package(other), -1) > stair.get(_package(name), len(stair))
    ]
    assert not upwards, "\n".join(upwards)


def test_no_two_files_need_one_another() -> None:
    known = {edge for one, other in CIRCLES for edge in ((one, other), (other, one))}
    graph = {name: {one for one in others if (name, one) not in known} for name, others in IMPORTED.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise AssertionError(" -> ".join(circle.args[1])) from None
