"""SQL text as a type: what is quoted or declared to be SQL is `Sql`; nothing else reaches a statement.

In: names and values. Out: `Sql`, ready to be put into a statement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from wgm_play.errors import InputError, Position

# PostgreSQL truncates longer names silently (manual: "Identifiers and Key Words").
NAME_BYTES = 63

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")


class Sql(str):
    """Text that is SQL. `position` says where in a playbook it was written, so that errors can point there."""

    __slots__ = ("position",)
    position: Position | None

    def __new__(cls, text: str, position: Position | None = None) -> Sql:
        made = super().__new__(cls, text)
        made.position = position
        return made


def quoted(name: str) -> str:
    """Quote one name always: `a"b` becomes `"a""b"`."""
    if "\0" in name or not name:
        raise InputError(f"{name!r} is not a name", hint="a name has at least one character and no NUL byte")
    return '"' + name.replace('"', '""') + '"'


def ident(name: str | Iterable[str]) -> Sql:
    """Quote a name, or a qualified name given as its parts, where quotes are needed."""
    parts = [name] if isinstance(name, str) else list(name)
    return Sql(".".join(_ident(part) for part in parts), getattr(name, "position", None))


def _ident(name: str) -> str:
    if len(name.encode()) > NAME_BYTES:
        raise InputError(
            f"the name {name!r} has {len(name.encode())} bytes, PostgreSQL keeps {NAME_BYTES}",
            hint="choose a shorter name",
            where=getattr(name, "position", None),
        )
    return name if _PLAIN.match(name) and name not in _reserved() else quoted(name)


def unquoted(name: str) -> str:
    """Return the name that an identifier of SQL stands for."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def replace_names(text: str, names: Mapping[str, str]) -> str:
    """Return an expression or a list of types with other names in place of some, all written as `ident` writes them."""
    if not names:
        return text
    some = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf'(?<![\w."$])(?:{some})(?![\w."$])', lambda found: names[found[0]], text)


def shortened(name: str, ending: str = "", *, before: str = "") -> str:
    """Return `before`, a name and its `ending`, within the bytes that PostgreSQL keeps: the name between them is cut."""
    room = NAME_BYTES - len(before.encode()) - len(ending.encode())
    return f"{before}{name.encode()[:room].decode(errors='ignore')}{ending}"


def automatic(table: str, column: str, label: str) -> str:
    """Return the name that PostgreSQL makes for what belongs to a column: the longer part is cut (makeObjectName)."""
    parts = [table.encode(), column.encode()]
    room = NAME_BYTES - len(label.encode()) - 2
    sizes = [len(part) for part in parts]
    while sum(sizes) > room:
        sizes[0 if sizes[0] > sizes[1] else 1] -= 1
    cut = [part[:size].decode(errors="ignore") for part, size in zip(parts, sizes, strict=True)]
    return "_".join((*cut, label))


_keywords: frozenset[str] | None = None


def _reserved() -> frozenset[str]:
    """Return PostgreSQL's key words that need quotes as a name (manual: appendix "SQL Key Words")."""
    global _keywords  # noqa: PLW0603 - read once, from a file of the package
    if _keywords is None:
        from wgm_play.keywords import QUOTED_KEYWORDS

        _keywords = QUOTED_KEYWORDS
    return _keywords


def literal(value: Any) -> Sql:
    """Quote a value as an SQL literal: None, bool, int, float, str; dict and list become jsonb."""
    return Sql(_literal(value), getattr(value, "position", None))


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"'{value}'::float8"
    if isinstance(value, (dict, list, tuple)):
        import json

        return _text(json.dumps(value, ensure_ascii=False)) + "::jsonb"
    return _text(reveal(value))


def reveal(value: Any) -> str:
    """Return the text of a value, of a secret too: for statements only, never for output."""
    return str.__str__(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    if "\0" in text:
        raise InputError("a text with a NUL byte cannot be stored", hint="remove the NUL byte")
    body = text.replace("'", "''")
    # With a backslash, the E'' form means the same whatever standard_conforming_strings says.
    return f"E'{body}'".replace("\\", "\\\\") if "\\" in body else f"'{body}'"
