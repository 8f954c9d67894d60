"""The files that a branch changes: history is read, and only what is new is told.

In: a revision of git. Out: paths, absolute.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from wgm_play.errors import InputError


def changed_since(revision: str) -> set[Path]:
    """Return what differs from the merge base with a revision, and what git does not know yet. Raise `InputError`."""
    if revision.startswith("-"):
        raise InputError(f"--against {revision!r} is no revision", hint="--against origin/main")
    top = Path(_git("rev-parse", "--show-toplevel", revision=revision).strip())
    base = _git("merge-base", revision, "HEAD", revision=revision).strip()
    names = _git("diff", "--name-only", "-z", base, "--", revision=revision).split("\0")
    new = _git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", str(top), revision=revision).split(
        "\0"
    )
    return {(top / name).resolve() for name in (*names, *new) if name}


def _git(*words: str, revision: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError("--against needs git", hint="install git, or leave --against out") from error
    if done.returncode:
        reason = done.stderr.strip().partition("\n")[0]
        raise InputError(
            f"--against {revision}: {reason or 'git knows no common ancestor'}",
            hint=f"git fetch origin {revision.removeprefix('origin/')}, with its history (fetch-depth: 0 in CI)",
        )
    return done.stdout
