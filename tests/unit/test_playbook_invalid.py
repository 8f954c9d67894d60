"""Bad playbooks, one file each: every error is found at once, at its line and column, with the next thing to type.

A file begins with lines `# expect: LINE:COLUMN fragment | fragment`; a place in another file is `FILE:LINE:COLUMN`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wgm_play.environment import Environment
from wgm_play.errors import Position, Problems, WgmError
from wgm_play.playbook.expand import load_playbook
from wgm_play.playbook.fold import fold

FOLDER = Path(__file__).parents[1] / "playbooks"
FILES = sorted((FOLDER / "invalid").glob("*.yml"))
ENVIRONMENT = Environment("development", "environments/development.yml", Position("environments/development.yml"))


def expected(path: Path) -> list[tuple[str, list[str]]]:
    """Return place and fragments of each error that a file announces."""
    made = []
    for line in path.read_bytes().split(b"\n"):
        if line.startswith(b"# expect: "):
            where, said = line.decode("utf-8", "replace").removeprefix("# expect: ").split(" ", 1)
            made.append((where, [part.strip() for part in said.split(" | ")]))
    return made


def errors_of(path: Path) -> list[WgmError]:
    """Load and fold a playbook; return all its errors."""
    try:
        for play in load_playbook(path, ENVIRONMENT, environ={}).plays:
            fold(play.steps)
    except Problems as found:
        return list(found.problems)
    except WgmError as found:
        return [found]
    return []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_error_is_told_at_its_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    errors = errors_of(path)
    told = [f"{error.where} {error.message} | {error.hint}" for error in errors]
    announced = expected(path)
    assert announced, "the file does not say what is wrong with it"
    assert len(errors) == len(announced), told
    for error, (where, fragments) in zip(errors, sorted(announced, key=_order), strict=True):
        at = error.where or Position("")
        place = f"{at.line}:{at.column}" if at.file == f"invalid/{path.name}" else str(at)
        assert place.endswith(where), told
        for fragment in fragments:
            assert fragment in f"{error.message} | {error.hint}", told
        assert error.exit_code == 1


def _order(announced: tuple[str, list[str]]) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", announced[0])[-2:])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_second_look_finds_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached file gives no other verdict than the one read first."""
    monkeypatch.chdir(FOLDER)
    first = [str(error.where) + error.message for error in errors_of(path)]
    assert [str(error.where) + error.message for error in errors_of(path)] == first
