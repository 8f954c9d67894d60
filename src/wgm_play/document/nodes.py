"""What a YAML file becomes: mappings, sequences and texts that know where they were written.

In: nothing. Out: `Map`, `Seq`, `Text`. A position is kept as one number (line and column packed) and becomes a
`Position` only when somebody asks: a large playbook has a hundred thousand of them, and most are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from wgm_play.errors import Position

_COLUMN_BITS = 20
_COLUMN_MASK = (1 << _COLUMN_BITS) - 1


def pack(line: int, column: int) -> int:
    """Pack line and column (from 1) into one number."""
    return (line << _COLUMN_BITS) | min(column, _COLUMN_MASK)


def unpack(file: str, at: int | Position) -> Position:
    """Return the position of a packed number; a `Position` stays itself."""
    return at if isinstance(at, Position) else Position(file, at >> _COLUMN_BITS, at & _COLUMN_MASK)


class KeyPositions(MutableMapping[str, Position]):
    """Positions by key, unpacked when read."""

    __slots__ = ("_file", "_packed")

    def __init__(self, file: str, packed: dict[str, int | Position]) -> None:
        self._file = file
        self._packed = packed

    def __getitem__(self, key: str) -> Position:
        return unpack(self._file, self._packed[key])

    def __setitem__(self, key: str, where: Position) -> None:
        self._packed[key] = where

    def __delitem__(self, key: str) -> None:
        del self._packed[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


class Map(dict[str, Any]):
    """A YAML mapping. `position` is where it begins, `keys_at[key]` and `values_at[key]` where each lies."""

    __slots__ = ("at", "file", "key_places", "value_places")

    def __init__(self, position: Position | None = None, file: str = "", at: int | Position = 0) -> None:
        super().__init__()
        self.file: str = position.file if position else file
        self.at: int | Position = position or at
        self.key_places: dict[str, int | Position] = {}
        self.value_places: dict[str, int | Position] = {}

    @property
    def position(self) -> Position:
        """Return where the mapping begins."""
        return unpack(self.file, self.at)

    @property
    def keys_at(self) -> KeyPositions:
        """Return where each key was written."""
        return KeyPositions(self.file, self.key_places)

    @property
    def values_at(self) -> KeyPositions:
        """Return where each value was written."""
        return KeyPositions(self.file, self.value_places)

    def put(self, key: str, value: Any, key_at: Position | None, value_at: Position | None) -> None:
        """Set an entry together with its positions."""
        self[key] = value
        if key_at is not None:
            self.key_places[key] = key_at
        if value_at is not None:
            self.value_places[key] = value_at

    def duplicate(self) -> Map:
        """Return a mapping with the same entries and positions, which can be changed without changing this one."""
        made = Map(file=self.file, at=self.at)
        made.update(self)
        made.key_places = dict(self.key_places)
        made.value_places = dict(self.value_places)
        return made

    def take(self, other: Map) -> None:
        """Lay the entries of `other` over these, with their positions."""
        for key, value in other.items():
            self.put(key, value, other.keys_at.get(key), other.values_at.get(key))


class Seq(list[Any]):
    """A YAML sequence. `position` is where it begins, `items_at[i]` where each item lies."""

    __slots__ = ("at", "file", "item_places")

    def __init__(self, position: Position | None = None, file: str = "", at: int | Position = 0) -> None:
        super().__init__()
        self.file: str = position.file if position else file
        self.at: int | Position = position or at
        self.item_places: list[int | Position] = []

    @property
    def position(self) -> Position:
        """Return where the sequence begins."""
        return unpack(self.file, self.at)

    @property
    def items_at(self) -> list[Position]:
        """Return where each item was written."""
        return [unpack(self.file, at) for at in self.item_places]

    def add(self, value: Any, where: Position) -> None:
        """Append an item together with its position."""
        self.append(value)
        self.item_places.append(where)


class Text(str):
    """A string of a playbook that knows where it was written.

    `indent` is 0, or for a literal block (`|`) the column at which its lines begin, so that a place inside a long
    function body can be told.
    """

    __slots__ = ("at", "file", "indent")
    file: str
    at: int | Position
    indent: int

    def __new__(cls, text: str, position: Position | None = None, indent: int = 0) -> Text:
        made = super().__new__(cls, text)
        made.file = position.file if position else ""
        made.at = position or 0
        made.indent = indent
        return made

    @property
    def position(self) -> Position | None:
        """Return where the text was written; None for a text that was made."""
        return unpack(self.file, self.at) if self.at else None

    def line_at(self, number: int) -> Position | None:
        """Return where line `number` (from 0) of a literal block lies."""
        here = self.position
        if here is None or not self.indent:
            return here
        return Position(here.file, here.line + 1 + number, self.indent)


def text(value: str, file: str, at: int, indent: int) -> Text:
    """Make a `Text` from a packed position."""
    made: Text = str.__new__(Text, value)
    made.file, made.at, made.indent = file, at, indent
    return made


def position_of(value: Any, key: str | int | None = None) -> Position | None:
    """Return where `value`, or its entry `key`, was written; None for a plain Python value."""
    if key is not None:
        if isinstance(value, Map) and key in value.value_places:
            return unpack(value.file, value.value_places[str(key)])
        if isinstance(value, Seq) and isinstance(key, int) and key < len(value.item_places):
            return unpack(value.file, value.item_places[key])
    return getattr(value, "position", None)


def key_position(value: Any, key: str) -> Position | None:
    """Return where the key `key` of a mapping was written."""
    if isinstance(value, Map) and key in value.key_places:
        return unpack(value.file, value.key_places[key])
    return position_of(value)


def place_of(value: Any, word: str) -> Position | None:
    """Return where a word was first written below `value`: as a key, or in a text."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")

    def within(value: Any) -> Position | None:
        if isinstance(value, str):
            return position_of(value) if pattern.search(value) else None
        for key in value if isinstance(value, (Map, Seq)) else ():
            if isinstance(value, Seq):
                found = within(key)
            else:
                found = key_position(value, key) if pattern.search(key) else within(value[key])
            if found is not None:
                return found
        return None

    return within(value)


# Packed forms for the cache: a tuple for what has a position, plain values as they are.
def freeze(value: Any) -> Any:
    """Turn nodes into plain tuples that hold every position."""
    if isinstance(value, Map):
        items = {key: freeze(item) for key, item in value.items()}
        return (0, value.at, items, dict(value.key_places), dict(value.value_places))
    if isinstance(value, Seq):
        return (1, value.at, [freeze(item) for item in value], value.item_places)
    if isinstance(value, Text):
        return (2, str.__str__(value), value.at, value.indent)
    return value


def thaw(value: Any, file: str) -> Any:
    """Turn the tuples of `freeze` into nodes of `file` again. Large playbooks pass here: no call that can be spared."""
    if value.__class__ is not tuple:
        return value
    form = value[0]
    if form == 2:
        made: Text = str.__new__(Text, value[1])
        made.file = file
        made.at = value[2]
        made.indent = value[3]
        return made
    if form == 0:
        mapping = Map.__new__(Map)
        mapping.file = file
        mapping.at = value[1]
        mapping.key_places = value[3]
        mapping.value_places = value[4]
        for key, item in value[2].items():
            mapping[key] = thaw(item, file) if item.__class__ is tuple else item
        return mapping
    sequence = Seq.__new__(Seq)
    sequence.file = file
    sequence.at = value[1]
    sequence.item_places = value[3]
    for item in value[2]:
        sequence.append(thaw(item, file) if item.__class__ is tuple else item)
    return sequence
