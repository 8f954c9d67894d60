"""What an expression may make of little: everything that is of use, and nothing that eats memory or time."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from wgm_play import sandbox
from wgm_play.document.nodes import Text
from wgm_play.errors import InputError, Position
from wgm_play.playbook import values
from wgm_play.playbook.variables import Environ, Root, Scope
from wgm_play.render import render_text

# Bytes: some times the longest text, and far less than what is asked for.
MUCH = 100_000_000


def rendered(text: str) -> Any:
    scope = Scope(Root({}, Environ({}), {}, {}), None, 1, {"name": "a\tb"})
    return values.render_value(Text(text, Position("playbook.yml", 4, 7)), scope)


@pytest.mark.parametrize(
    "expression",
    [
        "'%0999999999d' % 1",
        "'%*d' % (10**9, 1)",
        "'%.999999999f'|format(1.5)",
        "'{:0999999999}'.format(1)",
        "'{:{}}'.format(1, 10**9)",
        "'x' * 10**9",
        "10**9 * [1]",
        "2**2000",
        "range(10**9)",
        "range(10**30)|list",
        "'x'|center(10**9)",
        "'x'.ljust(10**9)",
        "name.expandtabs(10**9)",
        "(7).to_bytes(10**9, 'big')",
        "'a'|list|batch(10**9, 'x')|list",
        "('x' * 9999999).replace('x', 'x' * 9999999)",
        "('x' * 9999999)|replace('x', 'x' * 9999999)",
        "range(99999)|list|join('x' * 999999)",
        "('x' * 999999).join(range(99999)|map('string')|list)",
        "('x' * 9999999) ~ 'xx'",
    ],
)
def test_a_result_without_bound_is_refused_before_it_is_made(expression: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"without bound|a range of more than|width is an argument") as refused:
            rendered("{{ " + expression + " }}")
        assert tracemalloc.get_traced_memory()[1] < MUCH
    finally:
        tracemalloc.stop()
    assert "at most 10,000,000 characters" in str(refused.value.hint)
    assert refused.value.where == Position("playbook.yml", 4, 7)


def test_loops_without_end_are_refused() -> None:
    with pytest.raises(InputError, match="more than 100,000 passes") as refused:
        rendered("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    assert refused.value.where == Position("playbook.yml", 4, 7)


def test_a_template_that_does_not_end_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MOST_SECONDS", 1)
    slow = "{% set x = range(99999) | map('string') | map('length') | sum %}" * 60
    with pytest.raises(InputError, match="takes longer than 1 seconds"):
        rendered("{% for i in range(99999) %}" + slow + "{% endfor %}")


def test_memory_without_bound_is_refused() -> None:
    doubled = "{% set ns = namespace(x='x' * 9000000) %}" + "{% set ns.x = ns.x ~ ns.x %}" * 6
    with pytest.raises(InputError, match="takes more than 64 MB"):
        rendered(doubled)


def test_a_template_of_a_project_has_the_same_bounds(tmp_path: Any) -> None:
    with pytest.raises(Exception, match="a repetition without bound"):
        render_text("select {{ ('x' * 10**9) | literal }}", project=str(tmp_path))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ 7 % 4 }}", 3),
        ("{{ '%05d|%s' % (7, 'a') }}", "00007|a"),
        ("{{ '{:>4}'.format(7) }}", "   7"),
        ("{{ nothing | default(86400000000) }}", 86400000000),
        ("{{ 'ab'|replace('a', 'c') }}", "cb"),
        ("{{ range(3)|join(', ') }}", "0, 1, 2"),
        ("{{ [{'a': 1}, {'a': 2}]|map(attribute='a')|sum(start=10**9) }}", 10**9 + 3),
        ("{{ '-' * 3 }}{{ 'x'.ljust(3) }}|", "---x  |"),
        ("{% for i in range(2) %}{{ i }}{% endfor %}", "01"),
    ],
)
def test_what_is_of_use_is_made(text: str, made: Any) -> None:
    assert rendered(text) == made
