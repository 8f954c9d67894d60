"""Strict YAML: YAML 1.2 booleans, no duplicate keys, and every value knows its line and column.

In: a file. Out: `Map`, `Seq` and scalars (str, int, float, bool, None). A `Map` or `Seq` holds the positions of its
keys and values; a `str` that is a value is a `Text`, which carries its own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from wgm_play.errors import InputError, Position, Problems


class Map(dict[str, Any]):
    """A YAML mapping. `position` is where it begins, `keys_at[key]` and `values_at[key]` where each lies."""

    __slots__ = ("keys_at", "position", "values_at")

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position
        self.keys_at: dict[str, Position] = {}
        self.values_at: dict[str, Position] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_map, (self.position, dict(self), self.keys_at, self.values_at))


class Seq(list[Any]):
    """A YAML sequence. `position` is where it begins, `items_at[i]` where each item lies."""

    __slots__ = ("items_at", "position")

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position
        self.items_at: list[Position] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return (_seq, (self.position, list(self), self.items_at))


class Text(str):
    """A string of a playbook that knows where it was written."""

    __slots__ = ("position",)
    position: Position | None

    def __new__(cls, text: str, position: Position | None = None) -> Text:
        made = super().__new__(cls, text)
        made.position = position
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (Text, (str.__str__(self), self.position))


def _map(position: Position, values: dict[str, Any], keys_at: dict[str, Position], values_at: dict[str, Position]) -> Map:
    made = Map(position)
    made.update(values)
    made.keys_at, made.values_at = keys_at, values_at
    return made


def _seq(position: Position, values: list[Any], items_at: list[Position]) -> Seq:
    made = Seq(position)
    made.extend(values)
    made.items_at = items_at
    return made


def position_of(value: Any, key: str | int | None = None) -> Position | None:
    """Return where `value`, or its entry `key`, was written; None for a plain Python value."""
    if key is not None:
        if isinstance(value, Map) and key in value.values_at:
            return value.values_at[str(key)]
        if isinstance(value, Seq) and isinstance(key, int) and key < len(value.items_at):
            return value.items_at[key]
    return getattr(value, "position", None)


def load_file(path: Path, shown: str | None = None) -> Any:
    """Read one YAML file. `shown` is the name used in messages. Raise `Problems` or `InputError` with positions."""
    name = shown or str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no file {name!r}", where=Position(name), hint="check the path") from None
    except IsADirectoryError:
        raise InputError(f"{name!r} is a folder", where=Position(name), hint="name a YAML file in it") from None
    except OSError as error:
        raise InputError(f"{name!r} cannot be read: {error.strerror}", where=Position(name)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise InputError(
            f"{name!r} is not UTF-8: byte {data[error.start]:#04x}",
            where=Position(name, line, column),
            hint="save the file as UTF-8",
        ) from None
    return load_text(text, name)


def load_text(text: str, name: str) -> Any:
    """Read YAML from `text`; `name` is the file that messages show."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(name, mark.line + 1, mark.column + 1) if mark else Position(name)
        what = " ".join(part for part in (error.problem, error.context) if part)
        raise InputError(f"YAML syntax: {what}", where=where, hint=_yaml_hint(text, where)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"YAML does not allow the character {chr(error.character) if isinstance(error.character, int) else error.character!r}",
            where=Position(name, line, error.position - (text.rfind("\n", 0, error.position) + 1) + 1),
        ) from None
    finally:
        loader.dispose()
    if node is None:
        return None
    problems: list[InputError] = []
    value = _construct(node, name, problems, 0)
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]
    return value


def _yaml_hint(text: str, where: Position) -> str | None:
    lines = text.split("\n")
    line = lines[where.line - 1] if 0 < where.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if re.search(r":\s*\{\{", line):
        return 'a value that begins with {{ needs quotes: "{{ name }}"'
    if line.count(": ") > 1:
        return "a value that holds ': ' needs quotes"
    return None


# Nested deeper than this is a mistake or an attack, and would exhaust Python's stack.
_DEEPEST = 60


def _construct(node: Any, name: str, problems: list[InputError], depth: int) -> Any:
    position = Position(name, node.start_mark.line + 1, node.start_mark.column + 1)
    if depth > _DEEPEST:
        problems.append(InputError(f"nested more than {_DEEPEST} deep", where=position))
        return None
    if isinstance(node, yaml.MappingNode):
        mapping = Map(position)
        for key_node, value_node in node.value:
            _entry(mapping, key_node, value_node, name, problems, depth)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        sequence = Seq(position)
        for item in node.value:
            sequence.append(_construct(item, name, problems, depth + 1))
            sequence.items_at.append(Position(name, item.start_mark.line + 1, item.start_mark.column + 1))
        return sequence
    return _scalar(node, position, problems)


def _entry(mapping: Map, key_node: Any, value_node: Any, name: str, problems: list[InputError], depth: int) -> None:
    at = Position(name, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
    if not isinstance(key_node, yaml.ScalarNode):
        problems.append(InputError("a key must be a word", where=at, hint="quote a value that begins with {{ or ["))
        return
    key = str(key_node.value)
    if key == "<<" and key_node.style is None:
        problems.append(InputError("merge keys (<<) are not supported", where=at, hint="write the keys out"))
        return
    if key in mapping:
        problems.append(
            InputError(f"duplicate key {key!r}", where=at, hint=f"the first is at {mapping.keys_at[key]}: keep one")
        )
        return
    mapping[key] = _construct(value_node, name, problems, depth + 1)
    mapping.keys_at[key] = at
    mapping.values_at[key] = Position(name, value_node.start_mark.line + 1, value_node.start_mark.column + 1)


# The core schema of YAML 1.2 (yaml.org, "10.3. Core Schema"): `on`, `yes` and `no` stay words.
_NULL = frozenset(["", "~", "null", "Null", "NULL"])
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool",
         "tag:yaml.org,2002:null", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value", "tag:yaml.org,2002:merge", "!"}


def _scalar(node: Any, position: Position, problems: list[InputError]) -> Any:
    text = str(node.value)
    if node.tag not in _TAGS:
        problems.append(InputError(f"the tag {node.tag!r} is not supported", where=position, hint="remove the tag"))
        return None
    if node.style is not None:
        return Text(text, position)
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        return float(text)
    return Text(text, position)
