"""Kinds that one statement makes, that ALTER changes where PostgreSQL offers it, and that are made again elsewhere.

In: for each kind a `Defined`: how it is made, what can be changed in place. Out: its create, alter and drop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wgm_play.catalog.model import Key, differing_fields
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import Change, PlanContext, alter, command, comment, comments, create, drop, what_of
from wgm_play.operations.granted import privileges
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident, literal

Make = Callable[[PlanContext, Key], list[Command]]
Alter = Callable[[PlanContext, Key, Any, Any], "list[Command] | None"]
Locks = Callable[[PlanContext, Key], Sequence[Lock]]


def never(situation: PlanContext, key: Key, old: Any, new: Any) -> list[Command] | None:
    """Say that nothing but the comment changes in place."""
    return None


def unlocked(situation: PlanContext, key: Key) -> Sequence[Lock]:
    """Say that no relation is locked."""
    return ()


@dataclass(frozen=True, slots=True)
class Defined:
    """How a kind is made and altered.

    `make` returns the statements that make it, without its comment; `change(situation, key, old, new)` returns the
    statements that lead from one row to the other in place, or None where it must be made again; `rank` and
    `drop_rank` order what nothing else orders; `locks` are those that dropping it takes.
    """

    make: Make
    change: Alter = never
    rank: int = 0
    drop_rank: int = 60
    locks: Locks = unlocked

    def create(self, situation: PlanContext, key: Key) -> list[Change]:
        """Create an object."""
        commands = [*self.make(situation, key), *_comments(situation, key)]
        commands += privileges(situation, key)
        return [create(situation, key, f"create {key}", commands, rank=self.rank)]

    def alter(self, situation: PlanContext, key: Key) -> list[Change]:
        """Change an object in place where PostgreSQL can, otherwise drop and create it."""
        commands = self.in_place(situation, key)
        if commands is None:
            return [*self.drop(situation, key), *self.create(situation, key)]
        old, new = situation.current[key], situation.wanted[key]
        if getattr(old, "comment", None) != getattr(new, "comment", None):
            commands = [*commands, comment(key, new.comment)]
        return [alter(situation, key, f"alter {key}", commands, rank=self.rank)]

    def drop(self, situation: PlanContext, key: Key) -> list[Change]:
        """Drop an object; its definition stays in the snapshot."""
        made = command("object/drop", *self.locks(situation, key), what=what_of(key))
        return [drop(situation, key, f"drop {key}", [made], rank=self.drop_rank)]

    def in_place(self, situation: PlanContext, key: Key) -> list[Command] | None:
        """Return what changes an object in place (its comment aside), or None where it must be made again."""
        old, new = situation.current[key], situation.wanted[key]
        return self.change(situation, key, old, new) if changed(old, new) - {"comment"} else []


def _comments(situation: PlanContext, key: Key) -> list[Command]:
    return comments(key, getattr(situation.wanted[key], "comment", None))


def changed(old: Any, new: Any) -> set[str]:
    """Return the names of the fields that differ."""
    return set(differing_fields(old, new))


def sql(text: str | None) -> Sql | None:
    """Return a text of the catalog that is SQL."""
    return None if text is None else Sql(text)


def option(pair: str) -> Sql:
    """Return one option of a foreign object, "name=value", as SQL."""
    name, _, value = pair.partition("=")
    return Sql(f"{ident(name)} {literal(value)}")


def option_changes(old: Sequence[str] | None, new: Sequence[str] | None) -> list[Sql]:
    """Return the items of ALTER … OPTIONS that lead from one list of "name=value" to the other."""
    before = dict(pair.split("=", 1) for pair in old or ())
    after = dict(pair.split("=", 1) for pair in new or ())
    items = [Sql(f"DROP {ident(name)}") for name in before if name not in after]
    for name, value in after.items():
        if name not in before:
            items.append(Sql(f"ADD {ident(name)} {literal(value)}"))
        elif before[name] != value:
            items.append(Sql(f"SET {ident(name)} {literal(value)}"))
    return items
