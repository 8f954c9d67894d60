"""Where a playbook says what: the steps about each object, and the address of each step in its file.

In: the steps of a play, the texts of its files. Out: `StepAddress`s; the same constraint is found in each form that it may have.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.document.spans import Address, YamlNode, at, parse
from wgm_play.errors import WgmError
from wgm_play.inspect.update.changes import GONE, Path
from wgm_play.inspect.update.edit import Unplaced, holds_template
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.kinds.comment import target_of
from wgm_play.playbook.model import Step
from wgm_play.sqltext.scan import words

# The words of a column that are a constraint of it; a foreign key has several.
OF_REFERENCE = ("references", "on_delete", "on_update", "match", "deferrable", "initially", "not_valid")
_RULES = ("check", "one_of")
_LITERAL = re.compile(r"'[^']*'|\b\d+(?:\.\d+)?\b")


@dataclass(frozen=True, slots=True)
class StepAddress:
    """A step in a file, and the address of what it says; `below` is where it says another object's, as in `grants`."""

    step: Step
    file: str
    address: Address
    below: Address = ()

    @property
    def spec(self) -> Address:
        """The address of the value of the kind's key."""
        return (*self.address, self.step.kind, *self.below)


@dataclass(slots=True)
class Texts:
    """The texts of a playbook's files, as they are and as they shall be; read when they are needed."""

    read: Callable[[str], str]
    now: dict[str, str] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    _trees: dict[str, tuple[str, YamlNode]] = field(default_factory=dict)
    _steps: dict[str, tuple[str, dict[tuple[int, int], Address]]] = field(default_factory=dict)

    def __getitem__(self, file: str) -> str:
        if file not in self.now:
            self.now[file] = self.first[file] = self.read(file)
        return self.now[file]

    def __setitem__(self, file: str, text: str) -> None:
        assert file in self.first  # noqa: S101 - what is changed was read
        self.now[file] = text

    def tree(self, file: str) -> YamlNode:
        """Return the tree of a file as it is now."""
        text = self[file]
        kept = self._trees.get(file)
        if kept is None or kept[0] != text:
            kept = self._trees[file] = (text, parse(text))
        return kept[1]

    def step(self, file: str, line: int, column: int) -> Address | None:
        """Return the address of the step that begins at a line and column of the file as it is now."""
        text = self[file]
        kept = self._steps.get(file)
        if kept is None or kept[0] != text:
            breaks = [place for place, one in enumerate(text) if one == "\n"]
            found = {
                (bisect_left(breaks, node.start) + 1, node.column + 1): address
                for address, node in _steps(self.tree(file), ())
            }
            kept = self._steps[file] = (text, found)
        return kept[1].get((line, column))

    @property
    def changed(self) -> dict[str, str]:
        """The files whose text is another now."""
        return {file: text for file, text in self.now.items() if text != self.first[file]}


@dataclass(slots=True)
class StepFinder:
    """Finds the steps about an object. Addresses hold while no step comes or goes."""

    steps: Sequence[Step]
    texts: Texts
    known: Callable[[Key], Key] = lambda key: key
    about: dict[Key, list[StepAddress]] = field(default_factory=dict)
    shared: dict[Key, str] = field(default_factory=dict)
    order: list[StepAddress] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        spots = Counter((os.path.realpath(one.position.file), one.position.line) for one in self.steps if not one.item)
        for step in self.steps:
            kind = KINDS[step.kind]
            if step.skipped is not None or step.deferred:
                self._asleep(step)
                continue
            if kind.key is None:
                continue
            key = self.known(kind.key(step))
            file = os.path.realpath(step.position.file)
            why = ""
            if step.item:
                why = "its step has a loop"
            elif spots[file, step.position.line] > 1:
                why = "its file is imported more than once"
                self.repeated.add(file)
            address = self.texts.step(file, step.position.line, step.position.column)
            if address is None:
                why = why or "its step was not found"
            else:
                place = StepAddress(step, file, address)
                self.about.setdefault(key, []).append(place)
                self.order.append(place)
                self._grants(key, place)
            if why:
                self.shared[key] = why

    def _asleep(self, step: Step) -> None:
        """Know what a step is about that says nothing now: its `when` does not hold, or waits for another step."""
        kind = KINDS[step.kind]
        with suppress(WgmError, AttributeError, TypeError, KeyError):  # its values are not rendered
            if kind.key is not None:
                self.shared.setdefault(self.known(kind.key(step)), "its step has a `when` that does not hold")

    def _grants(self, key: Key, place: StepAddress) -> None:
        """Know where an object's step says who may use it."""
        given = place.step.spec.get("grants") if isinstance(place.step.spec, dict) else None
        for grantee in given if isinstance(given, dict) else ():
            grant = Key("grant", (key.kind, *key.name, str(grantee)))
            self.about.setdefault(grant, []).append(replace(place, below=("grants", str(grantee))))

    def of(self, key: Key) -> list[StepAddress]:
        """Return the steps about an object; raise `Unplaced` where one of them is made by a loop or the like."""
        if key in self.shared:
            raise Unplaced(self.shared[key])
        return self.about.get(key, [])

    def node(self, place: StepAddress, path: Path) -> YamlNode | None:
        """Return what a step says at a path."""
        return at(self.texts.tree(place.file), (*place.spec, *path))

    def saying(self, key: Key, path: Path) -> list[tuple[StepAddress, Address]]:
        """Return where an object's steps say something at a path, in their order."""
        return [(one, (*one.spec, *path)) for one in self.of(key) if self.node(one, path) is not None]

    def elsewhere(self, key: Key, path: Path, before: Any) -> list[tuple[StepAddress, Address]]:
        """Return where a table's steps say a constraint, or a comment, that a description says at `path`."""
        found: list[tuple[StepAddress, Address]] = []
        if path[-1] == "comment":
            return self._comments(key, path)
        what, columns = _constraint(path, before)
        if key.kind != "table" or what is None:
            return found
        rule = before.get("check") if isinstance(before, dict) else before
        if what == "check":
            there = {name.value for place in self.of(key) for name in self._columns(place)}
            columns = frozenset(words(str(rule)) & there) or columns
        for place in self.of(key):
            found += [(place, one) for one in self._said(place, what, columns) if one[len(place.spec) :] != path]
        if len(found) > 1 and what == "check":  # over the same columns: the values tell them apart
            alike = [one for one in found if self._values(*one) == _LITERAL.findall(str(rule))]
            found = alike if len(alike) == 1 else found
        return found

    def _columns(self, place: StepAddress) -> list[YamlNode]:
        node = self.node(place, ("columns",))
        return node.keys if node is not None else []

    def _values(self, place: StepAddress, address: Address) -> list[str]:
        node = at(self.texts.tree(place.file), address)
        return _LITERAL.findall(self.texts[place.file][node.start : node.end]) if node is not None else []

    def _said(self, place: StepAddress, what: str, columns: frozenset[str]) -> Iterator[Address]:
        spec = self.node(place, ())
        if spec is None:
            return
        words_ = ("one_of", "check") if what == "check" else (what,)
        for name in columns if len(columns) == 1 else ():
            for word in words_:
                if at(spec, ("columns", name, word)) is not None:
                    yield (*place.spec, "columns", name, word)
        own = {"references": "foreign_keys", "foreign_key": "foreign_keys"}.get(what, what)
        listed = at(spec, (own,))
        if what == "primary_key" and listed is not None and _names(listed) == columns:
            yield (*place.spec, own)
        elif listed is not None and listed.kind == "seq" and what != "primary_key":
            for number, one in enumerate(listed.values):
                if self._fits(what, one, columns, place):
                    yield (*place.spec, own, number)
        elif listed is not None and listed.kind == "scalar" and self._fits(what, listed, columns, place):
            yield (*place.spec, own)
        named = at(spec, ("constraints",))
        for key, one in zip(named.keys, named.values, strict=True) if named is not None and named.kind == "map" else ():
            inner = one.child("foreign_key" if what == "references" else what)
            if inner is not None and self._fits(what, inner, columns, place):
                yield (*place.spec, "constraints", key.value)

    def _fits(self, what: str, node: YamlNode, columns: frozenset[str], place: StepAddress) -> bool:
        if what in ("check", "exclude"):
            text = self.texts[place.file][node.start : node.end]
            if holds_template(text):
                return False
            return words(text) & {one.value for one in self._columns(place)} == columns or not columns
        if node.kind == "map":
            inner = node.child("columns")
            return inner is not None and _names(inner) == columns
        return _names(node) == columns

    def _comments(self, key: Key, path: Path) -> list[tuple[StepAddress, Address]]:
        target = key if len(path) == 1 else Key("column", (*key.name, path[-2]))
        found = []
        for place in self.order:
            if place.step.kind == "comment" and target_of(place.step)[0] == target:
                found.append((place, (*place.spec, "text")))
        return found


def _names(node: YamlNode) -> frozenset[str]:
    return frozenset(one.value for one in node.values) if node.kind == "seq" else frozenset([node.value])


def _constraint(path: Path, before: Any) -> tuple[str | None, frozenset[str]]:
    """Return which constraint a path of a description means, and the columns that it is over."""
    if path[0] == "columns" and len(path) == 3:
        word = path[2]
        if word in ("primary_key", "unique", *_RULES):
            return "check" if word in _RULES else word, frozenset([path[1]])
        return ("references" if word in OF_REFERENCE else None), frozenset([path[1]])
    if path[0] == "primary_key":
        return "primary_key", frozenset(before) if before is not GONE else frozenset()
    if path[0] == "constraints" and len(path) == 2 and isinstance(before, dict):
        for what in ("primary_key", "unique", "foreign_key"):
            if what in before:
                return what, frozenset(before[what])
        if "check" in before:
            return "check", frozenset()
        if "exclude" in before:
            return "exclude", frozenset(str(one["column"]) for one in before["exclude"] if "column" in one)
    return None, frozenset()


def _steps(root: YamlNode, above: Address) -> Iterator[tuple[Address, YamlNode]]:
    """Yield what may be steps: the items of a file, and those below `steps` and `handlers` of its plays."""
    for number, one in enumerate(root.values if root.kind == "seq" else ()):
        yield (*above, number), one
        for word in ("steps", "handlers"):
            inner = one.child(word)
            if inner is not None and not above:
                yield from _steps(inner, (number, word))
