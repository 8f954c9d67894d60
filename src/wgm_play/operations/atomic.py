"""Changes that must commit together: units of a plan.

In: which change must run before which, pairs that belong together. Out: the unit of each change. What must run between
the two of a pair is in their unit too, and units that wait for one another are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

Before = Sequence[set[int]]


def arrange(before: Before, pairs: Iterable[tuple[int, int]], apart: frozenset[int]) -> list[int]:
    """Return the unit of each change by number. `apart` are changes that cannot share a transaction.

    A pair with such a change between its two is not joined: no transaction can hold it.
    """
    units = list(range(len(before)))
    after: list[set[int]] = [set() for _ in before]
    for number, earlier in enumerate(before):
        for other in earlier:
            after[other].add(number)
    for first, second in pairs:
        between = reach(after, first) & reach(before, second)
        members = between | {first, second}
        if members & apart:
            continue
        _merge(units, members)
    while True:
        circle = _circle(before, units)
        if not circle:
            return units
        if circle & apart or len({units[number] for number in circle}) == 1:
            for number in circle:
                units[number] = number
        else:
            _merge(units, circle)


def reach(steps: Before, start: int) -> set[int]:
    """Return all that `steps` lead to from one change."""
    found: set[int] = set()
    todo = [start]
    while todo:
        for other in steps[todo.pop()]:
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def _merge(units: list[int], members: set[int]) -> None:
    names = {units[number] for number in members}
    name = min(names)
    for number, unit in enumerate(units):
        if unit in names:
            units[number] = name


def _circle(before: Before, units: list[int]) -> set[int]:
    """Return the changes of units that wait for one another, or nothing: a strongly connected part of more than one."""
    needs: dict[int, set[int]] = defaultdict(set)
    for number, earlier in enumerate(before):
        for other in earlier:
            if units[other] != units[number]:
                needs[units[number]].add(units[other])
    waiting = set(units)
    free = [unit for unit in waiting if not needs[unit]]
    users: dict[int, set[int]] = defaultdict(set)
    for unit, found in needs.items():
        for other in found:
            users[other].add(unit)
    left = {unit: len(needs[unit]) for unit in waiting}
    while free:
        unit = free.pop()
        waiting.discard(unit)
        for user in users[unit]:
            left[user] -= 1
            if left[user] == 0:
                free.append(user)
    joined = {unit for unit in waiting if units.count(unit) > 1}
    for unit in sorted(joined):
        inside = _within(needs, unit, waiting) & _within(users, unit, waiting)
        if inside:
            return {number for number, one in enumerate(units) if one in inside or one == unit}
    return set()


def _within(steps: dict[int, set[int]], start: int, allowed: set[int]) -> set[int]:
    found: set[int] = set()
    todo = [start]
    while todo:
        for other in steps[todo.pop()]:
            if other in allowed and other not in found:
                found.add(other)
                todo.append(other)
    return found if start in found else set()
