"""An error as people read it: what, the line of the file with a caret, the step, the next thing to type.

In: an exception of `errors.py`. Out: styled lines, or plain data for JSON.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wgm_play.errors import Found, Position, Problems, Refusals, WgmError
from wgm_play.report.console import BOLD, CYAN, DIM, RED, styled, visible
from wgm_play.secret import MASK

# A source line may hold a connection string that was never loaded, or is wrong, so its password is in no register.
# The last @ ends it: in a wrong one the password may hold what a URL writes with % (manual, "Connection Strings").
_PASSWORD = re.compile(
    r"(?<=//)(?P<user>[^:/@\s]*:)[^\n]+(?=@)|(?P<key>\b(?:ssl)?password=)(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)"
)
# YAML counts more characters as the end of a line than Python does (yaml.org, "5.4. Line Break Characters", 1.1).
_YAML_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# Longer lines are cut around the column: what is beyond is not what is wrong.
_LINE_WIDTH = 100


def each(error: BaseException) -> Sequence[WgmError]:
    """Return the single errors that `error` stands for, without repetitions."""
    if isinstance(error, (Problems, Refusals)):
        singles = {_identity(single): single for problem in error.problems for single in each(problem)}
        return tuple(singles.values())
    return (error,) if isinstance(error, WgmError) else (WgmError(str(error) or type(error).__name__),)


def _identity(error: WgmError) -> tuple[object, ...]:
    return (error.message, error.where, error.step, error.hint, error.details)


def lines(error: BaseException, colour: bool) -> list[str]:
    """Return the lines that show an error; all of them for `Problems`, with their number at the end."""
    singles = each(error)
    shown: list[str] = []
    for single in singles:
        shown += _one(single, colour)
    if len(singles) > 1:
        shown.append(styled(f"{len(singles)} errors", RED, colour))
    return shown


def data(error: BaseException) -> list[dict[str, Any]]:
    """Return an error as JSON data."""
    return [
        {
            "kind": "Finding" if isinstance(single, Found) else type(single).__name__,
            "message": single.message,
            "file": single.where.file if single.where else None,
            "line": (single.where.line or None) if single.where else None,
            "column": (single.where.column or None) if single.where else None,
            "step": single.step,
            "hint": single.hint,
            "details": list(single.details),
        }
        for single in each(error)
    ]


def _one(error: WgmError, colour: bool) -> list[str]:
    first, *rest = visible(error.message).split("\n")
    shown = [f"{styled('ERROR:', f'{BOLD};{RED}', colour)} {first}", *(f"  {line}" for line in rest)]
    if error.where is not None:
        shown.append(f"  {styled(visible(str(error.where)), CYAN, colour)}")
        shown += [f"  {line}" for line in source(error.where, colour)] if not error.private else []
    if error.step:
        shown.append(f"  in step {visible(error.step)!r}")
    shown += [f"  {line}" for detail in error.details for line in visible(detail).split("\n")]
    if error.hint:
        shown.append(f"  {styled('→', YELLOW_BOLD, colour)} " + visible(error.hint).replace("\n", "\n    "))
    return shown


YELLOW_BOLD = "1;33"


def source(where: Position, colour: bool = False) -> list[str]:
    """Return the line of the file and a caret under its column; nothing where the file cannot be read."""
    text = _line(where)
    if text is None:
        return []
    text, column = _without_password(text, min(where.column, len(text) + 1))
    start = max(0, column - _LINE_WIDTH * 2 // 3) if len(text) > _LINE_WIDTH else 0
    part = text[start : start + _LINE_WIDTH]
    lead = "…" if start else ""
    number = f"{where.line:>4} | "
    shown = [f"{styled(number, DIM, colour)}{lead}{visible(part).rstrip()}"]
    if where.column:
        before = lead + visible(text[start : column - 1])
        gap = "".join(character if character == "\t" else " " * _cells(character) for character in before)
        shown.append(f"{styled('     | ', DIM, colour)}{gap}{styled('^', f'{BOLD};{RED}', colour)}")
    return shown


def _without_password(text: str, column: int) -> tuple[str, int]:
    """Mask the passwords of a line; return it with the column (from 1) moved as far as what stands before it."""
    moved = column
    for found in _PASSWORD.finditer(text):
        start = found.start() + len(found["user"] or found["key"])
        if found.end() < column:
            moved -= found.end() - start - len(MASK)
        elif start < column:
            moved -= column - 1 - start
    return _PASSWORD.sub(lambda found: (found["user"] or found["key"]) + MASK, text), moved


def _line(where: Position) -> str | None:
    if not where.line:
        return None
    from wgm_play.document.as_read import text_of

    text = text_of(where.file)
    try:
        if text is None:
            text = Path(where.file).read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return None
    lines = _YAML_BREAK.split(text) if where.file.endswith((".yml", ".yaml")) else text.split("\n")
    return lines[where.line - 1] if where.line <= len(lines) else None


def _cells(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
