"""One play on one database, open: its connections, and what the stages ask of it.

In: a play with its environment and `Options`. Out: `PlaySession`. The stages are in `plans.py` and `running.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from wgm_play import plain_templates
from wgm_play.asking.ask import Asker
from wgm_play.cache.questions import Questions
from wgm_play.cache.store import Cache
from wgm_play.catalog import introspect
from wgm_play.catalog.model import Catalog, Key
from wgm_play.connections import Connections
from wgm_play.document.nodes import position_of
from wgm_play.environment import TARGET, Environment
from wgm_play.errors import Position, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.model import Choices, LastRun, Planned
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.playbook.fold import fold
from wgm_play.playbook.model import Declarations, Invariant, Play, Playbook
from wgm_play.playbook.selection import selection
from wgm_play.render import render
from wgm_play.run import last_run

# How often the live catalog is read again where another run or tool drops what is being described, and the pause, in
# seconds, before that.
READS, READ_PAUSE = 4, 0.3
T = TypeVar("T")

if TYPE_CHECKING:
    import psycopg

    from wgm_play.execute.executor import GroupResult
    from wgm_play.operations.base import TableSize
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.flags import FlagState


@dataclass(slots=True)
class PlaySession:
    """One play on one database. Enter it to connect; leaving closes the connections."""

    options: Options
    reporter: Reporter
    environment: Environment
    playbook: Playbook
    play: Play
    number: int = 0
    stack: ExitStack = field(default_factory=ExitStack)
    _connections: Connections | None = None
    _reading: psycopg.Connection[Any] | None = None
    questions: Questions = field(default_factory=Questions)
    versions: str = ""
    registered: dict[str, Any] = field(default_factory=dict)
    waiting: frozenset[int] = frozenset()
    flags: dict[str, FlagState] = field(default_factory=dict)
    _asker: Asker | None = None
    # A rehearsal: forms are chosen by these sizes, nothing is kept for later runs, and each group is measured.
    sizes: Mapping[Key, TableSize] | None = None
    on_group: Callable[[GroupResult], None] | None = None

    def __enter__(self) -> PlaySession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for started in self._connections.started if self._connections is not None else ():
            self.reporter.closing(f"{started}; it is kept (wgm-play stop {self.options.playbook})", first=True)
        self.stack.close()

    # Where it is

    @property
    def target(self) -> str:
        """The name that the recap shows."""
        return self.environment.name

    @property
    def project(self) -> Path:
        """The project's folder."""
        return Path(self.playbook.project)

    @property
    def home(self) -> Path:
        """The folder that holds `.wgm`: the project's, or that of the environments of an untrusted playbook."""
        return Path(self.options.inventory or ".") if self.options.untrusted else self.project

    @property
    def inventory(self) -> Path | None:
        """The folder of environment files, where the command line names one."""
        return Path(self.options.inventory) if self.options.inventory else None

    @property
    def trusted(self) -> bool:
        """Tell whether the playbook may ask the target."""
        return not self.options.untrusted and self.environment.policy.trust == "playbook"

    @property
    def connections(self) -> Connections:
        """The connections of this play; the embedded server is started where it does not run."""
        if self._connections is None:
            self._carry_over()
            self._connections = Connections.of(self.environment, self.home, trusted=self.trusted)
            for note in self._connections.target.notes:
                self.reporter.note(note)
            self.stack.callback(self._connections.tell_waits(self.reporter.warn).stop)
            if self.environment.embedded is not None and self.environment.embedded.ephemeral:
                from wgm_play import embedded

                self.stack.callback(embedded.stop, self.environment.embedded, self.home)
        return self._connections

    def _carry_over(self) -> None:
        """Take the data of another major version of the embedded server along, where that is asked for; else say where they are."""
        declared = self.environment.embedded
        if declared is None or declared.ephemeral:
            return
        from wgm_play.embedded import upgrade

        older = upgrade.elsewhere(declared, self.home)
        if older is None:
            return
        wanted = f"PostgreSQL {declared.version}"
        question = f"carry the data of PostgreSQL {older.version} over to {wanted}?"
        if not (
            self.options.upgrade or (sys.stdin.isatty() and not self.options.check and self.reporter.confirm(question))
        ):
            raise Refused(
                f"the environment says {wanted}, the data of this project are those of PostgreSQL {older.version}: {older.data}",
                where=self.environment.position,
                hint=f"wgm-play {self.options.playbook} --upgrade carries them over; `version: {older.version}` goes on with them; "
                "to begin anew, take the folder away",
            )
        with self.reporter.progress(f"data of PostgreSQL {older.version} to {declared.version}"):
            upgrade.carry_over(declared, self.home, older)
        self.reporter.note(
            f"the data of PostgreSQL {older.version} were carried over to {wanted}; the old ones stay in {older.data}"
        )

    @property
    def reading(self) -> psycopg.Connection[Any]:
        """A session that may only read."""
        if self._reading is None or self._reading.closed:
            self._reading = self.connections.read_only()
            self.questions.watch(self._reading)
            self.stack.callback(self._reading.close)
            self._sweep(self._reading)
        return self._reading

    @property
    def asker(self) -> Asker:
        """What asks the target the playbook's own texts."""
        if self._asker is None:
            policy = self.environment.policy
            self._asker = Asker(
                self.connections.asking,
                trusted=self.trusted,
                running=not self.options.check,
                seconds=policy.statement_timeout,
                lock_seconds=policy.lock_timeout,
                owners=policy.trusted_owners,
                heard=self.questions.hear,
            )
        return self._asker

    def _sweep(self, reading: psycopg.Connection[Any]) -> None:
        """Drop what verifications and restores that were killed have left on the server.

        It is a question like every other: a run that finds nothing to do asks it again.
        """
        from wgm_play.render import render

        if reading.execute(render("backup/leftovers.sql.j2").sql).fetchall():
            from wgm_play.backup.scratch import sweep

            with self.connections.writing("wgm-play sweep") as admin:
                for name in sweep(admin):
                    self.reporter.note(f"the database {name!r} was left by a command that was killed: it is dropped")

    @property
    def invariants(self) -> Sequence[Invariant]:
        """The queries that must return no rows."""
        return self.play.invariants

    @property
    def step_names(self) -> tuple[str, ...]:
        """The names of steps and handlers by their index."""
        names = {step.index: step.name for step in (*self.play.steps, *self.play.handlers)}
        return tuple(names.get(number, "") for number in range(max(names, default=-1) + 1))

    @property
    def positions(self) -> tuple[Position | None, ...]:
        """Where each step was written, by its index."""
        places = {step.index: step.position for step in (*self.play.steps, *self.play.handlers)}
        return tuple(places.get(number) for number in range(max(places, default=-1) + 1))

    # What a plan asks

    def check_marker(self) -> None:
        """Refuse a database that is marked with another environment, or by somebody else."""
        self._refuse_strange_schemas()
        marker = Ledger(self.reading).marker()
        expected = self.environment.marker or self.environment.name
        if marker is not None and marker != expected:
            raise Refused(
                f"this database is marked as {marker!r}, the playbook is for {expected!r}",
                where=self.environment.position,
                hint=f"check where {self.environment.path} points, or set `marker: {marker}` there",
            )

    def _refuse_strange_schemas(self) -> None:
        """Refuse schemas with our names that somebody else made: what is in them is his, and would run as us."""
        text = plain_templates.text("ledger/strange_owners.sql", self.reading.info.server_version)
        trusted = self.environment.policy.trusted_owners
        rows = self.reading.execute(text.encode()).fetchall()
        found = [(schema, owner) for schema, owner in rows if owner not in trusted]
        if not found:
            return
        schema, owner = found[0]
        raise Refused(
            f"the schema {schema!r} belongs to {owner!r}, who is neither this role, a role of its own nor a superuser",
            where=self.environment.position,
            details=[f"{name} belongs to {role}" for name, role in found[1:]],
            hint=f"look at what is in it; then DROP SCHEMA, ALTER SCHEMA ... OWNER TO, or policy: {{trusted_owners: [{owner}]}}",
        )

    def shadow_notes(self) -> list[str]:
        """Say what `shadow: target` means for this role, where the environment says it."""
        if self.environment.shadow != TARGET:
            return []
        row = self.reading.execute(render("shadow/superuser.sql.j2").sql).fetchone()
        rights = "a superuser's rights" if row and row[0] else "its rights"
        return [
            "shadow: target: scratch databases are made on the target's server; while planning, the playbook's functions, "
            f"event triggers and queries run there as {self.reading.info.user!r}, with {rights}"
        ]

    @property
    def cache(self) -> Cache:
        """The project's cache."""
        return Cache.of(self.project)

    def patiently(self, read: Callable[[], T]) -> T:
        """Read the target, again within `policy.lock_budget` where somebody keeps a table for himself. Raise `Locked`."""
        from psycopg.errors import LockNotAvailable

        from wgm_play.server import kept_from_readers

        budget, patience = self.environment.policy.lock_budget, None
        while True:
            try:
                return read()
            except LockNotAvailable as error:
                from wgm_play.execute.retry import Exhausted, Retries

                patience = patience or Retries(budget, self.reporter, "reading")
                holders = "; ".join(getattr(error, "holders", ()))
                try:
                    patience.again(
                        f"a table is kept: {holders}" if holders else "a table is kept", spent=0.0, blockers=()
                    )
                except Exhausted:
                    raise kept_from_readers(error, "policy.lock_budget") from error

    def read_live(self, last: LastRun | None = None) -> Catalog:
        """Read the live catalog in one read-only transaction; again where an object went while it was described.

        Take that of the last run where no row is another.
        """
        return self.patiently(lambda: self._read_live_again(last))

    def _read_live_again(self, last: LastRun | None) -> Catalog:
        from psycopg.errors import InternalError_

        for _ in range(READS):
            try:
                return self._read_live(last)
            except InternalError_ as error:
                # "cache lookup failed", "could not open relation": functions that describe an object see it as it is
                # now, not as the transaction does (manual: "System Catalog Information Functions").
                if error.sqlstate != "XX000":
                    raise
                time.sleep(READ_PAUSE)
        return self._read_live(last)

    def _read_live(self, last: LastRun | None) -> Catalog:
        connection = self.reading
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self.versions = self.questions.read_versions(connection)
            if last is not None and (last.identity, last.versions) == (self.identity, self.versions):
                return last.live
            return introspect.read(connection)

    @property
    def identity(self) -> str:
        """Which database and which role this is."""
        return self.questions.identity[1] if self.questions.identity else ""

    def moved_on(self) -> bool:
        """Tell whether the live catalog may be another than the one that was read last."""
        from psycopg import OperationalError

        reading = self.reading
        try:
            return self.questions.versions_now(reading) != self.versions
        except OperationalError:  # ended while the plan was shown, as idle sessions are: a new one reads again
            if not reading.closed:
                raise
            return True

    def choices(self) -> Choices:
        """Return what the command line and the environment allow."""
        options = self.options
        chosen: frozenset[int] | None = None
        if options.tags or options.skip_tags or options.start_at_step:
            steps = selection(self.play, options.tags, options.skip_tags, options.start_at_step)
            chosen = frozenset(steps | {handler.index for handler in self.play.handlers})
        if options.step:
            chosen = self._confirmed(chosen)
        return Choices(
            allow_destructive=options.allow_destructive or self.environment.policy.allow_destructive,
            trash=not options.no_trash,
            renames=not options.assume_no_renames,
            selected=chosen,
            check=options.check,
        )

    def left_out(self) -> bool:
        """Tell whether tags or `--start-at-step` choose no step of this play."""
        options = self.options
        if not (options.tags or options.skip_tags or options.start_at_step):
            return False
        return not selection(self.play, options.tags, options.skip_tags, options.start_at_step)

    def _confirmed(self, chosen: frozenset[int] | None) -> frozenset[int]:
        asked = getattr(self.reporter, "confirm", None)
        kept = set()
        for step in self.play.steps:
            if (chosen is None or step.index in chosen) and (asked is None or asked(f"run the step {step.name!r}?")):
                kept.add(step.index)
        return frozenset(kept)

    def kept_last_run(self) -> LastRun | None:
        """Return what the last run that ended in order left, where it is kept."""
        return last_run.load(self)

    def refuse_frozen(self, planned: Planned) -> None:
        """Refuse to change a database that somebody froze; tell a role that only plans, and who plans on a standby."""
        from wgm_play.planning.writable import unwritable

        why = unwritable(self.reading, planned.plan, planned.live, planned.wanted.catalog, self.environment.position)
        if why is not None:
            self.reporter.warn(why)

    def refuse_unwritable_backups(self) -> None:
        """Refuse a run whose gate could write no backup, before somebody reviews its plan."""
        if self.play.backup is None:
            return
        from wgm_play.backup import parse_policy, policy
        from wgm_play.backup.base import NEW
        from wgm_play.backup.folder import refuse_unwritable

        said = parse_policy(self.play.backup)
        if said is not None and said.before_changes == NEW and not self.options.no_backup:
            where = position_of(self.play.backup, "directory")
            given = self.environment.backup.get("directory") or said.directory
            refuse_unwritable(policy.folder(given, self.project, self.environment.name), where)

    def wait_for_flags(self) -> None:
        """Let the steps say nothing that wait for a flag of the application which is not on, or not for long enough."""
        from wgm_play.run import flags

        self.flags = flags.look(self.asker, self.play.flags, self.reading)
        self.play, self.waiting = flags.waiting(self.play, self.flags, self.waiting)

    def folded(self, known: LastRun | None) -> Declarations:
        """Return what the steps declare; what the `known` run found right, in the same words, is made when it is read."""
        return fold(self.play.steps, known=known.said if known else None)

    def imperative(self, folded: Declarations, choices: Choices) -> Imperative:
        """Return what the play runs and asks."""
        handlers = fold(self.play.handlers, handlers=True)
        return Imperative(self.play, folded, handlers, Ledger(self.reading), self.reading, self.asker, choices.selected)

    def request_for(self, folded: Declarations, choices: Choices, imperative: Imperative, live: Catalog) -> PlanRequest:
        """Return what is to be planned."""
        return PlanRequest(
            self.playbook,
            self.play,
            folded,
            self.environment,
            choices,
            self.step_names,
            live,
            imperative,
            sizes=self.sizes,
        )

    def plan_target(self) -> PlanTarget:
        """Return what answers for the database while a plan is made."""
        return PlanTarget(self.reading, self.connections, self.cache)
