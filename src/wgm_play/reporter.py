"""What the pipeline tells people while it works: one interface, spoken as text or as JSON.

In: calls in the order of the work. Out: nothing; `text.py` and `json.py` say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from wgm_play.impact import Impact
    from wgm_play.plan import Operation, Plan


@dataclass(slots=True)
class Counts:
    """The recap of one target; `ok` includes `changed`, as in Ansible."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0

    def line(self, target: str) -> str:
        """Return the recap line that scripts rely on."""
        counts = " ".join(
            f"{name}={getattr(self, name)}" for name in ("ok", "changed", "unreachable", "failed", "skipped")
        )
        return f"{target} : {counts}"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step ended on one target. `seconds` is None when it was not timed; `administrator` is the statement
    that a skipped step needs from an administrator."""

    target: str
    name: str
    outcome: str
    item: str = ""
    reason: str = ""
    operations: Sequence[Operation] = ()
    seconds: float | None = None
    administrator: str = ""


@dataclass(slots=True)
class Progress:
    """Something long under way: `done` of `total` (0: unknown), in `unit`."""

    label: str
    total: float = 0
    done: float = 0
    unit: str = ""


@dataclass(slots=True)
class Reporter:
    """Says nothing; text and JSON reporters override what they say."""

    counts: dict[str, Counts] = field(default_factory=dict)
    closings: list[str] = field(default_factory=list)
    # `--watch`: after the first pass only what changed is said.
    only_changes: bool = False

    def begin(self, playbook: str | None) -> None:
        """What follows is about this playbook."""

    def play(self, name: str, target: str) -> None:
        """A play begins: its target is in the recap, whether a step says something of it or not."""
        self.counts.setdefault(target, Counts())

    def step(self, result: StepResult) -> None:
        """A step ended."""
        counts = self.counts.setdefault(result.target, Counts())
        if result.outcome == "changed":
            counts.ok += 1
            counts.changed += 1
        elif result.outcome in ("ok", "skipped", "failed"):
            setattr(counts, result.outcome, getattr(counts, result.outcome) + 1)

    def handler(self, result: StepResult) -> None:
        """A handler ended."""
        self.step(result)

    def plan(self, plan: Plan, *, diff: bool, outlook: Impact | None = None) -> None:
        """A plan was made (`--check`); `diff` shows its SQL, locks and hazards, and what it will meet by `outlook`."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def warn(self, text: str) -> None:
        """Something to look at; changes no exit code."""

    def retry(self, text: str) -> None:
        """A lock was not to be had; the text names the blocker and the next attempt."""

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Rows for people (`status`, `backups`, `check`)."""

    def data(self, name: str, value: Any) -> None:
        """A part of the JSON document that text does not show."""

    def closing(self, text: str, *, first: bool = False) -> None:
        """Something to say after the recap, at the very end; or `first` of what is said there."""
        if text not in self.closings:
            self.closings.insert(0 if first else len(self.closings), text)

    def page(self, name: str, text: str) -> None:
        """A whole text that was asked for, as it is (a schema, a page of the reference, a playbook)."""

    def spare_output(self) -> None:
        """Standard output belongs to a report: all else goes to standard error, pages too."""

    def confirm(self, question: str) -> bool:
        """Ask before a step (`--step`); a reporter without a terminal says yes."""
        return True

    @contextmanager
    def progress(self, label: str, total: float = 0, unit: str = "") -> Iterator[Progress]:
        """Show that something long is under way; the caller updates `done`."""
        yield Progress(label, total, 0, unit)

    def recap(self) -> None:
        """The run ended: one line per target."""

    def error(self, error: Exception) -> None:
        """The command failed; the exit code is the error's."""

    def finish(self, exit_code: int, summary: Mapping[str, Any] | None = None) -> None:
        """Everything was said; JSON prints its document now."""
