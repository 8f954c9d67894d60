"""What a playbook is after loading and expansion: plays, steps, and what all steps together declare.

In: nothing. Out: the types that `load`, `expand` and `fold` fill and that realising, diffing and executing read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import Statement
from wgm_play.sql import Sql


@dataclass(frozen=True, slots=True)
class Written:
    """How a file writes a step, before anything was rendered: its `entry`, its variables (`scope`), the places that import the file."""

    entry: Any
    scope: Any
    imports: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step after expansion: imports, loops and `when` are resolved, values are rendered.

    A step with `after_flag` waits until that flag has been on for `flag_for` seconds.
    `index` counts from 0 over the play. `spec` is the validated value of the kind key (a `Map`, so positions are
    kept), `item` identifies the loop item as text ("" without a loop). `accept` has the reason for each code of a hazard
    that the step consents to. `deferred` holds a `when` that reads a
    registered variable which is not known yet: such a step waits for the next planning round.
    """

    index: int
    name: str
    kind: str
    spec: Any
    position: Position
    tags: frozenset[str] = frozenset()
    state: str = "present"
    renamed_from: str | None = None
    notify: tuple[str, ...] = ()
    register: str | None = None
    no_log: bool = False
    required: bool = True
    item: str = ""
    skipped: str | None = None
    deferred: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    accept: Mapping[str, str] = field(default_factory=dict)
    after_flag: str | None = None
    flag_for: float = 0.0
    pause_pool: bool = False
    written: Written | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Convert:
    """How a column's values become another type: SQL over the row before (`using`) and after (`back`)."""

    from_type: str
    using: Sql
    back: Sql | None
    position: Position


@dataclass(frozen=True, slots=True)
class TablePart:
    """A column or constraint of a table, as one line of a playbook declares it."""

    step: int
    position: Position
    absent: bool = False
    renamed_from: str | None = None
    convert: Convert | None = None
    backfill: Sql | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """An object that the steps declare, or declare absent.

    `statements` make it in an empty database, in this order; `late` ones wait until every object's `statements`
    ran (foreign keys, OWNED BY). `parts` are a table's columns, constraints (those with a name given) by their
    keys. `named` are the keys of constraints whose name the playbook gives: other names are not compared.
    `attributes` hold what is not said by SQL in a database: a setting's `value`, a comment's `target`.
    """

    key: Key
    step: int
    position: Position
    statements: tuple[Statement, ...] = ()
    late: tuple[Statement, ...] = ()
    absent: bool = False
    renamed_from: Key | None = None
    required: bool = True
    parts: Mapping[Key, TablePart] = field(default_factory=dict)
    named: frozenset[Key] = frozenset()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One row of a `seed` step: values by column, in the order of the playbook."""

    values: Mapping[str, Any]
    position: Position
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Seed:
    """Rows that a step keeps in a table, found by `key`; `prune` removes rows that are not listed.

    Without `update` a row that is there is left as it is.

    `table_at` is where the step names the table; the names of `key` know their places as every `Text` does.
    """

    table: Key
    table_at: Position
    key: tuple[str, ...]
    rows: tuple[SeedRow, ...]
    step: int
    position: Position
    prune: bool = False
    no_log: bool = False
    update: bool = True


@dataclass(frozen=True, slots=True)
class Batches:
    """How imperative SQL that changes many rows is cut: by `key`, each batch for about `seconds`."""

    table: tuple[str, str]
    assignments: str
    where: str | None
    columns: tuple[str, ...]
    key: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class SqlStep:
    """Imperative SQL: runs once, known by play, step name and loop item; `down` takes it back. With `batches`, `text`
    is the statement for all rows, which is run a few rows at a time."""

    text: str
    down: str | None
    irreversible: bool
    rerun: str | None
    transaction: bool
    step: int
    name: str
    item: str
    position: Position
    handler: bool = False
    batches: Batches | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A query that must return no rows (`empty`), or rows that satisfy nothing more than being read (`register`)."""

    query: str
    message: str | None
    step: int
    position: Position


@dataclass(frozen=True, slots=True)
class Alert:
    """A query whose `value` must stay within `threshold` (as "> 100" for what fires).

    `before` are queries for older servers: (major, query), for those before it, oldest first. `source` is query, promql
    (`query` is then an expression of Prometheus) or watch (`query` is then a word for what wgm-play itself knows). With
    `over` the value is a counter, whose increase within so many seconds is compared. `absent` says what it means that
    there is no value: unknown, no_rows (no row is well, NULL is not) or ok. `shipped`: it is one of our library.
    `series` are, for promql, series with which it fires and with which it is silent.
    """

    name: str
    query: str
    threshold: str
    seconds: int
    severity: str
    summary: str
    position: Position
    labels: Mapping[str, str] = field(default_factory=dict)
    no_log: bool = False
    absent: str = "unknown"
    before: tuple[tuple[int, str], ...] = ()
    source: str = "query"
    over: float = 0.0
    runbook: str = ""
    shipped: bool = False
    drill: Mapping[str, Any] | None = None
    series: Mapping[str, Any] | None = None

    def query_for(self, version: int) -> str:
        """Return the query for a server version (as 150004)."""
        return next((query for major, query in self.before if version < major * 10000), self.query)

    def texts(self) -> tuple[str, ...]:
        """Return its queries, for whichever server; none where it has no query, or one of ours."""
        return (self.query, *(query for _, query in self.before)) if self.source == "query" and not self.shipped else ()


@dataclass(frozen=True, slots=True)
class Invariant:
    """A query that must return no rows before, during and after a run."""

    name: str
    query: str
    position: Position


@dataclass(frozen=True, slots=True)
class AfterChanges:
    """What is watched after a run, for `seconds`, with a look `every` so many; a run that fails it is reported, or taken back."""

    alerts: tuple[Alert, ...]
    invariants: bool
    seconds: float
    every: float
    rollback: bool
    position: Position


@dataclass(frozen=True, slots=True)
class Times:
    """Times of the day, as RFC 5545 calls them: each day, or on `days` of the week (0 is Monday), or on `dates` of the month."""

    often: str
    days: tuple[int, ...]
    dates: tuple[int, ...]
    hour: int
    minute: int


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is done again and again: a command of wgm-play (`run`) or `sql`; `every` so many seconds, or at `times`."""

    name: str
    run: str
    sql: str | None
    every: float | None
    times: Times | None
    timezone: str
    position: Position

    @property
    def slug(self) -> str:
        """The name as a file may have it."""
        return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in self.name.lower()).split()) or "job"


@dataclass(frozen=True, slots=True)
class Pooling:
    """What the application needs of PgBouncer: how many `clients` it opens at most, as which `roles`. Times are seconds.

    What is None is reckoned from the server's limits, or from PgBouncer's version.
    """

    clients: int
    position: Position
    mode: str = "transaction"
    roles: tuple[str, ...] = ()
    connections: int | None = None
    others: int = 10
    reserve: int | None = None
    prepared_statements: int | None = None
    query_wait: float = 30.0
    ignore_startup_parameters: tuple[str, ...] = ("extra_float_digits",)
    listen: str = "127.0.0.1"
    port: int = 6432
    max_connections: int = 100
    version: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A finding of `check` that somebody takes on: that of `check` on an `object` (or pattern; "" for any) `until` a day."""

    check: str
    object: str
    reason: str
    until: date
    position: Position


@dataclass(frozen=True, slots=True)
class Exercise:
    """What a rehearsal tries in the state that is wanted: `sql`, and a query that returns true after it, in one transaction."""

    sql: str
    holds: str | None
    position: Position


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature flag of the application: one SELECT that tells whether it is `on`, and `since` when."""

    name: str
    query: str
    position: Position


@dataclass(frozen=True, slots=True)
class Query:
    """A query of the application, as it was written; `values` are examples of its parameters, None without."""

    name: str
    query: str
    values: Mapping[str, Any] | Sequence[Any] | None
    position: Position


@dataclass(frozen=True, slots=True)
class Declarations:
    """What all steps of a play together say: objects in the order of first mention, then what is not an object.

    `said` has the text of what they say of each object; what is said by a comment step is under the comment's key.
    """

    declarations: Mapping[Key, Declaration]
    seeds: tuple[Seed, ...] = ()
    sqls: tuple[SqlStep, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    said: Mapping[Key, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Play:
    """One play of a playbook. `handlers` are steps that run when a step that notifies them changed something."""

    name: str
    hosts: str
    position: Position
    steps: tuple[Step, ...]
    handlers: tuple[Step, ...] = ()
    backup: Mapping[str, Any] | None = None
    alerts: tuple[Alert, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    acknowledge: tuple[Acknowledged, ...] = ()
    prune: bool = False
    renames: bool = True
    manage: Mapping[str, Any] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    budget: Mapping[str, Any] | None = None
    exercise: tuple[Exercise, ...] = ()
    audits: tuple[tuple[str, str], ...] = ()
    after_changes: AfterChanges | None = None
    schedule: tuple[Job, ...] = ()
    pool: Pooling | None = None
    flags: tuple[Flag, ...] = ()
    queries: tuple[Query, ...] = ()
    application: str | None = None
    gate: str | None = None

    @property
    def hidden(self) -> frozenset[int]:
        """The numbers of the steps that show none of their values: those with `no_log`."""
        return frozenset(step.index for step in self.steps if step.no_log)


@dataclass(frozen=True, slots=True)
class Pin:
    """A step file that an environment pins: the beginning of the SHA-256 that it must have, `none` for a new one, and what it has."""

    file: str
    pinned: str
    digest: str
    where: Position

    @property
    def fits(self) -> bool:
        """Whether the file is what is pinned."""
        return self.digest.startswith(self.pinned)


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook file after loading. `inputs` maps every file read to its SHA-256; `digest` covers all of them and
    the variables."""

    path: str
    project: str
    plays: tuple[Play, ...]
    inputs: Mapping[str, str]
    digest: str
    environment_read: frozenset[str] = frozenset()
    pins: tuple[Pin, ...] = ()
