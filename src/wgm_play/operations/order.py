"""The order of changes, and the transactions they share.

In: changes and the two catalogs, whose edges say who depends on whom. Out: operations in an order that PostgreSQL
accepts: what is needed first, what is in the way before it; then groups that commit together.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from wgm_play.catalog.model import Key
from wgm_play.errors import InputError
from wgm_play.operations.base import ACCESS_EXCLUSIVE, Change, command
from wgm_play.plan import Group, Lock, Operation


def order(
    changes: Sequence[Change],
    current_edges: Iterable[tuple[Key, Key]],
    wanted_edges: Iterable[tuple[Key, Key]],
) -> list[Change]:
    """Return the changes in an order that keeps every dependency; steps keep the playbook's order where they can."""
    makers: dict[Key, list[int]] = defaultdict(list)
    removers: dict[Key, list[int]] = defaultdict(list)
    place = {id(change): number for number, change in enumerate(changes)}
    for number, change in enumerate(changes):
        for key in change.makes:
            makers[key].append(number)
        for key in change.removes:
            removers[key].append(number)
    before: list[set[int]] = [set() for _ in changes]
    for number, change in enumerate(changes):
        before[number].update(place[id(other)] for other in change.after if id(other) in place)
        for key in change.needs:
            before[number].update(makers.get(key, ()))
    for dependent, referenced in wanted_edges:  # what is referred to is made first
        if dependent in makers and referenced in makers:
            for number in makers[dependent]:
                before[number].update(makers[referenced])
    for dependent, referenced in current_edges:  # what refers to it goes first
        if dependent in removers and referenced in removers:
            for number in removers[referenced]:
                before[number].update(removers[dependent])
    kept = set(wanted_edges)
    for dependent, referenced in current_edges:  # what refers to it no longer lets go of it first
        if dependent in makers and referenced in removers and referenced not in makers and (dependent, referenced) not in kept:
            for number in removers[referenced]:
                before[number].update(other for other in makers[dependent] if dependent not in changes[number].removes)
    _free_names(changes, makers, removers, before)
    for number, earlier in enumerate(before):
        earlier.discard(number)
    return [changes[number] for number in _sorted(changes, before)]


# Kinds that share their names within a schema: a table cannot be called as a sequence or a type there.
_RELATIONS = frozenset(["table", "view", "materialized_view", "sequence", "index", "enum", "domain", "composite", "foreign_table"])


def _space(key: Key) -> tuple[str, tuple[str, ...]]:
    """Return what a name must be free in; the index behind a constraint has the constraint's name."""
    if key.kind in _RELATIONS:
        return ("relation", key.name[:2])
    if key.kind in ("function", "procedure"):
        return ("routine", key.name)  # by the types of its arguments
    return (key.kind, key.name) if key.kind != "constraint" else ("relation", (key.name[0], key.name[2]))


def _free_names(
    changes: Sequence[Change], makers: Mapping[Key, list[int]], removers: Mapping[Key, list[int]], before: list[set[int]]
) -> None:
    """A name is free before it is taken again, by an object of its own or of another kind."""
    takers: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for key, numbers in makers.items():
        takers[_space(key)] += numbers
    for key, numbers in removers.items():
        for number in takers.get(_space(key), ()):
            before[number].update(other for other in numbers if other != number and key not in changes[other].makes)


def _sorted(changes: Sequence[Change], before: list[set[int]]) -> list[int]:
    following: list[list[int]] = [[] for _ in changes]
    waiting = [len(earlier) for earlier in before]
    for number, earlier in enumerate(before):
        for other in earlier:
            following[other].append(number)

    def priority(number: int) -> tuple[int, int, int]:
        change = changes[number]
        return (change.operation.step if change.operation.step >= 0 else 0, change.rank, number)

    ready = [priority(number) for number, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    made: list[int] = []
    while ready:
        number = heapq.heappop(ready)[2]
        made.append(number)
        for other in following[number]:
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, priority(other))
    if len(made) < len(changes):
        stuck = [changes[number].operation.title for number, count in enumerate(waiting) if count > 0]
        raise InputError(
            "these changes wait for one another: " + "; ".join(stuck[:6]),
            hint="take one of them out, run, and put it in again",
        )
    return made


# More locks than this in one transaction would come near the lock table of a default server, which holds
# max_locks_per_transaction (64) times max_connections (100) of them for all sessions together.
MOST_LOCKS = 1500


Joined = tuple[Change, Change]


def groups(
    changes: Sequence[Change], rebuilt: frozenset[Key] = frozenset(), joined: Sequence[Joined] = ()
) -> tuple[Group, ...]:
    """Return the transactions: one step's operations together, what must be alone alone, a rebuild in one piece.

    `joined` are pairs of changes that commit together with all between them.
    """
    made: list[Group] = []
    pending: list[Operation] = []
    locks = 0

    def close() -> None:
        nonlocal locks
        if pending:
            made.append(Group(tuple(pending), pending[0].step))
            pending.clear()
        locks = 0

    for members in _runs(changes, rebuilt, joined):
        if len(members) > 1:  # a rebuild: readers must not find a gap
            close()
            made.append(Group((*_locks(members), *(change.operation for change in members)), members[0].operation.step))
            continue
        change = members[0]
        operation = change.operation
        if operation.alone or any(not command.transactional for command in operation.commands):
            close()
            transactional = all(command.transactional for command in operation.commands)
            made.append(Group((operation,), operation.step, transactional))
            continue
        weight = 2 + 2 * (len(change.makes) + len(change.removes))
        if pending and (pending[0].step != operation.step or locks + weight > MOST_LOCKS):
            close()
        pending.append(operation)
        locks += weight
    close()
    return tuple(made)


def _locks(members: Sequence[Change]) -> tuple[Operation, ...]:
    """Return the operation that locks all tables of a swap at once, in one order for everybody, before it begins."""
    tables = next((change.operation.payload["swap"] for change in members if "swap" in change.operation.payload), None)
    if tables is None:
        return ()
    keys = [Key("table", tuple(name)) for name in tables]
    locks = [Lock(ACCESS_EXCLUSIVE, key.label) for key in keys]
    made = command("online/lock", *locks, tables=[key.name for key in keys])
    title = f"lock {', '.join(key.label for key in keys)} for the swap"
    return (Operation("alter", keys[0], title, (made,), members[0].operation.step),)


def _runs(changes: Sequence[Change], rebuilt: frozenset[Key], joined: Sequence[Joined]) -> list[list[Change]]:
    """Split the order into single changes and runs that a rebuild joins (from the first removal to the last making)."""
    place = {id(change): number for number, change in enumerate(changes)}
    pairs = [(place[id(one)], place[id(other)]) for one, other in joined if id(one) in place and id(other) in place]
    spans = [(min(pair), max(pair)) for pair in pairs]
    for key in rebuilt:
        gone = [number for number, change in enumerate(changes) if key in change.removes]
        back = [number for number, change in enumerate(changes) if key in change.makes]
        if gone and back and min(gone) < max(back):
            spans.append((min(gone), max(back)))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    made: list[list[Change]] = []
    number = 0
    for start, end in merged:
        made += [[change] for change in changes[number:start]]
        inside = changes[start : end + 1]
        later = _later(inside)
        made.append([change for change in inside if id(change) not in later])
        made += [[change] for change in inside if id(change) in later]
        number = end + 1
    return made + [[change] for change in changes[number:]]


def _later(inside: Sequence[Change]) -> set[int]:
    """Return what cannot be in the rebuild's transaction: long statements, and what waits for them."""
    later: set[int] = set()
    for change in inside:
        if _long(change) or any(id(other) in later for other in change.after):
            later.add(id(change))
    return later


def _long(change: Change) -> bool:
    commands = change.operation.commands
    return any(not command.transactional or command.wait == "long" for command in commands)
