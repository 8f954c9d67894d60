"""Several plays in one file: each has an environment, a database and a recap line of its own.

In: a playbook with two plays. Out: what runs, what is skipped, what is refused before the first play.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from roundtrip import Heard

from wgm_play import pipeline
from wgm_play.errors import InputError, Problems
from wgm_play.options import Options

BOOK = """
- name: One
  hosts: staging
  steps:
    - name: A
      table: {name: a, columns: {id: {type: int, default: "{{ top }}"}}}
      tags: [notes]
      when: region == 'eu'
- name: Two
  hosts: fresh
  steps:
    - name: B
      table: {name: b, columns: {id: {type: int, default: "{{ top }}"}}}
"""


@pytest.fixture
def book(tmp_path: Path, new_database: Callable[..., str]) -> Path:
    """A playbook with two plays; `staging` has a variable that `fresh` has not."""
    (tmp_path / "environments").mkdir()
    for name, variables in (("staging", "{top: 3, region: eu}"), ("fresh", "{top: 9}")):
        text = f"url: {new_database()}\nvariables: {variables}\n"
        (tmp_path / "environments" / f"{name}.yml").write_text(text)
    path = tmp_path / "book.yml"
    path.write_text(BOOK)
    return path


def run(book: Path, **options: Any) -> dict[str, int]:
    """Run the playbook; return how many steps changed something, by environment."""
    heard = Heard()
    pipeline.apply(Options(str(book), no_backup=True, **options), heard)
    return {target: counts.changed for target, counts in heard.counts.items()}


def test_each_play_is_read_with_its_own_environment(book: Path) -> None:
    pipeline.listing(Options(str(book)), Heard(), "syntax")
    assert run(book, limit="staging") == {"staging": 1}
    assert run(book) == {"staging": 0, "fresh": 1}
    assert run(book) == {"staging": 0, "fresh": 0}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"tags": ("notes",)}, {"staging": 1, "fresh": 0}),
        ({"skip_tags": ("notes",)}, {"staging": 0, "fresh": 1}),
        ({"start_at_step": "A"}, {"staging": 1, "fresh": 0}),
        ({"start_at_step": "B"}, {"staging": 0, "fresh": 1}),
    ],
)
def test_a_play_without_a_step_that_is_chosen_is_skipped(
    book: Path, options: dict[str, object], changed: dict[str, int]
) -> None:
    assert run(book, **options) == changed


@pytest.mark.parametrize("options", [{"tags": ("nots",)}, {"skip_tags": ("nots",)}, {"start_at_step": "C"}])
def test_a_word_in_no_play_is_refused_before_the_first(book: Path, options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no step"):
        run(book, **options)
    assert run(book) == {"staging": 1, "fresh": 1}


def test_the_errors_of_all_plays_are_shown_at_once(book: Path) -> None:
    book.write_text(BOOK.replace("{{ top }}", "{{ tip }}"))
    with pytest.raises(Problems) as found:
        run(book)
    assert [one.where.line for one in found.value.problems if one.where] == [6, 13]


def test_a_registered_variable_is_known_in_a_second_play(book: Path) -> None:
    book.write_text(
        BOOK + "      register: made\n    - {name: C, table: {name: c, columns: {id: int}}, when: made.changed}\n"
    )
    assert run(book) == {"staging": 1, "fresh": 2}


def test_a_play_without_steps_has_its_recap_line(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text(f"url: {database_url}\n")
    path = tmp_path / "book.yml"
    path.write_text("- {name: Nothing, hosts: production, steps: []}\n")
    assert run(path) == {"production": 0}
    path.write_text("- {name: Nothing, hosts: production, prune: true, steps: []}\n")
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE t ()")
    assert run(path, allow_destructive=True) == {"production": 1}
    assert run(path) == {"production": 0}


def test_listings_need_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "APP_PASSWORD", "KEPT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text('url: "{{ env.DATABASE_URL }}"\n')
    path = tmp_path / "book.yml"
    path.write_text(
        """
- name: Secrets
  hosts: production
  vars: {kept: "{{ env.KEPT | default('90 days') }}"}
  steps:
    - name: App
      role: {name: app, password: "{{ env.APP_PASSWORD }}"}
    - name: "Kept {{ kept }}"
      table: {name: t, columns: {id: int}}
"""
    )
    for what in ("syntax", "steps", "tags", "hosts"):
        heard = Heard()
        pipeline.listing(Options(str(path)), heard, what)
        assert [one for one in heard.said if "not set" in one] == [
            "not set, a placeholder stands for it: APP_PASSWORD, DATABASE_URL"
        ]
    with pytest.raises(InputError, match="DATABASE_URL is not set"):
        run(path)
