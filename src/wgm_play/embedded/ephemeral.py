"""The server that lives in memory as long as the process that started it, whatever ends that.

In: `Embedded` with `ephemeral: true`. Out: `Server`.

The server is the child of a shell that waits on a pipe: when our end closes, by exit or by kill -9, the shell stops
the server and removes its folder. Should the shell be killed too, the folder names its owner, and the next command
that starts any server sweeps it away.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from wgm_play import processes, user_folder
from wgm_play.embedded import cluster
from wgm_play.embedded.account import Account, account_for
from wgm_play.embedded.home import Home, shelf_folder
from wgm_play.embedded.persistent import ensure
from wgm_play.embedded.programs import reachable_programs, scratch_programs, server_programs
from wgm_play.embedded.server import Server, url
from wgm_play.environment import Embedded
from wgm_play.errors import InputError, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import format_size

# Nothing of it outlives the command, so nothing needs to reach a disk.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Nor to be checked when it is read again: before 18 that is the default.
_WITHOUT_CHECKSUMS = ("--no-data-checksums",)

WATCH = '"$@" </dev/null >>log 2>&1 & echo $! ; exec >&-; read -r _; kill -QUIT $!; wait; rm -rf -- "$WGM_HOME"'
# Containers often have only 64 MB there: not enough for a new server's 40 MB and what is done in it.
MEMORY, _ROOM = Path("/dev/shm"), 512 * 1024 * 1024  # noqa: S108 - a folder of our own is made below it
# Of the memory that is free, so many times what is to be held.
_SHARE = 4
_PREFIX = "wgm-play-"
_ABANDONED_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Life:
    server: Server
    watch: subprocess.Popen[str]
    owner: int


_lives: dict[tuple[str, str], _Life] = {}


def start_ephemeral(
    embedded: Embedded,
    project: Path,
    programs_of: Callable[[int], Path] = server_programs,
    room: int = 0,
    *,
    in_memory: bool = True,
) -> Server:
    """Return this process's server for the project and these settings, starting it the first time.

    `room` is how many bytes it will hold: it lies in memory only where that leaves most of the memory free.
    """
    key = _key(embedded, project)
    life = _lives.get(key)
    if life is not None and life.owner == os.getpid() and processes.is_server_of(life.server.pid, life.server.data):
        return life.server
    account = account_for(project)
    sweep()
    programs = programs_of(embedded.version)
    if account.other:
        programs = reachable_programs(programs, account, shelf_folder())
    home = _make_home(account, project, room, in_memory=in_memory)
    try:
        life = _launch(embedded, programs, home)
    except BaseException:
        shutil.rmtree(home.path, ignore_errors=True)
        raise
    if not _lives:
        atexit.register(_end_all)
    _lives[key] = life
    if embedded.database != "postgres":
        ensure(life.server, embedded)
    return life.server


def _key(embedded: Embedded, project: Path) -> tuple[str, str]:
    return str(project.resolve()), repr(embedded)


def _make_home(account: Account, project: Path, room: int, *, in_memory: bool) -> Home:
    base = _base(account, room, in_memory=in_memory)
    path = Path(tempfile.mkdtemp(prefix="server-", dir=base))
    account.give(path)
    home = Home(path, account, project)
    home.write("owner", f"{os.getpid()} {processes.started_at(os.getpid())}")
    return home


def _bases() -> list[Path]:
    """Return the folders below which ephemeral servers lie: in memory first."""
    return [path for path in (MEMORY, Path(tempfile.gettempdir())) if path.is_dir()]


def _base(account: Account, room: int = 0, *, in_memory: bool = True) -> Path:
    """Make the folder of an account's ephemeral servers; one that somebody else has put there is not used."""
    for parent in _bases() if in_memory else reversed(_bases()):
        free = shutil.disk_usage(parent).free
        if free < room or (parent == MEMORY and free < _ROOM + _SHARE * room):
            continue
        folder = parent / f"{_PREFIX}{account.uid}"
        try:
            folder.mkdir(mode=0o700)
            account.give(folder)
        except FileExistsError:
            pass
        except OSError:
            continue
        found = folder.lstat()
        if not folder.is_symlink() and found.st_uid == account.uid and not found.st_mode & 0o022:
            return folder
    needed = f" with {format_size(room)} of room" if room else ""
    raise InputError(
        f"there is no folder{needed} for an ephemeral server",
        hint="set TMPDIR to a folder where you may write" + (", on a disk that is large enough" if room else ""),
        details=(),
    )


def _launch(embedded: Embedded, programs: Path, home: Home) -> _Life:
    cluster.init(programs, home, embedded.user, more=_WITHOUT_CHECKSUMS if embedded.version >= 18 else ())
    port = embedded.port or cluster.choose_port(home)
    cluster.configure(home, SETTINGS | dict(embedded.settings), port)
    home.write("log", "")
    watch = subprocess.Popen(
        ["/bin/sh", "-c", WATCH, "sh", *cluster.command(programs, home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=home.path,
        env={"PATH": os.defpath, "LC_ALL": "C", "WGM_HOME": str(home.path)},
        start_new_session=True,
        **home.account.run_as,
    )
    assert watch.stdout is not None  # noqa: S101 - a pipe was asked for
    with watch.stdout as told:
        pid = int(told.readline())
    server = Server(
        url=url(embedded.user, home.read("password"), port, embedded.database),
        pid=pid,
        data=home.data,
        version=embedded.version,
        started=True,
        bin=programs,
        port=port,
        ephemeral=True,
    )
    life = _Life(server, watch, os.getpid())
    if not processes.await_ready(home.data, pid, cluster.START_SECONDS):
        log = home.log.read_text(errors="replace")
        _end(life)
        raise Unreachable("the embedded PostgreSQL does not start", details=log.strip().split("\n")[-12:])
    return life


def stop_ephemeral(embedded: Embedded, project: Path) -> bool:
    """Stop this process's server for the project and these settings; return whether there was one."""
    life = _lives.pop(_key(embedded, project), None)
    if life is None or life.owner != os.getpid():
        return False
    _end(life)
    return True


@contextmanager
def apart(version: int, settings: Mapping[str, str], room: int = 0, *, in_memory: bool = True) -> Iterator[Server]:
    """Give a server for one block, shared with nothing else; its superuser has a random name. Raise `InputError`, `Unreachable`.

    What is measured on it takes as long as on a disk where it may not lie in memory.
    """
    name = secrets.token_hex(6)
    described = Embedded(version=version, data=f"apart-{name}", user=f"s{name}", ephemeral=True, settings=settings)
    with user_folder.working(user_folder.OURS):
        try:
            yield start_ephemeral(described, user_folder.folder(), scratch_programs, room, in_memory=in_memory)
        finally:
            stop_ephemeral(described, user_folder.folder())


def _end(life: _Life) -> None:
    if life.watch.stdin is not None:
        life.watch.stdin.close()
    life.watch.wait(cluster.START_SECONDS)


def _end_all() -> None:
    for life in list(_lives.values()):
        if life.owner == os.getpid():
            _end(life)
    _lives.clear()


def sweep() -> None:
    """Remove ephemeral servers whose owner is gone; as root those of every account."""
    for base in _bases():
        for account in _listed(base, _PREFIX):
            for home in _listed(account, "server-"):
                with suppress(FileNotFoundError):  # its owner removes it, or another sweeps too
                    if os.geteuid() in (0, home.stat().st_uid) and not home.is_symlink():
                        _sweep_one(home)


def _listed(folder: Path, prefix: str) -> list[Path]:
    """Return what lies in a folder; nothing where it has gone meanwhile or is not ours to read."""
    try:
        return [path for path in folder.iterdir() if path.name.startswith(prefix)]
    except OSError:
        return []


def _sweep_one(folder: Path) -> None:
    try:
        pid, _, since = (folder / "owner").read_text().partition(" ")
    except OSError:
        if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:  # younger ones are being made
            shutil.rmtree(folder, ignore_errors=True)
        return
    if processes.exists(int(pid)) and processes.started_at(int(pid)) == since.strip():
        return
    found = processes.find_postmaster(folder / "data")
    if found is not None and processes.exists(found.pid):
        os.kill(found.pid, signal.SIGQUIT)
        processes.end(found.pid, folder / "data", 10.0)
    shutil.rmtree(folder, ignore_errors=True)
