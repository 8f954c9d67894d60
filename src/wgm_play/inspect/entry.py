"""One object as a step, and the words that all kinds share.

In: keys and rows of a catalog. Out: `Entry`, and `Inspected`, which collects entries and what could not be said.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import field
from typing import Any

from wgm_play.catalog.kinds import BESIDE_TABLE, WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.inspect.emit import TEMPLATE, Block, Lines, flow
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sqltext.scan import LITERAL, QUOTED, split_list


@dataclass(slots=True)
class Entry:
    """A step: the concern it belongs to (a file), its name, its kind and what it says."""

    concern: str
    name: str
    kind: str
    spec: dict[str, Any]
    key: Key
    keywords: dict[str, Any] = field(default_factory=dict)

    def step(self) -> dict[str, Any]:
        """Return the step as a mapping."""
        return {"name": self.name, self.kind: self.spec, **self.keywords}


@dataclass(slots=True)
class Inspected:
    """What an inspection says: entries, and the names of what no step can say; `owner` owns what says no owner."""

    catalog: Catalog
    entries: list[Entry] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    below: dict[tuple[str, ...], dict[str, list[Key]]] = field(default_factory=dict)
    owner: str | None = None
    remarks: list[str] = field(default_factory=list)

    def children(self, kind: str, name: tuple[str, ...]) -> list[Key]:
        """Return the columns, constraints or the like of one object."""
        return self.below.get(name, {}).get(kind, [])

    def add(
        self, concern: str, kind: str, key: Key, spec: dict[str, Any], comment: str | None = None, **keywords: Any
    ) -> None:
        """Add a step; its comment gives it its name where it is one short line."""
        # Braces are first looked for in all of it at once: there are hardly any.
        if TEMPLATE.search(repr(spec)) and _templated_key(spec):
            self.cannot(key, "a name in it reads as a template")
            return
        if key.kind == kind:
            self._owned(key, spec)
        self.entries.append(Entry(concern, step_name(kind, key, comment), kind, spec, key, keywords))

    def _owned(self, key: Key, spec: dict[str, Any]) -> None:
        """Say the owner where it is not the one of most objects; `owner` is that one."""
        row = self.catalog.get(Key("owner", (key.kind, *key.name)))
        if row is None or row.role == self.owner or self.owner is None:
            return
        if key.kind == "sequence" and self.catalog[key].owned_by:
            return  # it follows its table
        spec["owner"] = row.role

    def put(self, spec: dict[str, Any], kind: str, key: Key, name: str, value: Any) -> None:
        """Say `name: value` where the grammar of the kind has it; else remember that it cannot be said."""
        if name in properties(kind):
            spec[name] = value
        else:
            self.cannot(key, f"{name.replace('_', ' ')} {flow(value)}")

    def cannot(self, key: Key, what: str) -> None:
        """Remember something that no step says."""
        self.unsaid.append(f"{key}: {what}")


_PLAIN = frozenset([str, bool, int])


def _templated_key(value: Any) -> bool:
    """Tell whether a key of a mapping holds braces that Jinja would read: keys are never rendered."""
    if isinstance(value, dict):
        for key, one in value.items():
            if "{" in key and TEMPLATE.search(key):
                return True
            if type(one) not in _PLAIN and _templated_key(one):
                return True
        return False
    return isinstance(value, list) and any(map(_templated_key, value))


Describe = Callable[[Inspected, Key], None]


def properties(kind: str) -> dict[str, Any]:
    """Return the keys that a step of a kind may have; `column` and `named constraint` are those of a table."""
    from wgm_play.playbook.kinds import KINDS
    from wgm_play.playbook.kinds.column import MAPPING
    from wgm_play.playbook.kinds.constraint import NAMED

    if kind == "column":
        return dict(MAPPING["properties"])
    if kind == "constraint":
        return dict(NAMED["properties"])
    return dict(KINDS[kind].schema.get("properties", {}))


def step_name(kind: str, key: Key, comment: str | None) -> str:
    """Return the name of a step: the object's comment where it is one short line, else its kind and name."""
    if comment and "\n" not in comment and 3 <= len(comment) <= 60 and kind not in (WITH_BODY | BESIDE_TABLE):
        return comment.strip() or str(key)
    name = f"Constraint {key.label}" if kind == "constraint" else str(key)
    made = name[0].upper() + name[1:]
    return made if len(made) <= 100 else made[:97] + "..."


def place(key: Key) -> dict[str, Any]:
    """Return `name:`, with the schema where it is not public; a dot in a name needs the schema beside it."""
    schema, name = key.name[0], key.name[1]
    if "." in name or "." in schema:
        return {"name": name, "schema": schema}
    return {"name": name if schema == "public" else f"{schema}.{name}"}


def table_place(schema: str, table: str) -> dict[str, Any]:
    """Return `table:`, with the schema where it is not public."""
    if "." in table or "." in schema:
        return {"table": table, "schema": schema}
    return {"table": table if schema == "public" else f"{schema}.{table}"}


_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})\Z")


def options(given: list[str] | None) -> dict[str, Any]:
    """Return storage parameters, which the catalog has as "name=value", as a mapping."""
    made: dict[str, Any] = {}
    for one in given or []:
        name, _, value = one.partition("=")
        made[name] = value_of(value)
    return made


def value_of(text: str) -> Any:
    """Return true, false and whole numbers as such, all else as text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _NUMBER.match(text) else text


# How people write what format_type returns in the words of the standard.
_SHORT_TYPES = (
    (re.compile(r"\bcharacter varying\b"), "varchar"),
    (re.compile(r"\btimestamp(\(\d\))? with time zone"), r"timestamptz\1"),
    (re.compile(r"\btimestamp(\(\d\))? without time zone"), r"timestamp\1"),
    (re.compile(r"\btime(\(\d\))? with time zone"), r"timetz\1"),
    (re.compile(r"\btime(\(\d\))? without time zone"), r"time\1"),
    (re.compile(r"\bbit varying\b"), "varbit"),
    (re.compile(r"\bcharacter(?=\()"), "char"),
)


_LONG_TYPE = re.compile(r"character|time|bit varying")


@functools.lru_cache(maxsize=10_000)
def type_name(text: str) -> str:
    """Return a type as people write it."""
    if '"' in text or not _LONG_TYPE.search(text):
        return text
    for pattern, short in _SHORT_TYPES:
        text = pattern.sub(short, text)
    return text


_ONE_NAME = rf"(?:{QUOTED}|[\w$]+)"
_ELEMENT = rf"{LITERAL}::character varying"
_VARCHAR_LIST = re.compile(
    rf"((?:{_ONE_NAME}\.)*{_ONE_NAME})::text (= ANY|<> ALL) "
    rf"\((?:ARRAY\[({_ELEMENT}(?:, {_ELEMENT})*)\]::text\[\])\)"
)


def expression(text: str) -> str:
    """Return an expression as it can be sent again: lists of varchar values are described otherwise the second time."""
    return _VARCHAR_LIST.sub(_as_list, text) if "::character varying" in text and "]::text[])" in text else text


def _as_list(found: re.Match[str]) -> str:
    values = ", ".join(one.removesuffix("::character varying") for one in split_list(found.group(3)))
    return f"({found.group(1)} {'IN' if found.group(2) == '= ANY' else 'NOT IN'} ({values}))"


def sql_value(text: str) -> Any:
    """Return an expression; whole numbers and booleans as such."""
    return value_of(expression(text))


def body(text: str) -> str:
    """Return a text that stands as a literal block: with a line end where it has several lines."""
    return text + "\n" if "\n" in text and not text.endswith("\n") else text


__all__ = ["Block", "Lines"]
