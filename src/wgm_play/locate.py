"""Where a character of a text stands in the file that it was written in.

In: the place where a scalar of YAML (or a line of a template) begins, its text, an offset. Out: the exact place, or the
scalar's own where the text was not written there as it is (escapes, folded lines, Jinja).
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.errors import Position


def pinpoint(position: Position | None, text: str, offset: int | None) -> Position | None:
    """Return the place of `text[offset]`; `position` is where the text, its quote, or the sign of its block begins."""
    if position is None or offset is None or not position.line or not 0 <= offset <= len(text):
        return position
    number = text.count("\n", 0, offset)
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : end if end >= 0 else len(text)]
    source = _lines(position.file)
    at = position.line - 1
    if at >= len(source) or not line.strip():
        return position
    if number == 0:
        for column in (position.column - 1, position.column):
            if column >= 0 and source[at].startswith(line, column):
                return Position(position.file, position.line, column + 1 + offset - start)
    if source[at][position.column - 1 : position.column] in ("|", ">") and at + 1 + number < len(source):
        written = source[at + 1 + number]
        indent = len(written) - len(written.lstrip(" "))
        own = len(line) - len(line.lstrip(" "))
        if written.rstrip() == (" " * (indent - own) + line).rstrip():
            return Position(position.file, at + 2 + number, indent - own + 1 + offset - start)
    return position


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, ValueError):
        return []
