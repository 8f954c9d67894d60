"""A text of SQL to its statements, each with its place; what cannot be parsed is told, and the rest is read.

In: `SourcePart`s of files. Out: `ParsedStatement`s, and `Unread` for each text that PostgreSQL's parser refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from wgm_play.importing.parts import SourcePart
from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """A statement: its node, and where it begins and ends in the part's text."""

    node: Any
    part: SourcePart
    start: int
    end: int

    @property
    def text(self) -> str:
        """The statement as it stands in the file."""
        return self.part.sql[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that is no SQL to PostgreSQL, and why; `at` is the place of the error."""

    part: SourcePart
    start: int
    end: int
    at: int
    reason: str


# What is no SQL but stands in files of SQL: psql's commands and variables, placeholders of tools, data after COPY.
_COPY_DATA = re.compile(
    r"^(?i:copy)\b[^;]*\b(?i:from)\s+(?i:stdin)\b[^;]*;[ \t]*\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL
)
_META = re.compile(r"^[ \t]*\\[a-zA-Z!.?].*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\$\{[\w.:-]+\}|\{\{[^{}\n]*\}\}|%\(\w+\)s|@\w+@")
_COPY_VARIABLE = re.compile(r"(?i:\b(?:from|to)\s+):(\w+)(?=\s+with\b|\s*;|\s*\()", re.IGNORECASE)
_QUOTED_VARIABLE = re.compile(r":'\w+'|:\"\w+\"")
_VARIABLE = re.compile(r"(?<![:\w'\"\[])(:[A-Za-z_]\w*)")


def read(part: SourcePart) -> Iterator[ParsedStatement | Unread]:
    """Return the statements of a part, in order."""
    from pglast.parser import ParseError, parse_sql

    for text in _ways(part.sql):
        try:
            found = parse_sql(text)
        except ParseError:
            continue
        yield from (_statement(part, text, one) for one in found)
        return
    yield from _one_by_one(part, _as_sql(part.sql))


def _ways(text: str) -> Iterator[str]:
    """Return the text as it is, then without what is no SQL: of the same length, so that places stay."""
    yield text
    plain = _as_sql(text)
    if plain != text:
        yield plain


def _as_sql(text: str) -> str:
    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found.group())

    def without_data(found: re.Match[str]) -> str:
        head = found.group()[: found.start(1) - found.start()]
        return head + re.sub(r"[^\n]", " ", found.group()[len(head) :])

    def name(found: re.Match[str]) -> str:
        return "p" + "_" * (len(found.group()) - 1)

    def value(found: re.Match[str]) -> str:
        inside = found.group()[1:]
        return inside[0] + " " + inside[1:] if inside[0] == "'" else " " + inside

    text = _COPY_DATA.sub(without_data, text)
    text = _META.sub(blank, text)
    if "copy" in text.lower():
        text = _COPY_VARIABLE.sub(
            lambda found: found.group()[: -len(found.group(1)) - 1] + "'" + found.group(1)[1:] + "'", text
        )
    text = _PLACEHOLDER.sub(name, text)
    return _VARIABLE.sub(name, _QUOTED_VARIABLE.sub(value, text))


def _statement(part: SourcePart, text: str, raw: Any) -> ParsedStatement:
    end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(text.rstrip())
    return ParsedStatement(raw.stmt, part, raw.stmt_location, end)


def _one_by_one(part: SourcePart, text: str) -> Iterator[ParsedStatement | Unread]:
    from pglast.parser import ParseError, parse_sql

    for start, end in _cut(text):
        piece = text[start:end]
        try:
            found = parse_sql(" " * start + piece) if start < 10_000 else None
            shift = 0
            if found is None:
                found, shift = parse_sql(piece), start
        except ParseError as error:
            place = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
            inside = place if start < 10_000 else start + place
            yield Unread(part, start, end, max(start, min(inside, end)), str(error.args[0]))
            continue
        for raw in found:
            if shift:
                _move(raw, shift)
            yield _statement(part, text[:end], raw)


def _move(raw: Any, shift: int) -> None:
    """Move the places of a tree that was parsed by itself."""
    from wgm_play.lint.tree import walk

    raw.stmt_location += shift
    for one in walk(raw.stmt):
        if isinstance(getattr(one, "location", None), int) and one.location >= 0:
            one.location += shift


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text at the semicolons that end statements; where the scanner stops, at all of them."""
    from pglast.parser import ParseError, scan

    try:
        ends = [token.start for token in scan(text) if text[token.start : token.end + 1] == ";"]
    except ParseError:
        ends = [at for at, letter in enumerate(text) if letter == ";"]
    at = 0
    for end in (*ends, len(text)):
        piece = text[at:end]
        start = at + len(piece) - len(piece.lstrip())
        if start < end:
            yield start + _comments(text[start:end]), end
        at = end + 1


_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


def _comments(text: str) -> int:
    """Return how long the comments and blanks at the beginning of a text are."""
    found = _LEADING.match(text)
    return found.end() if found and found.end() < len(text) else 0
