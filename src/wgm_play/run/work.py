"""One play on one database: the stages between a playbook file and a recorded, converged database.

In: `Options`. Out: `Work`, whose methods are the stages that `pipeline.py` names.
"""

from __future__ import annotations

import os
import sys
import time
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wgm_play import plain, server
from wgm_play.asking.ask import Asker, NotAsked
from wgm_play.asking.text import check_query
from wgm_play.cache.questions import Questions
from wgm_play.cache.store import Cache
from wgm_play.catalog import introspect
from wgm_play.catalog.model import Catalog, Key
from wgm_play.connections import Connections
from wgm_play.document import vault
from wgm_play.document.nodes import position_of
from wgm_play.environment import TARGET, Environment, load_environment, url_of
from wgm_play.errors import InputError, Position, Problems, Refused, StepFailed, WgmError, unset_names
from wgm_play.ledger import Ledger
from wgm_play.plan import Operation
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.model import Choices, Planned
from wgm_play.planning.partial import Basis, plan_part
from wgm_play.planning.planner import Planner
from wgm_play.playbook.expand import backup_of, hosts_of, load_playbook, project_of
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.fold import fold
from wgm_play.playbook.model import Folded, Play, Playbook, Step
from wgm_play.playbook.selection import refuse_unknown, selection
from wgm_play.playbook.variables import parse_extra_vars
from wgm_play.render import render
from wgm_play.reporter import StepResult
from wgm_play.run import basis
from wgm_play.shadow.realise import schemas_of
from wgm_play.untrusted import environ_of, refuse_own_environments

# How often the live catalog is read again where another run or tool drops what is being described, and the pause, in
# seconds, before that.
READS, READ_PAUSE = 4, 0.3
# As much of a digest is written as a pin.
PINNED = 32

if TYPE_CHECKING:
    import psycopg

    from wgm_play.desired.model import Wanted
    from wgm_play.execute.executor import GroupResult
    from wgm_play.finding import Finding
    from wgm_play.operations.base import TableSize
    from wgm_play.options import Options
    from wgm_play.outlook import Outlook
    from wgm_play.reporter import Reporter
    from wgm_play.run.flags import FlagState


def find_playbook(name: str) -> Path:
    """Return the file that a name means: here, or in playbooks/."""
    here = Path(name)
    if here.exists() or here.is_absolute():
        return here
    below = Path("playbooks") / name
    return below if below.exists() else here


def _of_loop(others: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all items of a loop registered together."""
    titles = [*others["operations"], *value["operations"]]
    return {"changed": bool(titles), "operations": titles, "skipped": others["skipped"] and value["skipped"]}


Loaded = tuple[int, Play, Environment, Playbook]


def load_plays(options: Options, environ: Mapping[str, str] | None = None) -> list[Loaded]:
    """Load a playbook's plays, each with its own environment alone; `--limit` chooses among them.

    `environ` stands for the process environment. The errors of all plays are raised at once.
    """
    extra = parse_extra_vars(options.extra_vars)
    path = find_playbook(options.playbook)
    found: list[Loaded] = []
    problems: dict[tuple[str, Position | None], WgmError] = {}  # what is wrong with a file is wrong in each play
    for number, _play, environment in _named_plays(options, environ):
        try:
            process = environ_of(options, environ if environment.provided is None else environment.provided)
            playbook = load_playbook(path, environment, extra, environ=process, number=number)
            found.append((number, playbook.plays[0], environment, playbook))
        except InputError as error:
            for one in error.problems if isinstance(error, Problems) else (error,):
                for name in unset_names(one) if options.untrusted and isinstance(one, InputError) else ():
                    one.hint = f"an untrusted playbook reads only what is listed: --env {name}"
                problems.setdefault((one.message, one.where), one)
    raise_all(list(problems.values()))
    return found


def with_placeholders(options: Options) -> tuple[list[Loaded], list[str]]:
    """Load a playbook's plays where no secret may be at hand: return what `env.` reads and is not set besides."""
    placeholders: dict[str, str] = {}
    while True:
        try:
            with vault.placeholders():
                return load_plays(options, ChainMap(placeholders, os.environ)), sorted(placeholders)
        except InputError as error:
            names = unset_names(error) - placeholders.keys()
            if not names:
                raise
            placeholders |= {name: f"postgresql://{name.lower()}" for name in names}


def said_unset(names: Iterable[str]) -> str:
    """Say which environment variables placeholders stand for: once, by whatever asks no database."""
    return f"not set, a placeholder stands for it: {', '.join(sorted(names))}"


def _named_plays(options: Options, environ: Mapping[str, str] | None = None) -> Iterator[tuple[int, Play, Environment]]:
    """Yield each play that `--limit` chooses: its number, the play without what it declares, its environment."""
    path = find_playbook(options.playbook)
    project = project_of(path)
    inventory = Path(options.inventory) if options.inventory else None
    refuse_own_environments(options, project)
    url_of(options.url)  # what is wrong with it is wrong in no file
    found = hosts_of(path)
    chosen = _limited(found, options.limit)
    for number, (name, hosts, where) in enumerate(found):
        if number not in chosen:
            continue
        try:
            environment = load_environment(
                hosts, project, inventory, options.url, environ, commands=not options.untrusted
            )
        except InputError as error:
            if error.where is None or not error.where.line:
                error.where = where
            raise
        yield number, Play(name, hosts, where, ()), environment


def _limited(found: Sequence[tuple[str, str, Position]], limit: str | None) -> set[int]:
    if limit is None:
        return set(range(len(found)))
    from fnmatch import fnmatchcase

    wanted = [word for word in limit.replace(":", ",").split(",") if word]
    some = [word for word in wanted if word[0] not in "!&"]
    chosen = {
        number
        for number, (name, hosts, _) in enumerate(found)
        if (not some or any(word == "all" or fnmatchcase(one, word) for word in some for one in (hosts, name)))
        and all(fnmatchcase(hosts, word[1:]) for word in wanted if word[0] == "&")
        and not any(fnmatchcase(hosts, word[1:]) for word in wanted if word[0] == "!")
    }
    if not chosen:
        known = ", ".join(hosts for _, hosts, _ in found)
        raise InputError(f"--limit {limit} leaves no play", hint=f"known: {known}")
    return chosen


def open_plays(options: Options, reporter: Reporter) -> list[Work]:
    """Return the work of each play of the playbook."""
    found = load_plays(options)
    refuse_unknown([one[1] for one in found], options.tags, options.skip_tags, options.start_at_step)
    if not options.pins:
        for _, _, environment, playbook in found:
            refuse_unpinned(environment.name, playbook, options)
    return [
        Work(options, reporter, environment, playbook, play, number) for number, play, environment, playbook in found
    ]


def refuse_unpinned(name: str, playbook: Playbook, options: Options) -> None:
    """Refuse step files that are not what an environment pins."""
    found = [one for one in playbook.pins if not one.fits]
    if found:
        said = [f"{one.file} is not what {name} pins: {one.pinned}, and it is {one.digest[:PINNED]}" for one in found]
        raise Refused(
            f"{said[0]}; nothing was touched",
            where=found[0].where,
            details=said[1:],
            hint=f"wgm-play promote {options.playbook} --pins moves it once it was tried where {name} is promoted from",
        )


def open_targets(options: Options, reporter: Reporter) -> list[Work]:
    """Return the work of each play without what it declares: a run is steered while its playbook is being edited."""
    path = find_playbook(options.playbook)
    playbook = Playbook(str(path), str(project_of(path)), (), {}, "")
    return [
        Work(options, reporter, environment, playbook, replace(play, backup=backup_of(path, number)))
        for number, play, environment in _named_plays(options)
    ]


@dataclass(slots=True)
class Work:
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
    known: Basis | None = None
    facts: str = ""
    said: dict[Key, str] = field(default_factory=dict)
    unasked: list[str] = field(default_factory=list)
    registered: dict[str, Any] = field(default_factory=dict)
    waiting: frozenset[int] = frozenset()
    flags: dict[str, FlagState] = field(default_factory=dict)
    _asker: Asker | None = None
    # A rehearsal: forms are chosen by these sizes, nothing is kept for later runs, and each group is measured.
    sizes: Mapping[Key, TableSize] | None = None
    on_group: Callable[[GroupResult], None] | None = None
    # Queries whose plans the run made slow.
    slower: list[Finding] = field(default_factory=list)

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for started in self._connections.started if self._connections is not None else ():
            self.reporter.closing(f"{started}; it is kept (wgm-play stop {self.options.playbook})", first=True)
        self.stack.close()

    # What a stage needs

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
                self.connections.asking, trusted=self.trusted, running=not self.options.check,
                seconds=policy.statement_timeout, lock_seconds=policy.lock_timeout, owners=policy.trusted_owners, heard=self.questions.hear,
            )  # fmt: skip
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
    def step_names(self) -> tuple[str, ...]:
        """The names of steps and handlers by their index."""
        names = {step.index: step.name for step in (*self.play.steps, *self.play.handlers)}
        return tuple(names.get(number, "") for number in range(max(names, default=-1) + 1))

    @property
    def positions(self) -> tuple[Position | None, ...]:
        """Where each step was written, by its index."""
        places = {step.index: step.position for step in (*self.play.steps, *self.play.handlers)}
        return tuple(places.get(number) for number in range(max(places, default=-1) + 1))

    # Stages

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
        text = plain.text("ledger/strange_owners.sql", self.reading.info.server_version)
        trusted = self.environment.policy.trusted_owners
        found = [one for one in self.reading.execute(text.encode()).fetchall() if one[1] not in trusted]
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

    def read_live(self, basis: Basis | None = None) -> Catalog:
        """Read the live catalog in one read-only transaction; again where an object went while it was described.

        Take that of the basis where no row is another.
        """
        from psycopg.errors import InternalError_

        for _ in range(READS):
            try:
                return self._read_live(basis)
            except InternalError_ as error:
                # "cache lookup failed", "could not open relation": functions that describe an object see it as it is
                # now, not as the transaction does (manual: "System Catalog Information Functions").
                if error.sqlstate != "XX000":
                    raise
                time.sleep(READ_PAUSE)
        return self._read_live(basis)

    def _read_live(self, basis: Basis | None) -> Catalog:
        connection = self.reading
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self.versions = self.questions.read_versions(connection)
            if basis is not None and (basis.identity, basis.versions) == (self.identity, self.versions):
                return basis.live
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

    def plan(self, *, partial: bool = False) -> Planned:
        """Plan the play; steps that wait for registered variables are planned in further rounds.

        `partial` lets the part alone be planned that was edited since a run that ended in order.
        """
        if self.play.backup is not None:
            from wgm_play.backup import parse_policy

            parse_policy(self.play.backup)  # what the gate would refuse only after the plan was reviewed
        self.check_marker()
        self.known = self.kept_basis() if partial else None
        planned = self._plan_once({}, self.known)
        registered: dict[str, Any] = {}
        rounds = 0
        while any(step.deferred for step in self.play.steps) and rounds <= len(self.play.steps):
            rounds += 1
            registered |= self._registered(planned)
            self.registered = registered
            self._expand_again(registered)
            planned = self._plan_once(registered)
        if planned.plan.groups:
            self.refuse_unwritable_backups()
            self.refuse_frozen(planned)
        return planned

    def kept_basis(self) -> Basis | None:
        """Return what the last run that ended in order left, where it is kept."""
        return basis.load(self)

    def refuse_frozen(self, planned: Planned) -> None:
        """Refuse to change a database that somebody froze; tell a role that only plans, and who plans on a standby."""
        from wgm_play.planning.writable import unwritable

        why = unwritable(self.reading, planned.plan, planned.live, planned.wanted.catalog, self.environment.position)
        if why is not None:
            self.reporter.warn(why)

    def refuse_unwritable_backups(self) -> None:
        """Refuse a run whose gate could write no backup, before somebody reviews its plan."""
        from wgm_play.backup import parse_policy, policy
        from wgm_play.backup.base import NEW
        from wgm_play.backup.folder import refuse_unwritable

        said = parse_policy(self.play.backup)
        if said is not None and said.before_changes == NEW and not self.options.no_backup:
            where = position_of(self.play.backup, "directory")
            refuse_unwritable(policy.folder(said, self.project, self.environment.name), where)

    @staticmethod
    def _skipped(planned: Planned) -> tuple[tuple[Key, str, str], ...]:
        return tuple((key, reason, text) for _, reason, text, key in planned.skips.entries)

    def _registered(self, planned: Planned) -> dict[str, Any]:
        """Return what is known of the steps that register something: whether they change, and their operations.

        What a run did that was cut short counts: this one finishes it.
        """
        changed: dict[int, list[Operation]] = {}
        for operation in planned.plan.operations:
            changed.setdefault(operation.step, []).append(operation)
        before = planned.imperative.ledger.done_before(self.play.name)
        found: dict[str, Any] = {}
        for step in self.play.steps:
            if step.register and not step.deferred:
                titles = [*before.pop(step.name, ()), *(one.title for one in changed.get(step.index, ()))]
                value = {"changed": bool(titles), "operations": titles, "skipped": step.skipped is not None}
                others = found.get(step.register) if step.item else None
                found[step.register] = _of_loop(others, value) if others else value
        return found | planned.imperative.registered

    def _expand_again(self, registered: dict[str, Any]) -> None:
        extra = parse_extra_vars(self.options.extra_vars)
        path = find_playbook(self.options.playbook)
        self.playbook = load_playbook(
            path,
            self.environment,
            extra,
            registered,
            environ=environ_of(self.options, self.environment.provided),
            number=self.number,
        )
        self.play = self.playbook.plays[0]

    def _plan_once(self, registered: dict[str, Any], known: Basis | None = None) -> Planned:
        """Plan the steps that are known by now; again where what stops the plan is that another run or tool moved on.

        Raises `Locked` where that goes on and a run is in progress.
        """
        attempt = 0
        while True:
            self.versions = ""
            try:
                return self._plan_now(registered, known)
            except (InputError, Refused) as error:
                if not self.versions or not self.moved_on():
                    raise
                if attempt == READS:
                    from wgm_play.execute.guard import refuse_beside_another

                    refuse_beside_another(self.reading, error)
                    raise
            attempt += 1
            time.sleep(READ_PAUSE)

    def _plan_now(self, registered: dict[str, Any], known: Basis | None = None) -> Planned:
        if self.play.flags:
            self.wait_for_flags()
        folded = fold(self.play.steps, known=known.said if known else None)
        self.check_texts(folded)
        choices = self.choices()
        imperative = self._imperative(folded, choices)
        live = self.read_live(known)
        imperative.ask(folded.assertions)
        planner = self._planner(folded, choices, imperative, live)
        self.facts = basis.facts(self, folded, imperative.mark())
        self.said = basis.digests(folded)
        planned = None
        if known is not None and live is known.live and known.facts == self.facts:
            planned = plan_part(planner, known)
        planned = planned or planner.plan()
        self.ask_invariants(before=True)
        unknown = [f"not asked: {one}" for one in self.unasked]
        planned.plan = replace(planned.plan, unknown=(*planned.plan.unknown, *unknown))
        self.unasked += imperative.unasked
        return planned

    def compared(self) -> tuple[Catalog, Wanted]:
        """Return the live catalog and what the play wants of it; nothing is planned."""
        folded, choices = fold(self.play.steps), self.choices()
        live = self.read_live()
        return live, self._planner(folded, choices, self._imperative(folded, choices), live).compared()

    def wait_for_flags(self) -> None:
        """Let the steps say nothing that wait for a flag of the application which is not on, or not for long enough."""
        from wgm_play.run import flags

        self.flags = flags.look(self.asker, self.play.flags, self.reading)
        self.play, self.waiting = flags.waiting(self.play, self.flags, self.waiting)

    def check_texts(self, folded: Folded) -> None:
        """Refuse queries that are anything but one SELECT, before any of them is sent. Raise `InputError`."""
        play = self.play
        if not (folded.assertions or play.invariants or play.alerts or play.flags or play.queries):
            return
        problems: list[WgmError] = []
        asked = [(one.query, one.position) for one in folded.assertions]
        asked += [(one.query, one.position) for one in self.play.invariants]
        asked += [(text, one.position) for one in self.play.alerts for text in one.texts()]
        for query, position in asked:
            try:
                check_query(query, position)
            except InputError as error:
                problems.append(error)
        for one in play.queries:
            from wgm_play.playbook.queries import prepared

            try:
                prepared(one)
            except InputError as error:
                problems.append(error)
        if problems:
            raise Problems(problems) if len(problems) > 1 else problems[0]

    def keep_basis(
        self, planned: Planned, live: Catalog, versions: str, mark: str, snapshot: str | None = None
    ) -> None:
        """Keep what is known of a database that is as the play says, for the next run.

        `versions`, `mark` and `snapshot` are those of the live catalog: of its rows, its digest, the ledger's.
        """
        if self.sizes is not None:
            return
        if self.play.prune or planned.choices_selected is not None or any(step.deferred for step in self.play.steps):
            basis.drop(self)
            return
        wanted = planned.wanted
        found = Basis(
            self.identity, versions, self.facts, self.said, live, wanted.managed, tuple(wanted.outside),
            self._skipped(planned), mark, snapshot,
        )  # fmt: skip
        known = self.known
        if known is None or (known.versions, known.facts, known.said) != (found.versions, found.facts, found.said):
            basis.save(self, found)

    def _imperative(self, folded: Folded, choices: Choices) -> Imperative:
        handlers = fold(self.play.handlers, handlers=True)
        return Imperative(self.play, folded, handlers, Ledger(self.reading), self.reading, self.asker, choices.selected)

    def _planner(self, folded: Folded, choices: Choices, imperative: Imperative, live: Catalog) -> Planner:
        return Planner(
            self.playbook, self.play, folded, self.environment, self.reading, self.connections, Cache.of(self.project),
            choices, self.step_names, live, imperative, sizes=self.sizes,
        )  # fmt: skip

    def ask_invariants(self, *, before: bool, after: bool = False) -> None:
        """Ask the queries that must return no rows; raise `Refused` before a run, `StepFailed` during and after it.

        Until the run's end, what they speak of may still be missing.
        """
        import psycopg as library

        schemas = schemas_of(fold(self.play.steps).declarations) if self.play.invariants else []
        for invariant in self.play.invariants:
            try:
                answer = self.asker.ask(invariant.query, schemas=schemas, where=invariant.position, most=10)
            except NotAsked as reason:
                if before:
                    self.unasked.append(f"the invariant {invariant.name!r}: {reason}")
                continue
            except library.Error as error:
                if not after and error.sqlstate in ("42P01", "42703", "42883", "42704", "3F000"):
                    continue  # what it speaks of is made by this run
                raise InputError(str(error.diag.message_primary or error), where=invariant.position) from error
            if answer.rows:
                kind = Refused if before else StepFailed
                raise kind(
                    f"the invariant {invariant.name!r} is broken {'before' if before else 'by'} the run",
                    where=invariant.position,
                    details=[", ".join(map(str, row)) for row in answer.rows],
                )

    def outlook(self, planned: Planned) -> Outlook | None:
        """Return what a plan will meet now, where it is shown with its statements."""
        if not self.options.diff or not planned.plan.groups:
            return None
        from wgm_play.outlook import changed_texts, look

        met = look(self.reading, planned.plan, planned.situation.facts.sizes)
        return replace(met, texts=changed_texts(planned.plan, planned.live, planned.wanted.catalog))

    def save_plan(self, planned: Planned, path: Path) -> None:
        """Write the plan as data."""
        from wgm_play.planning.planfile import write
        from wgm_play.promotion.author import saved_by

        write(planned.plan, path, saved_by(self.reading, self.project))
        self.reporter.note(f"the plan is in {path}: run it with --plan {path}")

    def saved_plan(self, planned: Planned, path: Path) -> Planned:
        """Return the saved plan in place of the fresh one; refuse it when the world has moved on."""
        from wgm_play.planning.planfile import choose

        planned.plan = choose(planned.plan, path, Ledger(self.reading))
        return planned

    # Reporting what needs no run

    def report_ok(self, planned: Planned) -> str | None:
        """Report a play that finds nothing to do; return the line on what no step mentions."""
        self._report(planned, {})
        return self.say_rest(planned)

    def report_unrun(self, planned: Planned) -> None:
        """Report a play that was only planned."""
        changed: dict[int, list[Operation]] = {}
        for operation in planned.plan.operations:
            changed.setdefault(operation.step, []).append(operation)
        self._report(planned, changed)

    def results(self, planned: Planned, changed: dict[int, list[Operation]] | None = None) -> list[StepResult]:
        """Return how each chosen step ends, where `changed` are the operations of the steps that change something."""
        skipped = {step: (reason, statement) for step, reason, statement in planned.plan.skipped}
        return [self._result(step, (changed or {}).get(step.index, []), skipped) for step in self.chosen(planned)]

    def chosen(self, planned: Planned) -> list[Step]:
        """Return the steps that tags and `--start-at-step` leave: nothing is said of the others."""
        chosen = planned.choices_selected
        return [step for step in self.play.steps if chosen is None or step.index in chosen]

    def _report(self, planned: Planned, changed: dict[int, list[Operation]]) -> None:
        skipped = {step: (reason, statement) for step, reason, statement in planned.plan.skipped}
        for result in self.results(planned, changed):
            self.reporter.step(result)
        if changed.get(-1):
            self.reporter.step(
                StepResult(self.target, "What no step asks for any more", "changed", operations=changed[-1])
            )
        for handler in self.play.handlers:
            if changed.get(handler.index):
                self.reporter.handler(self._result(handler, changed[handler.index], skipped))

    def _result(
        self,
        step: Any,
        operations: Sequence[Operation],
        skipped: dict[int, tuple[str, str]],
        seconds: float | None = None,
    ) -> StepResult:
        if step.skipped is not None or step.index in skipped:
            reason, statement = skipped.get(step.index, (step.skipped or "", ""))
            return StepResult(self.target, step.name, "skipped", step.item, reason=reason, administrator=statement)
        return StepResult(
            self.target, step.name, "changed" if operations else "ok", step.item, operations=operations, seconds=seconds
        )

    def say_rest(self, planned: Planned, *, ran: bool = False, steps: bool = True) -> str | None:
        """Say after the recap what was removed, what no step mentions, and where the database of an embedded server is.

        A rollback knows no `steps`. Return the line on what no step mentions.
        """
        from wgm_play.run import closing

        retention = self.environment.policy.trash_retention
        gone = closing.removed(self.options.playbook, planned, retention) if ran else None
        left = closing.left_alone(self.options.playbook, planned) if steps else None
        for line in (gone, left):
            if line:
                self.reporter.closing(line)
        self.reporter.data("url", server.without_password(self.connections.target))
        if self.connections.target.server is not None and not self.connections.target.server.ephemeral:
            self.reporter.closing(f"an application reaches the database at {self.connections.target.shown}")
        return left

    # Running
