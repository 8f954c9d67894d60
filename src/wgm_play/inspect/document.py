"""From described objects to one document; and the order in which steps are read.

In: `Inspected`. Out: a text; steps by concern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from graphlib import CycleError, TopologicalSorter

from wgm_play.catalog.kinds import BESIDE_TABLE, RELATIONS
from wgm_play.inspect import emit
from wgm_play.inspect.entry import Entry, Inspected
from wgm_play.sqltext.scan import words

# The order of files, and of concerns in one document.
CONCERNS = (
    "roles", "schemas", "extensions", "types", "sequences", "functions", "operators", "text_search", "tables",
    "partitions", "foreign", "indexes", "views", "triggers", "policies", "rules", "statistics", "privileges",
    "publications",
    "event_triggers", "settings",
)  # fmt: skip


def whole(said: Inspected, name: str, environment: str) -> str:
    """Return one document with all steps, each table followed by its indexes and triggers."""
    lines = [*head(said), *_play(name, environment)]
    if not said.entries:
        return "\n".join([*lines[:-1], "  steps: []", ""])
    for number, entry in enumerate(_beside_their_table(said)):
        lines += [*([""] if number else []), *emit.step(entry.step(), 4)]
    return "\n".join([*lines, ""])


def by_kind(said: Inspected) -> dict[str, list[Entry]]:
    """Return the steps of each concern, in the order in which they are read."""
    return {
        concern: _ordered(entry for entry in said.entries if entry.concern == concern) for concern in _concerns(said)
    }


def in_order(said: Inspected) -> list[Entry]:
    """Return all steps, each after what it mentions."""
    return [entry for steps in by_kind(said).values() for entry in steps]


def head(said: Inspected) -> list[str]:
    """Return what the playbook does not say, as comments."""
    remarks = [line for one in said.remarks for line in emit.comment(one)]
    if not said.unsaid:
        return [*remarks, ""] if remarks else []
    return [
        *remarks,
        *emit.comment("Not in this playbook, because no step says it:"),
        *[line for what in said.unsaid for line in emit.comment(f"  {what}")],
        "",
    ]


def _play(name: str, environment: str) -> list[str]:
    return [f"- name: {emit.scalar(name, flow=False)}", f"  hosts: {emit.scalar(environment, flow=False)}", "  steps:"]


def _concerns(said: Inspected) -> list[str]:
    there = dict.fromkeys(entry.concern for entry in said.entries)
    return sorted(there, key=lambda one: (CONCERNS.index(one) if one in CONCERNS else len(CONCERNS), one))


def _beside_their_table(said: Inspected) -> list[Entry]:
    """Return all entries in the order of concerns, with indexes and triggers after their table."""
    beside: dict[tuple[str, ...], list[Entry]] = {}
    for concern in ("indexes", "triggers"):
        for entry in said.entries:
            if entry.concern == concern and entry.kind in BESIDE_TABLE:
                beside.setdefault(_relation(said, entry), []).append(entry)
    relations = {entry.key.name for entry in said.entries if entry.kind in (RELATIONS - {"foreign_table"})}
    made: list[Entry] = []
    for concern in _concerns(said):
        for entry in _ordered(one for one in said.entries if one.concern == concern):
            if entry.kind in BESIDE_TABLE and _relation(said, entry) in relations:
                continue
            made += [entry, *(beside.get(entry.key.name, []) if entry.key.kind != "column" else [])]
    return made


def _relation(said: Inspected, entry: Entry) -> tuple[str, ...]:
    if entry.kind == "trigger":
        return (entry.key.name[0], entry.key.name[1])
    return (entry.key.name[0], str(said.catalog[entry.key].table))


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries so that each follows what it mentions; by name where that does not decide."""
    given = list(entries)
    if len(given) < 2 or given[0].concern not in ("tables", "views", "types"):
        return given
    by_name = {entry.key.name[1]: entry for entry in given if len(entry.key.name) == 2}
    place = {id(entry): number for number, entry in enumerate(given)}
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for entry in given:
        needs = [by_name[one] for one in _mentioned(entry) if one in by_name]
        sorter.add(place[id(entry)], *sorted(place[id(one)] for one in needs if one is not entry))
    try:
        sorter.prepare()
    except CycleError:
        return given
    made: list[Entry] = []
    ready: list[int] = []
    while sorter.is_active():
        ready += sorter.get_ready()
        ready.sort()
        one = ready.pop(0)
        made.append(given[one])
        sorter.done(one)
    return made


def _mentioned(entry: Entry) -> Set[str]:
    """Return the names that an entry may need: of tables that it refers to, of relations in its query."""
    if entry.kind == "comment":
        return {entry.key.name[1]}
    if entry.kind != "table":
        return words(str(entry.spec.get("query", ""))) | words(str(entry.spec.get("type", "")))
    found: set[str] = set()
    for column in [*entry.spec.get("columns", {}).values(), *entry.spec.get("constraints", {}).values()]:
        given = column.get("references") if isinstance(column, dict) else None
        if isinstance(given, dict):
            found.add(given["table"])
        elif given:
            found.add(re.sub(r"\(.*", "", given).rpartition(".")[2])
    for name in ("partition_of", "inherits"):
        given = entry.spec.get(name)
        for one in given if isinstance(given, list) else [given] if isinstance(given, str) else []:
            found.add(one.rpartition(".")[2])
    return found
