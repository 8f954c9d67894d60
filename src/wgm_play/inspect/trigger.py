"""Triggers.

In: the key of a trigger. Out: a step.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.entry import Inspected, body, expression, table_place
from wgm_play.sqltext.scan import (
    Unforeseen,
    brackets,
    follows,
    name,
    names,
    qualified,
    split_list,
    text_of,
    tokens,
    unwrapped,
)

_ENABLED: dict[str, Any] = {"D": False, "R": "replica", "A": "always"}
_TIMINGS = ("BEFORE", "AFTER", "INSTEAD OF")
_EVENTS = ("INSERT", "DELETE", "TRUNCATE", "UPDATE")


def describe(said: Inspected, key: Key) -> None:
    """Add the step of a trigger."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[2], **table_place(*key.name[:2])}
    try:
        spec |= taken_apart(row.definition)
    except Unforeseen:
        spec["definition"] = body(row.definition)
    if row.enabled in _ENABLED:
        spec["enabled"] = _ENABLED[row.enabled]
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("triggers", "trigger", key, spec)


def taken_apart(definition: str) -> dict[str, Any]:
    """Return timing, events, function and the rest of a trigger."""
    rest = follows(definition, "CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER")
    if rest is None:
        raise Unforeseen(definition)
    spec: dict[str, Any] = {}
    constraint = definition.startswith("CREATE CONSTRAINT")
    if constraint:
        spec["constraint"] = True
    _, rest = name(rest)
    rest = rest.lstrip()
    timing = next((one for one in _TIMINGS if rest.startswith(one + " ")), None)
    if timing is None:
        raise Unforeseen(definition)
    spec["timing"] = timing.lower()
    spec["events"], rest = _events(rest[len(timing) + 1 :])
    _, rest = qualified(rest)
    if (more := follows(rest, "NOT DEFERRABLE INITIALLY IMMEDIATE", "NOT DEFERRABLE")) is not None:
        rest = more
    elif (more := follows(rest, "DEFERRABLE INITIALLY DEFERRED")) is not None:
        spec["initially"], rest = "deferred", more
    elif (more := follows(rest, "DEFERRABLE INITIALLY IMMEDIATE", "DEFERRABLE")) is not None:
        spec["deferrable"], rest = True, more
    if (more := follows(rest, "REFERENCING")) is not None:
        spec["referencing"], rest = _referencing(more)
    level, rest = _level(rest)
    if level != ("statement" if "truncate" in spec["events"] else "row"):
        spec["level"] = level
    if (more := follows(rest, "WHEN")) is not None:
        inside, rest = brackets(more)
        spec["when"] = expression(unwrapped(inside))
    rest = follows(rest, "EXECUTE FUNCTION")
    if rest is None:
        raise Unforeseen(definition)
    spec["function"] = _function(rest)
    return spec


def _events(text: str) -> tuple[list[Any], str]:
    events: list[Any] = []
    rest = text
    while True:
        word = next((one for one in _EVENTS if rest.startswith(one)), None)
        if word is None:
            raise Unforeseen(text)
        rest = rest[len(word) :].lstrip()
        if word == "UPDATE" and (more := follows(rest, "OF")) is not None:
            end = next((end for piece, end, _ in tokens(more) if piece in ("ON", "OR")), 0)
            columns, rest = more[: end - 2], more[end - 2 :]
            events.append({"update": names(columns.strip())})
        else:
            events.append(word.lower())
        if (more := follows(rest, "OR")) is not None:
            rest = more
            continue
        if (more := follows(rest, "ON")) is None:
            raise Unforeseen(text)
        return events, more


def _referencing(text: str) -> tuple[dict[str, str], str]:
    made: dict[str, str] = {}
    rest = text
    for word, key in (("OLD TABLE AS", "old_table"), ("NEW TABLE AS", "new_table")):
        if (more := follows(rest, word)) is not None:
            made[key], rest = name(more)
            rest = rest.lstrip()
    return made, rest


def _level(text: str) -> tuple[str, str]:
    for word in ("ROW", "STATEMENT"):
        if (more := follows(text, f"FOR EACH {word}")) is not None:
            return word.lower(), more
    raise Unforeseen(text)


_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")


def _function(text: str) -> Any:
    """Return a function: `name`, `name('argument')`, or a mapping where its name needs quotes."""
    parts, rest = qualified(text)
    inside, _ = brackets(rest)
    if len(parts) == 2 and parts[0] == "public":
        parts = parts[1:]
    if any("." in part for part in parts):
        raise Unforeseen(text)
    if all(_PLAIN.match(part) for part in parts):
        return ".".join(parts) + (f"({inside})" if inside else "")
    arguments = [text_of(part) for part in split_list(inside)]
    return {"name": ".".join(parts), **({"arguments": arguments} if arguments else {})}
