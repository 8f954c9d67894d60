"""What a run depends on beside the database: files of the project, and this program.

In: folders. Out: names, sizes and times.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path


def names_below(folder: str) -> Iterable[str]:
    """Yield the names of the files below a folder: a new one may come to stand before another."""
    for root, _, files in os.walk(folder):
        for name in files:
            yield os.path.join(root, name)


@functools.cache
def program() -> tuple[tuple[str, int, int], ...]:
    """Return what tells this program from one that was edited since, where it runs from a checkout: asked once, as it runs."""
    here = Path(__file__).parents[1]
    if (here / "templates").is_dir():
        return ()
    return tuple(sorted([*files_below(str(here)), *files_below(str(here.parents[1] / "templates"))]))


def files_below(folder: str) -> Iterable[tuple[str, int, int]]:
    """Yield what tells the files below a folder from those that were edited since; nothing where it is not there."""
    todo = [folder] if os.path.isdir(folder) else []
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        todo.append(entry.path)
                else:
                    found = entry.stat()
                    yield entry.path, found.st_mtime_ns, found.st_size
