"""The excerpt of two plays that their difference is about: what is said in the same words on both sides is left out.

In: a play as it was and as it is, both folded. Out: `Excerpt`, or None where the whole must be compared.

Left out is what neither names an edited object, nor is named by what does, directly or not. It would come out the same on
both sides. Names are looked for as words in all texts, so that more is taken in than is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wgm_play.catalog.kinds import ACCESS, EDITABLE
from wgm_play.catalog.model import Catalog, Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.planning.edited_part import bare
from wgm_play.planning.imperative import Imperative, names_in
from wgm_play.planning.incremental import MOST, OF_NO_OBJECT, UNNEEDED, WHERE_NEEDED, around_of, called, editable
from wgm_play.playbook.model import Declaration, Declarations, Play
from wgm_play.review.assumed import comparable
from wgm_play.sql import reveal

_FEW = 30


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The keys `around` the edited objects, and those that they need; `names` are what the former are called."""

    around: frozenset[Key]
    needed: frozenset[Key]
    names: frozenset[str]

    def of(self, folded: Declarations) -> Declarations:
        """Return the excerpt of a folded play; what is only needed comes without its references to other tables."""
        kept: dict[Key, Declaration] = {}
        for key, one in folded.declarations.items():
            if key in self.around:
                kept[key] = one
            elif key in self.needed:
                kept[key] = replace(one, late=()) if key.kind == "table" else one
        said = {key: text for key, text in folded.said.items() if key in kept}
        return replace(folded, declarations=kept, said=said, seeds=())

    def asked(self, imperative: Imperative) -> Imperative:
        """Return the part of what a play does besides that names an object of the excerpt."""
        return imperative.naming(self.names)


def excerpt(before: Declarations, now: Declarations, was: Play, play: Play) -> Excerpt | None:
    """Return the excerpt of what differs; None where the whole is to be compared."""
    if play.prune or was.prune or _besides(was, before) != _besides(play, now):
        return None
    if any(step.deferred for step in (*was.steps, *play.steps)):
        return None
    keys = before.said.keys() | now.said.keys()
    edited = {key for key in keys if before.said.get(key) != now.said.get(key)}
    sides = (before.declarations, now.declarations)
    if not all(editable(key, side.get(key)) for key in edited for side in sides):
        return None
    said = {key: f"{before.said.get(key, '')}\n{now.said.get(key, '')}" for key in keys}
    around = around_of(said, edited, Catalog())
    if len(around) > max(MOST * len(said), _FEW) or any(key.kind not in EDITABLE for key in around):
        return None
    names = {called(key) for key in around}
    texts = [said[key] for key in around if key in said]
    texts += [text for text in _texts(play, now) if not names_in(text).isdisjoint(names)]
    needed = _needed({**sides[0], **sides[1]}, around, texts)
    if _named_alike(edited, keys - around - needed):
        return None
    return Excerpt(frozenset(around), frozenset(needed), frozenset(names))


def _besides(play: Play, folded: Declarations) -> list[Any]:
    """Return what of a play is no object: where it differs, all of it is looked at."""
    return [
        comparable(folded.seeds),
        repr(play.manage),
        play.renames,
        [(one.name, one.item, reveal(one.text), one.down) for one in folded.sqls],
        [reveal(one.query) for one in folded.assertions],
        [(step.name, repr(step.spec)) for step in play.handlers],
        [(one.name, reveal(one.query)) for one in _watched(play)],
    ]


def _watched(play: Play) -> list[Any]:
    return [*play.alerts, *play.invariants, *play.queries]


def _texts(play: Play, folded: Declarations) -> Iterator[str]:
    yield from (reveal(one.text) for one in folded.sqls)
    yield from (reveal(one.query) for one in [*folded.assertions, *_watched(play)])
    yield from (repr(step.spec) for step in play.handlers)


def _needed(declared: Mapping[Key, Declaration], around: set[Key], texts: Iterable[str]) -> set[Key]:
    """Return what must be there besides: what texts name, what that names in turn, and all of which there are few."""
    by_name: dict[str, list[Key]] = {}
    for key in declared:
        if key.kind not in UNNEEDED:
            by_name.setdefault(called(key), []).append(key)
    found = {key for key in declared if key.kind in OF_NO_OBJECT or key.kind not in WHERE_NEEDED} - around
    todo = [*texts, *(_made(declared[key]) for key in found)]
    while todo:
        for word in names_in(todo.pop()):
            for key in by_name.get(word, ()):
                if key not in found and key not in around:
                    found.add(key)
                    todo.append(_made(declared[key]))
    # A part of a needed object that others take for granted: an index by which it is referred to.
    tables = {bare(key).name for key in found if key.kind == "table"}
    found |= {key for key in declared if key.kind == "constraint" and key.name[:2] in tables}
    return found


def _made(declaration: Declaration) -> str:
    return "\n".join(statement.sql for statement in declaration.statements)


def _named_alike(edited: Iterable[Key], others: Iterable[Key]) -> bool:
    """Tell whether something that is left out is called as something that is edited."""
    names = {called(key) for key in edited if key.kind not in ACCESS and key.kind not in UNNEEDED}
    return any(called(key) in names for key in others if key.kind not in ACCESS and key.kind not in UNNEEDED)
