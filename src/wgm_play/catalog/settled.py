"""Expressions that PostgreSQL describes in words it would read otherwise: described as it does the second time.

In: what pg_get_constraintdef and its like say. Out: the text that comes back once this text was read by PostgreSQL.

`v IN ('a', 'b')` over varchar is described as `(ARRAY['a'::character varying, …])::text[]`; read again, the cast goes
to each element: `ARRAY[('a'::character varying)::text, …]` (parse_expr.c, transformArrayExpr). Without this, the same
rule would differ from itself after pg_dump and restore, and in the shadow.
"""

from __future__ import annotations

from wgm_play.catalog.model import Row

# Where the kinds' rows hold expressions.
PLACES: dict[str, int] = {
    "constraint": 1,
    "domain_constraint": 0,
    "index": 1,
    "view": 0,
    "materialized_view": 0,
    "trigger": 0,
    "column": 7,
}
_OPENING = "(ARRAY["
_CLOSING = "])::"


def settled_row(kind: str, row: Row) -> Row:
    """Return a kind's row with its expression settled."""
    place = PLACES.get(kind)
    if place is None:
        return row
    text = row[place]
    if text is None or _CLOSING not in text:
        return row
    return (*row[:place], settled(text), *row[place + 1 :])


def settled(text: str) -> str:
    """Move the casts of array constructors to their elements."""
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
