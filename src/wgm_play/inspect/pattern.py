"""Steps that say the same of several objects, as one step with a loop; an owner that many have, as one variable.

In: steps. Out: fewer of them, with the same meaning.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from typing import Any

from wgm_play.catalog.kinds import PER_ROW
from wgm_play.inspect.emit import TEMPLATE, JinjaText
from wgm_play.inspect.entry import Entry

# Of as many alike, a loop is easier to read than they are.
LEAST = 3
ITEM = "{{ item }}"
OWNER = "{{ owner }}"
_PLAIN = re.compile(r"[\w$]+(\.[\w$]+)?\Z")


def with_loops(entries: Iterable[Entry], kinds: Set[str] = PER_ROW | {"grant"}) -> list[Entry]:
    """Return the steps with those alike in one, which stands where the last of them stood."""
    given = list(entries)
    alike: dict[str, list[tuple[Entry, str, dict[str, Any]]]] = defaultdict(list)
    for entry in given:
        found = _pattern(entry) if entry.kind in kinds and not entry.keywords else None
        if found is not None:
            alike[repr((entry.kind, found[1]))].append((entry, *found))
    made: dict[int, Entry | None] = {}
    for group in alike.values():
        if len({item for _, item, _ in group}) == len(group) >= LEAST:
            made |= {id(entry): None for entry, _, _ in group}
            made[id(group[-1][0])] = _folded(group)
    return [one for entry in given if (one := made.get(id(entry), entry)) is not None]


def _pattern(entry: Entry) -> tuple[str, dict[str, Any]] | None:
    """Return the object that a step is about, and what it says with a variable in its place."""
    spec = dict(entry.spec)
    if entry.kind == "grant":
        word, _, item = str(spec["on"]).rpartition(" ")
        if not word or not _PLAIN.match(item):
            return None
        spec["on"] = JinjaText(f"{word} {ITEM}")
        return item, spec
    item = str(spec.get("table"))
    if "schema" in spec or not _PLAIN.match(item) or TEMPLATE.search(repr(spec)):
        return None
    spec["table"] = JinjaText(ITEM)
    name = str(spec["name"])
    if "." not in item and re.search(rf"(?<![^\W_]){re.escape(item)}(?![^\W_])", name):
        spec["name"] = JinjaText(re.sub(rf"(?<![^\W_]){re.escape(item)}(?![^\W_])", ITEM, name))
    return item, spec


def _folded(group: list[tuple[Entry, str, dict[str, Any]]]) -> Entry:
    first, _, spec = group[0]
    items = [item for _, item, _ in group]
    if first.kind == "grant":
        word = str(spec["on"]).removesuffix(f" {ITEM}")
        name = f"What {spec['to']} may do with {len(items)} {word}s"
    else:
        title = str(spec["name"]).replace(ITEM, "").strip("_") or first.kind
        name = f"{first.kind.capitalize()} {title} of {len(items)} tables"
    return Entry(first.concern, name, first.kind, spec, first.key, {"loop": items})


def with_owner(entries: Iterable[Entry]) -> str | None:
    """Let an owner that several objects say be a variable; return it."""
    given = list(entries)
    counts = Counter(str(one.spec["owner"]) for one in given if "owner" in one.spec)
    if not counts or counts.most_common(1)[0][1] < 2:
        return None
    owner = counts.most_common(1)[0][0]
    for one in given:
        if one.spec.get("owner") == owner:
            one.spec["owner"] = JinjaText(OWNER)
    return owner
