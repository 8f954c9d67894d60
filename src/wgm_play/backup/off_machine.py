"""Copies of backups off the machine: by a command of the environment, each remembered beside the backups.

In: an engine, a backup that was taken and proved. Out: the copy is made and noted, or `Refused`; which backups have one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.backup import command
from wgm_play.errors import Refused

if TYPE_CHECKING:
    from wgm_play.backup.base import Backup, BackupSource

# What was copied when, by the ids of backups.
RECORD = ".copied.json"
# File systems that are elsewhere.
_ELSEWHERE = ("nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "lustre")
_MOUNTS = Path("/proc/self/mounts")


def copy(source: BackupSource, backup: Backup) -> bool:
    """Copy a backup off the machine where the environment says how; tell whether it did. Raise `Refused`."""
    if not source.copy:
        return False
    folder = source.directory
    command.run(
        source.copy,
        "the command that copies backups off the machine",
        path=backup.path,
        directory=str(folder),
        id=backup.id,
    )
    known = {name: at for name, at in copied(source).items() if (folder / name).exists()}
    known[backup.id] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        (folder / RECORD).write_text(json.dumps(known, indent=1) + "\n")
    except OSError as error:
        raise Refused(f"the copy of {backup.id} cannot be noted in {str(folder)!r}: {error.strerror}") from error
    return True


def copied(source: BackupSource) -> Mapping[str, str]:
    """Return when backups were copied, by their ids."""
    try:
        known = json.loads((source.directory / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def is_elsewhere(folder: Path) -> bool:
    """Tell whether a folder lies on a file system of another machine, as far as is known."""
    try:
        mounts = [line.split()[1:3] for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return False
    path = folder.resolve()
    above = {str(path), *map(str, path.parents)}
    place = max((one for one in mounts if one[0] in above), key=lambda one: len(one[0]), default=["/", ""])
    return place[1] in _ELSEWHERE
