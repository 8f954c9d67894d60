"""Every template prints through quoting filters, and what they quote cannot break out of its statement.

In: `templates/`, and the statements of real runs: the example of each kind, and the application's database, made and
taken back. Out: each of these statements again, with names and values made hostile, read by PostgreSQL's own parser.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pglast
import pytest
from jinja2 import nodes

from wgm_play import pipeline, plain_templates, render, sql
from wgm_play.options import Options
from wgm_play.playbook.kinds import KINDS
from wgm_play.reporter import Reporter
from wgm_play.sql import Sql

TEMPLATES = Path(__file__).parents[2] / "templates"
QUOTING = {"ident", "idents", "literal", "qualified", "sqls", "strings"}
HOSTILE = """a"b'; drop table x; -- $body$ $1 %s {{ y }} \\ \n/* """
# Texts of a playbook's author, or of the application; the first two are not SQL at all.
NOT_OURS = ("init", "ci", "wasteland")


@dataclass(slots=True)
class Recorded:
    """What was rendered: template -> its values, a few times each."""

    seen: dict[str, list[tuple[dict[str, Any], str]]] = field(default_factory=dict)

    def add(self, name: str, values: dict[str, Any], made: str) -> None:
        known = self.seen.setdefault(name, [])
        if len(known) < 25 and all(made != other for _, other in known):
            known.append((values, made))


def templates() -> list[str]:
    return sorted(
        str(path.relative_to(TEMPLATES))
        for path in TEMPLATES.rglob("*.sql*")
        if path.relative_to(TEMPLATES).parts[0] not in NOT_OURS
    )


def printed(name: str) -> Iterator[nodes.Expr]:
    """Yield the expressions that a template prints."""
    tree = render.environment().parse((TEMPLATES / name).read_text(encoding="utf-8"))
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            branches = [node.expr1, node.expr2] if isinstance(node, nodes.CondExpr) else [node]
            yield from (each for each in branches if each is not None and not isinstance(each, nodes.TemplateData))


@pytest.mark.parametrize("name", templates())
def test_a_filter_is_a_quoting_one_and_stands_in_no_quotes(name: str) -> None:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert not re.search(r"""['"]\{\{""", text), "what is printed is quoted already"
    for node in printed(name):
        if isinstance(node, nodes.Filter):
            assert node.name in QUOTING, f"{name}:{node.lineno}: | {node.name}"
        assert not isinstance(node, nodes.Const | nodes.Concat | nodes.Add), f"{name}:{node.lineno}: put together"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Record what is rendered."""
    found = Recorded()
    plain = render._statement

    def remember(template: Any, position: Any, values: dict[str, Any]) -> render.Statement:
        made = plain(template, position, values)
        if template.name and template.name.split("/")[0] not in NOT_OURS:
            found.add(template.name, values, made.sql)
        return made

    monkeypatch.setattr(render, "_statement", remember)
    return found


class Quiet(Reporter):
    """Says nothing."""


def play(project: Path, steps: str, url: str, **more: Any) -> None:
    """Make a database of the steps, then take all of it back."""
    (project / "environments" / "development.yml").write_text("policy: {online: always, allow_destructive: true}\n")
    book = project / "book.yml"
    body = "".join(f"    {line}\n" for line in steps.strip().splitlines())
    book.write_text(f"- name: All\n  hosts: development\n  steps:\n{body}")
    assert pipeline.apply(Options(str(book), url=url, **more), Quiet()) == 0


def parsed(text: str) -> str | None:
    """Return what PostgreSQL's parser says against a text, or None where it is one statement."""
    try:
        found = pglast.parse_sql(text)
    except pglast.parser.ParseError as error:
        return str(error)
    return None if len(found) == 1 else f"{len(found)} statements"


def hostile(value: Any) -> Any:
    """Return a text with what would break a quoting; short enough for a name. What is no text stays."""
    return f"{value[:3]}{HOSTILE}" if isinstance(value, str) and not isinstance(value, Sql) else value


def attacked() -> jinja2.Environment:
    """Return the environment of the templates, whose filters quote something hostile instead of what they are given."""
    made = render.environment().overlay()
    plain = dict(made.filters)

    def name(given: Any) -> Sql:
        if isinstance(given, Sql):
            return sql.ident(given)
        parts = [given] if isinstance(given, str) else list(given)
        return sql.ident([hostile(part) for part in parts])

    made.filters = {
        **plain,
        "ident": name,
        "qualified": name,
        "idents": lambda names: Sql(", ".join(name(each) for each in names)),
        "literal": lambda value: sql.literal(hostile(value)),
        "strings": lambda values: Sql(", ".join(sql.literal(hostile(value)) for value in values)),
    }
    made.cache = None  # compiled templates hold no filters, but loaded ones know their environment
    return made


def again(environment: jinja2.Environment, name: str, values: Mapping[str, Any]) -> str:
    """Render a template with hostile names and values."""
    render._positions.seen = []
    text = environment.get_template(name).render(**values)
    return render.strip_marks(text, render._positions.seen)[0]


def test_no_name_and_no_value_breaks_out_of_its_statement(recorded: Recorded, project: Path, new_database: Any) -> None:
    url = new_database()
    # A label needs a provider, which PostgreSQL has none of (tests/database/test_security_labels.py), a job pg_cron.
    examples = [
        kind.example for name, kind in KINDS.items() if name not in ("security_label", "cron_job", "partition_set")
    ]
    play(project, "\n".join(examples), url)
    play(project, "- name: One is left\n  table: {name: left_over, columns: {id: int}}", url, no_trash=True)
    environment = attacked()
    wrong, tried = [], 0
    for name, renders in recorded.seen.items():
        for values, made in renders:
            if Path(name).name.startswith("_") or parsed(made) is not None:
                continue  # a piece of a statement, or the body of a function
            tried += 1
            problem = parsed(again(environment, name, values))
            if problem:
                wrong.append(f"{name}: {problem}: {again(environment, name, values)}")
    assert not wrong, "\n".join(wrong)
    assert tried > 100, tried


def test_a_template_that_quotes_by_itself_would_be_found() -> None:
    for text in (
        "SELECT '{{ name | ident }}'",
        'SELECT 1 AS "{{ name | literal }}"',
        "SELECT 1 -- {{ name | ident }}\n + 1",
    ):
        made = render.strip_marks(attacked().from_string(text).render(name="a"), [])[0]
        assert parsed(made) is not None, made


def test_compiled_templates_are_kept_as_python_keeps_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from jinja2 import Environment

    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "one.sql.j2").write_text("SELECT {{ 1 | literal }}")
    compiled: list[str] = []
    compile_ = Environment.compile
    monkeypatch.setattr(
        Environment,
        "compile",
        lambda self, source, *more, **named: compiled.append(source) or compile_(self, source, *more, **named),
    )
    monkeypatch.setattr(plain_templates, "packaged_templates", lambda: templates)

    def rendered() -> str:
        for memory in (render._ours, render._template):
            memory.cache_clear()
        return render.render("one.sql.j2").sql

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered() == "SELECT 1"
    assert not (templates / "__pycache__").exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert (rendered(), rendered(), len(compiled)) == ("SELECT 1", "SELECT 1", 2)
    (templates / "one.sql.j2").write_text("SELECT {{ 2 | literal }}")
    assert (rendered(), len(compiled)) == ("SELECT 2", 3), "a template that changed is compiled again"
    shutil.rmtree(templates / "__pycache__")
    (templates / "__pycache__").write_text("no folder")
    assert (rendered(), len(compiled)) == ("SELECT 2", 4), "where nothing can be kept, it is compiled each time"
    for memory in (render._ours, render._template):
        memory.cache_clear()
