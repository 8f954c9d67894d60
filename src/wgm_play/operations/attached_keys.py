"""Keys of partitions whose index is attached to an index of the parent that is no key itself.

PostgreSQL lets neither go without the other: the key "requires" the index, the index has the key that depends on it. In:
the changes of a plan. Out: one statement takes both, and what stays is made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wgm_play.catalog.model import Key
from wgm_play.operations.base import Change, PlanContext


def go_together(
    situation: PlanContext, changes: list[Change], again: Callable[[PlanContext, Key], list[Change]]
) -> list[Change]:
    """Return the changes with each such key dropped by what drops its index; `again` makes one that stays."""
    for index, keys in sorted(situation.facts.attached.items()):
        for dropping in [one for one in changes if index in one.removes and one.operation.key == index]:
            for key in keys:
                changes = _taken_along(situation, changes, dropping, key, again)
            _cascade(dropping, keys)
    return changes


def _taken_along(
    situation: PlanContext,
    changes: list[Change],
    dropping: Change,
    key: Key,
    again: Callable[[PlanContext, Key], list[Change]],
) -> list[Change]:
    own = [one for one in changes if key in one.removes and key not in one.makes and one is not dropping]
    for gone in own:
        dropping.remove(*gone.removes)
        dropping.wait_for(*gone.after)
        for one in changes:
            one.wait_only_for(*(dropping if other is gone else other for other in one.after if one is not dropping))
    changes = [one for one in changes if one not in own]
    if not own and key in situation.wanted.rows:
        made = again(situation, key)
        for change in made:
            change.wait_for(dropping)
        changes += made
    dropping.remove(key)
    return changes


def _cascade(dropping: Change, keys: tuple[Key, ...]) -> None:
    operation = dropping.operation
    commands = tuple(
        replace(one, sql=f"{one.sql} CASCADE") if one.sql.startswith("DROP INDEX ") else one
        for one in operation.commands
    )
    title = f"{operation.title} with {', '.join(map(str, keys))}"
    dropping.operation = replace(operation, commands=commands, title=title)
