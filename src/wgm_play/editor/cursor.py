"""Where a cursor is in a YAML text, told from its lines alone: while somebody types, the text is seldom right.

In: a text, a line and a column from 0. Out: `Cursor`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from wgm_play.lazy_dataclass import dataclass

_ENTRY = re.compile(
    r"""^(?P<lead>[ ]*(?:-[ ]+)*)(?P<key>"[^"]*"|'[^']*'|[^\s#:{}\[\],&*!|>'"%@`-][^:#]*?|-?\w[\w.$-]*)(?P<colon>\s*:(?=\s|$))"""
)
_ITEM = re.compile(r"^(?P<lead>[ ]*(?:-(?:[ ]+|$))+)")
_WORD = re.compile(r"[\w.$]+")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The keys above the cursor (without places in lists), whether it is in a value, the word it is on.

    `path` ends with the key whose value it is in (`in_value`), or with that of the mapping in which a key is being written.
    `before` is the part of the word that is left of the cursor; `beside` are the keys next to it with their texts.
    """

    path: tuple[str, ...]
    in_value: bool
    word: str
    before: str
    start: int
    end: int
    in_template: bool = False
    beside: Mapping[str, str] = field(default_factory=dict)
    in_list: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    key: str
    at: int
    dash: int | None
    value: str


def cursor(text: str, line: int, column: int) -> Cursor:
    """Return where a place of a text is."""
    lines = text.splitlines()
    here = lines[line] if line < len(lines) else ""
    column = min(column, len(here))
    left = here[:column]
    start, end = _word_at(here, column)
    in_template = left.rfind("{{") > left.rfind("}}") or left.rfind("{%") > left.rfind("%}")
    entry = _read(here)
    path: list[str] = []
    in_list = False
    if entry is not None and column > entry.at + len(entry.key):
        value_at = here.index(":", entry.at) + 1
        inner, in_value, in_list = _flow(here[value_at:column])
        path, at, dash = [entry.key, *inner], entry.at, entry.dash
    else:
        item = _ITEM.match(left)
        indent = len(left) - len(left.lstrip(" "))
        at = item.end() if item else entry.at if entry is not None else indent
        dash = (len(item["lead"].rstrip()) - 1) if item else None
        in_value = False
        if entry is None and item:
            in_list = True
            flow, in_flow, _ = _flow(here[item.end() : column])
            path += flow
            in_value = in_flow and bool(flow)
    outer = list(_above(lines, line, at, dash))
    beside = _beside(lines, line, at, begins=dash is not None)
    if in_list and not path:
        in_value = False
    return Cursor(
        (*outer, *path), in_value, here[start:end], here[start:column], start, end, in_template, beside, in_list
    )


def _word_at(line: str, column: int) -> tuple[int, int]:
    for found in _WORD.finditer(line):
        if found.start() <= column <= found.end():
            return found.start(), found.end()
    return column, column


def _read(line: str) -> _Line | None:
    found = _ENTRY.match(line)
    if found is None:
        return None
    lead = found["lead"]
    dash = len(lead.rstrip()) - 1 if "-" in lead else None
    return _Line(found["key"].strip("\"'"), len(lead), dash, line[found.end() :].strip())


def _above(lines: list[str], line: int, at: int, dash: int | None) -> Iterator[str]:
    """Yield the keys that lie around a place, the outermost first."""
    found: list[str] = []
    wanted = at if dash is None else dash + 1
    for text in reversed(lines[:line]):
        one = _read(text)
        if one is None:
            item = _ITEM.match(text)
            if item and item.end() == at and wanted > len(item["lead"].rstrip()) - 1:
                wanted = len(item["lead"].rstrip())
            continue
        if one.at < wanted:
            found.append(one.key)
            wanted = one.at if one.dash is None else one.dash + 1
        elif one.dash is not None and one.at == wanted:
            wanted = one.dash + 1
        if wanted <= 0:
            break
    return reversed(found)


def _beside(lines: list[str], line: int, at: int, *, begins: bool) -> dict[str, str]:
    """Return the entries of the mapping that a place is in, as they are written; with the place's line it `begins`."""
    found: dict[str, str] = {}
    here = _read(lines[line]) if line < len(lines) else None
    if here is not None:
        found[here.key] = here.value
    for step in (1,) if begins else (-1, 1):
        number = line + step
        while 0 <= number < len(lines):
            text = lines[number]
            one = _read(text)
            indent = len(text) - len(text.lstrip(" "))
            if one is not None and one.at == at:
                if step == 1 and one.dash is not None:
                    break
                found.setdefault(one.key, one.value)
                if step == -1 and one.dash is not None:
                    break
            elif text.strip() and indent < at and not text.lstrip().startswith("#"):
                break
            number += step
    return found


def _flow(text: str) -> tuple[list[str], bool, bool]:
    """Return the keys of flow mappings that are open at the end of a text, whether a value is being written, whether a list is."""
    open_: list[tuple[str, str]] = []
    word, quote, previous = "", "", ""
    for number, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not word.strip():
            quote = sign
        elif sign in "{[":
            open_.append((sign, previous))
            word, previous = "", ""
        elif sign in "}]" and open_:
            open_.pop()
            word, previous = "", ""
        elif sign == "," and open_:
            word, previous = "", ""
        elif sign == ":" and open_ and text[number + 1 : number + 2] in (" ", ""):
            word, previous = "", word.strip().strip("\"'")
        else:
            word += sign
    path = [key for _, key in open_ if key]
    if not open_:
        return [], True, False
    if previous:
        path.append(previous)
    in_list = open_[-1][0] == "["
    return path, bool(previous) or in_list, in_list
