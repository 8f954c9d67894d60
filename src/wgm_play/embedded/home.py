"""Where an embedded server keeps what it needs: in the project, or where its account can reach it.

In: `Embedded` and the project's folder. Out: `Home`: a private folder with `data/`, `password`, `port`, `log`, `lock`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wgm_play.embedded.account import Account, account_for
from wgm_play.environment import Embedded
from wgm_play.errors import InputError, Locked
from wgm_play.lazy_dataclass import dataclass

# Where root puts what the server's account must reach.
SHELF = Path("/var/lib/wgm-play")
# An environment variable that names another folder for the data of these servers, which every account can reach.
DATA_VARIABLE = "WGM_SERVER_DATA"
LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one server. `project` is the project it belongs to, `notes` say where it lies if elsewhere."""

    path: Path
    account: Account
    project: Path
    notes: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def read(self, name: str) -> str:
        """Return the text of one of its small files, empty when there is none."""
        try:
            return (self.path / name).read_text().strip()
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str) -> None:
        """Write one of its small files, readable for the server's account only; links are not followed."""
        temporary = self.path / f".{name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, flags, 0o600), "w") as file:
            file.write(text)
        self.account.give(temporary)
        temporary.rename(self.path / name)

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the folder's lock: of two commands that start a server, the second finds the first one's.

        A program that inherits the descriptor holds the lock too, until it ends.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self.path / "lock", flags, 0o600)
        try:
            self.account.give(self.path / "lock")
            _flock(handle, self.path)
            yield handle
        finally:
            os.close(handle)


def _flock(handle: int, path: Path) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise Locked(f"another command has been starting the server in {path} for {LOCK_SECONDS:g} s") from None
            time.sleep(0.02)


def find_home(embedded: Embedded, project: Path) -> Home | None:
    """Return the home of a server that was made before, None when there is none."""
    place = _place(embedded, project)
    if not place.is_dir():
        return None
    return _checked(Home(place.resolve(), account_for(project), project))


def make_home(embedded: Embedded, project: Path) -> Home:
    """Return the home of a server, making it where it is not there."""
    found = find_home(embedded, project)
    if found is not None:
        return Home(found.path, found.account, project, _notes(found))
    account = account_for(project)
    place = _place(embedded, project)
    if place.is_symlink():  # what it pointed to is gone
        place.unlink()
    _make_parents(place.parent, project, account)
    if account.other and not account.can("x", place.parent):
        home = Home(_elsewhere(place, account), account, project)
        _link(place, home.path)
    else:
        _make_private(place, account)
        home = Home(place.resolve(), account, project)
    home.write("project", str(project))
    return Home(home.path, account, project, _notes(home))


def _place(embedded: Embedded, project: Path) -> Path:
    return project / embedded.data / str(embedded.version)


def _checked(home: Home) -> Home:
    """Refuse a folder that the account of the server does not own: it could not use it, or another planted it."""
    if home.account.owns(home.path):
        return home
    owner = home.path.stat().st_uid
    raise InputError(
        f"the server's folder {str(home.path)!r} belongs to user {owner}, the server would run as {home.account.name}",
        hint=f"chown -R {home.account.name} '{home.path}'" if os.geteuid() == 0 else f"run the command as user {owner}",
    )


def _make_parents(folder: Path, project: Path, account: Account) -> None:
    """Make the folders above the home; what they hold is for no version control."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(mode=0o755, exist_ok=True)  # another command may be quicker
        if account.uid == project.stat().st_uid:
            account.give(part)
    top = (
        project / folder.relative_to(project).parts[0] if folder.is_relative_to(project) and folder != project else None
    )
    if top is not None and (top in missing or top.name == ".wgm") and not (top / ".gitignore").exists():
        (top / ".gitignore").write_text("*\n")
        if account.uid == project.stat().st_uid:
            account.give(top / ".gitignore")


def _make_private(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # another command was quicker
        return
    account.give(folder)


def _elsewhere(place: Path, account: Account) -> Path:
    """Make a home that the account can reach, known by the path of the project's own."""
    key = hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:16]
    shelf = homes_folder()
    _make_private(shelf / key, account)
    if not account.owns(shelf / key) or (shelf / key).is_symlink():
        raise InputError(f"{str(shelf / key)!r} belongs to another user", hint=f"rm -r '{shelf / key}'")
    return shelf / key


def _link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target)
    except FileExistsError:  # another command was quicker
        if place.resolve() != target.resolve():
            raise


def homes_folder() -> Path:
    """Return the folder outside of projects in which the data of servers lie."""
    given = os.environ.get(DATA_VARIABLE)
    if not given:
        return shelf_folder()
    Path(given).mkdir(mode=0o755, parents=True, exist_ok=True)
    return Path(given)


def shelf_folder() -> Path:
    """Return the folder outside of projects, which every account can reach."""
    try:
        SHELF.mkdir(mode=0o755, parents=True, exist_ok=True)
        return SHELF
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"wgm-play-shelf-{os.geteuid()}"
        folder.mkdir(mode=0o755, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise InputError(f"{str(folder)!r} belongs to another user", hint=f"rm -r '{folder}'") from None
        return folder


def _notes(home: Home) -> tuple[str, ...]:
    if home.path.is_relative_to(home.project.resolve()):
        return ()
    reason = f"the account {home.account.name}, which runs the server, cannot reach the project's folder"
    return (f"data in {home.path}: {reason}",) if home.account.other else ()
