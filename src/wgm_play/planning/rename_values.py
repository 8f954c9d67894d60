"""Renames of enum labels: which are not done yet, in the order in which each new label is free.

In: the live labels, the declared ones with the labels that they had. Out: pairs of old and new label, one after another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from wgm_play.operations.online.names import NEW


def pending(
    live: Sequence[str], declared: Sequence[str], renamed: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the renames that are not done, old label -> new label, and the new labels whose old one is live as well.

    `renamed` has the old label of each new one. Labels that exchange their places in a circle are all live before and after:
    the declared order tells which it is.
    """
    to = {old: new for new, old in renamed.items() if old in live and old != new}
    after = [to.get(label, label) for label in live]
    if len(set(after)) == len(after):
        done = [label for label in live if label in declared] == [label for label in declared if label in live]
        circle = _circle(to)
        return {old: new for old, new in to.items() if not (old in circle and done)}, []
    both = [new for old, new in to.items() if new in live and new not in to and old not in declared]
    return {old: new for old, new in to.items() if new not in live}, both


def _circle(to: Mapping[str, str]) -> set[str]:
    """Return the labels that are renamed in a circle."""
    found: set[str] = set()
    for start in to:
        path, label = [start], to[start]
        while label in to and label not in path:
            path.append(label)
            label = to[label]
        if label == start:
            found.update(path)
    return found


def in_order(live: Sequence[str], to: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return renames one after another; a circle is opened by a label that nobody has."""
    labels, left, made = set(live), dict(to), list[tuple[str, str]]()

    def rename(old: str, new: str) -> None:
        made.append((old, new))
        labels.remove(old)
        labels.add(new)

    while left:
        free = next((old for old, new in left.items() if new not in labels), None)
        if free is None:
            old = next(iter(left))
            between = f"{NEW}{hashlib.sha256(old.encode()).hexdigest()[:12]}"
            rename(old, between)
            left[between] = left.pop(old)
        else:
            rename(free, left.pop(free))
    return made
