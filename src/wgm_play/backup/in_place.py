"""A whole cluster in its own place: what was restored beside it takes over its data directory, the old one is kept.

In: the environment's `server`, a restored data directory. Out: the server runs on what was restored, with the configuration of
before; or it runs on as it did, and what was restored lies beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from wgm_play import processes
from wgm_play.backup import target
from wgm_play.environment import ClusterAccess
from wgm_play.errors import Refused, StepFailed
from wgm_play.lazy_dataclass import dataclass

# How long a server may take to stop, or to come up, beyond what its own command waits.
SETTLE_SECONDS = 60.0
# How long it is given where that command failed.
FAILED_SECONDS = 3.0
_POLL = 0.05
# What PostgreSQL writes into a data directory itself; anything else there is its owner's, and his newest is right.
_OWN = re.compile(
    r"base|global|pg_(?!hba\.conf$|ident\.conf$).*|PG_VERSION|postmaster\..*|backup_.*|tablespace_map.*|log|current_logfiles"
    r"|recovery\..*|standby\.signal|.*\.original"
)
_SYSTEM = re.compile(r"^Database system identifier: +(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """Where a cluster is put back: its server, and how what comes and what goes is called beside it."""

    server: ClusterAccess
    stamp: str

    @classmethod
    def of(cls, server: ClusterAccess) -> ClusterPlace:
        """Return the place of a server, with names of this moment."""
        return cls(server, f"{datetime.now(UTC):%Y%m%dT%H%M%S}".lower())

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.server.data

    @property
    def fresh(self) -> Path:
        """What is restored, until it takes its place."""
        return self.data.with_name(f"{self.data.name}_restored_{self.stamp}")

    @property
    def kept(self) -> Path:
        """What was there before."""
        return self.data.with_name(f"{self.data.name}_before_{self.stamp}")

    @property
    def running(self) -> bool:
        """Tell whether a server runs on the data directory."""
        return processes.find_postmaster(self.data) is not None

    def refuse(self, system: str, programs: Path) -> None:
        """Refuse what is not the data directory of this cluster, or what this user cannot exchange. Raise `Refused`."""
        data = self.data
        if not (data / "PG_VERSION").exists():
            moved = sorted(data.parent.glob(f"{data.name}_before_*")) if data.parent.is_dir() else []
            raise Refused(
                f"there is no data directory {str(data)!r} on this machine, or this user may not read it; nothing was touched",
                hint=f"a restore was cut short: mv {moved[-1]} {data}"
                if moved
                else "set server.data in the environment",
            )
        if data.is_symlink() or os.path.ismount(data):
            raise Refused(
                f"{str(data)!r} is a link or the top of a file system: it cannot give its name away; nothing was touched",
                hint="name the folder itself in server.data, one below the top of its file system",
            )
        if (found := system_in(programs, data)) != system:
            raise Refused(
                f"{str(data)!r} is of another cluster ({found or 'unknown'}) than the backup ({system}); nothing was touched",
                hint="server.data in the environment and its url must be of one server",
            )
        if os.geteuid() != 0 and data.stat().st_uid != os.geteuid():
            raise Refused(
                f"{str(data)!r} belongs to another user; nothing was touched",
                hint="run this command as the user that runs the server, or as root",
            )

    def is_of(self, started: float) -> bool:
        """Tell whether the server that was started at a time (seconds) runs on this data directory."""
        try:
            told = float((self.data / "postmaster.pid").read_text().split("\n")[2])
        except (OSError, ValueError, IndexError):
            return False
        return abs(told - started) < target.STARTING_SECONDS

    def moved(self) -> list[str]:
        """Return what does not lie where it lay: tablespaces, WAL that was on a disk of its own."""
        found = []
        if (self.kept / "pg_wal").is_symlink():
            found.append(f"pg_wal lies in the data directory now, it was in {os.readlink(self.kept / 'pg_wal')}")
        spaces = self._spaces
        if spaces.exists():
            was = sorted({os.readlink(one) for one in (self.kept / "pg_tblspc").iterdir() if one.is_symlink()})
            found.append(f"the tablespaces lie in {spaces} now; they were in {', '.join(was)}, which is kept")
        return found

    @property
    def _spaces(self) -> Path:
        return self.fresh.with_name(f"{self.fresh.name}_tablespaces")

    def take_over(self) -> None:
        """Stop the server, exchange the directories, start it. Raise `StepFailed`; the old one runs again then."""
        self._configure()
        self.halt()
        try:
            self.data.rename(self.kept)
            self.fresh.rename(self.data)
            self.begin()
        except BaseException as error:
            self._back()
            if isinstance(error, StepFailed):
                error.hint = f"the server runs on the old data directory again; what was restored lies in {self.fresh}"
            raise

    def halt(self) -> None:
        """Stop the server where it runs. Raise `StepFailed`."""
        if not self.running:
            return
        code = _run(self.server.stop)
        if not _until(lambda: not self.running, SETTLE_SECONDS if code == 0 else FAILED_SECONDS):
            raise StepFailed(
                f"the server was not stopped by `{' '.join(self.server.stop)}` (exit code {code}); nothing was exchanged",
                hint="stop it yourself, then the same command again",
            )

    def begin(self) -> None:
        """Start the server; it must answer. Raise `StepFailed`."""
        code = _run(self.server.start)
        if not _until(self._answers, SETTLE_SECONDS if code == 0 else FAILED_SECONDS):
            raise StepFailed(
                f"the server was not started by `{' '.join(self.server.start)}` (exit code {code})",
                hint="its log says why",
            )

    def _answers(self) -> bool:
        found = processes.find_postmaster(self.data)
        return found is not None and found.ready

    def _back(self) -> None:
        """Let the old server run again, whatever was exchanged. Raise `StepFailed` where it does not."""
        if self.running:
            self.halt()
        if self.kept.exists():
            if self.data.exists():
                self.data.rename(self.fresh)
            self.kept.rename(self.data)
        self.begin()

    def _configure(self) -> None:
        """Give what was restored the configuration of the server as it is now, and its owner."""
        ours = {one.name for one in self.data.iterdir() if not _OWN.fullmatch(one.name)}
        for name in ("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", *ours):
            _replace(self.fresh / name, self.data / name)
        for one in self.fresh.glob("*.original"):
            one.unlink()
        owner = self.data.stat()
        if os.geteuid() == 0:
            for top in (self.fresh, self._spaces):
                for path in (top, *top.rglob("*")) if top.exists() else ():
                    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        self.fresh.chmod(owner.st_mode & 0o777)


def _replace(new: Path, old: Path) -> None:
    """Let a file or folder be as the old one is; nothing where there is none."""
    if new.is_dir() and not new.is_symlink():
        shutil.rmtree(new)
    else:
        new.unlink(missing_ok=True)
    if old.is_dir() and not old.is_symlink():
        shutil.copytree(old, new, symlinks=True)
    elif os.path.lexists(old):
        shutil.copy2(old, new, follow_symlinks=False)


def system_in(programs: Path, data: Path) -> str:
    """Return the system identifier of a data directory, "" where its control file does not tell."""
    told = subprocess.run(
        [programs / "pg_controldata", str(data)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    ).stdout
    found = _SYSTEM.search(told)
    return found.group(1) if found else ""


def _run(words: Sequence[str]) -> int:
    """Run a command of the environment to its end; return its exit code. Raise `StepFailed` where there is no such program."""
    try:
        # What it starts may keep its standard output open: nobody waits for that.
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False
        ).returncode
    except OSError as error:
        raise StepFailed(
            f"{words[0]!r} cannot be run: {error.strerror}", hint="set server.stop and server.start"
        ) from error


def _until(settled: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not settled():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL)
    return True
