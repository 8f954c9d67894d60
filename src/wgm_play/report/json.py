"""Output for programs: one document on standard output when all is done; people's words go to standard error.

In: the calls of `base.Reporter`. Out: JSON as `document.schema.json` describes it (`wgm-play schema --output run`).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wgm_play import __version__
from wgm_play.errors import InputError
from wgm_play.impact import Impact, as_data
from wgm_play.lazy_dataclass import dataclass
from wgm_play.plan import Command, Operation, Plan
from wgm_play.report import console, plan_text, problem
from wgm_play.report.text import TextReporter
from wgm_play.reporter import Counts, Progress, Reporter, StepResult
from wgm_play.secret import MASK, Secret, mask

# Goes up when a program that reads the document would have to change; new keys do not change it.
FORMAT = 1


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("document.schema.json").read_text(encoding="utf-8"))
    return loaded


@dataclass(slots=True)
class JsonReporter(Reporter):
    """Gathers everything, tells people through `words`, prints one document in `finish`."""

    command: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    verbosity: int = 0
    no_color: bool = False
    words: TextReporter = field(init=False)
    _results: list[dict[str, Any]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _finished: bool = False

    def __post_init__(self) -> None:
        self.words = TextReporter(verbosity=self.verbosity, no_color=self.no_color, aside=True)

    def begin(self, playbook: str | None) -> None:
        """Open the part of a playbook."""
        self._results.append(
            {
                "playbook": playbook,
                "plays": [],
                "recap": {},
                "tables": [],
                "pages": {},
                "data": {},
                "messages": [],
                "errors": [],
            }
        )
        self.words.begin(playbook)

    def play(self, name: str, target: str) -> None:
        """Open a play."""
        Reporter.play(self, name, target)
        self._open(name, target)
        self.words.play(name, target)

    def step(self, result: StepResult) -> None:
        """Keep how a step ended."""
        self._ended(result, handler=False)
        self.words.step(result)

    def handler(self, result: StepResult) -> None:
        """Keep how a handler ended."""
        self._ended(result, handler=True)
        self.words.handler(result)

    def plan(self, plan: Plan, *, diff: bool, outlook: Impact | None = None) -> None:
        """Keep a plan, with all its statements whether `diff` was asked for or not."""
        self._play(plan.play, plan.environment)["plan"] = plan_data(plan)
        if outlook is not None:
            self.data("outlook", as_data(plan, outlook))
        self.words.plan(plan, diff=diff, outlook=outlook)

    def note(self, text: str) -> None:
        """Keep a note."""
        self._message("note", text)
        self.words.note(text)

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self._message("warning", text)
        self.words.warn(text)

    def retry(self, text: str) -> None:
        """Keep that a lock was not to be had."""
        self._message("retry", text)
        self.words.retry(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Keep rows."""
        self._result["tables"].append(
            {"title": title, "columns": list(columns), "rows": [[plain(value) for value in row] for row in rows]}
        )
        self.words.table(title, columns, rows)

    def data(self, name: str, value: Any) -> None:
        """Keep a part of the document."""
        self._result["data"][name] = plain(value)

    def closing(self, text: str, *, first: bool = False) -> None:
        """Keep what is said after the recap."""
        self._message("note", text)
        self.words.closing(text, first=first)

    def page(self, name: str, text: str) -> None:
        """Keep a whole text."""
        self._result["pages"][name] = text

    def spare_output(self) -> None:
        """Refuse it: the document is on standard output."""
        raise InputError(
            "--format json and a report to - both go to standard output",
            hint="give the report a file: --report FORMAT:FILE",
        )

    def confirm(self, question: str) -> bool:
        """Ask on the terminal."""
        return self.words.confirm(question)

    @contextmanager
    def progress(self, label: str, total: float = 0, unit: str = "") -> Iterator[Progress]:
        """Show people that something long is under way."""
        with self.words.progress(label, total, unit) as shown:
            yield shown

    def recap(self) -> None:
        """Close the counts of a playbook."""
        self._close_counts()
        self.words.only_changes = self.only_changes
        self.words.recap()

    def error(self, error: Exception) -> None:
        """Keep an error, or all errors of a playbook."""
        self._result["errors"] += problem.data(error)
        self.words.error(error)

    def finish(self, exit_code: int, summary: Mapping[str, Any] | None = None) -> None:
        """Print the document, once."""
        if self._finished:
            return
        self._finished = True
        self._close_counts()
        document = {
            "format": FORMAT,
            "version": __version__,
            "command": self.command,
            "options": dict(self.options),
            "started": self._started.isoformat(timespec="milliseconds"),
            "seconds": round(time.monotonic() - self._began, 3),
            "exit_code": exit_code,
            "summary": dict(summary or {}),
            "results": self._results,
        }
        console.write(json.dumps(plain(document), ensure_ascii=False, indent=2) + "\n")

    @property
    def _result(self) -> dict[str, Any]:
        if not self._results:
            self.begin(None)
        return self._results[-1]

    def _open(self, name: str, target: str) -> dict[str, Any]:
        made: dict[str, Any] = {"name": name, "target": target, "plan": None, "steps": []}
        self._result["plays"].append(made)
        return made

    def _play(self, name: str, target: str) -> dict[str, Any]:
        """Return the play that is open, or open this one."""
        plays = self._result["plays"]
        fits = plays and (not target or plays[-1]["target"] == target) and (not name or plays[-1]["name"] == name)
        found: dict[str, Any] = plays[-1] if fits else self._open(name, target)
        return found

    def _ended(self, result: StepResult, *, handler: bool) -> None:
        Reporter.step(self, result)
        self._play("", result.target)["steps"].append(
            {
                "name": result.name,
                "item": result.item,
                "handler": handler,
                "outcome": result.outcome,
                "reason": result.reason,
                "administrator": result.administrator,
                "seconds": result.seconds,
                "operations": [operation_data(operation) for operation in result.operations],
            }
        )

    def _message(self, level: str, text: str) -> None:
        self._result["messages"].append({"level": level, "text": text})

    def _close_counts(self) -> None:
        if not self.counts:
            return
        recap = self._result["recap"]
        for target, counts in self.counts.items():
            before = Counts(**recap.get(target, {}))
            recap[target] = {name: getattr(before, name) + count for name, count in asdict(counts).items()}
        self.counts.clear()


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON data."""
    return {
        "server_version": plan.server_version,
        "from_digest": plan.from_digest,
        "to_digest": plan.to_digest,
        "playbook_digest": plan.playbook_digest,
        "counts": plan_text.tally(plan),
        "groups": [
            {
                "step": group.step if group.step >= 0 else None,
                "transactional": group.transactional,
                "operations": [operation_data(operation) for operation in group.operations],
            }
            for group in plan.groups
        ],
        "skipped": [
            {"step": step if step >= 0 else None, "reason": reason, "administrator": administrator}
            for step, reason, administrator in plan.skipped
        ],
        "unknown": list(plan.unknown),
        "warnings": list(plan.warnings),
    }


def operation_data(operation: Operation) -> dict[str, Any]:
    """Return an operation as JSON data, without the rows and secrets its payload may hold."""
    return {
        "verb": operation.verb,
        "kind": operation.key.kind,
        "object": list(operation.key.name),
        "title": operation.title,
        "hazards": [asdict(hazard) for hazard in operation.hazards],
        "irreversible": operation.irreversible,
        "commands": [_command(command) for command in operation.commands],
    }


def _command(command: Command) -> dict[str, Any]:
    return {
        "sql": command.sql,
        "transactional": command.transactional,
        "locks": [{"level": lock.level, "relation": lock.relation} for lock in command.locks],
        "rewrites": command.rewrites,
        "scans": command.scans,
    }


def plain(value: Any) -> Any:
    """Return `value` as JSON types, every text masked: masking the finished document would miss escaped texts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if mask(str(value)) == str(value) else MASK
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, str):
        return mask(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {mask(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return plain(asdict(value))
    return mask(str(value))
