"""A plan as people review it: transactions, operations with markers, and with `--diff` SQL, locks and hazards.

In: a `Plan`. Out: lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wgm_play.execute.pausing import asks
from wgm_play.plan import Command, Group, Hazard, Lock, Operation, Plan
from wgm_play.report.console import BOLD, CYAN, DIM, GREEN, MAGENTA, RED, YELLOW, styled, visible

if TYPE_CHECKING:
    from wgm_play.impact import Foretold, Impact

# How each verb is marked and counted. `run` is what is neither: a statement of the playbook's own, rows, a backfill.
MARKS = {
    "create": ("+", GREEN, "create"),
    "restore": ("+", GREEN, "create"),
    "alter": ("~", YELLOW, "alter"),
    "rename": ("~", YELLOW, "alter"),
    "drop": ("-", RED, "remove"),
    "trash": ("-", RED, "remove"),
    "run": (">", CYAN, "run"),
}
_UNKNOWN_VERB = (">", CYAN, "run")

# What a lock stops others from doing (manual: "Explicit Locking", table "Conflicting Lock Modes").
STOPS = {
    "AccessShare": "stops nothing but exclusive locks",
    "RowShare": "stops nothing that applications do",
    "RowExclusive": "stops nothing that applications do",
    "ShareUpdateExclusive": "stops neither reads nor writes",
    "Share": "stops writes",
    "ShareRowExclusive": "stops writes",
    "Exclusive": "stops writes and locking reads",
    "AccessExclusive": "stops reads and writes",
}


def lock(taken: Lock) -> str:
    """Say a lock, what it is on, and what it stops."""
    return f"{taken.level} on {taken.relation}: {STOPS.get(taken.level, 'stops what conflicts with it')}"


def tally(plan: Plan) -> dict[str, int]:
    """Count the operations of a plan: to create, alter, remove, run."""
    counts = Counter(MARKS.get(operation.verb, _UNKNOWN_VERB)[2] for operation in plan.operations)
    return {word: counts.get(word, 0) for word in ("create", "alter", "remove", "run")}


def summary(plan: Plan) -> str:
    """Return the one line that says how much a plan does."""
    if not plan.operations:
        return "Plan: nothing to do"
    counts = tally(plan)
    words = [f"{count} to {word}" for word, count in counts.items() if count or word != "run"]
    inside = sum(group.transactional for group in plan.groups)
    outside = len(plan.groups) - inside
    parts = [_number(inside, "transaction")] if inside else []
    parts += [f"{_number(outside, 'statement')} outside of one"] if outside else []
    return f"Plan: {', '.join(words)}, in {' and '.join(parts)}"


def lines(plan: Plan, *, diff: bool, colour: bool, outlook: Impact | Foretold | None = None) -> Iterator[str]:
    """Yield the lines that show a plan; with `diff` and `outlook` also what each statement will meet."""
    number = 0
    for group in plan.groups:
        number += group.transactional
        yield ""
        yield styled(_title(plan, group, number), BOLD, colour)
        for operation in group.operations:
            yield from operation_lines(operation, diff=diff, colour=colour, outlook=outlook)
    if plan.skipped or plan.unknown or plan.warnings:
        yield ""
    for step, reason, administrator in plan.skipped:
        yield f"{styled('skipped:', CYAN, colour)} {_step(plan, step)}{visible(reason)}"
        if administrator:
            yield "  an administrator can run:"
            yield from _indented(administrator, "    ")
    for unknown in plan.unknown:
        yield f"{styled('unknown:', MAGENTA, colour)} {visible(unknown)}"
    for warning in plan.warnings:
        yield f"{styled('warning:', MAGENTA, colour)} {visible(warning)}"
    yield ""
    yield styled(summary(plan), BOLD, colour)


def operation_lines(
    operation: Operation,
    *,
    diff: bool,
    colour: bool,
    indent: str = "  ",
    outlook: Impact | Foretold | None = None,
) -> Iterator[str]:
    """Yield the lines of one operation; with `diff` its statements and their locks, and what to do about hazards."""
    mark, style, _ = MARKS.get(operation.verb, _UNKNOWN_VERB)
    yield f"{indent}{styled(f'{mark} {visible(operation.title)}', style, colour)}"
    for hazard in operation.hazards:
        yield from _hazard(hazard, colour, f"{indent}  ")
    if operation.irreversible:
        yield f"{indent}  {styled('! cannot be undone:', RED, colour)} {visible(operation.irreversible)}"
    texts = outlook.texts.get(operation.key) if outlook is not None and operation.verb in ("alter", "create") else None
    if diff and texts is not None:
        yield from text_diff(*texts, colour=colour, indent=f"{indent}    ")
    if diff:
        for command in operation.commands:
            yield from command_lines(command, colour=colour, indent=f"{indent}    ", outlook=outlook)


def text_diff(before: str, after: str, *, colour: bool, indent: str) -> Iterator[str]:
    """Yield the lines in which a text changes, with three lines around."""
    from difflib import unified_diff

    styles = {"-": RED, "+": GREEN, "@": DIM}
    told = unified_diff(before.strip().split("\n"), after.strip().split("\n"), lineterm="", n=3)
    for line in list(told)[2:]:
        shown = "..." if line.startswith("@@") else line
        if line.startswith("@@") and line.startswith("@@ -1"):
            continue
        yield styled(f"{indent}{visible(shown)}".rstrip(), styles.get(line[:1], ""), colour)


def command_lines(
    command: Command, *, colour: bool, indent: str, outlook: Impact | Foretold | None = None
) -> Iterator[str]:
    """Yield the lines of one statement: its SQL, and what it does to others as comments of SQL."""
    yield from _indented(command.sql.rstrip().rstrip(";") + ";", indent)
    remarks = [lock(taken) for taken in command.locks]
    if command.rewrites:
        remarks.append("rewrites the table")
    if command.scans:
        remarks.append("scans the table")
    if not command.transactional:
        remarks.append("outside of a transaction")
    if outlook is not None:
        remarks += outlook.remarks(command)
    for remark in remarks:
        yield styled(f"{indent}-- {visible(remark)}", DIM, colour)


def _hazard(hazard: Hazard, colour: bool, indent: str) -> Iterator[str]:
    yield f"{indent}{styled(f'! {hazard.code}', f'{BOLD};{RED}', colour)} {visible(hazard.what)}"
    if hazard.accepted is not None:
        yield f"{indent}  accepted: {visible(hazard.accepted)}"
    elif hazard.instead:
        yield f"{indent}  {styled('→', YELLOW, colour)} {visible(hazard.instead)}"


def _title(plan: Plan, group: Group, number: int) -> str:
    what = f"transaction {number}" if group.transactional else "outside of a transaction"
    if asks(group):
        what += ", while the pool is paused"
    step = _step(plan, group.step).removesuffix(": ")
    return f"{what}, {step}" if step else what


def _step(plan: Plan, index: int) -> str:
    names = plan.step_names
    if index < 0:
        return ""
    return f"step {visible(names[index])!r}: " if index < len(names) else f"step {index + 1}: "


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _indented(text: str, indent: str) -> Iterator[str]:
    for line in visible(text).split("\n"):
        yield f"{indent}{line}".rstrip()
