"""The tests under each Python that is here: an environment of its own for each, the wheel's dependencies, the tests asked for.

In: `python tests/benchmarks/pythons.py [TEST...]` (default: unit and command-line tests); interpreters as `python3.N` in the PATH or those of
pyenv. Warnings are errors, as in the suite.
Out: a line for each version: how many tests passed, or the first that failed; exit 1 where one did. What is not here is named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
TESTS = (
    "tests/unit",
    "tests/cli/test_commands.py",
    "tests/cli/test_bad_input.py",
    "tests/cli/test_usage.py",
    "tests/database/test_cases.py",
)


def interpreter(version: str) -> str | None:
    """Return a Python of a version, or None: in the PATH, where it runs, else the newest of pyenv's."""
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0:
        return found
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(folder.glob(f"{version}.*/bin/python"), key=lambda path: int(path.parts[-3].rpartition(".")[2]))
    return str(kept[-1]) if kept else None


def tried(python: str, tests: list[str]) -> tuple[bool, str]:
    """Install into a new environment, run the tests; return whether they passed, and the last line."""
    with tempfile.TemporaryDirectory(prefix="wgm-python-") as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        run = str(Path(folder) / "bin" / "python")
        installed = subprocess.run(
            [run, "-m", "pip", "install", "-q", "-e", f"{ROOT}[test]"], capture_output=True, text=True, check=False
        )
        if installed.returncode:
            return False, installed.stderr.strip().splitlines()[-1]
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        done = subprocess.run(
            [run, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        told = [
            line
            for line in done.stdout.splitlines()
            if line.startswith(("FAILED", "ERROR")) or " passed" in line or " failed" in line
        ]
        return done.returncode == 0, told[0] if told else done.stdout.strip().splitlines()[-1]


def main(tests: list[str]) -> int:
    """Try each version that is here."""
    bad = 0
    for version in VERSIONS:
        python = interpreter(version)
        if python is None:
            print(f"Python {version}: not here", flush=True)
            continue
        passed, told = tried(python, tests or list(TESTS))
        bad += not passed
        print(f"Python {version}: {'passed' if passed else 'FAILED'}: {told}", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
