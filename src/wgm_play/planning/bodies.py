"""What the texts of routines name: a body and what it names change in one moment, or in the order that leaves no gap.

In: the changes of a plan, the catalogs before and after it. Out: pairs of changes that commit together, and pairs of which
one comes first. PostgreSQL knows nothing of names in a body (a column of `NEW`, a table in dynamic SQL), so they are
looked for as words: one pair too many costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property

from wgm_play.catalog.graph import parents_of, reached, users
from wgm_play.catalog.kinds import CALLERS, OF_TABLE, SPOKEN, WITH_BODY, name_at
from wgm_play.catalog.model import Catalog, Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import Change, PlanContext, alter, command
from wgm_play.operations.order import is_long
from wgm_play.planning.rename import Renamed
from wgm_play.sql import Sql

Pairs = list[tuple[Change, Change]]

# Kinds of which a body may speak, and the place of the name by which it does.
_NAMED = {**{kind: name_at(kind) for kind in SPOKEN}, "attribute": 2, "label": 2}
_AROUND = (OF_TABLE & CALLERS) | {"table"}
_INSIDE = ("column", "attribute")
_WORD = re.compile(r"[^\W\d][\w$]*")


@dataclass(slots=True)
class CompiledChanges:
    """Pairs of changes: `joined` commit together, of `ordered` the first comes first where nothing forbids it.

    `compiled` are changes that have a body compiled again.
    """

    joined: Pairs
    ordered: Pairs
    compiled: list[Change] = field(default_factory=list)

    def at_once(self, change: Change, routine: Change) -> None:
        """Let a routine change in one transaction with what it names, after that."""
        self.joined.append((change, routine))
        if routine.makes:
            self.ordered.append((change, routine))


class _Around:
    """What stands around the routines of a catalog: triggers and tables."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.users = users(catalog)

    def called(self, key: Key) -> list[Key]:
        """Return the routines that a trigger calls; of a routine itself."""
        if key not in self.catalog.rows:
            return []
        below = [key] if key.kind in WITH_BODY else self.catalog.directly_needed(key)
        return [one for one in below if one.kind in WITH_BODY]

    def tables(self, routines: Iterable[Key], trigger: Key | None) -> set[str]:
        """Return the tables of routines by their arguments and triggers; for one trigger its own alone."""
        beside = (key for one in routines for key in (*self.users.get(one, ()), *self.catalog.directly_needed(one)))
        found = {key for key in beside if key.kind in _AROUND}
        if trigger is not None:
            found = {key for key in found if key.kind not in CALLERS or key == trigger}
        return _with_parents(self.catalog, {key.name[:2] for key in found})


class _Text:
    """The text of routines, and the tables that they belong to by their triggers and arguments."""

    def __init__(self, around: _Around, keys: Iterable[Key], trigger: Key | None = None) -> None:
        keys = set(keys)
        self.text = "\n".join(str(around.catalog[key].definition) for key in sorted(keys))
        self.tables = around.tables(keys, trigger)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the text, as written and in lower case."""
        found = _WORD.findall(self.text)
        return frozenset((*found, *map(str.lower, found)))

    def has(self, name: str) -> bool:
        """Tell whether the text holds a name, or a value."""
        return name in self.words if _WORD.fullmatch(name) else name in self.text

    def names(self, key: Key) -> bool:
        """Tell whether the text may name an object; a column only together with its table."""
        place = _NAMED.get(key.kind)
        if place is None or not self.has(key.name[place]):
            return False
        return key.kind not in _INSIDE or key.name[1] in self.tables or self.has(key.name[1])


def _with_parents(catalog: Catalog, tables: set[tuple[str, ...]]) -> set[str]:
    """Return the names of tables and of all that they inherit from: a column of these is theirs."""
    found = reached({Key("table", name) for name in tables}, lambda table: parents_of(catalog, table))
    return {table.name[1] for table in found}


@dataclass(slots=True)
class _Speaker:
    """A change after which other texts run: of a routine, or of a trigger that calls one."""

    change: Change
    old: _Text
    new: _Text


def together(renamed: Renamed, changes: Sequence[Change], situation: PlanContext) -> CompiledChanges:
    """Return what must commit together, or in which order, because of what bodies name."""
    current, wanted = situation.current, situation.wanted
    made = CompiledChanges(list(zip(renamed.early, renamed.early[1:], strict=False)), [])
    before, after = _Around(current), _Around(wanted)
    speakers = [one for change in changes if (one := _speaker(change, before, after))]
    named = _Named(changes, current, wanted) if speakers else None
    for speaker in speakers:
        for change, old, new in renamed.words:
            if speaker.old.names(old) or speaker.new.names(new):
                made.joined.append((change, speaker.change))
        for number in sorted(named.by(speaker.old) | named.by(speaker.new)) if named else ():
            if changes[number] is not speaker.change:
                _order(made, speaker, changes[number], current, wanted)
    slow = {change.operation.key.relation for change in changes if is_long(change)}
    apart = {new for _, _, new in renamed.words if new.relation in slow}  # their values come long after their names
    made.joined = [one for one in made.joined if one[0].operation.verb == "rename" or one[0].operation.key not in apart]
    _compile(made, changes, situation, after)
    return made


class _Named:
    """Which changes a text may speak of, found by its words and its tables: not each text with each change."""

    def __init__(self, changes: Sequence[Change], current: Catalog, wanted: Catalog) -> None:
        self.by_name: dict[str, set[int]] = {}
        self.by_table: dict[str, set[int]] = {}
        self.odd: dict[Key, set[int]] = {}
        self.always: set[int] = set()
        for number, change in enumerate(changes):
            for key in {*change.makes, *change.removes}:
                there, stays = key in current.rows, key in wanted.rows
                if key.kind == "enum" and there and stays:
                    self.always.add(number)  # its labels are values, which may be anywhere
                elif key.kind in _NAMED and (
                    there != stays or (key.kind == "column" and _is_retyped(key, current, wanted))
                ):
                    self._note(key, number)

    def _note(self, key: Key, number: int) -> None:
        name = key.name[1] if key.kind in _INSIDE else key.name[_NAMED[key.kind]]
        if key.kind in _INSIDE:
            self.by_table.setdefault(name, set()).add(number)
        elif _WORD.fullmatch(name):
            self.by_name.setdefault(name, set()).add(number)
        if not _WORD.fullmatch(name):
            self.odd.setdefault(key, set()).add(number)

    def by(self, text: _Text) -> set[int]:
        """Return the numbers of these changes, in no order."""
        found = set(self.always)
        if not text.text:
            return found
        for name in text.words:
            found |= self.by_name.get(name, set()) | self.by_table.get(name, set())
        for name in text.tables:
            found |= self.by_table.get(name, set())
        for key, numbers in self.odd.items():
            if text.names(key):
                found |= numbers
        return found


def _speaker(change: Change, before: _Around, after: _Around) -> _Speaker | None:
    key = change.operation.key
    if key.kind not in WITH_BODY | CALLERS:
        return None
    trigger = key if key.kind in CALLERS else None
    old, new = (_Text(around, around.called(key), trigger) for around in (before, after))
    return _Speaker(change, old, new) if old.text != new.text else None


def _order(made: CompiledChanges, speaker: _Speaker, change: Change, current: Catalog, wanted: Catalog) -> None:
    """Note what a change that makes, removes or changes something has to do with a text."""
    come = [key for key in change.makes if key not in current.rows and key in wanted.rows]
    gone = [key for key in change.removes if key in current.rows and key not in wanted.rows]
    if any(map(speaker.new.names, come)):
        made.ordered.append((change, speaker.change))
    if any(map(speaker.old.names, gone)):
        made.ordered.append((speaker.change, change))
    if not (speaker.old.text and speaker.new.text):
        return
    for key in change.makes:
        if key.kind == "column" and key in change.removes and _is_retyped(key, current, wanted):
            if speaker.old.names(key) or speaker.new.names(key):
                made.at_once(change, speaker.change)
        elif key.kind == "enum" and key in current.rows and key in wanted.rows:
            _labels(made, speaker, change, current[key].labels or (), wanted[key].labels or ())


def _labels(made: CompiledChanges, speaker: _Speaker, change: Change, old: Sequence[str], new: Sequence[str]) -> None:
    """A label that goes is let go of at once; one that comes is there before it is used."""
    if any(speaker.old.has(label) for label in old if label not in new):
        made.at_once(change, speaker.change)
    elif any(speaker.new.has(label) for label in new if label not in old):
        made.ordered.append((change, speaker.change))


def _is_retyped(key: Key, current: Catalog, wanted: Catalog) -> bool:
    old, new = current.get(key), wanted.get(key)
    return bool(old and new and (old.type, old.collation) != (new.type, new.collation))


def _compile(made: CompiledChanges, changes: Sequence[Change], situation: PlanContext, after: _Around) -> None:
    """Have the bodies that read a column compiled again as it gets another type.

    A session that ran one before keeps its plan of `NEW.column`, and would fail at each call until it ends.
    """
    current, wanted = situation.current, situation.wanted
    texts: dict[Key, _Text] = {}
    for change in changes:
        columns = [
            key for key in change.makes & change.removes if key.kind == "column" and _is_retyped(key, current, wanted)
        ]
        if not columns:
            continue
        replaced = {other.operation.key for pair in made.joined if change in pair for other in pair}
        texts = texts or {key: _Text(after, [key]) for key in _compiled(situation)}
        for key, text in texts.items():
            if key not in replaced and any(map(text.names, columns)):
                again = command("function/create", definition=Sql(wanted[key].definition.strip()))
                step = situation.step_of(columns[0])
                one = alter(situation, key, f"have {key} compiled again", [again], after=(change,), step=step)
                one.make_only()
                made.compiled.append(one)
                made.joined.append((change, one))


def _compiled(situation: PlanContext) -> list[Key]:
    """Return the routines in PL/pgSQL that stay."""
    catalog = situation.wanted
    return [
        key
        for key in catalog.rows
        if key.kind in WITH_BODY and catalog[key].language == "plpgsql" and key in situation.current.rows
    ]
