"""The locks that a statement takes below the table that it names: on its children and partitions.

In: a plan's groups, the live catalog and the wanted one. Out: the groups whose statements list those locks too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wgm_play.catalog.graph import children, descendants
from wgm_play.catalog.model import Catalog
from wgm_play.plan import Command, Group, Lock

# What ALTER TABLE does to the table's children as well (manual: "ALTER TABLE", under the word ONLY).
_RECURSES = re.compile(
    r"ALTER TABLE (?!ONLY |IF EXISTS ONLY ).*? (?:ADD COLUMN|DROP COLUMN|ALTER COLUMN|RENAME COLUMN|ADD CONSTRAINT|"
    r"DROP CONSTRAINT|VALIDATE CONSTRAINT)\b|CREATE (?:UNIQUE )?INDEX (?!.* ON ONLY )",
    re.DOTALL,
)
# More are counted.
_NAMED = 20


def with_children(groups: tuple[Group, ...], current: Catalog) -> tuple[Group, ...]:
    """Return the groups with the locks on live children."""
    found = children(current)
    if not found:
        return groups
    below = {table.label: [one.label for one in descendants(found, table)] for table in found}
    return tuple(
        replace(
            group,
            operations=tuple(
                replace(one, commands=tuple(_more(command, below) for command in one.commands))
                for one in group.operations
            ),
        )
        for group in groups
    )


def _more(command: Command, below: Mapping[str, Sequence[str]]) -> Command:
    if not any(lock.relation in below for lock in command.locks) or not _RECURSES.match(command.sql):
        return command
    table = next(lock for lock in command.locks if lock.relation in below)
    named = {lock.relation for lock in command.locks}
    found = [name for name in below[table.relation] if name not in named]
    more = [Lock(table.level, name, below=True) for name in found[:_NAMED]]
    if len(found) > _NAMED:
        more.append(Lock(table.level, f"{len(found) - _NAMED} more tables below {table.relation}", below=True))
    return replace(command, locks=(*command.locks, *more))
