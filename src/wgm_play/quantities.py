"""Durations and sizes as people write them: `500ms`, `2s`, `10m`, `24h`, `30d`; `16MB`.

In: a value of a YAML file. Out: seconds as float, bytes as int; and the texts for people.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.errors import InputError, Position

_SECONDS = {
    "ms": 0.001,
    "millisecond": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")

# As in PostgreSQL's settings, a kB has 1024 bytes (manual: "Parameter Names and Values").
_BYTES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\Z")


def parse_duration(value: Any, where: Position | None = None, key: str = "") -> float:
    """Return the seconds of a duration. `key` names it in the error. Raise `InputError`."""
    text = str(value).strip().lower()
    if text == "0" and not isinstance(value, bool):
        return 0.0
    seconds, at = 0.0, 0
    while (part := _DURATION.match(text, at)) and (factor := _factor(part.group(2))) is not None:
        seconds += float(part.group(1)) * factor
        at = part.end()
    if at == 0 or at != len(text):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        raise InputError(
            f"{_named(key)}{str(value)!r} is not a duration",
            where=where,
            hint=f"write a unit: {value}s, {value}m or {value}h"
            if number
            else "write it as 500ms, 2s, 10m, 24h or 30d",
        )
    return seconds


def _factor(unit: str) -> float | None:
    return _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"))


def parse_size(value: Any, where: Position | None = None, key: str = "") -> int:
    """Return the bytes of a size: `16MB`, or a whole number of bytes. Raise `InputError`."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    part = _SIZE.match(str(value).strip().lower())
    if part is None or part.group(2) not in _BYTES:
        raise InputError(
            f"{_named(key)}{str(value)!r} is not a size", where=where, hint="write it as 64kB, 16MB or 2GB"
        )
    return round(float(part.group(1)) * _BYTES[part.group(2)])


def _named(key: str) -> str:
    return f"{key}: " if key else ""


def format_duration(seconds: float) -> str:
    """Return a duration in its largest fitting units: `1.5` is `1.5s`, `5400` is `1h30m`, `0.02` is `20ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{round(seconds, 1):g}s"
    rest, words = round(seconds), []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        if count:
            words.append(f"{count}{unit}")
    return "".join(words[:2])


def format_size(count: int) -> str:
    """Return a number of bytes as PostgreSQL writes sizes: `16 MB`."""
    for unit in ("TB", "GB", "MB", "kB"):
        if count >= _BYTES[unit.lower()]:
            return f"{round(count / _BYTES[unit.lower()], 1):g} {unit}"
    return f"{count} bytes"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 step`, `3 steps`, `2 indexes`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
