"""Output as Ansible's users know it: PLAY and STEP banners, ok, changed, skipped, failed, and a recap for scripts.

In: the calls of `base.Reporter`. Out: lines on standard output; errors and warnings on standard error.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.report import console
from wgm_play.report.console import CYAN, GREEN, MAGENTA, RED, YELLOW, styled, visible, without_commands
from wgm_play.reporter import Counts, Progress, Reporter, StepResult

if TYPE_CHECKING:
    from wgm_play.impact import Impact
    from wgm_play.plan import Operation, Plan

STYLES = {"ok": GREEN, "changed": YELLOW, "skipped": CYAN, "failed": RED}
# Where the width is not known, as for a pipe: what Ansible takes.
PLAIN_WIDTH = 80
# Rows longer than this are read more easily as several lines each.
WIDEST = 160


@dataclass(slots=True)
class TextReporter(Reporter):
    """Speaks to people. `verbosity` 1 shows the SQL of changed steps, 2 times and locks. With `aside` everything
    goes to standard error, because standard output belongs to a document."""

    verbosity: int = 0
    no_color: bool = False
    aside: bool = False
    pages_aside: bool = False
    _banner: str = ""
    _always: bool = False
    _watches: list[Any] = field(default_factory=list)

    def begin(self, playbook: str | None) -> None:
        """Begin with a playbook: its banners start afresh."""
        self._banner = ""

    def play(self, name: str, target: str) -> None:
        """Show the banner of a play."""
        Reporter.play(self, name, target)
        self._banner = ""
        if not self.only_changes:
            self._head(f"PLAY [{name}]")

    def step(self, result: StepResult) -> None:
        """Show how a step ended."""
        Reporter.step(self, result)
        self._result("STEP", result)

    def handler(self, result: StepResult) -> None:
        """Show how a handler ended."""
        Reporter.step(self, result)
        self._result("RUNNING HANDLER", result)

    def plan(self, plan: Plan, *, diff: bool, outlook: Impact | None = None) -> None:
        """Show a plan."""
        self._banner = ""
        from wgm_play.report import plan_text

        self._head(f"PLAN [{plan.play} on {plan.environment}]")
        for line in plan_text.lines(plan, diff=diff, colour=self._colour(), outlook=outlook):
            self._say(line)

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        self._say(visible(text))

    def warn(self, text: str) -> None:
        """Say a warning."""
        self._say(f"{styled('WARNING:', MAGENTA, self._colour(error=True))} {visible(text)}", error=True)

    def retry(self, text: str) -> None:
        """Say that a lock was not to be had."""
        self._say(f"{styled('RETRYING:', YELLOW, self._colour())} {visible(text)}")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show rows under their heads, in columns as wide as what they hold."""
        if title:
            self._head(visible(title))
        lines = aligned(columns, rows)
        for line in lines if max(map(len, lines)) <= max(WIDEST, self._width()) else stacked(columns, rows):
            self._say(line)

    def page(self, name: str, text: str) -> None:
        """Write a whole text as it is, on standard output: a schema, a page of the reference, a playbook."""
        text = text.rstrip("\n")
        if not any(watch.print(text) for watch in self._watches):
            console.write(f"{text}\n", error=self.pages_aside)

    def spare_output(self) -> None:
        """Say everything on standard error, pages too."""
        self.aside = self.pages_aside = True

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; `c` answers all further questions with yes."""
        if self._always:
            return True
        while True:
            console.write(f"{visible(question)} (y)es, (N)o, (c)ontinue without asking: ", error=True)
            answer = sys.stdin.readline()
            word = answer.strip().lower()
            if word in ("y", "yes"):
                return True
            if word in ("c", "continue"):
                self._always = True
                return True
            if word in ("", "n", "no"):
                return False

    @contextmanager
    def progress(self, label: str, total: float = 0, unit: str = "") -> Iterator[Progress]:
        """Show that something long is under way."""
        from wgm_play.report.progress import ProgressThread

        shown = Progress(visible(label), total, 0, unit)
        watch = ProgressThread(
            shown,
            self._log,
            terminal=console.is_terminal(sys.stderr)
            and console.wants_colour(sys.stderr, self.no_color)
            and not self._watches,
        )
        self._watches.append(watch)
        watch.start()
        try:
            yield shown
        finally:
            watch.stop()
            self._watches.remove(watch)

    def recap(self) -> None:
        """Show one line per target, then start to count again: the next playbook has its own recap."""
        self._banner = ""
        if not self.only_changes:
            self._head("RECAP")
        for target, counts in self.counts.items():
            self._say(recap_line(target, counts, self._colour()))
        self.counts.clear()
        for text in self.closings if not self.only_changes else ():
            self._say(text)
        self.closings.clear()

    def error(self, error: Exception) -> None:
        """Show an error, or all errors of a playbook."""
        from wgm_play.report import problem

        self._say("\n".join(problem.lines(error, self._colour(error=True))), error=True)

    def _result(self, word: str, result: StepResult) -> None:
        if self.only_changes and result.outcome in ("ok", "skipped"):
            return
        banner = f"{word} [{result.name}]"
        if banner != self._banner or not result.item:
            self._head(banner)
            self._banner = banner
        colour = self._colour()
        item = f" => (item={visible(result.item)})" if result.item else ""
        reason = ""
        if result.reason:
            reason = f"{': ' if result.outcome == 'failed' else ' '}{visible(result.reason)}"
        seconds = f" ({result.seconds:.3f} s)" if self.verbosity >= 2 and result.seconds is not None else ""
        line = f"{result.outcome}: [{visible(result.target)}]{item}{reason}{seconds}"
        self._say(styled(line, STYLES.get(result.outcome, ""), colour))
        if result.administrator:
            self._say("  an administrator can run:")
            self._say("\n".join(f"    {line}" for line in visible(result.administrator).split("\n")))
        if self.verbosity >= 1 and result.outcome == "changed":
            self._operations(result.operations)

    def _operations(self, operations: Sequence[Operation]) -> None:
        from wgm_play.report import plan_text

        colour = self._colour()
        for operation in operations:
            if self.verbosity >= 2:
                for line in plan_text.operation_lines(operation, diff=True, colour=colour):
                    self._say(line)
            else:
                for command in operation.commands:
                    self._say("\n".join(f"    {line}" for line in f"{visible(command.sql).rstrip(';')};".split("\n")))

    def _head(self, text: str) -> None:
        shown = visible(text)
        self._say(f"\n{shown} {'*' * max(3, self._width() - len(shown) - 1)}")

    def _width(self) -> int:
        stream = sys.stderr if self.aside else sys.stdout
        terminal = bool(stream and stream.isatty())
        return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if terminal else PLAIN_WIDTH

    def _colour(self, error: bool = False) -> bool:
        return console.wants_colour(sys.stderr if error or self.aside else sys.stdout, self.no_color)

    def _log(self, text: str) -> None:
        self._say(visible(text))

    def _say(self, text: str, *, error: bool = False) -> None:
        if any(watch.print(text) for watch in self._watches):
            return
        console.write(f"{without_commands(text)}\n", error=error or self.aside)


def recap_line(target: str, counts: Counts, colour: bool) -> str:
    """Return the recap line of one target, coloured by its worst count."""
    worst = RED if counts.failed or counts.unreachable else YELLOW if counts.changed else GREEN
    line = visible(counts.line(target))
    return styled(line[: len(visible(target))], worst, colour) + line[len(visible(target)) :]


def aligned(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return heads and rows as lines, columns two blanks apart, numbers to the right."""
    if not rows:
        return ["(none)"]
    texts = [[_cell(value) for value in row] for row in [columns, *rows]]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [all(map(_is_number, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in texts
    ]


# The first columns of a table that is too wide stand beside one another where they are no wider than this.
NARROW = 16


def stacked(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return rows too wide for a line: narrow columns and the first wide one beside one another, the others below by their heads.

    What is empty is left out; rows of several lines stand apart by an empty line.
    """
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    lead = next((number for number, width in enumerate(widths) if width > NARROW), 0)
    indent = " " * (sum(width + 2 for width in widths[:lead]) or 4)
    heads = columns[lead + 1 :]
    wide = max(map(len, heads), default=0)
    blocks = []

    def beside(row: Sequence[str]) -> str:
        return "".join(text.ljust(width + 2) for text, width in zip(row[:lead], widths, strict=False)) + row[lead]

    for row in texts:
        below = [
            f"{indent}{head.ljust(wide)}  {text}" for head, text in zip(heads, row[lead + 1 :], strict=True) if text
        ]
        blocks.append([beside(row).rstrip(), *below])
    apart = [[""] if max(len(block), len(before)) > 1 else [] for before, block in pairwise(blocks)]
    return [
        beside(columns),
        *(line for gap, block in zip([[], *apart], blocks, strict=True) for line in (*gap, *block)),
    ]


def _cell(value: Any) -> str:
    return visible("" if value is None else str(value)).replace("\n", " ")


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
