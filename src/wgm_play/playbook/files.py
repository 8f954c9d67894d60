"""The files of a playbook: read once, checked once, kept in a cache by their digest.

In: paths. Out: loaded and checked documents; `inputs`, the SHA-256 of all that was read. The cache lies in
the person's own folder and is only a matter of speed: whatever is wrong with it, the file is read instead.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wgm_play.document.as_read import bytes_of
from wgm_play.document.load import load_text, read_text, refuse_irregular
from wgm_play.document.nodes import freeze, thaw
from wgm_play.document.vault import holds
from wgm_play.errors import InputError, Position, Problems, WgmError
from wgm_play.user_cache import dumps, folder_of, loads, ours

ENVIRONMENTS = "environments"


def project_of(playbook: Path) -> Path:
    """Return the project: the nearest folder above the playbook that holds environments/, else the playbook's own."""
    here = Path(os.path.abspath(playbook)).parent
    return next((folder for folder in (here, *here.parents) if (folder / ENVIRONMENTS).is_dir()), here)


def shown(path: Path) -> str:
    """Return a path as messages show it: relative to the working directory where it lies below."""
    absolute = os.path.abspath(path)
    with contextlib.suppress(OSError, ValueError):
        relative = os.path.relpath(absolute)
        if not relative.startswith(".."):
            return relative
    return absolute


@functools.cache
def _version() -> bytes:
    """Return what the cache's content depends on besides the files: the program that wrote it."""
    made = hashlib.sha256()
    folder = Path(__file__).parent
    for source in sorted([*folder.glob("*.py"), *folder.glob("kinds/*.py"), folder.parent / "backup" / "schema.py"]):
        with contextlib.suppress(OSError):
            found = source.stat()
            made.update(f"{source.name} {found.st_mtime_ns} {found.st_size}\n".encode())
    return made.digest()


# Folders that hold a project's files as they were, and that project.
_COPIES: dict[str, Path] = {}


@contextlib.contextmanager
def copied(copy: Path, project: Path) -> Iterator[None]:
    """Take a folder for a project as it was, for a `with` block: what says the same in both is loaded and checked once."""
    place = os.path.realpath(copy)
    _COPIES[place] = project
    try:
        yield
    finally:
        del _COPIES[place]


class Files:
    """Reads the files of one project. `inputs` maps each file read to its SHA-256."""

    def __init__(self, project: Path) -> None:
        self.project = project
        # As which project's the files are kept in the cache, and whether these are its files as they were.
        self._kept_for = _COPIES.get(os.path.realpath(project), project)
        self._as_they_were = self._kept_for is not project
        self.inputs: dict[str, str] = {}
        self.problems: list[WgmError] = []
        self._documents: dict[tuple[str, str], Any] = {}
        self._templated: dict[str, bool] = {}
        self._folder: Path | bool | None = False
        self._root = os.path.realpath(project)

    def confine(self, path: Path, where: Position | None) -> None:
        """Refuse a file outside of the project: an import must not show what else this account may read."""
        try:
            inside = Path(os.path.realpath(path)).is_relative_to(self._root)
        except ValueError:
            return  # no path at all (a zero byte): reading it says so
        if not inside:
            raise InputError(
                f"{shown(path)!r} is outside of the project {self._root!r}",
                where=where,
                hint="move the file into the project (the folder that holds environments/)",
            )

    def read(self, path: Path, what: str, where: Position | None = None) -> tuple[str, str]:
        """Read a text file; return its text and the name that messages show."""
        name = shown(path)
        content, data = read_text(path, name, what=what, where=where)
        self.inputs[name] = hashlib.sha256(data).hexdigest()
        return content, name

    def document(self, path: Path, role: str, where: Position | None = None, *, ours: bool = False) -> Any:
        """Return a checked YAML file; `role` is playbook, steps, alerts or vars; `ours` comes with the program.

        Errors of single steps go to `problems`, and what is left is returned, so that the other errors are found too.
        """
        name = shown(path)
        if role != "playbook" and not ours:
            self.confine(path, where)
            refuse_irregular(path, name, where)
        if (name, role) in self._documents:
            return self._documents[name, role]
        try:
            data = bytes_of(path)
        except (OSError, ValueError):
            read_text(path, name, where=where)
            raise
        digest = hashlib.sha256(data)
        self.inputs[name] = digest.hexdigest()
        found, value = self._cached(name, role, digest.digest())
        if not found:
            content, _ = read_text(path, name, where=where)
            value = load_text(content, name)
            from wgm_play.playbook.validate import healthy, problems_of

            problems = problems_of(value, role, name)
            if problems:
                value = healthy(value, role, name)
                if value is None:
                    raise_all(problems)
                self.problems += problems
            elif not holds(content):
                self._keep(name, role, digest.digest(), value)
        # Most files hold no braces at all: then nobody needs to look for them value by value.
        self._templated[name] = any(mark in data for mark in (b"{{", b"{%", b"{#", b"\\"))
        self._documents[name, role] = value
        return value

    def templated(self, path: Path) -> bool:
        """Return whether a document that was read may hold something to render."""
        return self._templated.get(shown(path), True)

    # The cache: a file holds the program's version, the document's digest, then the document as JSON.

    def _place(self, path: str, role: str, *, as_it_was: bool) -> Path | None:
        if self._folder is False:
            self._folder = folder_of(self._kept_for)
        if not isinstance(self._folder, Path):
            return None
        if self._as_they_were:
            path = os.path.join(self._kept_for, os.path.relpath(path, self.project))
        named = f"{role} {shown(Path(path))}{' as it was' if as_it_was else ''}"
        return self._folder / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.yml"

    def _cached(self, name: str, role: str, digest: bytes) -> tuple[bool, Any]:
        # What lies here may be what was there: both places are looked at, the likelier one first.
        for as_it_was in (False, True) if _COPIES else (False,):
            with contextlib.suppress(Exception):
                place = self._place(name, role, as_it_was=as_it_was)
                if place is None:
                    return False, None
                with place.open("rb") as file:
                    if ours(os.fstat(file.fileno())) and file.read(64) == _version() + digest:
                        return True, thaw(loads(file.read()), name)
        return False, None

    def _keep(self, name: str, role: str, digest: bytes, value: Any) -> None:
        with contextlib.suppress(Exception):
            place = self._place(name, role, as_it_was=self._as_they_were)
            if place is None:
                return
            handle, temporary = tempfile.mkstemp(dir=place.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_version() + digest + dumps(freeze(value)))
                os.replace(temporary, place)
            except BaseException:
                os.unlink(temporary)
                raise


def raise_all(problems: list[WgmError]) -> None:
    """Raise the errors that were collected, if there are any."""
    flat: list[WgmError] = []
    for one in problems:
        flat += one.problems if isinstance(one, Problems) else [one]
    if flat:
        raise Problems(flat) if len(flat) > 1 else flat[0]
