"""What is told of values: nothing, whether two are equal, or themselves.

In: values that the planner's statistics hold. Out: what the file has of them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any

from wgm_play.lazy_dataclass import dataclass

NONE, HASHED, FULL = LEVELS = ("none", "hashed", "full")
# Hexadecimal digits: 64 bits.
_DIGITS = 16
# A text in a partition's bound.
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w'])(-?\d[\d.]*)")
# A shorter one is in many names by chance.
_TELLING = 4


@dataclass(frozen=True, slots=True)
class ValueDisclosure:
    """How values are told: `level` is one of `LEVELS`, `salt` makes digests of this file unlike those of others."""

    level: str
    salt: str

    def listed(self, values: Sequence[str] | None, word: str = "values") -> dict[str, Any]:
        """Return what is told of values whose identity alone counts: themselves, or a digest of each, or nothing."""
        if values is None or self.level == NONE:
            return {}
        return {word: list(values) if self.level == FULL else [digest(self.salt, one) for one in values]}

    def ordered(self, values: Sequence[str] | None, word: str) -> dict[str, Any]:
        """Return what is told of values whose order counts, which no digest keeps: how many there are, or themselves."""
        if values is None:
            return {}
        return {word: list(values)} if self.level == FULL else {f"{word}_count": len(values)}

    def name(self, schema: str, name: str, *, hidden: bool) -> str:
        """Return the name of a relation; where it tells a value, what only who knows the name can recognise."""
        return hidden_name(self.salt, schema, name) if hidden and self.level != FULL else name


def digest(salt: str, value: str) -> str:
    """Return the digest of a value as PostgreSQL writes it."""
    return hmac.new(salt.encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_DIGITS]


def hidden_name(salt: str, schema: str, name: str) -> str:
    """Return what stands for a name that is not told."""
    return f"#{digest(salt, f'{schema}.{name}')}"


def tells_value(name: str, bound: str | None) -> bool:
    """Tell whether the name of a partition may be a value of its rows: it is one of a list, or holds a text of its bound."""
    if bound is None:
        return False
    if " IN (" in bound:
        return True
    plain = _plain(name)
    texts = [_plain(quoted or number) for quoted, number in _LITERAL.findall(bound)]
    return any(len(one) >= _TELLING and not one.isdigit() and one in plain for one in texts)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())
