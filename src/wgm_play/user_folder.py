"""The person's own folder, and who works there now: what a killed command leaves is found by the next of any kind.

In: the environment of the command. Out: a folder made for him alone; marks of commands, each gone with its command.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wgm_play.errors import InputError

_MARKS = "working"
# The place of what is on servers that only this person uses.
OURS = "server of our own"


def folder() -> Path:
    """Return the folder for what is kept between commands: in `$XDG_CACHE_HOME`, or where nothing can be kept there."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    with contextlib.suppress(OSError, RuntimeError):
        made = (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "wgm-play"
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(made, os.W_OK) and made.stat().st_uid == os.geteuid():
            return made
    made = Path(tempfile.gettempdir()) / f"wgm-play-cache-{os.geteuid()}"
    made.mkdir(mode=0o700, exist_ok=True)
    if made.is_symlink() or made.stat().st_uid != os.geteuid():
        raise InputError(f"{str(made)!r} belongs to another user", hint=f"rm -r '{made}'")
    return made


@contextlib.contextmanager
def working(where: str) -> Iterator[None]:
    """Leave a mark for a `with` block: this command makes things in the place `where` that go with it."""
    from wgm_play import processes

    pid = os.getpid()
    marks = folder() / _MARKS
    marks.mkdir(mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{pid}-", dir=marks)
    with os.fdopen(handle, "w") as file:
        file.write(f"{processes.started_at(pid)}\n{where}\n")
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def left_behind() -> list[tuple[Path, str]]:
    """Return the marks of commands that are gone, and the places where these made things."""
    return [(mark, where) for mark, where, runs in _marks() if not runs]


def at_work(where: str) -> bool:
    """Tell whether a command makes something in a place, or is about to: its mark is there before its connection is."""
    return any(runs for _mark, place, runs in _marks() if place == where)


def _marks() -> list[tuple[Path, str, bool]]:
    """Return each mark, its place, and whether its command runs."""
    try:
        marks = list((folder() / _MARKS).iterdir())
    except OSError:
        return []
    found = []
    for mark in marks:
        with contextlib.suppress(OSError, ValueError):
            pid = int(mark.name.partition("-")[0])
            since, _, where = mark.read_text().partition("\n")
            if where.strip():
                found.append((mark, where.strip(), _runs(pid, since)))
    return found


def forget(where: str) -> None:
    """Take away the marks of commands that are gone, for a place that was swept."""
    for mark, place in left_behind():
        if place == where:
            mark.unlink(missing_ok=True)


def _runs(pid: int, since: str) -> bool:
    if pid == os.getpid():
        return True
    from wgm_play import processes

    return processes.exists(pid) and processes.started_at(pid) == since.strip()
