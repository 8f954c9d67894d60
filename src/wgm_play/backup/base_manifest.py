"""PostgreSQL's own manifest of a base backup, checked without pg_verifybackup, which may be missing or broken.

In: a folder that pg_basebackup wrote with `--manifest-checksums=SHA256`. Out: what differs from its `backup_manifest`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wgm_play.backup.moment import lsn_of
from wgm_play.lazy_dataclass import dataclass

NAME = "backup_manifest"
# Files that may be there without being in the manifest (pg_verifybackup leaves out the same).
_UNLISTED = ("pg_wal", NAME, "postgresql.auto.conf", "recovery.signal", "standby.signal")
_CHUNK = 1024 * 1024


class Unreadable(Exception):
    """A manifest that cannot be read, with the reason."""


@dataclass(frozen=True, slots=True)
class BaseManifest:
    """What `backup_manifest` says: size and SHA-256 of each file; where the backup begins and ends in the WAL."""

    files: dict[str, tuple[int, str]]
    timeline: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes the files have."""
        return sum(size for size, _ in self.files.values())


def read(base: Path) -> BaseManifest:
    """Read a manifest and check its own checksum. Raise `Unreadable`."""
    try:
        raw = (base / NAME).read_bytes()
        told: dict[str, Any] = json.loads(raw)
        # The checksum covers all lines above its own (manual: "Backup Manifest Format").
        covered = raw[: raw.rindex(b'"Manifest-Checksum"')]
        if hashlib.sha256(covered).hexdigest() != told["Manifest-Checksum"]:
            raise Unreadable(f"{NAME} has other bytes than when it was written")
        files = {_path(one): (int(one["Size"]), str(one["Checksum"])) for one in told["Files"]}
        part = told["WAL-Ranges"][-1]
        first = told["WAL-Ranges"][0]
        return BaseManifest(files, int(part["Timeline"]), lsn_of(first["Start-LSN"]), lsn_of(part["End-LSN"]))
    except OSError as error:
        raise Unreadable(f"{NAME} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Unreadable(f"{NAME} is damaged: {error}") from error


def _path(one: dict[str, str]) -> str:
    """Return a file's path; one that is no UTF-8 is written in hexadecimal."""
    return one["Path"] if "Path" in one else bytes.fromhex(one["Encoded-Path"]).decode(errors="surrogateescape")


def damage(base: Path, spaces: Path, on_bytes: Callable[[int], None] = lambda read: None) -> list[str]:
    """Return what differs between the files of a base backup and its manifest; its tablespaces lie in `spaces`."""
    try:
        manifest = read(base)
    except Unreadable as error:
        return [str(error)]
    places = {name: _place(base, spaces, name) for name in manifest.files}
    problems = [
        f"{name}: {why}" for name, told in manifest.files.items() if (why := _differs(places[name], told, on_bytes))
    ]
    known = set(places.values())
    for path in (*base.rglob("*"), *spaces.rglob("*")):
        if path.is_file() and path not in known and path.relative_to(base.parent).parts[1] not in _UNLISTED:
            problems.append(f"{path.relative_to(base.parent)}: it is not in the manifest")
    return problems


def wrong_sizes(base: Path, spaces: Path) -> list[str]:
    """Return which files of a base backup are missing or have another size than their manifest says."""
    try:
        files = {_path(one): int(one["Size"]) for one in json.loads((base / NAME).read_bytes())["Files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{NAME} cannot be read: {error}"]
    return [
        f"{name}: it is not there, or has another size"
        for name, size in files.items()
        if not (there := _place(base, spaces, name)).is_file() or there.stat().st_size != size
    ]


def _place(base: Path, spaces: Path, name: str) -> Path:
    """Return where a file lies: the link of a tablespace may lead to where the backup was before it was moved."""
    parts = name.split("/")
    inside = parts[0] == "pg_tblspc" and (base / "pg_tblspc" / parts[1]).is_symlink()
    return spaces.joinpath(*parts[1:]) if inside else base / name


def _differs(file: Path, told: tuple[int, str], on_bytes: Callable[[int], None]) -> str:
    size, digest = told
    try:
        found = file.stat().st_size
        if found != size:
            return f"it has {found:,} bytes, it had {size:,}"
        return "" if sha256(file, on_bytes) == digest else "it has other bytes than when it was written"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def sha256(file: Path, on_bytes: Callable[[int], None] = lambda read: None) -> str:
    """Return the digest of a file; `on_bytes` hears how far the reading is."""
    digest = hashlib.sha256()
    with file.open("rb") as data:
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()
