"""Secrets of a password manager: run when read, once, without a shell, never for a stranger; masked from then on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from wgm_play import providers
from wgm_play.environment import load_environment
from wgm_play.errors import InputError
from wgm_play.playbook.expand import load_playbook
from wgm_play.secret import mask
from wgm_play.sql import reveal

PRINT = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write('x'); print(sys.argv[2])"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "environments").mkdir()
    monkeypatch.setattr(providers, "_given", {})
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    write(tmp_path, [sys.executable, "-c", PRINT, str(tmp_path / "asked"), "s3cret; echo $HOME"])
    return tmp_path


def write(project: Path, words: list[str]) -> None:
    (project / "environments" / "shop.yml").write_text(
        "url: \"host=db password='{{ env.DB_PASSWORD }}'\"\nsecrets:\n  DB_PASSWORD: {command: "
        + json.dumps(words)
        + "}\n"
    )


def asked(project: Path) -> int:
    path = project / "asked"
    return len(path.read_text()) if path.exists() else 0


def test_a_command_gives_what_is_read_once_and_masked(project: Path) -> None:
    environment = load_environment("shop", project)
    assert reveal(str.__str__(environment.url or "")) == "host=db password='s3cret; echo $HOME'"
    assert "s3cret" not in mask(f"it is {'s3cret; echo $HOME'}")
    (project / "shop.yml").write_text(
        "- name: S\n  hosts: shop\n  steps:\n    - name: A\n      sql: {up: \"select '{{ env.DB_PASSWORD }}'\", irreversible: true}\n"
    )
    play = load_playbook(project / "shop.yml", environment, environ=environment.provided).plays[0]
    assert "s3cret" in reveal(play.steps[0].spec["up"]) and "s3cret" not in repr(play.steps[0].spec)
    assert asked(project) == 1


def test_the_process_environment_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "other")
    assert "other" in str.__str__(load_environment("shop", project).url or "")
    assert asked(project) == 0


def test_nothing_is_run_for_a_stranger_or_where_placeholders_stand(project: Path) -> None:
    for given in ({"commands": False}, {"environ": {}}):
        with pytest.raises(InputError, match="DB_PASSWORD is not set"):
            load_environment("shop", project, **given)  # type: ignore[arg-type]
    assert asked(project) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/nowhere/pass"], "cannot be run"),
        ([sys.executable, "-c", "import sys; sys.exit('locked')"], "ended with 1"),
        ([sys.executable, "-c", "pass"], "wrote nothing"),
    ],
)
def test_a_command_that_fails_says_so_at_its_line(project: Path, words: list[str], told: str) -> None:
    write(project, words)
    with pytest.raises(InputError, match=told) as caught:
        load_environment("shop", project)
    assert caught.value.where is not None and caught.value.where.line == 3
    assert "export DB_PASSWORD=" in str(caught.value.hint)


@pytest.mark.parametrize("given", ["pass show db", "{command: pass show db}", "{command: []}", "{shell: [a]}", "[a]"])
def test_a_command_is_a_list_of_words(project: Path, given: str) -> None:
    (project / "environments" / "shop.yml").write_text(f"url: host=db\nsecrets: {{DB_PASSWORD: {given}}}\n")
    with pytest.raises(InputError) as caught:
        load_environment("shop", project)
    assert "a list, no shell" in str(caught.value.hint)
