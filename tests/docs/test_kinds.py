"""Kinds of objects are listed once: `catalog/kinds.py` says what holds for each, and all else asks it.

In: the modules of the package. Out: one failure for each collection, chain or choice of kind names elsewhere, and for each
kind that a table of code lacks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from readme import ROOT

from wgm_play.catalog import CLASSES
from wgm_play.catalog.kinds import KINDS, OF_OBJECT, where
from wgm_play.inspect.describe import DESCRIBE
from wgm_play.operations import OPERATIONS_FOR
from wgm_play.playbook.kinds import KINDS as STEPS

SOURCE = ROOT / "src" / "wgm_play"
# These words are keys of a playbook, clauses of SQL or pages of the documentation, and only happen to name kinds too.
WORDS = {
    "inspect/constraint.py": {"schema", "table"},
    "inspect/entry.py": {"schema", "table"},
    "playbook/foreign_words.py": set(KINDS),
    "playbook/exported.py": set(KINDS),
    "playbook/kinds/base.py": {"schema", "table", "column"},
}


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_constant(node: ast.expr) -> bool:
    return all(isinstance(one, (ast.Constant, ast.Tuple, ast.List, ast.Load)) for one in ast.walk(node))


def _tells(node: ast.Dict) -> bool:
    """Tell whether it holds a sentence for people about each."""
    return all(" " in (_text(value) or "") for value in node.values)


def _listed(tree: ast.AST) -> Iterator[tuple[int, list[str | None]]]:
    """Yield the texts of each collection, of each chain of comparisons, of each choice of a match."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Set, ast.Tuple, ast.List)):
            yield node.lineno, [_text(one) for one in node.elts if not isinstance(one, ast.Starred)]
        elif isinstance(node, ast.Dict) and all(map(_is_constant, node.values)) and not _tells(node):
            yield node.lineno, [_text(one) for one in node.keys if one is not None]
        elif (
            isinstance(node, ast.BoolOp)
            and len({ast.unparse(one.left) for one in node.values if isinstance(one, ast.Compare)}) == 1
        ):
            yield node.lineno, [
                _text(one.comparators[0])
                for one in node.values
                if isinstance(one, ast.Compare) and isinstance(one.ops[0], (ast.Eq, ast.NotEq))
                and ast.unparse(one.left).endswith("kind")
            ]  # fmt: skip
        elif isinstance(node, ast.MatchOr):
            yield node.lineno, [_text(one.value) for one in node.patterns if isinstance(one, ast.MatchValue)]


def kind_lists(text: str, words: set[str] = frozenset()) -> list[int]:  # type: ignore[assignment]
    """Return the lines of a module's text in which two kinds or more are listed, and nothing else."""
    return sorted(
        line
        for line, texts in _listed(ast.parse(text))
        if len(texts) > 1 and all(one in KINDS for one in texts) and not words >= set(texts)
    )


@pytest.mark.parametrize(
    "planted",
    [
        'key.kind in ("table", "view")',
        'frozenset(["table", "view"])',
        '{"table", "view"} | OTHERS',
        'key.kind == "table" or key.kind == "view"',
        '("table", "view", *OTHERS)',
        '{"table": 1, "view": 2}',
        'match kind:\n    case "table" | "view":\n        pass',
    ],
)
def test_each_form_of_a_list_is_found(planted: str) -> None:
    assert kind_lists(planted) != []


@pytest.mark.parametrize(
    "other", ['("table", "of contents")', '{"table": make_table, "view": make_view}', 'ROUTINES | {"view"}']
)
def test_what_is_no_list_of_kinds_is_not_found(other: str) -> None:
    assert kind_lists(other) == []


def test_no_other_module_lists_kinds() -> None:
    found = [
        f"{name}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        if (name := str(path.relative_to(SOURCE))) != "catalog/kinds.py"
        for line in kind_lists(path.read_text(encoding="utf-8"), WORDS.get(name, set()))
    ]
    assert found == [], "ask catalog/kinds.py for a set of these, or name a new one there"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_changed_and_written_down(kind: str) -> None:
    """A place that the recipe of `doc inside` names and a new kind lacks is an error that names it."""
    assert kind in CLASSES, f"{kind}: no dataclass in catalog/__init__.py"
    query = KINDS[kind].query or kind
    templates = (ROOT / "templates" / "catalog").glob(f"{query}.sql*")
    assert any(templates), f"{kind}: no templates/catalog/{query}.sql"
    assert kind in OPERATIONS_FOR, f"{kind}: nothing makes, changes or drops it in operations/__init__.py"
    own = KINDS[kind].part_of or kind in where(lambda one: one.about or one.in_cluster) or kind in SAID_OTHERWISE
    assert own or kind in DESCRIBE, f"{kind}: inspect cannot write it down, in inspect/describe.py"
    assert own or kind in STEPS, f"{kind}: no step declares it, in playbook/kinds/__init__.py"


# Said within another step, or by one of another name.
SAID_OTHERWISE = {"setting", "default_privileges", "owner", "grant", "security_label"} - OF_OBJECT


def test_every_field_that_holds_an_expression_is_there() -> None:
    for kind, traits in KINDS.items():
        assert set(traits.expressions) <= set(CLASSES[kind].__slots__), kind
