"""The house: what lies where, how modules open, that no statement is put together outside of the templates.

In: the files of the project. Out: one failure for each that is out of place.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from readme import ROOT

VISIBLE = {"pyproject.toml", "README.md", "environments", "playbooks", "src", "templates", "tests"}
# How a statement begins.
STATEMENT = re.compile(
    r"\s*(select|with|insert|update|delete|merge|create|alter|drop|comment on|grant|revoke|set (local|session)|begin"
    r"|commit|rollback|lock table|truncate|refresh|analyze"
    r"|vacuum|declare|fetch|copy|call|do \$|explain|prepare|deallocate)\s",
    re.IGNORECASE,
)
# The project speaks of itself alone: no tracker, no tool of its writers, no machine of theirs.
FOREIGN = re.compile(
    r"issue #?\d|pull request #\d|\bclaude\b|\bchatgpt\b|\bcopilot\b|\bLLM\b|\bprompt engineer"
    r"|(?<![\w.])/(work|farm|home/\w+|root)/\w|pypi\.org|files\.pythonhosted|registry\.npmjs",
    re.IGNORECASE,
)


def files() -> list[Path]:
    """Return the files under version control; where there is none (an sdist), those of the project's folders."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode == 0 and told.stdout:
        return [ROOT / name for name in told.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [path for name in sorted(VISIBLE) for path in _below(ROOT / name)]


def _below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for each in path.iterdir() if path.is_dir() else ():
        if each.name != "__pycache__":
            yield from _below(each)


MODULES = [path for path in files() if path.suffix == ".py" and path.is_relative_to(ROOT / "src")]


def where(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}{f':{line}' if line else ''}"


def test_the_top_level_holds_what_readers_look_for_and_nothing_else() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in names if not name.startswith(".")} == VISIBLE


def test_each_module_says_what_comes_in_and_what_goes_out() -> None:
    silent = []
    for path in MODULES:
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        lists = path.name in ("__init__.py", "__main__.py") and told
        if not lists and not ("In:" in told and "Out:" in told):
            silent.append(where(path))
    assert not silent, "\n".join(silent)


def test_each_public_function_has_a_docstring() -> None:
    silent = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                silent.append(f"{where(path, node.lineno)} {node.name}")
    assert not silent, "\n".join(silent)


def test_no_two_classes_have_one_name() -> None:
    named: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                named.setdefault(node.name, []).append(where(path, node.lineno))
    assert not (twice := {name: places for name, places in named.items() if len(places) > 1}), twice


def _formatted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the f-strings, `%` and `+` of texts, and `.format(…)`, each with how it begins."""
    for node in ast.walk(tree):
        first: ast.expr | None = None
        if isinstance(node, ast.JoinedStr) and len(node.values) > 1:
            first = node.values[0]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            first = node.left
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            first = node.func.value
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield node.lineno, first.value  # type: ignore[attr-defined]


def _sent(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what is given to a connection or a cursor as a statement."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("execute", "executemany", "run_all", "copy", "stream"):
            yield from node.args


def test_no_statement_is_put_together_outside_of_the_templates() -> None:
    made = [
        f"{where(path, line)} {text.strip()}"
        for path in MODULES
        for argument in _sent(ast.parse(path.read_text(encoding="utf-8")))
        for line, text in _formatted(argument)
        if STATEMENT.match(text)
    ]
    assert not made, "\n".join(made)


# A text literal or a name in quotes, as a regular expression takes it apart.
BY_HAND = ("'(?:[^']|'')*'", '"(?:[^"]|"")*"')


def test_postgresqls_text_is_taken_apart_in_one_place() -> None:
    by_hand = [
        f"{where(path, node.lineno)} use the patterns of sqltext/scan.py"
        for path in MODULES
        if path.parent.name != "sqltext"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and any(one in node.value for one in BY_HAND)
    ]
    assert not by_hand, "\n".join(by_hand)


def _tables(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the tables of data at the top of a module: a list, a mapping or a set that has a name."""
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call) and getattr(value.func, "id", "") in ("frozenset", "MappingProxyType"):
            value = value.args[0]
        if isinstance(value, ast.List | ast.Tuple | ast.Dict | ast.Set):
            yield node


def test_only_a_table_of_data_is_laid_out_by_hand() -> None:
    by_hand = []
    for path in files():
        text = path.read_text(encoding="utf-8") if path.suffix == ".py" else ""
        if "# fmt: " not in text:
            continue
        ends = {node.end_lineno for node in _tables(ast.parse(text))}
        by_hand += [
            where(path, number)
            for number, line in enumerate(text.splitlines(), 1)
            if re.search(r"# fmt: (skip|off)$", line) and number not in ends
        ]
    assert not by_hand, "\n".join(by_hand)


def test_the_files_speak_of_the_project_alone() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__):
            found += [where(path, number) for number, line in enumerate(text.splitlines(), 1) if FOREIGN.search(line)]
    assert not found, "\n".join(found)
