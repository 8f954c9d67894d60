"""The files of playbooks as they were read: an error shows the line that was parsed, not one that was saved since.

In: names of files and what was in them. Out: the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Larger ones are read again: they are made by programs, which nobody edits meanwhile.
LARGEST = 200_000
_texts: dict[str, str] = {}


def keep(name: str, content: str) -> None:
    """Keep the text of a file by the name that messages show."""
    if len(content) <= LARGEST:
        _texts[name] = content
    else:
        _texts.pop(name, None)


def text_of(name: str) -> str | None:
    """Return the text of a file as it was read, None where it was not, or is too large."""
    return _texts.get(name)


# Texts that stand for those of files: what a file would be, tried before it is written. By real paths.
_instead: dict[str, str] = {}


@contextmanager
def instead(texts: Mapping[str, str]) -> Iterator[None]:
    """Let texts be read in place of files, by their real paths."""
    before = dict(_instead)
    _instead.update(texts)
    try:
        yield
    finally:
        _instead.clear()
        _instead.update(before)


def bytes_of(path: Path) -> bytes:
    """Return what is in a file, or the text that stands for it."""
    found = _instead.get(os.path.realpath(path)) if _instead else None
    return path.read_bytes() if found is None else found.encode()
