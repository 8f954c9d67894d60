"""The law of the other hand finds what the program's own laws cannot: what it forgets wherever it looks.

In: the program with one thing forgotten in a template that both its scratch server and the target's statements are made
with, and a case. Out: the run converges and the program is content; SQL written by hand says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import pytest
from laws import Project, load_case, load_sql, unlike_by_hand

from wgm_play import plain_templates, render

CASES = Path(__file__).parents[1] / "cases"

# What is forgotten: the template, the words that go from it, a case and what must be missing there.
FORGOTTEN = {
    "a column's default": ("_parts/column.sql.j2", " DEFAULT ({{ column.default }})", "sequence/rename", "nextval('public.s2'::regclass)"),
    "a column's collation": ("_parts/column.sql.j2", " COLLATE {{ column.collation }}", "collation/make_and_change", 'COLLATE public.words'),
    "an index's predicate": ("index/declare.sql.j2", "WHERE {{ where }}", "index/change", "WHERE (c > 1)"),
    "a trigger's condition": ("trigger/declare.sql.j2", "WHEN ({{ when }})", "trigger/change", "WHEN ((new.a IS NOT NULL))"),
    "a view's check option": ("view/declare.sql.j2", "WITH LOCAL CHECK OPTION", "view/options", "WITH LOCAL CHECK OPTION"),
    "that a sequence cycles": ("_parts/sequence_options.sql.j2", " CYCLE", "sequence/change", "CYCLE"),
}  # fmt: skip


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """A function that takes words out of one of the program's templates until the test ends."""

    def forget(template: str, words: str) -> None:
        text = (plain_templates.packaged_templates() / template).read_text()
        assert words in text
        made = render._environment(jinja2.Environment, None)
        assert made.loader is not None
        made.loader = jinja2.ChoiceLoader([jinja2.DictLoader({template: text.replace(words, "")}), made.loader])
        monkeypatch.setattr(render, "_ours", lambda: made)
        render._template.cache_clear()

    yield forget
    render._template.cache_clear()


@pytest.mark.parametrize("what", FORGOTTEN)
def test_what_is_forgotten_on_both_sides_is_found_by_hand(
    what: str, new_database: Callable[..., str], project: Path, forget: Callable[[str, str], None]
) -> None:
    template, words, name, missing = FORGOTTEN[what]
    forget(template, words)
    case = load_case((CASES / f"{name}.yml").read_text())
    book = Project(project, new_database())
    book.write(case["before"])
    book.apply()
    load_sql(book.url, case.get("rows", ""))
    book.write(case["after"])
    book.apply()
    assert book.apply().changed == 0, "the program is content"
    found = unlike_by_hand(book.url, new_database(), case["by_hand"])
    assert [one for one in found if one.startswith("only by hand: ") and missing in one]
