"""The order of changes, and the transactions they share.

In: changes and the two catalogs, whose edges say who depends on whom. Out: operations in an order that PostgreSQL
accepts: what is needed first, what is in the way before it; then groups that commit together.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wgm_play.catalog.kinds import INDEXES, NAMED_AS_RELATIONS, NAMED_AS_TYPES, WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused
from wgm_play.operations.atomic import arrange, reach
from wgm_play.operations.base import ACCESS_EXCLUSIVE, Change, command
from wgm_play.plan import Group, Lock, Operation

Joined = tuple[Change, Change]


def order(
    changes: Sequence[Change],
    current_edges: Iterable[tuple[Key, Key]],
    wanted_edges: Iterable[tuple[Key, Key]],
    rebuilt: frozenset[Key] = frozenset(),
    joined: Sequence[Joined] = (),
    without_index: frozenset[Key] = frozenset(),
    ordered: Sequence[Joined] = (),
) -> list[Change]:
    """Return the changes in an order that keeps every dependency; steps keep the playbook's order where they can.

    What is dropped and made again (`rebuilt`), and pairs that must commit together (`joined`), become units with all
    that must run between them: their changes stand together and have the same `unit`. Of `ordered` pairs the first comes
    first, unless something else demands that it comes later.
    """
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
                verb = changes[number].operation.verb
                if number in makers[referenced] or verb == "rename":
                    continue  # one change makes both; what is renamed is there already
                if verb == "restore" and referenced.kind != "schema":
                    continue  # what it uses is there: nothing goes for good that the trash needs
                before[number].update(makers[referenced])
    for dependent, referenced in current_edges:  # what refers to it goes first
        if dependent in removers and referenced in removers:
            for number in removers[referenced]:
                before[number].update(removers[dependent])
    kept = set(wanted_edges)
    for dependent, referenced in current_edges:
        if dependent not in makers or referenced not in removers:
            continue
        if dependent in rebuilt and _finds_a_key(dependent, referenced):  # it would find the old key again
            for number in set(makers[dependent]) - set(removers[dependent]):
                before[number].update(removers[referenced])
        elif referenced not in makers and (dependent, referenced) not in kept:
            gone = set(removers.get(dependent, ())) - set(makers[dependent])
            for number in removers[referenced]:  # what refers to it no longer lets go of it first: it goes, or changes
                if dependent not in changes[number].removes:
                    before[number].update(gone or makers[dependent])
    _free_names(changes, makers, removers, before, without_index)
    for number, earlier in enumerate(before):
        earlier.discard(number)
    pairs = [(place[id(one)], place[id(other)]) for one, other in joined if id(one) in place and id(other) in place]
    for one, other in ordered:
        if id(one) in place and id(other) in place:
            _prefer(changes, before, pairs, place[id(one)], place[id(other)])
    pairs += _gaps(changes, makers, removers, rebuilt)
    units = arrange(before, pairs, frozenset(number for number, change in enumerate(changes) if is_long(change)))
    return [changes[number] for number in _sorted(changes, before, units)]


def _prefer(
    changes: Sequence[Change], before: list[set[int]], pairs: Sequence[tuple[int, int]], first: int, second: int
) -> None:
    """Let a change come first, unless it must come later, or would part a pair: no transaction can hold what comes before it."""
    earlier = reach(before, first)
    partners = {one for pair in pairs if second in pair for one in pair if one != second}
    parts = partners & earlier and any(is_long(changes[number]) for number in (first, *earlier))
    if second not in earlier and not parts:
        before[second].add(first)


def _finds_a_key(dependent: Key, referenced: Key) -> bool:
    """Tell whether PostgreSQL chooses what is leant on as the dependent is made: a foreign key's index, a called function."""
    return referenced.kind == "function" or (dependent.kind == "constraint" and referenced.kind in INDEXES)


def _gaps(
    changes: Sequence[Change],
    makers: Mapping[Key, list[int]],
    removers: Mapping[Key, list[int]],
    rebuilt: frozenset[Key],
) -> list[tuple[int, int]]:
    """Return (what removes, what makes again) for each rebuilt object: readers must not find a gap between them."""
    pairs: list[tuple[int, int]] = []
    for key in rebuilt:
        itself = set(removers.get(key, ())) & set(makers.get(key, ()))
        gone = [number for number in removers.get(key, ()) if number not in itself]
        back = [number for number in makers.get(key, ()) if number not in itself and not is_long(changes[number])]
        again = [number for number in back if changes[number].operation.verb in ("create", "restore")] or back
        pairs += [(one, other) for one in gone for other in again]
    return pairs


# Kinds that share their names within a schema: a table cannot be called as a sequence or a type there.
_RELATIONS = NAMED_AS_RELATIONS | NAMED_AS_TYPES


def constraints_without_index(*catalogs: Catalog) -> frozenset[Key]:
    """Return the checks, foreign keys and NOT NULL: only those of one table may not have the same name."""
    return frozenset(
        key for catalog in catalogs for key in catalog.of("constraint") if catalog.value(key, "type") in "cfn"
    )


def name_space(key: Key) -> tuple[str, tuple[str, ...]]:
    """Return what a name must be free in; the index behind a constraint has the constraint's name."""
    if key.kind in _RELATIONS:
        return ("relation", key.name[:2])
    if key.kind in WITH_BODY:
        return ("routine", key.name)  # by the types of its arguments
    return (key.kind, key.name) if key.kind != "constraint" else ("relation", (key.name[0], key.name[2]))


def _free_names(
    changes: Sequence[Change],
    makers: Mapping[Key, list[int]],
    removers: Mapping[Key, list[int]],
    before: list[set[int]],
    without_index: frozenset[Key],
) -> None:
    """A name is free before it is taken again, by an object of its own or of another kind."""
    takers: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for key, numbers in makers.items():
        takers[(key.kind, key.name) if key in without_index else name_space(key)] += numbers
    for key, numbers in removers.items():
        space = (key.kind, key.name) if key in without_index else name_space(key)
        for number in takers.get(space, ()):
            before[number].update(other for other in numbers if other != number and key not in changes[other].makes)


def _sorted(changes: Sequence[Change], before: list[set[int]], units: list[int]) -> list[int]:
    """Sort units by their dependencies, then by step and rank; the changes of one unit stand together."""
    members: dict[int, list[int]] = defaultdict(list)
    for number, unit in enumerate(units):
        members[unit].append(number)
    following: dict[int, set[int]] = defaultdict(set)
    waiting: dict[int, int] = dict.fromkeys(members, 0)
    for number, earlier in enumerate(before):
        for other in earlier:
            if units[other] != units[number] and units[number] not in following[units[other]]:
                following[units[other]].add(units[number])
                waiting[units[number]] += 1

    def priority(number: int) -> tuple[int, int, int]:
        change = changes[number]
        return (change.operation.step if change.operation.step >= 0 else 0, change.rank, number)

    def first(unit: int) -> tuple[int, int, int]:
        own = set(members[unit])
        free = [priority(number) for number in own if not before[number] & own or len(own) == 1]
        return min(free, default=(0, 0, 0))  # a circle inside is told below

    ready = [(first(unit), unit) for unit, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    made: list[int] = []
    while ready:
        unit = heapq.heappop(ready)[1]
        inside = members[unit]
        made += _inside(inside, before, priority) if len(inside) > 1 else inside
        for other in following[unit]:
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, (first(other), other))
    if len(made) < len(changes):
        done = set(made)
        ring = [changes[number].operation.title for number in _ring(set(range(len(changes))) - done, before, units)]
        raise Refused(
            "these changes wait for one another: " + ", for ".join(ring[:12]) + "; nothing was touched",
            hint="take one of them out, run, and put it in again",
        )
    sizes = Counter(units)
    for number, change in enumerate(changes):
        change.unit = units[number] + 1 if sizes[units[number]] > 1 else 0
    return made


def _inside(members: list[int], before: list[set[int]], priority: Callable[[int], tuple[int, int, int]]) -> list[int]:
    """Sort the changes of one unit."""
    own = set(members)
    left = {number: before[number] & own for number in members}
    made: list[int] = []
    while left:
        free = [number for number, earlier in left.items() if not earlier]
        if not free:  # a circle inside: told by the caller, because these are missing
            return made
        number = min(free, key=priority)
        made.append(number)
        del left[number]
        for earlier in left.values():
            earlier.discard(number)
    return made


# More locks than this in one transaction would come near the lock table of a default server, which holds
# max_locks_per_transaction (64) times max_connections (100) of them for all sessions together.
MOST_LOCKS = 1500


def groups(changes: Sequence[Change]) -> tuple[Group, ...]:
    """Return the transactions of ordered changes: one step's together, what must be alone alone, a unit in one piece."""
    made: list[Group] = []
    pending: list[Operation] = []
    locks = 0

    def close() -> None:
        nonlocal locks
        if pending:
            made.append(Group(tuple(pending), pending[0].step))
            pending.clear()
        locks = 0

    for members in _runs(changes):
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


def _runs(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield single changes, and the changes of a unit together."""
    for unit, found in itertools.groupby(changes, key=lambda change: change.unit):
        if unit:
            yield list(found)
        else:
            yield from ([change] for change in found)


def is_long(change: Change) -> bool:
    """Tell whether a change cannot share a transaction, or must not: it takes as long as the table is large."""
    commands = change.operation.commands
    return any(not command.transactional or command.wait == "long" for command in commands)


def _ring(left: set[int], before: list[set[int]], units: list[int]) -> list[int]:
    """Return changes each of which waits for the next, and the last for the first."""
    members: dict[int, list[int]] = defaultdict(list)
    for number in sorted(left):
        members[units[number]].append(number)
    way: dict[int, int] = {}  # by unit, in the order in which they wait
    place = min(left)
    while units[place] not in way:
        edges = [(one, other) for one in members[units[place]] for other in sorted(before[one] & left)]
        outside = (edge for edge in edges if units[edge[1]] != units[place])  # what is wrong inside a unit comes last
        way[units[place]], place = next(outside, edges[0])
    return [*list(way.values())[list(way).index(units[place]) :], place]
