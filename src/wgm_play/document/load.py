"""Strict YAML: YAML 1.2 booleans, no duplicate keys, and every value knows its line and column.

In: a file. Out: `Map`, `Seq` and scalars (str, int, float, bool, None). A `Map` or `Seq` holds the positions of its
keys and values; a `str` that is a value is a `Text`, which carries its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
from pathlib import Path
from typing import Any

from wgm_play.document.as_read import bytes_of, keep
from wgm_play.document.nodes import Map, Seq, Text, pack, position_of, text, unpack
from wgm_play.document.vault import VaultText, is_encrypted, opened, secret
from wgm_play.errors import InputError, Position, Problems
from wgm_play.secret import register

__all__ = ["Map", "Seq", "Text", "load_file", "load_text", "position_of", "read_text"]


def load_file(path: Path, shown: str | None = None) -> Any:
    """Read one YAML file. `shown` is the name used in messages. Raise `Problems` or `InputError` with positions."""
    name = shown or str(path)
    return load_text(read_text(path, name)[0], name)


def read_text(path: Path, name: str, *, what: str = "file", where: Position | None = None) -> tuple[str, bytes]:
    """Read a UTF-8 file; return its text and its bytes. `where` is the place that names it, if another file does."""
    at = where or Position(name)
    refuse_irregular(path, name, at)
    try:
        data = bytes_of(path)
    except FileNotFoundError:
        raise InputError(
            f"no {what} {name!r}", where=at, hint=_in_submodule(path) or _like(path) or "check the path"
        ) from None
    except IsADirectoryError:
        raise InputError(f"{name!r} is a folder", where=at, hint="name a file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{name!r} cannot be read: {reason}", where=at) from error
    try:
        content = data.decode("utf-8-sig")
        keep(name, content)
        return content, data
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        begin = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[begin : error.start].decode("utf-8", "replace")) + 1
        raise InputError(
            f"{name!r} is not UTF-8: byte {data[error.start]:#04x}",
            where=Position(name, line, column),
            hint="save the file as UTF-8",
        ) from None


def _in_submodule(path: Path) -> str:
    """Return what to type where a file would lie in a submodule of git that is not checked out; "" where it would not."""
    place = Path(os.path.abspath(path))
    for folder in place.parents:
        try:
            told = (folder / ".gitmodules").read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        for name in re.findall(r"^\s*path\s*=\s*(\S.*?)\s*$", told, re.MULTILINE):
            module = folder / name.strip('"')
            if module in place.parents and not (module.is_dir() and any(module.iterdir())):
                return f"{name} is a submodule that is not checked out here: git submodule update --init {name}"
    return ""


def refuse_irregular(path: Path, name: str, where: Position | None) -> None:
    """Refuse what is there and is no file: a pipe never ends, nor does a device."""
    with contextlib.suppress(OSError, ValueError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(f"{name!r} is no regular file", where=where, hint="name a file")


def _like(path: Path) -> str | None:
    """Suggest the file beside `path` whose name is nearest."""
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return None
    near = difflib.get_close_matches(path.name, names, 1)
    return f"did you mean {near[0]!r}?" if near else None


def load_text(content: str, name: str) -> Any:
    """Read YAML from `content`; `name` is the file that messages show. A file that ansible-vault has encrypted is opened."""
    if is_encrypted(content):
        return _encrypted(content, name)
    return _loaded(content, name)


def _encrypted(content: str, name: str) -> Any:
    """Return an encrypted file: every text of it is a secret, and no error shows one."""
    where = Position(name, 1, 1)
    text = opened(content, where)
    if not text:
        raise InputError(
            "this file is encrypted as a whole, and the names in it are needed",
            where=where,
            hint="give its password; or encrypt only the values: ansible-vault encrypt_string",
        )
    try:
        value = _loaded(text, name)
    except InputError as error:
        if isinstance(error, Problems) or (error.where is not None and error.where != where):
            raise InputError(
                "what is encrypted is no YAML that is known", where=where, hint="ansible-vault edit"
            ) from None
        raise
    return _secrets(value, where)


def _secrets(value: Any, where: Position) -> Any:
    if isinstance(value, str):
        register(str.__str__(value))
        made = VaultText(value)
        made.position = where
        return made
    if isinstance(value, Map):
        for key in value:
            value[key] = _secrets(value[key], where)
    elif isinstance(value, Seq):
        value[:] = [_secrets(one, where) for one in value]
    return value


def _loaded(content: str, name: str) -> Any:
    import yaml

    try:
        loader = _loader()(content)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(name, mark.line + 1, mark.column + 1) if mark else Position(name)
        what = " ".join(part for part in (error.problem, error.context) if part)
        raise InputError(f"YAML syntax: {what}", where=where, hint=_yaml_hint(content, where)) from None
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        raise _bad_character(content, name) from None
    except RecursionError:
        raise InputError("YAML is nested too deep", where=Position(name)) from None
    if node is None:
        return None
    builder = _Builder(name, content)
    value = builder.build(node, _place(node), 0)
    if builder.problems:
        raise Problems(builder.problems) if len(builder.problems) > 1 else builder.problems[0]
    return value


@functools.cache
def _loader() -> Any:
    """Return the loader of nodes: it takes every scalar for a text, because `_Builder` tells what it is."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class YamlLoader(base):  # type: ignore[misc]
        def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
            return _MAPPING if kind is yaml.MappingNode else _SEQUENCE if kind is yaml.SequenceNode else _STRING

        def descend_resolver(self, parent: Any, index: Any) -> None:
            pass

        def ascend_resolver(self) -> None:
            pass

    return YamlLoader


# What YAML allows in a file (yaml.org, "5.1. Character Set").
_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def _bad_character(content: str, name: str) -> InputError:
    found = _BAD.search(content)
    offset = found.start() if found else 0
    line = content.count("\n", 0, offset) + 1
    column = offset - (content.rfind("\n", 0, offset) + 1) + 1
    shown = f"U+{ord(content[offset]):04X}" if content else "nothing"
    return InputError(
        f"YAML does not allow the character {shown}",
        where=Position(name, line, column),
        hint="remove it, or write it as an escape in double quotes",
    )


def _yaml_hint(content: str, where: Position) -> str | None:
    from wgm_play.document.yaml_hints import hint

    return hint(content.split("\n"), where.line, where.column)


# Nested deeper than this is a mistake or an attack, and would exhaust Python's stack.
_DEEPEST = 60
# Aliases can make a short file expand without bound ("billion laughs"); no playbook of people has this many values.
_MOST_NODES = 3_000_000

# The core schema of YAML 1.2 (yaml.org, "10.3. Core Schema"): `on`, `yes` and `no` stay words.
_PLAIN: dict[str, Any] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
# PostgreSQL's numeric type has at most 131,072 digits before the point; Python refuses to read 4,300.
_INT = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_OCTAL = re.compile(r"0o[0-7]{1,4000}\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,4000}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_TAGS = {
    *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")),
    "!",
}
_MAPPING, _SEQUENCE, _STRING = (f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str"))
_MAY_BE_SPECIAL = frozenset("0123456789-+.~nNtTfF")


def _place(node: Any) -> int:
    mark = node.start_mark
    return pack(mark.line + 1, mark.column + 1)


class _Builder:
    """Turns YAML nodes into values, and collects what is wrong with them."""

    def __init__(self, name: str, content: str) -> None:
        self.name = name
        self.content = content
        self.lines: list[str] | None = None
        self.problems: list[InputError] = []
        self.count = 0

    def build(self, node: Any, at: int, depth: int) -> Any:
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_NODES:
            if self.count <= _MOST_NODES + 1:
                what = f"nested more than {_DEEPEST} deep" if depth > _DEEPEST else f"more than {_MOST_NODES} values"
                self.problem(what, at, "repeat less: aliases (*name) count each time they are used")
                self.count = max(self.count, _MOST_NODES + 1)
            return None
        if node.id == "scalar":
            return self.scalar(node, at)
        if node.tag not in (_MAPPING, _SEQUENCE, "!"):
            self.problem(f"the tag {node.tag!r} is not supported", at, "remove the tag")
            return None
        if node.id == "mapping":
            mapping = Map(file=self.name, at=at)
            for key_node, value_node in node.value:
                self.entry(mapping, key_node, value_node, depth)
            return mapping
        sequence = Seq(file=self.name, at=at)
        for item in node.value:
            place = _place(item)
            sequence.append(self.build(item, place, depth + 1))
            sequence.item_places.append(place)
        return sequence

    def problem(self, message: str, at: int, hint: str | None = None) -> None:
        self.problems.append(
            InputError(message, where=Text("", Map(file=self.name, at=at).position).position, hint=hint)
        )

    def entry(self, mapping: Map, key_node: Any, value_node: Any, depth: int) -> None:
        at = _place(key_node)
        if key_node.id != "scalar":
            self.problem("a key must be a word", at, "quote a value that begins with {{ or [")
            return
        key = str(key_node.value)
        if key == "<<" and not key_node.style:
            self.problem("merge keys (<<) are not supported", at, "write the keys out")
            return
        if key in mapping:
            self.problem(f"duplicate key {key!r}", at, f"the first is at {mapping.keys_at[key]}: keep one")
            return
        place = _place(value_node)
        mapping[key] = self.build(value_node, place, depth + 1)
        mapping.key_places[key] = at
        mapping.value_places[key] = place

    def scalar(self, node: Any, at: int) -> Any:
        value = str(node.value)
        if node.tag == "!vault":
            try:
                return secret(value, unpack(self.name, at))
            except InputError as error:
                self.problems.append(error)
                return None
        if node.tag not in _TAGS:
            self.problem(f"the tag {node.tag!r} is not supported", at, "remove the tag")
            return None
        if node.style:
            return text(value, self.name, at, self.indent(node) if node.style == "|" else 0)
        if value and value[0] not in _MAY_BE_SPECIAL:
            return text(value, self.name, at, 0)
        if value in _PLAIN:
            return _PLAIN[value]
        if _INT.match(value):
            return int(value)
        if _OCTAL.match(value):
            return int(value[2:], 8)
        if _HEX.match(value):
            return int(value, 16)
        if _FLOAT.match(value) and "inf" not in str(float(value)):
            return float(value)
        return text(value, self.name, at, 0)

    def indent(self, node: Any) -> int:
        """Return the column at which the lines of a literal block begin."""
        if self.lines is None:
            self.lines = self.content.split("\n")
        first = node.value.split("\n", 1)[0]
        number = node.start_mark.line + 1
        line = self.lines[number] if number < len(self.lines) else ""
        width = len(line.rstrip("\r")) - len(first)
        return width + 1 if first and width >= 0 else 0
