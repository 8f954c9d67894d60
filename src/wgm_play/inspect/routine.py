"""Functions and procedures: their properties by name, the body as a literal block.

In: the key of a routine. Out: a step.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.emit import Block
from wgm_play.inspect.entry import Inspected, body, expression, place, type_name, value_of
from wgm_play.sqltext.scan import Unforeseen, follows, name, split_list, text_of

_HEAD = re.compile(r"CREATE OR REPLACE (?:FUNCTION|PROCEDURE) ")
_QUOTE = re.compile(r"(\$\w*\$)(.*)\1\s*\Z", re.DOTALL)


def describe(said: Inspected, key: Key) -> None:
    """Add the step of a function or procedure."""
    row = said.catalog[key]
    spec: dict[str, Any] = Block(place(key))
    if row.arguments:
        spec["arguments"] = expression(_arguments(key, row.arguments))
    try:
        spec |= taken_apart(row, key)
    except Unforeseen:
        spec["body"] = body(row.definition.strip())
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("functions", key.kind, key, spec)


def _arguments(key: Key, text: str) -> str:
    """Return the arguments; a procedure's without IN, which servers from 14 on write before each."""
    if key.kind != "procedure" or "IN " not in text:
        return text
    return ", ".join(part.removeprefix("IN ") for part in split_list(text))


def taken_apart(row: Any, key: Key) -> dict[str, Any]:
    """Return the properties and the body of a routine."""
    spec: dict[str, Any] = {}
    if key.kind == "function" and row.result is not None and not _said_by_arguments(row):
        spec["returns"] = type_name(re.sub(r"^(SETOF |TABLE\()", lambda found: found.group().lower(), row.result))
    text = row.definition
    head = _after_signature(text)
    written, quoted = _body(head)
    properties = head[: len(head) - len(written)]
    for line in properties.split("\n"):
        _property(line.strip(), spec)
    if quoted is None:
        spec["body"] = body(_dedented(written.strip()))
    else:
        spec |= verbatim(quoted)
    return spec


def _said_by_arguments(row: Any) -> bool:
    return bool(row.result == "record" and re.search(r"\b(OUT|INOUT)\b", row.arguments))


def _after_signature(text: str) -> str:
    """Return what follows name, arguments and result: from the line of LANGUAGE on."""
    found = re.search(r"\n LANGUAGE ", text)
    if not _HEAD.match(text) or not found:
        raise Unforeseen(text)
    return text[found.start() + 1 :]


def _body(text: str) -> tuple[str, str | None]:
    """Return the body as it stands, and the text in its dollar quotes where it has such."""
    found = re.search(r"(?:^|\n)(AS \$\w*\$|BEGIN ATOMIC\n|RETURN )", text)
    if not found:
        raise Unforeseen(text)
    written = text[found.start(1) :]
    if not written.startswith("AS "):
        return written, None
    quoted = _QUOTE.match(written[3:])
    if not quoted:
        raise Unforeseen(text)
    return written, quoted.group(2)


_WORDS: dict[str, tuple[str, Any]] = {
    "IMMUTABLE": ("volatility", "immutable"),
    "STABLE": ("volatility", "stable"),
    "STRICT": ("strict", True),
    "SECURITY DEFINER": ("security_definer", True),
    "LEAKPROOF": ("leakproof", True),
    "PARALLEL SAFE": ("parallel", "safe"),
    "PARALLEL RESTRICTED": ("parallel", "restricted"),
}
_LISTS = frozenset(["search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"])


def _property(line: str, spec: dict[str, Any]) -> None:
    """Read one line of the properties of a routine."""
    if (given := follows(line, "LANGUAGE")) is not None:
        language, more = name(given)
        if more.strip() or language in ("c", "internal"):
            raise Unforeseen(line)
        if language != "plpgsql":
            spec["language"] = language
        return
    if (written := follows(line, "SET")) is not None:
        _set(written, spec)
        return
    rest = line
    while rest:
        for word, (property_, value) in _WORDS.items():
            if (after := follows(rest, word)) is not None:
                spec[property_], rest = value, after
                break
        else:
            found = re.match(r"(COST|ROWS) ([\d.]+)(?: |$)", rest)
            if not found:
                raise Unforeseen(line)
            spec[found.group(1).lower()] = (
                value_of(found.group(2)) if found.group(2).isdigit() else float(found.group(2))
            )
            rest = rest[found.end() :]


def _set(text: str, spec: dict[str, Any]) -> None:
    """Read `name TO value`."""
    found = re.match(r"([a-z_][\w.]*) TO (.+)\Z", text, re.IGNORECASE)
    if not found:
        raise Unforeseen(text)
    parameter, written = found.groups()
    values = [text_of(part) if "'" in part else part for part in split_list(written)]
    if parameter.lower() in _LISTS:
        if any(re.search(r'[,"]|^\s|\s$|^$', one) for one in values):
            raise Unforeseen(text)
        spec.setdefault("set", {})[parameter] = ", ".join(values)
    elif len(values) == 1:
        spec.setdefault("set", {})[parameter] = values[0]
    else:
        raise Unforeseen(text)


def verbatim(text: str) -> dict[str, Any]:
    """Return a body; with `verbatim` where the line breaks around it are not the usual ones."""
    inside = text[1:-1]
    if len(text) > 2 and text[0] == text[-1] == "\n" and inside.strip("\n") == inside and inside.strip():
        return {"body": inside + "\n"}
    return {"body": text, "verbatim": True}


def _dedented(text: str) -> str:
    """Return an atomic body without the first column of blanks that the deparser puts there."""
    lines = text.split("\n")
    if (
        text.count("'") % 2
        or any(line.count("'") % 2 for line in lines)
        or not all(line[:1] == " " for line in lines[1:-1])
    ):
        return text
    return "\n".join([lines[0], *(f" {line}" for line in lines[1:-1]), lines[-1]]) if len(lines) > 2 else text
