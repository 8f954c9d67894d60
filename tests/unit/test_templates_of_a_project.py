"""What a checkout names as a template lies in it: a link that leads out of it shows nothing of this machine.

In: projects with links, a play whose function has a template. Out: the refusal, without the text behind the link.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wgm_play.cli.application import run

PLAY = """
- name: A
  hosts: production
  steps:
    - name: F
      vars: {other: secret.sql}
      function: {name: f, returns: integer, language: sql, template: f.sql}
"""


def _folder(project: Path, outside: Path) -> None:
    (outside / "f.sql").write_text("select 'hidden words' from")
    (project / "templates").symlink_to(outside)


def _file(project: Path, outside: Path) -> None:
    (project / "templates").mkdir()
    (project / "templates" / "f.sql").symlink_to(outside / "secret.sql")


def _included(project: Path, outside: Path) -> None:
    (project / "templates").mkdir()
    (project / "templates" / "f.sql").write_text("{% include 'secret.sql' %}")
    (project / "templates" / "secret.sql").symlink_to(outside / "secret.sql")


def _included_by_a_variable(project: Path, outside: Path) -> None:
    _included(project, outside)
    (project / "templates" / "f.sql").write_text("{% include other %}")


def _imported(project: Path, outside: Path) -> None:
    _included(project, outside)
    (project / "templates" / "f.sql").write_text("{% from other import x %}select 1")


@pytest.mark.parametrize("lead_out", [_folder, _file, _included, _included_by_a_variable, _imported])
def test_a_template_is_no_link_out_of_the_project(
    tmp_path: Path, lead_out: Callable[[Path, Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    for folder in (project / "playbooks", project / "environments", outside):
        folder.mkdir(parents=True)
    (outside / "secret.sql").write_text("select 'hidden words' from")
    (project / "playbooks" / "x.yml").write_text(PLAY)
    (project / "environments" / "production.yml").write_text("url: postgresql://127.0.0.1:1/none\n")
    lead_out(project, outside)
    code = run([str(project / "playbooks" / "x.yml"), "--syntax-check"])
    said = "".join(capsys.readouterr())
    assert code == 1
    assert "hidden words" not in said
    assert "template" in said
