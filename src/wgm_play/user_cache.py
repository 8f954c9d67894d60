"""Where answers are kept between commands, and in what form: data that cannot run, in the person's own folder.

In: a project. Out: a folder that this user alone may write to, or None; values as JSON and back. What lies in a project is never
read: it may have come with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from wgm_play import user_folder
from wgm_play.errors import InputError


def folder_of(project: Path) -> Path | None:
    """Return the folder for answers about a project, made for this user alone; None where there is no safe place."""
    try:
        above = user_folder.folder()
        folder = above / "projects" / hashlib.sha256(os.path.realpath(project).encode()).hexdigest()[:32]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        safe = not folder.is_symlink() and all(ours(one.stat()) for one in (above, folder.parent, folder))
    except (InputError, OSError, ValueError):
        return None
    return folder if safe else None


def ours(found: os.stat_result) -> bool:
    """Tell whether a file or folder is ours, and nobody else may write to it."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def dumps(value: Any) -> bytes:
    """Return plain data as JSON; tuples stay tuples."""
    return json.dumps(_marked(value), ensure_ascii=True, separators=(",", ":")).encode()


def loads(content: bytes) -> Any:
    """Return the data that `dumps` wrote. Raise `ValueError` for anything else."""
    return json.loads(content, object_hook=_unmarked)


_PLAIN = frozenset([str, int, float, bool, type(None)])


def _marked(value: Any) -> Any:
    # A catalog has a million values: what is plain is not asked about one by one.
    if isinstance(value, tuple):
        return {"t": [one if type(one) in _PLAIN else _marked(one) for one in value]}
    if isinstance(value, list):
        return [one if type(one) in _PLAIN else _marked(one) for one in value]
    if isinstance(value, dict):
        return {"d": [[_marked(key), _marked(one)] for key, one in value.items()]}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    raise TypeError(f"{type(value).__name__} is not kept")


def _unmarked(read: dict[str, Any]) -> Any:
    if "t" in read:
        return tuple(read["t"])
    return dict(read["d"])
