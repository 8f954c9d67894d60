"""A group as one message: its statements, its ledger rows and COMMIT, sent and answered in one round trip.

In: a group of catalog changes, the rows that tell of its operations and statements. Out: the statements of a
transaction. The server notes the time after each; where one ends, the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wgm_play.execute.session import NEXT
from wgm_play.ledger.statements import text
from wgm_play.plan import Command, Group, Operation
from wgm_play.secret import resolve

# How a statement begins that is ours.
OURS = ("BEGIN", "COMMIT", "EXECUTE wgm_", "SELECT pg_catalog.set_config('wgm.mark_")
# What the executor must do between statements, or in more of the ledger's tables.
RECORDED = ("sql_once", "trash", "row_changes", "handlers", "backfill")


def fits(group: Group) -> bool:
    """Tell whether a group can be sent as one message: catalog changes that read no table and leave nothing to be done.

    What may take long is sent by itself, so that others see in pg_stat_activity what it is.
    """
    return group.transactional and all(
        operation.commands
        and not any(operation.payload.get(name) for name in RECORDED)
        and all(_quick(command) for command in operation.commands)
        for operation in group.operations
    )


def _quick(command: Command) -> bool:
    return command.wait == "short" and command.done is None and not command.scans and not command.rewrites


class Message:
    """The statements of a group, and which command each of them is."""

    def __init__(
        self,
        group: Group,
        record: Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]], str],
        operation_row: Callable[[int, Operation], dict[str, Any]],
        statement_row: Callable[[int, int, Operation, Command], dict[str, Any]],
        locks: str,
    ) -> None:
        """Make the rows by the two functions, which take numbers within the group; `record` makes them a statement."""
        self.parts = ["BEGIN"]
        self._owners: list[tuple[Operation, Command]] = []
        self._left = sum(len(operation.commands) for operation in group.operations)
        self.statements = self._left
        operations: list[dict[str, Any]] = []
        statements: list[dict[str, Any]] = []
        mark: str | None = None
        for number, operation in enumerate(group.operations):
            began = mark
            for command in operation.commands:
                row = statement_row(number, len(statements), operation, command)
                row["began"] = mark
                row["ended"] = mark = self._add(operation, command)
                statements.append(row)
            row = operation_row(number, operation)
            operations.append(row | {"began": began, "ended": mark})
        self.parts += [record(operations, statements), locks, "COMMIT"]

    def _add(self, operation: Operation, command: Command) -> str | None:
        """Add a command; return the setting that will hold the time of its end, None for the last one: it is noted
        when the rows are written."""
        self._owners.append((operation, command))
        self.parts.append(resolve(command.sql))
        self._left -= 1
        if not self._left:
            return None
        mark = f"wgm.mark_{len(self._owners)}"
        self._owners.append((operation, command))
        self.parts.append(text("execute/mark", name=mark))
        return mark

    def owner(self, answered: int) -> tuple[Operation, Command]:
        """Return what was under way when so many statements of the message had been answered."""
        return self._owners[min(max(answered - 1, 0), len(self._owners) - 1)]


def commands_in(query: str) -> str:
    """Return the commands of a message, as pg_stat_activity shows it: without what we send around them."""
    parts = query.split(NEXT)
    return query if len(parts) == 1 else ";\n".join(part for part in parts if not part.startswith(OURS))
