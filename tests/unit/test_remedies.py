"""Steps that messages offer are steps: who pastes one has a playbook that is read.

In: the texts of the package that begin as a step does. Out: one failure for each that the loader refuses.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from wgm_play.cli.application import run

ROOT = Path(__file__).parents[2]


def offered() -> list[str]:
    """Return the texts that are a step in one line."""
    return sorted(
        {
            node.value
            for path in (ROOT / "src" / "wgm_play").rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("- {name: ")
        }
    )


@pytest.mark.parametrize("step", offered())
def test_a_step_that_a_message_offers_can_be_pasted(
    step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "development.yml").write_text("embedded: true\n")
    (tmp_path / "book.yml").write_text(f"- name: P\n  hosts: development\n  steps:\n    {step}\n")
    assert run([str(tmp_path / "book.yml"), "--syntax-check"]) == 0, capsys.readouterr().err
