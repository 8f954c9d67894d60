"""The folder of backups: one folder each, with a manifest that is written last.

In: a directory. Out: finished backups; a folder without a manifest is an aborted backup and is removed by the next
call, unless the process that makes it still lives (it holds a lock on the folder).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wgm_play.backup.base import Backup
from wgm_play.backup.base_manifest import sha256
from wgm_play.errors import Position, Refused
from wgm_play.lazy_dataclass import dataclass

MANIFEST = "manifest.json"
DUMP = "dump"
# Beside a dump, in its folder: the server's roles and tablespaces.
GLOBALS = "globals.sql"
# 2: says whose it is. A backup of format 1 says the name of its database alone.
FORMAT = 2
FORMATS = (1, FORMAT)
# The table of contents of a dump in directory format.
CONTENTS = "toc.dat"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup's manifest holds: the backup, facts of its database, files, objects by kind, rows by table."""

    backup: Backup
    facts: Mapping[str, Any]
    tool: int
    files: Mapping[str, tuple[int, str]]
    counted: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] | None = None

    @property
    def excluded(self) -> tuple[str, ...]:
        """The tables whose rows were left out, as SQL names them."""
        return tuple(self.facts.get("excluded", ()))

    @property
    def told_excluded(self) -> str:
        """One sentence on them."""
        return f"the rows of {', '.join(self.excluded)} were left out of the backup (`exclude`)"

    def with_rows(self, tables: Iterable[str]) -> list[str]:
        """Return those of some tables whose rows were not left out."""
        return [one for one in tables if one not in self.excluded]


def refuse_unwritable(directory: Path, where: Position | None = None) -> None:
    """Refuse a folder that a run could not make or write to; nothing is made here. Raise `Refused`."""
    there = next(one for one in (directory, *directory.parents) if os.path.lexists(one))
    if not there.is_dir():
        why = f"{str(there)!r} is no folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        why = f"{str(there)!r} may not be written by this user"
    else:
        return
    raise Refused(
        f"backups cannot be kept in {str(directory)!r}: {why}",
        where=where,
        hint="set `backup.directory` to a folder that this user may write",
    )


def open_folder(directory: Path) -> Path:
    """Make the folder, readable by its owner only, and remove aborted backups. Raise `Refused`."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        ignore = directory / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        for entry in directory.iterdir():
            if _aborted(entry):
                shutil.rmtree(entry, ignore_errors=True)
    except OSError as error:
        raise Refused(
            f"the backup directory {str(directory)!r} cannot be written: {error.strerror}",
            hint="set `backup.directory` to a folder that this user may write",
        ) from error
    return directory


def _aborted(entry: Path) -> bool:
    """Tell whether a folder is a backup whose maker died before its manifest was written."""
    if entry.is_symlink() or not entry.is_dir() or (entry / MANIFEST).exists() or not _is_id(entry.name):
        return False
    return not in_use(entry)


def new_id(now: datetime) -> str:
    """Return an id that sorts by time, also within a second (in steps of 1/4096), and is not taken twice."""
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond * 4096 // 1_000_000:03x}{secrets.token_hex(2)[:3]}"


def _is_id(name: str) -> bool:
    stamp, dash, rest = name.partition("-")
    return dash == "-" and len(rest) == 6 and len(stamp) == 16 and stamp[8] == "T" and stamp.endswith("Z")


@contextmanager
def making(directory: Path, name: str) -> Iterator[Path]:
    """Make a backup's folder and hold its lock; whatever goes wrong inside leaves no folder behind."""
    path = directory / name
    path.mkdir(mode=0o700)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        os.close(handle)


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Keep a backup from being deleted by another process while it is read."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def in_use(path: Path) -> bool:
    """Tell whether a process makes or reads a backup now."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def digests(path: Path) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of each file of a dump, by its name."""
    found: dict[str, tuple[int, str]] = {}
    for file in sorted(path.rglob("*")):
        if file.is_file():
            found[file.relative_to(path).as_posix()] = (file.stat().st_size, sha256(file))
    return found


def damaged(manifest: Manifest, on_bytes: Callable[[int], None] = lambda read: None) -> list[str]:
    """Return what differs between the files of a backup and its manifest; `on_bytes` hears how far the reading is."""
    path = Path(manifest.backup.path) / DUMP
    if CONTENTS not in manifest.files:
        return [f"{MANIFEST} names no {CONTENTS}"]
    problems = []
    for name, (size, digest) in manifest.files.items():
        file = path / name
        try:
            if file.stat().st_size != size:
                problems.append(f"{name} has {file.stat().st_size:,} bytes, it had {size:,}")
            elif sha256(file, on_bytes) != digest:
                problems.append(f"{name} has other bytes than when it was written")
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror}")
    return problems


def write(manifest: Manifest) -> None:
    """Write the manifest so that it is there whole or not at all, also after a power failure. Raise `Refused`."""
    try:
        _write(manifest, Path(manifest.backup.path))
    except OSError as error:
        raise Refused(
            f"the manifest of the backup {manifest.backup.id!r} cannot be written: {error.strerror}",
            hint=f"see that {manifest.backup.path!r} can be written and its disk is not full",
        ) from error


def _write(manifest: Manifest, path: Path) -> None:
    made = path / f".{MANIFEST}.{os.getpid()}"
    text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1, default=_text, ensure_ascii=False)
    with made.open("w") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())
    made.replace(path / MANIFEST)
    for folder in (path, path.parent):
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(type(value).__name__)


def read(path: Path) -> Manifest:
    """Read a backup's manifest; the backup's path is where it lies now. Raise `Refused` for one that is damaged."""
    try:
        told = json.loads((path / MANIFEST).read_text())
        if told["format"] not in FORMATS:
            raise ValueError(f"format {told['format']}")
        given = told["backup"]
        for key in ("started", "ended"):
            given[key] = datetime.fromisoformat(given[key])
        if given["id"] != path.name:
            raise ValueError(f"it is that of the backup {given['id']!r}")
        backup = replace(Backup(**given), path=str(path), pinned=tuple(given["pinned"]))
        files = {name: (int(size), str(digest)) for name, (size, digest) in told["files"].items()}
        return Manifest(backup, told["facts"], int(told["tool"]), files, told["counted"], told["rows"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"the manifest of the backup {path.name!r} cannot be read: {error}",
            hint=f"move {str(path)!r} out of the folder, or restore from another backup: `wgm-play backups PLAYBOOK`",
        ) from error


def manifests(directory: Path, method: str) -> tuple[list[Manifest], list[str]]:
    """Return the manifests of a folder, newest first, and what is wrong with those that cannot be read."""
    found: list[Manifest] = []
    problems: list[str] = []
    try:
        entries = sorted(directory.iterdir()) if directory.exists() else []
    except OSError as error:
        raise Refused(
            f"the backup directory {str(directory)!r} cannot be read: {error.strerror}",
            hint="set `backup.directory` to a folder that this user may read",
        ) from error
    for entry in entries:
        if _is_id(entry.name) and (entry / MANIFEST).is_file():
            try:
                found.append(read(entry))
            except Refused as error:
                if (entry / MANIFEST).exists():  # else another command has just deleted it
                    problems.append(error.message)
    mine = [manifest for manifest in found if manifest.backup.method == method]
    return sorted(mine, key=lambda manifest: (manifest.backup.started, manifest.backup.id), reverse=True), problems


def delete(path: Path) -> None:
    """Delete a backup: its manifest first, so that half a deletion is an aborted backup. Raise `Refused`."""
    try:
        (path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(path)
    except FileNotFoundError:  # another command deletes it, too
        shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise Refused(
            f"the backup {path.name!r} cannot be deleted: {error.strerror}", hint=f"see who may write {str(path)!r}"
        ) from error
