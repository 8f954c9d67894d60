"""The files of playbooks as they were read: an error shows the line that was parsed, not one that was saved since.

In: names of files and what was in them. Out: the same.
"""

from __future__ import annotations

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
