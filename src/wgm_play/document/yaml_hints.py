"""What to do about an error of YAML's syntax.

In: the lines of a file, the line at which the parser gave up. Out: what to write there, as code where that is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ENTRY = re.compile(r"(\s*)((?:- +)*)([\w.\"'-]+)\s*:(?:\s|$)")
# Within braces: a value with brackets of its own (`text[]`), or with a comma within parentheses (`numeric(10,2)`).
_ARRAY = re.compile(r"([\w]+):\s+([\w. ()]+\[\d*\])")
_CALL = re.compile(r"(\w+):\s+([^\"'{}\[\],:][^\"{}\[\],:]*\([^()\"]*(?:\([^()\"]*\)[^()\"]*)*\)[^,{}\[\]\"]*)")
_AFTER_QUOTE = re.compile(r"""^\s*(?:- +)?(\w+):\s+((['"])(?:(?!\3).)*\3\s*[^\s#,}\]].*?)\s*$""")


def hint(lines: Sequence[str], number: int, column: int = 0) -> str:
    """Return the hint for an error in line `number` at a column, from 1."""
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if line.lstrip().startswith("<<"):
        return "merge keys (<<) are not supported: write the keys out"
    return (
        _outdented(lines, number)
        or _unquoted(line, column)
        or ("a value that holds ': ' needs quotes" if line.count(": ") > 1 and "{" not in line else None)
        or "check indentation, quotes and brackets up to here"
    )


def _unquoted(line: str, column: int) -> str | None:
    """Return the value that needs quotes, as it is written with them."""

    if re.search(r":\s*\{\{", line):
        return 'a value that begins with {{ needs quotes: "{{ name }}"'
    after = _AFTER_QUOTE.match(line)
    if after:
        return f"a value that begins with a quote ends with it: write {after[1]}: {quoted(after[2])}"
    inside = line[line.find("{") + 1 :] if "{" in line else ""
    for pattern in (_ARRAY, _CALL):
        found = next((one for one in pattern.finditer(inside) if pattern is _ARRAY or "," in one[2]), None)
        if found:
            return f"quote it: {found[1]}: {quoted(found[2].strip())}"
    meant = _value_at(line, column)
    if meant:
        return f"quote it: {meant[0]}: {quoted(meant[1])}"
    if re.search(r"[{\[].*,", line):
        return "inside { } and [ ], a value that holds ', ' or ': ' needs quotes"
    return None


def _value_at(line: str, column: int) -> tuple[str, str] | None:
    """Return the entry within braces that an error is in, with its value as it was meant: up to the next key, or the end."""
    before = list(re.finditer(r"[{,]\s*(\w+):\s+", line[:column]))
    if not before or not line.rstrip().endswith("}"):
        return None
    rest = line[before[-1].end() :].rstrip()
    following = re.search(r",\s*\w+:\s", rest)
    value = rest[: following.start() if following else _end(rest)].strip()
    return (
        (before[-1][1], value) if re.search(r"[{}\[\]'\"]", value) and value[:1] not in ("'", '"', "{", "[") else None
    )


def _end(rest: str) -> int:
    """Return where the value ends that the closing braces of a line come after."""
    closing = len(rest) - len(rest.rstrip("}"))
    own = rest.count("{") - (rest.count("}") - closing)
    return len(rest) - closing + max(0, min(own, closing))


def _outdented(lines: Sequence[str], number: int) -> str | None:
    """Tell by how much a line begins beside the column of the entries that it stands among."""
    own = _ENTRY.match(lines[number - 1]) if 0 < number <= len(lines) else None
    if own is None:
        return None
    column = len(own[1])
    dashed = bool(own[2])
    found: list[tuple[int, int, str]] = []  # distance, line, what stands there
    limit = 10_000
    for at in range(number - 1, 0, -1):
        entry = _ENTRY.match(lines[at - 1])
        if entry is None or len(entry[1]) > limit:
            continue
        limit = len(entry[1])
        places = [len(entry[1])] if dashed and entry[2] else [] if dashed else [len(entry[1]) + len(entry[2])]
        for place in places:
            if place == column:
                return None
            found.append((column - place, at, entry[3]))
        if limit == 0:
            break
    if not found:
        return None
    away, at, word = min(found, key=lambda one: (abs(one[0]), -one[1]))
    columns = f"{abs(away)} column{'s' if abs(away) != 1 else ''}"
    return f"this line begins {columns} {'right' if away > 0 else 'left'} of {word!r} in line {at}: give both the same indentation"


def quoted(text: str) -> str:
    """Return a text as a value of YAML in quotes."""
    return "'" + text.replace("'", "''") + "'" if '"' in text else f'"{text}"'
