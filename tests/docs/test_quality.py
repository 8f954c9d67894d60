"""Types and style are tests like the others: mypy strict on the package, ruff on everything.

In: the project. Out: what mypy and ruff found.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from readme import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("mypy", "--no-error-summary"), ("ruff", "check", "--no-cache", "--output-format=concise", ".")],
    ids=lambda words: words[0],
)
def test_nothing_is_found(words: tuple[str, ...], tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
