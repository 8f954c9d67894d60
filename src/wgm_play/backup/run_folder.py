"""The folder of a server that stands on restored files: its socket, its log, its configuration; gone with the command.

In: the account that runs the server. Out: `RunFolder` for a `with` block; what a kill leaves, the next command removes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wgm_play import processes, user_folder
from wgm_play.embedded.account import Account
from wgm_play.embedded.home import homes_folder
from wgm_play.lazy_dataclass import dataclass

_PREFIX = "restore-"
# The longest path of a socket that every system takes (sun_path of BSD), with its name.
_SOCKET_BYTES = 103 - len("/server/.s.PGSQL.65535")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`path` is ours, the server may only read it; `server` below it is the server's, with its socket and its log."""

    path: Path
    account: Account

    @property
    def server(self) -> Path:
        return self.path / "server"

    @property
    def log(self) -> Path:
        return self.server / "log"


@contextmanager
def run_folder(account: Account) -> Iterator[RunFolder]:
    """Make the folder, and remove it with all that is in it afterwards."""
    sweep(account)
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_base(account)))
    try:
        path.chmod(0o711 if account.other else 0o700)
        (path / "owner").write_text(f"{os.getpid()} {processes.started_at(os.getpid())}")
        made = RunFolder(path, account)
        made.server.mkdir(mode=0o700)
        account.give(made.server)
        yield made
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _base(account: Account) -> Path:
    base = homes_folder() if account.other else user_folder.folder()
    short = len(os.fsencode(base / f"{_PREFIX}12345678")) <= _SOCKET_BYTES
    return base if short else Path(tempfile.gettempdir())


def sweep(account: Account) -> None:
    """Remove the folders of commands that are gone, and end their servers."""
    for base in {_base(account), Path(tempfile.gettempdir())}:
        for path in base.glob(f"{_PREFIX}*"):
            with suppress(OSError, ValueError):
                pid, _, since = (path / "owner").read_text().partition(" ")
                if path.stat().st_uid == os.geteuid() and processes.started_at(int(pid)) != since.strip():
                    shutil.rmtree(path, ignore_errors=True)
