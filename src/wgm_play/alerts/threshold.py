"""Thresholds: "> 100" to a comparison.

In: the text of a playbook. Out: `Threshold`, or `InputError` at the character that is wrong.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_ALIASES = {"=": "==", "<>": "!=", "=>": ">=", "=<": "<="}
_OPERATOR = re.compile(r"\s*([<>=!]+)")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)")
_HINT = "write a comparison and a number, as > 100, >= 0.9, < 5 or != 0"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A comparison (as in PromQL) and the number that a value is compared with."""

    operator: str
    number: float

    def crossed(self, value: float) -> bool:
        """Tell whether a value fires; NaN crosses nothing but `!=`."""
        return _COMPARE[self.operator](value, self.number)

    @property
    def rising(self) -> bool:
        """Whether a larger value is nearer to it, or past it."""
        return self.operator in (">", ">=")

    def __str__(self) -> str:
        return f"{self.operator} {shown(self.number)}"


def shown(number: float) -> str:
    """Return a number as Prometheus reads it, whole ones without a fraction."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(number)


def parse(text: str, where: Position | None = None) -> Threshold:
    """Return the threshold that a text gives. `where` is where the text begins. Raise `InputError`."""
    compare = _OPERATOR.match(text)
    if compare is None:
        raise _wrong(text, len(text) - len(text.lstrip()), "it begins with no comparison", where, _HINT)
    word = compare.group(1)
    if word not in _COMPARE:
        hint = f"write {_ALIASES[word]}" if word in _ALIASES else _HINT
        raise _wrong(text, compare.start(1), f"there is no comparison {word!r}", where, hint)
    number = _NUMBER.match(text, compare.end())
    if number is None:
        rest = text[compare.end() :].lstrip()
        said = f"{rest!r} is not a number" if rest else f"no number follows {word!r}"
        raise _wrong(text, len(text) - len(rest), said, where, _HINT)
    after = text[number.end() :]
    if after.strip():
        at = number.end() + len(after) - len(after.lstrip())
        said = f"{after.strip()!r} follows the number"
        raise _wrong(text, at, said, where, "a threshold has no unit: let the query return the unit that is compared")
    value = float(number.group(1))
    if math.isinf(value):
        raise _wrong(text, number.start(1), f"{number.group(1)} is too large", where, _HINT)
    return Threshold(word, value)


def _wrong(text: str, offset: int, what: str, where: Position | None, hint: str) -> InputError:
    at = replace(where, column=where.column + offset) if where is not None and where.column else where
    return InputError(f"the threshold {text!r} cannot be read at character {offset + 1}: {what}", where=at, hint=hint)
