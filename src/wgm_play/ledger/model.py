"""What the ledger holds, as data.

In: rows of schema `wgm`. Out: frozen dataclasses; the fields have the names of the columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wgm_play.lazy_dataclass import dataclass

# A run with one of these (or with none, when it was killed) is finished by the same command.
UNFINISHED = (None, "failed", "interrupted", "aborted", "killed")


# What changes nothing that a playbook declares: rollback takes back what was done before it.
UPKEEP = frozenset(["purge", "trash"])


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is known of a run when it begins.

    `id` None takes the next number (a baseline gives 0). `rolls_back` are the runs that a rollback takes back. The
    role, the client's address and the backend are filled in by the server, the rest by `Ledger.begin`.
    """

    playbook: str
    play: str
    environment: str
    command: str
    plan_digest: str | None = None
    from_digest: str | None = None
    to_digest: str | None = None
    playbook_digest: str | None = None
    rolls_back: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at_step: str | None = None
    id: int | None = None
    consents: tuple[Consent, ...] = ()
    revision: Revision | None = None
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `status` None: it is under way, or it was killed. `operations` and `statements` are those committed."""

    id: int
    started_at: datetime
    playbook: str
    play: str
    environment: str
    command: str
    version: str
    role: str
    os_user: str
    host: str
    pid: int
    client: str | None
    backend_pid: int
    plan_digest: str | None
    from_digest: str | None
    to_digest: str | None
    playbook_digest: str | None
    resumes: int | None
    rolls_back: list[int]
    tags: list[str]
    skip_tags: list[str]
    start_at_step: str | None
    status: str | None
    ended_at: datetime | None
    error: str | None
    operations: int
    statements: int
    lock_wait_ms: float

    @property
    def is_rollback(self) -> bool:
        """Whether this run takes other runs back."""
        return bool(self.rolls_back) or self.command == "rollback"


@dataclass(frozen=True, slots=True)
class RunChange:
    """A run that changed something, with the runs that finished it after it was cut short: `runs`, oldest first."""

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run that began it: its snapshot before is the state before the change."""
        return self.runs[0]

    @property
    def last(self) -> Run:
        """The run that ended it: its snapshot after is the state after the change."""
        return self.runs[-1]

    @property
    def ids(self) -> tuple[int, ...]:
        """The numbers of all its runs."""
        return tuple(run.id for run in self.runs)

    @property
    def is_upkeep(self) -> bool:
        """Whether it only emptied the trash, or brought something back from it."""
        return all(run.command in UPKEEP for run in self.runs)

    @property
    def operations(self) -> int:
        """How many operations were committed."""
        return sum(run.operations for run in self.runs)

    @property
    def began(self) -> bool:
        """Whether it may have changed something: a statement that stands alone is recorded before it is sent."""
        return any(run.operations or run.statements for run in self.runs)


@dataclass(frozen=True, slots=True)
class SqlOnce:
    """An event of an imperative step: known by play, step name and loop item; `event` is done or undone."""

    play: str
    step: str
    item: str
    event: str
    checksum: str
    sql: str | None
    down: str | None
    run: int
    at: datetime


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """Something removed whose data are kept: its own name, the name it has in the trash, what is needed to restore."""

    kind: str
    name: list[str]
    trash_name: list[str]
    definition: Any
    run: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was tried beside the database: a drill, a rehearsal, or what a run took beside what was forecast.

    `run` is the run that it is about, if any; `content` is what its kind keeps.
    """

    id: int
    at: datetime
    kind: str
    environment: str
    play: str
    passed: bool
    run: int | None
    content: Any
    role: str


@dataclass(frozen=True, slots=True)
class PendingHandler:
    """A handler that was notified and has not run since."""

    play: str
    name: str
    run: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that a run wrote: None before means inserted, None after means deleted."""

    run: int
    operation: int
    relation: list[str]
    key: Mapping[str, Any]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Consent:
    """A hazard of an object that somebody consented to, with the reason; `run` is 0 until it is recorded."""

    code: str
    kind: str
    name: list[str]
    what: str
    reason: str
    run: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """What a run was made from: the git commit and how it is known (`source`), tracked files that were edited (`dirty`).

    `steps` has a row for each step as rendered: name, item, digest, and how it stood (held, skipped, waiting, left out);
    `mark` is the digest of them all; a run of a part of the play is not `whole`. `run` is 0 until it is recorded.
    """

    commit: str | None
    source: str
    dirty: list[str]
    whole: bool
    mark: str
    steps: list[list[str]]
    run: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided, and why: `kind` is rollback, release, freeze, lift, override promotion or override freeze.

    `role` and `at` are set by the server, whatever is inserted.
    """

    kind: str
    reason: str
    details: list[str]
    subject: str | None = None
    until: datetime | None = None
    run: int | None = None
    id: int = 0
    role: str = ""
    os_user: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """That a login approved a plan: `plan` is the digest of its file; the server says who (`role`) and when (`at`)."""

    plan: str
    note: str | None
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """Where to restore to, from before a run. `kind` says what could be had: restore point, lsn or time."""

    run: int
    kind: str
    name: str
    lsn: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupPin:
    """A backup that must be kept because a run may still be taken back."""

    backup: str
    run: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DoneOperation:
    """An operation that a run committed, in its transaction group."""

    run: int
    number: int
    group_number: int
    step_name: str
    item: str
    kind: str
    name: list[str]
    title: str
    irreversible: str | None
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class MadeOperation:
    """An operation of any run on an object that somebody asks about."""

    run: int
    number: int
    verb: str
    step_name: str
    item: str
    kind: str
    name: list[str]
    title: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class SentStatement:
    """A statement that a run sent for an operation; `ended_at` None: it did not come to its end."""

    run: int
    number: int
    operation: int
    sql: str
    started_at: datetime
    ended_at: datetime | None
    lock_wait_ms: float
    attempts: int
    error: str
