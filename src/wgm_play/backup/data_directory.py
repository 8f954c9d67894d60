"""The files of a base backup, laid down as a data directory: copied, or combined where increments belong to it.

In: a chain of backups, the full one first. Out: a data directory with its tablespaces beside it, of the account that
runs servers; nothing where it cannot be made.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wgm_play import server_tools
from wgm_play.embedded.account import Account
from wgm_play.errors import Refused, StepFailed
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import format_size

BASE, SPACES = "base", "spaces"
# Beside the backup's own size: the segments that recovery has at one time, and what it writes.
_ROOM = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a data directory and its tablespaces come to lie, and to whom they belong."""

    data: Path
    spaces: Path
    account: Account

    def refuse(self, needed: int) -> None:
        """Refuse a place that is not empty, cannot be reached or has too little room; nothing is made. Raise `Refused`."""
        parent = self.data.parent
        if os.path.lexists(self.data) and not _is_empty(self.data):
            raise Refused(
                f"{str(self.data)!r} is there already and is not empty, nothing was touched",
                hint="name a folder that does not exist yet: --into dir:PATH",
            )
        if not parent.is_dir():
            raise Refused(f"there is no folder {str(parent)!r}", hint=f"mkdir {parent}")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise Refused(
                f"{str(parent)!r} may not be written by this user", hint="name another folder: --into dir:PATH"
            )
        if not self.account.can("x", parent):
            raise Refused(
                f"the user {self.account.name!r}, who runs servers, cannot reach {str(parent)!r}",
                hint="name a folder that every user can reach, as --into dir:/var/lib/postgresql/restored",
            )
        free = shutil.disk_usage(parent).free
        if free < needed + _ROOM:
            raise Refused(
                f"there is too little room below {str(parent)!r}: {format_size(needed + _ROOM)} are needed, "
                f"{format_size(free)} are free, nothing was touched",
                hint="free space there, or name a folder on another disk: --into dir:PATH",
            )

    def refuse_elsewhere(self) -> None:
        """Refuse files that lead out of the copy: what is replayed there would be written to production's own. Raise `StepFailed`."""
        spaces = self.data / "pg_tblspc"
        leading = {
            str(path.relative_to(self.data)): os.readlink(path)
            for path in (*self.data.iterdir(), *spaces.iterdir())
            if path.is_symlink() and (path.parent != spaces or self.spaces.resolve() not in path.resolve().parents)
        }
        # By this map the server would make links by itself. Those to our own folder are there already.
        listed = self.data / "tablespace_map"
        for oid, _, where in (line.partition(" ") for line in _lines(listed)):
            if not (spaces / oid).exists():
                leading[f"pg_tblspc/{oid}"] = where
        listed.unlink(missing_ok=True)
        for name, where in leading.items():
            self.remove()
            raise StepFailed(
                f"{name} of what was restored leads to {where!r}, where it would be written; nothing of the restore is left",
                hint="the tool's configuration must make no links: without link-all, link-map and tablespace-map",
            )

    def move_spaces_out(self) -> None:
        """Let the tablespaces that recovery made within the data directory lie beside it, as the others do."""
        for path in (self.data / "pg_tblspc").iterdir():
            if path.is_dir() and not path.is_symlink():
                if not self.spaces.exists():
                    self.spaces.mkdir(mode=0o700)
                    self.account.give(self.spaces)
                path.rename(self.spaces / path.name)
                path.symlink_to(self.spaces.absolute() / path.name)
                self.account.give(path)

    def give(self) -> None:
        """Make everything the account's own, readable for it alone."""
        for top in (self.data, self.spaces):
            if top.exists():
                for path in (top, *top.rglob("*")):
                    self.account.give(path)
        self.data.chmod(0o700)

    def remove(self) -> None:
        """Remove everything."""
        for path in (self.data, self.spaces):
            shutil.rmtree(path, ignore_errors=True)


def nearest(path: Path) -> Path:
    """Return the folder itself, or the nearest above it that is there."""
    return next(one for one in (path, *path.parents) if one.is_dir())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def lay_down(chain: Sequence[Path], layout: Layout, combine: Path | None, on_bytes: Callable[[int], None]) -> None:
    """Make the data directory of a chain of backups. Raise `OSError`, or `ProgramFailed` of pg_combinebackup."""
    newest = chain[-1]
    moved = {oid: layout.spaces / oid for oid in spaces_of(newest)}
    if combine is None:
        for oid, place in moved.items():
            _copy(newest / SPACES / oid, place, {}, on_bytes)
        _copy(newest / BASE, layout.data, moved, on_bytes)
    else:
        for backup in chain:
            _point_to_own(backup)
        if layout.data.exists():
            layout.data.rmdir()
        words = [
            f"--tablespace-mapping={escaped(newest / SPACES / oid)}={escaped(place)}" for oid, place in moved.items()
        ]
        # What the disks hold is made sure of at the end, for all files at once.
        words += ["--no-sync", f"--output={layout.data}", *(str(backup / BASE) for backup in chain)]
        server_tools.run(combine, words, {"PATH": os.defpath, "LC_ALL": "C"})
    layout.give()


def spaces_of(backup: Path) -> list[str]:
    """Return the numbers of the tablespaces that a backup holds beside its base."""
    return sorted(path.name for path in (backup / SPACES).iterdir()) if (backup / SPACES).is_dir() else []


def _point_to_own(backup: Path) -> None:
    """Let the links of a backup that was moved point to its own tablespaces again."""
    for oid in spaces_of(backup):
        link, place = backup / BASE / "pg_tblspc" / oid, (backup / SPACES / oid).absolute()
        if os.readlink(link) != str(place):
            link.unlink()
            link.symlink_to(place)


def escaped(path: Path | str) -> str:
    """Return a path as pg_basebackup and pg_combinebackup read it in a mapping."""
    return re.sub(r"([=\\])", r"\\\1", str(Path(path).absolute()))


def _copy(source: Path, place: Path, links: Mapping[str, Path], on_bytes: Callable[[int], None]) -> None:
    for folder, names, files in os.walk(source):
        inside = place / Path(folder).relative_to(source)
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in [*names, *files]:
            one = Path(folder) / name
            if one.is_symlink():
                if name in links:
                    (inside / name).symlink_to(links[name])
            elif name in files:
                shutil.copyfile(one, inside / name)
                (inside / name).chmod(0o600)
                on_bytes(one.stat().st_size)
