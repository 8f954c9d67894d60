"""The plan: data that says what will run, in which order, under which locks, and what it starts from.

In: operations in order. Out: groups of statements as they will be sent; JSON that `--plan` runs exactly.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that a statement takes: its level as in `pg_locks.mode` without "Lock" (AccessExclusive), and on what.

    `below` tells that it is on a child of the table that the statement names, whose size counts the child's.
    """

    level: str
    relation: str
    below: bool = False


@dataclass(frozen=True, slots=True)
class Hazard:
    """A danger of an operation: the code of its entry (`wgm-play doc C08`), what happens, what to do instead.

    One that needs `consent` stops the plan until a step accepts it; `accepted` is the reason that was given then.
    """

    code: str
    what: str
    instead: str = ""
    consent: bool = False
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One statement as it will be sent.

    `wait` is the class of its timeouts: "short" (a catalog change: short lock wait, short running time), "long"
    (validation or a concurrent build: no statement timeout), "data" (rows are written). `sql` holds placeholders
    for secrets as ${NAME}. `done` is a query that returns true where this statement need not run any more; it is
    asked before a statement that cannot run in a transaction is repeated. `shadow` is false for what is not proved
    in the shadow database (privileges, settings: they are cluster-wide).
    """

    sql: str
    wait: str = "short"
    locks: tuple[Lock, ...] = ()
    transactional: bool = True
    rewrites: bool = False
    scans: bool = False
    done: str | None = None
    shadow: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of one object, with its price.

    `verb` is create, alter, drop, rename, trash, restore or run; `key` the object; `title` one line for people;
    `step` the index of the step that asks for it (-1: none); `irreversible` the reason where it cannot be undone;
    `payload` what the executor needs beyond statements (seed rows, a backfill, a trash entry). `alone` is true for
    an operation that must not share its transaction (a new enum value, a validation).
    """

    verb: str
    key: Key
    title: str
    commands: tuple[Command, ...]
    step: int = -1
    hazards: tuple[Hazard, ...] = ()
    irreversible: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Operations that commit together with their ledger rows; one that cannot is alone (`transactional` false)."""

    operations: tuple[Operation, ...]
    step: int
    transactional: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A contract: what runs, from which catalog to which, made from which inputs.

    `from_digest` and `to_digest` are digests of the live catalog before and after; `playbook_digest` covers
    playbook, templates and variables; `unknown` names what the role may not read and what is not modelled;
    `skipped` are (step index, reason, statement for an administrator); `warnings` are what a reader should know beside.
    `step_names` and `step_items`, the items of loops, are by the index of the step.
    """

    playbook: str
    play: str
    environment: str
    server_version: int
    from_digest: str
    to_digest: str
    playbook_digest: str
    groups: tuple[Group, ...]
    skipped: tuple[tuple[int, str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    step_names: tuple[str, ...] = ()
    step_items: tuple[str, ...] = ()

    @property
    def operations(self) -> list[Operation]:
        """All operations in the order in which they run."""
        return [operation for group in self.groups for operation in group.operations]

    def by_step(self) -> dict[int, list[Operation]]:
        """Return the operations of each step that has any, by its index."""
        found: dict[int, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.step, []).append(operation)
        return found
