"""A project in git, and reviews of what a branch does to it. In: an empty folder. Out: `Repository`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from wgm_play.options import Options
from wgm_play.pipeline import review
from wgm_play.reporter import Reporter
from wgm_play.review.model import PlayReview, Review

ENVIRONMENT = "url: '{{ env.NO_SUCH_URL }}'\nserver_version: {version}\n"


class Repository:
    """A project whose files are committed on `main`; `play` writes the only playbook."""

    def __init__(self, folder: Path, version: int = 18) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        self.write("environments/production.yml", ENVIRONMENT.replace("{version}", str(version)))

    def git(self, *words: str) -> str:
        """Run git as nobody in particular."""
        known = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        names = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *names, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **known},
        )
        return done.stdout

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def play(self, steps: str, more: str = "", name: str = "play.yml", hosts: str = "production") -> None:
        """Write the playbook."""
        body = (
            "".join(f"    {line}\n" if line else "\n" for line in steps.strip("\n").split("\n"))
            if steps.strip()
            else "    []\n"
        )
        self.write(name, f"- name: shop\n  hosts: {hosts}\n{more}  steps:\n{body}")

    def commit(self, words: str = "next") -> None:
        """Commit all there is."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", words)

    def branch(self, name: str = "feature") -> None:
        """Commit, and begin a branch."""
        self.commit("base")
        self.git("checkout", "-q", "-b", name)

    def review(self, name: str = "play.yml", **more: object) -> Review:
        """Review the branch as it lies here."""
        also = tuple(more.pop("also", ()))  # type: ignore[call-overload]
        options = Options(str(self.folder / name), **more)  # type: ignore[arg-type]
        return review([options], Reporter(), against="main", also_open=also)

    def only(self, **more: object) -> PlayReview:
        """Review a branch with one environment that can be planned."""
        found = self.review(**more)
        assert not found.broken, found.broken
        (play,) = found.plays
        return play


def told(play: PlayReview, section: str) -> list[str]:
    """Return what a section says, each with its severity and code."""
    return [f"{one.severity} {one.code} {one.message}" for one in play.findings[section]]


def titles(play: PlayReview) -> list[str]:
    """Return what the plan does."""
    return [one.title for one in play.plan.operations]
