"""Take apart what PostgreSQL's own deparser wrote: its texts have one form, so scanning quotes and brackets is enough.

In: texts as pg_get_indexdef and its like return them. Out: their parts, as they were written. Raises `Unforeseen` for a
text of another form, so that the whole text is kept instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator


class Unforeseen(Exception):
    """A text of a form that is not known."""


# Patterns of a text literal, of a name in quotes, of either, and of one part of a name as the server writes it.
LITERAL = r"'(?:[^']|'')*'"
QUOTED = r'"(?:[^"]|"")*"'
IN_QUOTES = rf"{LITERAL}|{QUOTED}"
NAME = rf'(?:{QUOTED}|[^\s".(]+)'
# A name in a list, as search_path has it: what is in quotes, or plain.
LISTED = re.compile(r'"((?:[^"]|"")*)"|([^",\s]+)')

# A name without quotes: letters, "_" and all that is not ASCII, then digits and "$" too. What is not in it is told, as ranges
# up to the last character take long to compile.
WORD = r"[^\x00-\x40\x5b-\x5e\x60\x7b-\x7f][^\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*"

_TOKEN = re.compile(
    rf"E?{LITERAL}"  # the deparser doubles quotes, and backslashes in E''
    rf"|{QUOTED}"
    rf"|{WORD}"
    r"|\d+(?:\.\d+)?"
    r"|\s+|.",
    re.DOTALL,
)
_NAME = re.compile(rf'"((?:[^"]|"")*)"|({WORD})')


def tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (one, where it ends, depth of brackets around it)."""
    depth = 0
    for found in _TOKEN.finditer(text):
        one = found.group()
        if one in (")", "]"):
            depth -= 1
        yield one, found.end(), depth
        if one in ("(", "["):
            depth += 1


# All that says where a bracket closes and where a list has its commas.
_BOUND = re.compile(rf"{IN_QUOTES}|[\[\](),]")


# Without these, commas are commas, and the first closing bracket closes.
_NESTED = re.compile(r"[\[\]()'\"]")


def split_list(text: str) -> list[str]:
    """Split at the commas that are outside brackets and quotes."""
    if not _NESTED.search(text):
        return [part.strip() for part in text.split(",")] if text.strip() else []
    parts, start, depth = [], 0, 0
    for found in _BOUND.finditer(text):
        one = found.group()
        if one == "," and depth == 0:
            parts.append(text[start : found.start()].strip())
            start = found.end()
        elif one in "([":
            depth += 1
        elif one in ")]":
            depth -= 1
    last = text[start:].strip()
    return [*parts, last] if last or parts else []


@functools.lru_cache(maxsize=10_000)
def brackets(text: str) -> tuple[str, str]:
    """Return what is inside the brackets with which `text` begins, and what follows them."""
    if not text.startswith("("):
        raise Unforeseen(text)
    first = text.find(")")
    if first > 0 and not _NESTED.search(text[1:first]):
        return text[1:first], text[first + 1 :].lstrip()
    depth = 0
    for found in _BOUND.finditer(text):
        one = found.group()
        if one in "([":
            depth += 1
        elif one in ")]":
            depth -= 1
            if depth == 0 and one == ")":
                return text[1 : found.start()], text[found.end() :].lstrip()
    raise Unforeseen(text)


def unwrapped(text: str) -> str:
    """Return an expression without brackets around the whole of it."""
    text = text.strip()
    while text.startswith("("):
        inside, rest = brackets(text)
        if rest:
            break
        text = inside.strip()
    return text


def name(text: str) -> tuple[str, str]:
    """Return the name with which `text` begins, without its quotes, and what follows."""
    found = _NAME.match(text)
    if not found:
        raise Unforeseen(text)
    quoted, plain = found.groups()
    return (plain if quoted is None else quoted.replace('""', '"')), text[found.end() :]


def qualified(text: str) -> tuple[tuple[str, ...], str]:
    """Return the parts of the qualified name with which `text` begins, and what follows it."""
    first, rest = name(text)
    parts = [first]
    while rest.startswith("."):
        more, rest = name(rest[1:])
        parts.append(more)
    return tuple(parts), rest.lstrip()


_PLAIN_NAMES = re.compile(r"[a-z_][a-z0-9_]*(?:, [a-z_][a-z0-9_]*)*\Z")


def names(text: str) -> list[str]:
    """Return a list of names, separated by commas."""
    if _PLAIN_NAMES.match(text):
        return text.split(", ")
    made = []
    for part in split_list(text):
        one, rest = name(part)
        if rest:
            raise Unforeseen(part)
        made.append(one)
    return made


@functools.lru_cache(maxsize=10_000)
def words(text: str) -> frozenset[str]:
    """Return the names that an expression may mention: outside of text literals, without their quotes."""
    found = _TOKEN.findall(text)
    return frozenset(
        one[1:-1].replace('""', '"') if one[0] == '"' else one
        for one in found
        if one[0] == '"' or one[0] == "_" or (one[0].isalpha() and one[-1] != "'")
    )


def text_of(literal: str) -> str:
    """Return the value of a text literal."""
    if literal.startswith("E'"):
        return literal[2:-1].replace("''", "'").replace("\\\\", "\\")
    if not (literal.startswith("'") and literal.endswith("'")) or len(literal) < 2:
        raise Unforeseen(literal)
    return literal[1:-1].replace("''", "'")


def follows(text: str, *start: str) -> str | None:
    """Return what follows one of these words in `text`, or None where it begins otherwise."""
    for one in start:
        if text.startswith(one):
            rest = text[len(one) :]
            if not rest or rest[0] == " ":
                return rest.lstrip()
    return None
