"""What a run depends on beside the database: files of the project, and this program.

In: folders. Out: names, sizes and times.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def names_below(folder: str) -> Iterable[str]:
    """Yield the names of the files below a folder: a new one may come to stand before another."""
    for root, _, files in os.walk(folder):
        for name in files:
            yield os.path.join(root, name)


def program() -> Iterable[tuple[str, int, int]]:
    """Yield what tells this program from one that was edited since, where it runs from a checkout."""
    here = Path(__file__).parents[1]
    if not (here / "templates").is_dir():
        yield from files_below(str(here))
        yield from files_below(str(here.parents[1] / "templates"))


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
