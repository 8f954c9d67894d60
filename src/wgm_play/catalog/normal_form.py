"""Expressions that PostgreSQL describes in words it would read otherwise: alike where they are read alike.

In: what pg_get_constraintdef and its like say. Out: the text that comes back once this text was read by PostgreSQL.

`v IN ('a', 'b')` over varchar is described as `(ARRAY['a'::character varying, …])::text[]`; read again, the cast goes
to each element: `ARRAY[('a'::character varying)::text, …]` (parse_expr.c, transformArrayExpr). `a AND b BETWEEN 1 AND 9`
is an AND within an AND, which the brackets of the description tell of; read again, and in the description that leaves
brackets out, the two are one (gram.y, makeAndExpr). `(VALUES (1))` comes back as `( VALUES (1))`. Without this, the same rule would differ from itself after pg_dump
and restore, in the shadow, and in a playbook.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.kinds import KINDS, WITH_BODY
from wgm_play.catalog.model import CLASSES, Row
from wgm_play.sqltext.scan import IN_QUOTES


class Described(str):
    """A text with an AND within an AND: it is sent so that it comes back as it is, and equal to one without brackets."""

    __slots__ = ("plain",)
    plain: str

    def __new__(cls, text: str, plain: str) -> Described:
        """Keep both forms."""
        made = super().__new__(cls, text)
        made.plain = plain
        return made

    def __eq__(self, other: object) -> bool:
        """Compare the forms without brackets."""
        return self.plain == (other.plain if isinstance(other, Described) else other)

    def __ne__(self, other: object) -> bool:
        """Compare the forms without brackets."""
        return not self == other

    def __hash__(self) -> int:
        """Return the hash of the form without brackets."""
        return hash(self.plain)

    def __repr__(self) -> str:
        """Return the form without brackets: digests are made of it."""
        return repr(self.plain)


# Where the kinds' rows hold expressions; that of a routine only where its body is SQL that PostgreSQL has read.
PLACES: dict[str, tuple[int, ...]] = {
    kind: tuple(CLASSES[kind].__slots__.index(name) for name in traits.expressions)
    for kind, traits in KINDS.items()
    if traits.expressions
}
_ATOMIC = "BEGIN ATOMIC"
_OPENING = "(ARRAY["
_CLOSING = "])::"


def normal_row(kind: str, row: Row) -> Row:
    """Return a kind's row with its expressions in normal form."""
    for place in PLACES.get(kind, ()):
        value = row[place] if place < len(row) else None  # an older version wrote fewer
        if value is None or (kind in WITH_BODY and place and _ATOMIC not in value):
            continue
        made = _normal(value)
        if made is not value:
            row = (*row[:place], made, *row[place + 1 :])
    return row


def plain_row(row: Row) -> Row:
    """Return a row whose texts are plain ones, as they are sent."""
    return tuple(map(_plain, row))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str.__str__(value) if type(value) is Described else value


def _normal(value: Any) -> Any:
    """Return a text in normal form, or a list whose texts are; the same object where there is nothing to do."""
    if isinstance(value, list):
        made = [_normal(one) for one in value]
        return made if any(one is not other for one, other in zip(made, value, strict=True)) else value
    if not isinstance(value, str):
        return value
    text = normal_form(value) if _CLOSING in value or _BARE_VALUES in value else value
    if _BETWEEN in text:
        text = _without_between(text)
    if _JOINED.search(text):
        plain = flat(text)
        if plain != text:
            return Described(with_between(text), plain)
    return text


# A query that is VALUES alone is read again as one in brackets, which is described with a blank (get_simple_values_rte).
_BARE_VALUES, _READ_VALUES = "(VALUES (", "( VALUES ("
_VALUES = re.compile(rf"{IN_QUOTES}|\(VALUES \(")

# Before what takes several lines (CASE), the word that joins ends its line.
_MARKS = re.compile(rf"{IN_QUOTES}|[()\[\],]|\s(?:AND|OR)\s+")
_JOINED = re.compile(r"\s(?:AND|OR)\s")
_NO_OPERAND = re.compile(r"\s*(?:SELECT|WITH|VALUES)\b")


class _Group:
    """What stands between two brackets: which words join its parts, and which groups are a whole part."""

    __slots__ = ("begin", "edge", "inside", "words")

    def __init__(self, begin: int, *, edge: bool) -> None:
        self.begin, self.edge = begin, edge
        self.words: set[str] = set()
        self.inside: list[tuple[int, int, str]] = []


def groups_within(text: str) -> list[tuple[int, int, int, int]]:
    """Return (begin, end) of each AND within an AND, and OR within an OR, with those of the one around it."""
    found: list[tuple[int, int, int, int]] = []
    stack = [_Group(-1, edge=False)]
    marks = [(mark.group().strip(), mark.start(), mark.end()) for mark in _MARKS.finditer(text)]
    for number, (one, place, end) in enumerate(marks):
        if one in ("(", "["):
            word, _, last = marks[number - 1] if number else ("", 0, -1)
            stack.append(_Group(place, edge=one == "(" and last == place and word in ("(", "AND", "OR")))
        elif one in (")", "]") and len(stack) > 1:
            group = stack.pop()
            found += [(a, b, group.begin, place) for a, b, word in group.inside if group.words == {word}]
            word, first, _ = marks[number + 1] if number + 1 < len(marks) else (")", end, 0)
            whole = group.edge and first == end and word in (")", "AND", "OR")
            if whole and group.words in ({"AND"}, {"OR"}) and not _NO_OPERAND.match(text, group.begin + 1):
                stack[-1].inside.append((group.begin, place, min(group.words)))
        elif one in (",", "AND", "OR"):
            stack[-1].words.add(one)
    return found


def flat(text: str) -> str:
    """Return a description without the brackets of an AND within an AND, and of an OR within an OR."""
    places = sorted({place for begin, end, *_ in groups_within(text) for place in (begin, end)})
    made, start = [], 0
    for place in places:
        made.append(text[start:place])
        start = place + 1
    return "".join([*made, text[start:]])


def normal_form(text: str) -> str:
    """Move the casts of array constructors to their elements, and set VALUES off from its bracket."""
    if _BARE_VALUES in text:
        text = _VALUES.sub(lambda found: _READ_VALUES if found.group() == _BARE_VALUES else found.group(), text)
    start = 0
    while (start := text.find(_OPENING, start)) >= 0:
        inside = start + len(_OPENING)
        elements, end = _elements(text, inside)
        kind = _array_type(text, end)
        if kind is None:
            start = inside
            continue
        made = ", ".join(f"({element})::{kind}" for element in elements)
        text = f"{text[:start]}ARRAY[{made}]{text[end + len(_CLOSING) + len(kind) + 2 :]}"
        start += len("ARRAY[")
    return text


def _elements(text: str, start: int) -> tuple[list[str], int]:
    """Split what stands between brackets at its commas; return it with the place of the closing bracket."""
    elements: list[str] = []
    depth, begin, place = 0, start, start
    while place < len(text):
        letter = text[place]
        if letter in "'\"":
            place = text.find(letter, place + 1)
            if place < 0:
                break
        elif letter in "([":
            depth += 1
        elif letter in ")]" and depth:
            depth -= 1
        elif letter == "]":
            return [*elements, text[begin:place]], place
        elif letter == "," and not depth:
            elements.append(text[begin:place])
            begin = place + 2
        place += 1
    return [], len(text)


def _array_type(text: str, closing: int) -> str | None:
    """Return the element type of a cast that follows a closing bracket, None where none does."""
    if not text.startswith(_CLOSING, closing):
        return None
    begin = closing + len(_CLOSING)
    end = text.find("[]", begin)
    name = text[begin:end] if end > 0 else ""
    return name if name and all(letter.isalnum() or letter in ' _."' for letter in name) else None


_BETWEEN = " BETWEEN "
_FRAME = re.compile(r"\b(?:ROWS|RANGE|GROUPS)\Z")


def _without_between(text: str) -> str:
    """Undo `with_between` in a text that was kept: PostgreSQL itself writes BETWEEN in frames of windows alone."""
    opened: list[int] = []
    for mark in _MARKS.finditer(text):
        if mark.group() in ("(", "["):
            opened.append(mark.start())
        elif mark.group() in (")", "]") and opened:
            begin, end = opened.pop(), mark.start()
            subject, word, rest = _halves(text[begin + 1 : end], _BETWEEN)
            low, _, high = _halves(rest, " AND ")
            if word and low and not _FRAME.search(subject):
                made = f"(({subject} >= {low}) AND ({subject} <= {high}))"
                return _without_between(text[:begin] + made + text[end + 1 :])
    return text


_AT_LEAST, _AT_MOST = " >= ", " <= "


def with_between(text: str) -> str:
    """Write `(x >= a) AND (x <= b)` within another AND as BETWEEN: where it comes first, nothing else nests so."""
    for begin, end, *_ in sorted(groups_within(text), reverse=True):
        inside = text[begin + 1 : end]
        first, word, second = _halves(inside, " AND ")
        if not (word and first.startswith("(") and second.startswith("(")):
            continue
        subject, least, low = _halves(first[1:-1], _AT_LEAST)
        same, most, high = _halves(second[1:-1], _AT_MOST)
        if least and most and subject == same:
            text = f"{text[:begin]}({subject} BETWEEN {low} AND {high}){text[end + 1 :]}"
    return text


_HALVES = re.compile(rf"{IN_QUOTES}|[()\[\]]| AND | >= | <= | BETWEEN ")


def _halves(text: str, word: str) -> tuple[str, str, str]:
    """Split a text at the only `word` that is outside of brackets; empty parts where there is none, or another."""
    depth, found = 0, None
    for mark in _HALVES.finditer(text):
        one = mark.group()
        if one in "([":
            depth += 1
        elif one in ")]":
            depth -= 1
        elif one == word and depth == 0:
            if found is not None:
                return "", "", ""
            found = mark
    return (text[: found.start()], word, text[found.end() :]) if found else ("", "", "")
