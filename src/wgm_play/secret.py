"""Secrets: a type that prints `***`, and the one register of values that no output may show.

In: values that came from the environment or from `no_log` steps. Out: texts with those values masked.
"""

from __future__ import annotations

MASK = "***"
# A value shorter than this is masked as a `Secret` but not searched for in texts: replacing every "1" or "on"
# in a report would hide the report and still tell the value by where the mask stands.
SHORTEST_SEARCHED = 4

_known: set[str] = set()


class Secret(str):
    """A string that prints as `***`; `reveal()` gives the value to the one place that needs it."""

    __slots__ = ()

    def __new__(cls, value: str) -> Secret:
        register(value)
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def reveal(self) -> str:
        """Return the value itself."""
        return str.__str__(self)


def register(value: str) -> None:
    """Remember that `value` is not to be shown anywhere."""
    if len(value) >= SHORTEST_SEARCHED:
        _known.add(value)


def mask(text: str) -> str:
    """Replace every registered value in `text`, longest first, by `***`."""
    for value in sorted(_known, key=len, reverse=True):
        if value in text:
            text = text.replace(value, MASK)
    return text


def forget() -> None:
    """Empty the register (tests)."""
    _known.clear()
