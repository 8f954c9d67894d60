"""What drifted: objects that came, went or are said otherwise, told apart from edits that nobody applied yet.

In: descriptions of what a playbook wants, of what is live, and of the last recorded run where there is one. Out: `Drift`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import field

from wgm_play.catalog.kinds import ACCESS
from wgm_play.catalog.model import Key
from wgm_play.inspect.entry import Entry, Inspected
from wgm_play.inspect.update.changes import GONE, PathDifference, differences, value_at
from wgm_play.lazy_dataclass import dataclass

Described = dict[Key, Entry]


@dataclass(slots=True)
class Drift:
    """What differs. `kept` are edits of the playbook that are not applied yet, `both` what changed on both sides."""

    come: list[Entry] = field(default_factory=list)
    gone: list[Entry] = field(default_factory=list)
    changed: list[tuple[Entry, Entry, list[PathDifference]]] = field(default_factory=list)
    renamed: list[tuple[Entry, Entry]] = field(default_factory=list)
    kept: list[Key] = field(default_factory=list)
    both: list[tuple[Entry, PathDifference]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.come or self.gone or self.changed or self.renamed or self.both)


def described(said: Inspected) -> Described:
    """Return descriptions by their keys."""
    return {entry.key: entry for entry in said.entries}


def find(
    wanted: Described, live: Described, base: Described | None, free: Collection[Key], declared: Callable[[Key], bool]
) -> Drift:
    """Compare; `free` are live objects that no step mentions, `declared` tells whether one does."""
    made = Drift()
    for key, entry in wanted.items():
        if key in live:
            _changed(made, entry, live[key], base)
        elif declared(key) and (base is None or key in base):
            made.gone.append(entry)
        elif declared(key):
            made.kept.append(key)
    for key, entry in live.items():
        if key in wanted and key not in free:
            continue
        if declared(key) or (base is not None and key in base):
            if key not in wanted:
                made.kept.append(key)
            continue
        made.come.append(entry)
    _pair(made)
    return made


def _changed(made: Drift, old: Entry, new: Entry, base: Described | None) -> None:
    found = []
    before = base.get(new.key) if base is not None else None
    for one in differences(old.spec, new.spec):
        if before is not None:
            recorded = value_at(before.spec, one.path)
            if recorded == one.value:
                made.kept.append(new.key)
                continue
            if one.before not in (recorded, one.value):
                made.both.append((new, one))
                continue
        found.append(one)
    if found:
        made.changed.append((old, new, found))


def _pair(made: Drift) -> None:
    """Take an object that went and a like one that came for one that was renamed."""
    for old in list(made.gone):
        like = [one for one in made.come if one.kind == old.kind and _but_name(one) == _but_name(old)]
        others = [one for one in made.gone if one.kind == old.kind and _but_name(one) == _but_name(old)]
        if len(like) == 1 and len(others) == 1 and old.kind not in ACCESS:
            made.renamed.append((old, like[0]))
            made.gone.remove(old)
            made.come.remove(like[0])


def _but_name(entry: Entry) -> dict[str, object]:
    return {word: value for word, value in entry.spec.items() if word not in ("name", "schema")}


__all__ = ["GONE", "Drift", "described", "find"]
