"""The README's first command, and what is built from the project: a wheel and an sdist that work from any directory.

In: a copy of the files of the project, pip. Out: a virtual environment outside of it, in which a new project runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from readme import ROOT, blocks

# What a clone has; none of what is built or kept in it.
FILES = ("pyproject.toml", "README.md", "environments", "playbooks", "src", "templates", "tests", ".gitignore")
URL = r"an application reaches the database at postgresql://\S+@127\.0\.0\.1:\d+/\w+"
pytestmark = pytest.mark.slow


def run(folder: Path, command: str) -> str:
    """Run a line in a shell; return its standard output, and fail with what it said."""
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=plain,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """A copy of the project, in which the README's first command has run."""
    with tempfile.TemporaryDirectory(prefix="wgm-clone-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in FILES:
            if (ROOT / each).is_dir():
                shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / each, folder / each)
        said = run(folder, blocks("sh")[0].text)
        try:
            assert re.search(r"^development : ok=\d+ changed=\d+ unreachable=0 failed=0 ", said, re.MULTILINE), said
            assert re.fullmatch(URL, said.splitlines()[-1]), said
            yield folder
        finally:
            run(folder, ".venv/bin/wgm-play stop development.yml")


def starts_a_project(clone: Path, name: str) -> None:
    """Make a project outside of the clone with its virtual environment, and run it twice."""
    command = clone / ".venv" / "bin" / "wgm-play"
    with tempfile.TemporaryDirectory(prefix="wgm-else-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        said = run(Path(place), f"{command} init {name} && cd {name} && {command} development.yml")
        try:
            assert re.fullmatch(URL, said.splitlines()[-1]), said
            assert "changed=0" in run(Path(place, name), f"{command} development.yml")
        finally:
            run(Path(place, name), f"{command} stop development.yml")


def test_an_installed_command_works_from_any_directory(clone: Path) -> None:
    starts_a_project(clone, "demo")


def test_a_wheel_and_an_sdist_hold_what_they_need(clone: Path) -> None:
    run(clone, ".venv/bin/pip install -q hatchling && .venv/bin/python -m hatchling build -d built")
    [wheel], [sdist] = (list((clone / "built").glob(kind)) for kind in ("*.whl", "*.tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packed = {name for name in names if "/templates/" in name}
    templates = clone / "templates"
    there = {f"wgm_play/templates/{path.relative_to(templates)}" for path in templates.rglob("*") if path.is_file()}
    own = {name for name in there if name.startswith("wgm_play/templates/wasteland/")}
    assert own and packed == there - own, "the SQL of the application here is nobody else's"
    assert {
        "wgm_play/py.typed",
        "wgm_play/LICENSE",
        "wgm_play/reference/guide/10-start.md",
        "wgm_play/reference/site/style.css",
    } <= names
    run(clone, f".venv/bin/pip install -q --force-reinstall --no-deps --no-build-isolation {sdist}")
    starts_a_project(clone, "demo")
