"""Drift as changes of a playbook's texts, each at the line that says it.

In: `Drift`, `StepFinder`. Out: changed texts; `LeftByHand` for what cannot be placed, with the lines to write by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any

from wgm_play.catalog.kinds import OF_OBJECT, ON_TABLE, OVER_COLUMNS, WITH_BODY
from wgm_play.catalog.model import Key
from wgm_play.document.spans import Address, at
from wgm_play.inspect import emit
from wgm_play.inspect.entry import Entry
from wgm_play.inspect.update import edit
from wgm_play.inspect.update.changes import GONE, Path, PathDifference, keys_at, value_at
from wgm_play.inspect.update.edit import Unplaced
from wgm_play.inspect.update.place import OF_REFERENCE, StepAddress, StepFinder, Texts
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds import KINDS, index

Pretty = Callable[[Key], Entry | None]


@dataclass(frozen=True, slots=True)
class LeftByHand:
    """What must be written by hand: the object, why, where its step is, the lines."""

    key: Key
    why: str
    where: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class TextChange:
    """One change of the texts: what it is about, for people, and how it is made."""

    key: Key
    said: str
    make: Callable[[], None]
    lines: tuple[str, ...]
    steps: bool = False


@dataclass(slots=True)
class Editor:
    """Makes changes. `pretty` gives the live description in the words that people write; `end` is where new steps go."""

    places: StepFinder
    pretty: Pretty
    end: tuple[str, Address] | None
    moved: list[tuple[str, Address, list[list[str]] | None]] = field(default_factory=list)

    @property
    def texts(self) -> Texts:
        """The texts of the playbook."""
        return self.places.texts

    # Inside of steps

    def change(self, old: Entry, new: Entry, found: list[PathDifference]) -> Iterator[TextChange]:
        """Yield the changes of one object."""
        columns = _renamed_columns(old, new, found)
        for before, after in columns:
            yield TextChange(
                new.key,
                f"column {before} is called {after}",
                self._rename_column(new.key, before, after),
                (f"columns: {{{before}: ...}} is called {after}",),
            )
        names = {name for pair in columns for name in pair}
        made = []
        for one in found:
            if one.path[0] == "columns" and len(one.path) == 2 and one.path[1] in names:
                continue
            said = self._in_peoples_words(new, one)
            made.append(TextChange(new.key, _told(said), self._difference(new, said), tuple(_by_hand(said))))
        if new.kind == "table" or len(made) < 2:
            yield from made
        else:  # what says one thing together is changed together: a body, and how it is to be read
            yield TextChange(
                new.key,
                "; ".join(one.said for one in made),
                _together(made),
                tuple(line for one in made for line in one.lines),
            )

    def _in_peoples_words(self, new: Entry, one: PathDifference) -> PathDifference:
        """Return a difference with the value as people write it; a rule over listed values as such."""
        entry = self.pretty(new.key)
        if one.value is GONE or entry is None:
            return one
        value = value_at(entry.spec, one.path)
        if value is GONE and one.path[-1] == "check" and len(one.path) == 3:
            path = (*one.path[:-1], "one_of")
            value = value_at(entry.spec, path)
            if value is not GONE:
                return PathDifference(path, value, one.before)
        return PathDifference(one.path, one.value if value is GONE else value, one.before)

    def _difference(self, new: Entry, one: PathDifference) -> Callable[[], None]:
        def make() -> None:
            if self._in_place_of_alias(new, one) or self._in_grants(new.key, one):
                return
            if one.value is GONE:
                self._take(new.key, one.path, one.before)
            else:
                self._put(new, one)

        return make

    def _in_grants(self, key: Key, one: PathDifference) -> bool:
        """Change what an object's own step says of a grantee; tell whether it does."""
        found = [place for place in self.places.of(key) if place.below]
        if not found or one.path != ("privileges",):
            return bool(found)
        self._write(found[-1], found[-1].spec, one.value, [])
        return True

    def _in_place_of_alias(self, new: Entry, one: PathDifference) -> bool:
        """Write out what an alias stands for, where it is what differs; tell whether that was so."""
        spec = (self.pretty(new.key) or new).spec
        for place in reversed(self.places.of(new.key)):
            for depth in range(1, len(one.path)):
                node = self.places.node(place, one.path[:depth])
                if node is not None and node.kind == "alias":
                    value = value_at(spec, one.path[:depth])
                    if value is GONE:
                        return False
                    self._write(place, (*place.spec, *one.path[:depth]), value, [])
                    return True
        return False

    def _put(self, new: Entry, one: PathDifference) -> None:
        entry = self.pretty(new.key) or new
        order = keys_at(entry.spec, one.path)
        there = self.places.saying(new.key, one.path)
        if there:
            place, address = there[-1]
            self._write(place, address, one.value, order)
            return
        if one.before is not GONE or _is_rule(one.path):
            self._instead(new, one)
            if one.before is not GONE and one.path[-1] == "comment":
                return
        place, address = self._nearest(new.key, one.path)
        self._write(place, address, one.value, order)

    def _instead(self, new: Entry, one: PathDifference) -> None:
        """Change what says the same in another form, or take it away, so that it can be said in its usual place."""
        found = self.places.elsewhere(new.key, one.path, one.before)
        if len(found) > 1:
            raise Unplaced("more than one line may say it")
        for place, address in found:
            if one.path[-1] == "comment":
                self._write(place, address, one.value, [])
            elif one.before is not GONE:
                self._cut(place, address)

    def _nearest(self, key: Key, path: Path) -> tuple[StepAddress, Address]:
        """Return the step that says most of what is above a path: the last of those."""
        steps = self.places.of(key)
        if not steps:
            raise Unplaced("no step says the object by its own name")
        if any(self.places.node(place, ("template",)) is not None for place in steps):
            raise Unplaced("the file of its `template:` says it")
        for depth in range(len(path) - 1, -1, -1):
            for place in reversed(steps):
                if self.places.node(place, path[:depth]) is not None:
                    return place, (*place.spec, *path)
        raise Unplaced("no step says it")

    def _write(self, place: StepAddress, address: Address, value: Any, order: list[str]) -> None:
        self.texts[place.file] = edit.put(self.texts[place.file], address, value, order)

    def _take(self, key: Key, path: Path, before: Any) -> None:
        """Take away what steps say at a path, in whatever form; what is not said goes without saying."""
        found = self.places.saying(key, path)
        if path[0] == "columns" and len(path) == 2 and isinstance(before, dict):
            for word in before:
                for place, address in self._forms(key, (*path, word), before[word]):
                    self._cut(place, address)
        if not found:
            found = self._forms(key, path, before)
            if not found and path[-1] not in OF_REFERENCE:
                raise Unplaced("no line says it by itself")
        for place, address in reversed(found):
            self._cut(place, address)

    def _forms(self, key: Key, path: Path, before: Any) -> list[tuple[StepAddress, Address]]:
        found = self.places.elsewhere(key, path, before)
        if len(found) > 1:
            raise Unplaced("more than one line may say it")
        return found

    def _cut(self, place: StepAddress, address: Address) -> None:
        """Take away one entry, and what would be empty above it."""
        root = self.texts.tree(place.file)
        parent = at(root, address[:-1])
        if parent is not None and len(parent.values) == 1 and len(address) > len(place.spec) + 1:
            if address[-2] == "columns":
                raise Unplaced("the table would have no columns")
            self._cut(place, address[:-1])
            return
        self.texts[place.file] = edit.remove(self.texts[place.file], address)

    def _rename_column(self, key: Key, before: str, after: str) -> Callable[[], None]:
        def make() -> None:
            found = self.places.saying(key, ("columns", before))
            if not found:
                raise Unplaced("no line says the column by itself")
            for place, address in found:
                self.texts[place.file] = edit.rename(self.texts[place.file], address, after)
            for place in self.places.of(key):
                self._rename_in_lists(place, before, after)

        return make

    def _rename_in_lists(self, place: StepAddress, before: str, after: str) -> None:
        """Name a column anew in the keys that a table lists."""
        spec = self.places.node(place, ())
        lists: list[Address] = [("primary_key",)]
        for word, one in zip(spec.keys, spec.values, strict=True) if spec is not None else ():
            if word.value == "constraints":
                lists += [
                    ("constraints", name.value, what)
                    for name in one.keys
                    for what in ("primary_key", "unique", "foreign_key")
                ]
            elif word.value == "unique":
                lists += [("unique", number) for number in range(len(one.values))]
            elif word.value == "foreign_keys":
                lists += [("foreign_keys", number, "columns") for number in range(len(one.values))]
        for address in lists:
            node = at(self.texts.tree(place.file), (*place.spec, *address))
            names = [one.value for one in node.values] if node is not None and node.kind == "seq" else []
            if before in names:
                self._write(place, (*place.spec, *address), [after if one == before else one for one in names], [])

    # Whole steps

    def rename(self, old: Entry, new: Entry) -> TextChange:
        """Return the change of an object's name."""

        def make() -> None:
            steps = self.places.of(old.key)
            if not steps:
                raise Unplaced("no step says the object by its own name")
            for place in steps:
                for word in ("name", "schema"):
                    if self.places.node(place, (word,)) is not None and word in new.spec:
                        self._write(place, (*place.spec, word), new.spec[word], [])

        return TextChange(new.key, f"was {old.key.label}", make, (f"name: {new.key.label}",))

    def remove(self, old: Entry) -> TextChange:
        """Return the removal of an object's steps."""

        def make() -> None:
            steps = self.places.of(old.key)
            if not steps:
                raise Unplaced("no step says the object by its own name")
            for one in steps:
                if one.below:
                    self.texts[one.file] = edit.remove(self.texts[one.file], one.spec)
                elif one.step.state != "absent":
                    self.moved.append((one.file, one.address, None))

        return TextChange(old.key, "is gone", make, ("take its step away",), steps=True)

    def add(self, new: Entry) -> TextChange:
        """Return the addition of a step."""
        entry = self.pretty(new.key) or new
        lines = emit.step(entry.step())

        def make() -> None:
            file, address = self._beside(new)
            self.moved.append((file, address, [lines]))

        return TextChange(new.key, "is new", make, tuple(lines), steps=True)

    def _beside(self, new: Entry) -> tuple[str, Address]:
        """Return the step after which a new one stands: about the same table, else of the same kind, else the last."""
        usable = [one for one in self.places.order if one.file not in self.places.repeated]
        table = table_of(new)
        near = [one for one in usable if table is not None and _about(one, table)]
        near = (
            [one for one in near if one.step.kind == new.kind]
            or [one for one in near if one.step.kind != "grant"]
            or near
        )
        near = near or [one for one in usable if one.step.kind == new.kind]
        if near:
            return near[-1].file, near[-1].address
        if self.end is None:
            raise Unplaced("the play has no steps of its own")
        return self.end

    def settle(self) -> None:
        """Make the changes of whole steps, from the last in each file to the first."""
        by_place: dict[tuple[str, Address], list[list[str]]] = {}
        gone = {(file, address) for file, address, lines in self.moved if lines is None}
        for file, address, lines in self.moved:
            by_place.setdefault((file, address), []).extend(lines or [])
        for (file, address), added in sorted(by_place.items(), key=lambda one: _sorted_by(one[0]), reverse=True):
            for step in reversed(added):
                self.texts[file] = edit.add_step(self.texts[file], address, _indented(step))
            if (file, address) in gone:
                self.texts[file] = edit.remove_step(self.texts[file], address)
        self.moved.clear()


def _together(changes: list[TextChange]) -> Callable[[], None]:
    def make() -> None:
        for one in changes:
            one.make()

    return make


def _sorted_by(place: tuple[str, Address]) -> tuple[Any, ...]:
    return (place[0], *(str(one) if isinstance(one, str) else f"{one:08}" for one in place[1]))


def _indented(lines: list[str]) -> Callable[[int], list[str]]:
    return lambda indent: [" " * indent + line if line else line for line in lines]


def table_of(entry: Entry) -> tuple[str, ...] | None:
    """Return the name of the table, or the object, that one belongs to."""
    given = entry.spec.get("table")
    if isinstance(given, str) and entry.kind in ON_TABLE | OVER_COLUMNS:
        if "schema" in entry.spec:
            return (str(entry.spec["schema"]), given)
        schema, _, name = given.rpartition(".")
        return (schema or "public", name)
    if entry.kind in (OF_OBJECT - {"owner"}) and len(entry.key.name) > 2:
        return entry.key.name[1:3]
    return None


def _about(place: StepAddress, table: tuple[str, ...]) -> bool:
    """Tell whether a step is about a table or one of its parts."""
    kind = KINDS[place.step.kind]
    key = kind.key(place.step) if kind.key is not None else None
    if key is None:
        return False
    if key.kind == "index":
        return tuple(map(str, index.table_of(place.step))) == table
    if key.kind in (OF_OBJECT - {"owner"}):
        return key.name[1:3] == table
    return key.name[:2] == table and key.kind not in WITH_BODY | {"enum"} | {"sequence"}


def _is_rule(path: Path) -> bool:
    return len(path) == 3 and path[0] == "columns" and path[2] in ("check", "one_of")


def _renamed_columns(old: Entry, new: Entry, found: list[PathDifference]) -> list[tuple[str, str]]:
    """Return the columns that went while one like it came: what people call a rename."""
    gone = [one for one in found if len(one.path) == 2 and one.path[0] == "columns" and one.value is GONE]
    come = [one for one in found if len(one.path) == 2 and one.path[0] == "columns" and one.before is GONE]
    pairs = []
    for one in gone:
        like = [other for other in come if other.value == one.before]
        if len(like) == 1 and sum(other.before == one.before for other in gone) == 1:
            pairs.append((one.path[1], like[0].path[1]))
    return pairs


def _told(one: PathDifference) -> str:
    path = ".".join(one.path)
    if one.value is GONE:
        return f"{path} is gone"
    shown = emit.flow(one.value)
    return f"{path}: {shown if len(shown) <= 60 else shown[:57] + '...'}"


def _by_hand(one: PathDifference) -> list[str]:
    """Return the lines that say a difference."""
    if one.value is GONE:
        return [f"take away {'.'.join(one.path)}"]
    value = one.value
    for key in reversed(one.path[1:]):
        value = {key: value}
    return emit.entry(f"{one.path[0]}:", value, 0)
