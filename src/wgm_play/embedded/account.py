"""Who runs the server: ourselves, or an unprivileged account when we are root (PostgreSQL refuses to run as root).

In: the project's folder. Out: `Account`, with what `subprocess` needs to run something as it.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass

# Tried in this order after the owner of the project.
NAMES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the server. `other` tells that it is not us."""

    uid: int
    gid: int
    name: str
    other: bool

    @property
    def run_as(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` that run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.other else {}

    def owns(self, path: Path) -> bool:
        """Tell whether the path, itself no link, belongs to this user."""
        return path.lstat().st_uid == self.uid

    def give(self, path: Path) -> None:
        """Make this user the owner of a path that we just made."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can(self, what: str, path: Path) -> bool:
        """Ask the kernel whether this user can reach `path`: `what` is r, w or x, as in test(1)."""
        if not self.other:
            return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[what])
        asked = ["/bin/sh", "-c", f'test -{what} "$1"', "sh", str(path)]
        return subprocess.run(asked, cwd="/", check=False, stdin=subprocess.DEVNULL, **self.run_as).returncode == 0


def account_for(project: Path) -> Account:
    """Return who runs a server for this project: as root its owner, so that both find the same server."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), _name(os.geteuid()) or str(os.geteuid()), other=False)
    owner = project.stat().st_uid
    candidates = [_name(owner) if owner else None, *NAMES]
    for name in candidates:
        try:
            entry = pwd.getpwnam(name) if name else None
        except KeyError:
            continue
        if entry is not None and entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, other=True)
    raise InputError(
        "PostgreSQL does not run as root, and there is neither an account 'postgres' nor 'nobody' to run it",
        hint="useradd --system postgres",
    )


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
