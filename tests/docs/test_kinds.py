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
from wgm_play.catalog.kinds import ACCESS, AS_ROWS, FIRST_MADE, KINDS, OF_OBJECT, KindTraits, where
from wgm_play.inspect.describe import DESCRIBE
from wgm_play.operations import OPERATIONS_FOR
from wgm_play.playbook.kinds import KINDS as STEPS
from wgm_play.reference.pages import more_examples

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
            yield (
                node.lineno,
                [
                    _text(one.comparators[0])
                    for one in node.values
                    if isinstance(one, ast.Compare)
                    and isinstance(one.ops[0], (ast.Eq, ast.NotEq))
                    and ast.unparse(one.left).endswith("kind")
                ],
            )
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


# Said within another step, or by one of another name.
SAID_OTHERWISE = {"setting", "default_privileges", "owner", "grant", "security_label"} - OF_OBJECT
# Tests of their own make what they need: a server that was started for it.
IN_NO_CASE = AS_ROWS | {"security_label"}


def lacking(kind: str) -> list[str]:
    """Return the places that the recipe of `doc inside` names and a kind lacks."""
    traits, stated = KINDS[kind], kind in STEPS
    query = f"templates/catalog/{traits.query or kind}.sql"
    own = traits.part_of or kind in where(lambda one: one.about or one.in_cluster) or kind in SAID_OTHERWISE
    made = stated and kind not in ACCESS | AS_ROWS and not traits.part_of
    cases = (path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "cases").rglob("*.yml"))
    places = {
        f"its dataclass in CLASSES of catalog/__init__.py, from catalog/{kind}.py": kind in CLASSES,
        f"its query {query}, without a further ending": (ROOT / query).is_file(),
        f"its makers in OPERATIONS_FOR of operations/__init__.py, from operations/{kind}.py": kind in OPERATIONS_FOR,
        f"its step in KINDS of playbook/kinds/__init__.py, from playbook/kinds/{kind}.py": own or stated,
        "its description in DESCRIBE of inspect/describe.py": own or kind in DESCRIBE,
        "its place in FIRST_MADE of catalog/kinds.py": not made or kind in FIRST_MADE,
        f"two examples more in reference/examples/{kind}.yml": not stated or len(more_examples(kind)) >= 2,
        f"a case in tests/cases/{kind}/": not stated or kind in IN_NO_CASE or any(f"{kind}:" in case for case in cases),
    }
    return [place for place, there in places.items() if not there]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_changed_and_written_down(kind: str) -> None:
    missing = lacking(kind)
    assert not missing, "\n  ".join([f"the kind {kind} lacks", *missing])


def test_a_new_kind_is_told_all_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "toy", KindTraits("toy", ("schema", "name")))
    assert [place.split()[1] for place in lacking("toy")] == ["dataclass", "query", "makers", "step", "description"]
    monkeypatch.setitem(STEPS, "toy", STEPS["collation"])
    assert [place.split()[1] for place in lacking("toy")][4:] == ["place", "examples", "case"]


def test_every_field_that_holds_an_expression_is_there() -> None:
    for kind, traits in KINDS.items():
        assert set(traits.expressions) <= set(CLASSES[kind].__slots__), kind
