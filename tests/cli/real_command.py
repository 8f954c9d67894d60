"""The real command as a process of its own. In: words. Out: exit code, standard output, standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import forking


class Command:
    """Runs `wgm-play WORDS…` in a folder, without a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return forking.run(*words, folder=self.folder, environ={**os.environ, **(env or {})})

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin, and return the process."""
        return subprocess.Popen(
            [sys.executable, "-m", "wgm_play", *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
