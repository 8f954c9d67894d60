"""A new project. In: an empty folder. Out: files that the strict loader reads, and that nothing overwrites."""

from __future__ import annotations

from pathlib import Path

from real_command import Command

from wgm_play.document.load import load_file
from wgm_play.environment import load_environment
from wgm_play.playbook.validate import problems_of


def test_init_writes_a_project_that_loads(wgm: Command, tmp_path: Path) -> None:
    done = wgm("init", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert "cd shop && wgm-play development.yml" in done.stdout
    names = {str(path.relative_to(tmp_path / "shop")) for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    assert {".gitignore", "README.md", "environments/development.yml", "playbooks/development.yml"} <= names
    for path in (tmp_path / "shop" / "playbooks").rglob("*.yml"):
        role = "steps" if path.parent.name == "schema" else "playbook"
        assert problems_of(load_file(path), role, str(path)) == []
    assert load_environment("development", tmp_path / "shop").embedded


def test_init_here_needs_no_cd(wgm: Command) -> None:
    assert "Next: wgm-play development.yml" in wgm("init", ".").stdout


def test_init_overwrites_nothing(wgm: Command, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    done = wgm("init", ".")
    assert (done.returncode, "README.md" in done.stderr) == (1, True)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "playbooks").exists()
    (tmp_path / "file").write_text("")
    assert "'file' is a file" in wgm("init", "file").stderr
