"""What comes first because of rows: a fill before what it names is converted or goes; what goes before a domain's new rule.

A fill, and a conversion, speaks of the row as it is, under its new names, with the columns that come.

In: the context of a plan, its changes. Out: pairs of changes, of which the first comes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from wgm_play.catalog.model import Key
from wgm_play.operations.base import Change, PlanContext
from wgm_play.operations.online.spell import columns_named
from wgm_play.sql import Sql, ident


def pairs(situation: PlanContext, changes: Sequence[Change]) -> list[tuple[Change, Change]]:
    """Return what must be in an order because a fill, or a conversion with one, names other columns of its table."""
    by_column: dict[Key, list[Change]] = defaultdict(list)
    for change in changes:
        if change.operation.key.kind == "column":
            by_column[change.operation.key].append(change)
    filled = [key for key in sorted(by_column) if key in situation.goal.backfills and key in situation.wanted.rows]
    converted = [key for key in sorted(by_column) if key in situation.goal.converts]
    return [
        *(pair for key in filled for pair in _of_text(situation, key, situation.goal.backfills[key], by_column)),
        *(
            pair
            for key in converted
            for pair in _of_text(situation, key, situation.goal.converts[key].using, by_column)
        ),
        *_of_domains(situation, changes),
    ]


def _of_domains(situation: PlanContext, changes: Sequence[Change]) -> Iterator[tuple[Change, Change]]:
    """Yield what removes columns of a domain, before what adds a rule to it: PostgreSQL looks at all that there are."""
    rules = [one for one in changes if one.operation.key.kind.partition("_")[0] == "domain" and one.makes]
    for rule in rules:
        domain = str(ident(rule.operation.key.name[:2]))
        for change in changes:
            gone = (key for key in change.removes if key.kind == "column" and key not in situation.wanted.rows)
            if any(key in situation.current.rows and situation.current[key].type == domain for key in gone):
                yield change, rule


def _of_text(
    situation: PlanContext, key: Key, text: Sql, by_column: dict[Key, list[Change]]
) -> Iterator[tuple[Change, Change]]:
    filling = [change for change in by_column[key] if _writes(change)]
    for name in columns_named(str(text)):
        other = Key("column", (*key.name[:2], name))
        if other == key:
            continue
        for change in by_column.get(other, ()):
            if other not in situation.current.rows:
                if other in change.makes:
                    yield from ((change, one) for one in filling)
            elif _takes_away(situation, other, change):
                yield from ((one, change) for one in filling)


def _writes(change: Change) -> bool:
    return any(command.wait == "data" for command in change.operation.commands)


def _takes_away(situation: PlanContext, key: Key, change: Change) -> bool:
    """Tell whether a change of a column may leave other values in it, or none."""
    old, new = situation.current[key], situation.wanted.get(key)
    if new is None:
        return key in change.removes
    return change.operation.verb != "rename" and (old.type, old.collation) != (new.type, new.collation)
