"""What every backup engine is to the rest: one interface, and the data that pass through it.

In: a connection string, a folder, a policy. Out: `Backup`, `Verification`, `Restored`; engines implement `Engine`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from wgm_play.backup.moment import LATEST, LSN, NAME, TIME, Moment
from wgm_play.errors import InputError, Refused, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.reporter import Reporter

if TYPE_CHECKING:
    from wgm_play.backup.receiver import Receiver

# Each proves more than the one before.
VERIFY = ("none", "manifest", "catalog", "restore")
# What covers a run: a backup taken for it, one that is young enough, or none.
NEW, YOUNG, NONE = COVERS = ("new", "young", "none")
# Two jobs already overlap reading with compressing; more is for the play to ask, it costs the server connections.
JOBS = 2
KEEP = 2
# Statistics are estimates, and rows come and go after a backup.
WITHIN = 0.1
# A backup that is younger than this and not proved yet may belong to a command that is about to prove it.
PROVING_SECONDS = 3600.0


def rank(how: str) -> int:
    """Return how much a verification proves: one of `VERIFY`, or "" for none."""
    return VERIFY.index(how or "none")


@dataclass(frozen=True, slots=True)
class Drill:
    """What a play asks of drills: not older than `every` seconds where a run changes something (None: never asked for).

    `within` is by which part of them rows may differ from what the live statistics say; `restored` are queries that
    return true in what came back.
    """

    every: float | None = None
    within: float = WITHIN
    restored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """A play's `backup:`. `max_age` is seconds or None; `retention` counts backups to keep by type (`full`, …).

    `before_changes` says what covers a run that changes something: `new`, a backup taken for it, however young the last
    one is; `young`, one that is younger than `max_age`, else the run is refused; `none`, nothing. `compress` is
    `METHOD` or `METHOD:LEVEL`; of the tables in `exclude` no rows are taken. `outdated` are sentences on words of an older version.
    """

    method: str = "logical"
    before_changes: str = NEW
    max_age: float | None = None
    retention: Mapping[str, int] = field(default_factory=lambda: {"full": KEEP})
    verify: str = "catalog"
    directory: str | None = None
    jobs: int = JOBS
    compress: str | None = None
    exclude: tuple[str, ...] = ()
    drill: Drill | None = None
    outdated: tuple[str, ...] = ()

    @property
    def keep(self) -> int:
        """Return how many full backups are kept."""
        return self.retention.get("full", KEEP)


class Scratch(Protocol):
    """Give the superuser's URL of a server of our own for scratch databases, best of the major version asked for.

    The server is no longer needed when the block ends. Raise `Refused` where there is none.
    """

    def __call__(self, major: int) -> AbstractContextManager[str]: ...


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What is backed up: the database at `url` (may hold a password), and the folder that holds its backups.

    `scratch` gives the server on which backups are proved; `application` is the `application_name` of all sessions
    (`wgm-play/RUN`), so that those of a dead run are found. `marker` is the environment that the database should be
    marked with, "" where nothing says. `trusted` are roles whose code a superuser may run. `given` is what the environment
    says of the engine: programs, their configuration, commands; `copy` is its command that copies a backup off the machine.
    """

    url: str
    directory: Path
    policy: BackupPolicy
    scratch: Scratch
    application: str = "wgm-play"
    marker: str = ""
    trusted: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    copy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """One finished backup. `server_version` is as `server_version_num` (150004); `size` is bytes.

    `verified` says how it was proved ("" when it was not, else catalog or restore); `pinned` names the runs that
    retention must keep it for; `run` is the run it was taken for, "" for one taken by hand. `system` and `marker` say
    with `database` whose it is (`Identity`); `system` is "" for one that an older version took.
    """

    id: str
    method: str
    started: datetime
    ended: datetime
    size: int
    server_version: int
    database: str
    path: str
    verified: str = ""
    pinned: tuple[str, ...] = ()
    reason: str = ""
    run: str = ""
    system: str = ""
    marker: str = ""

    @property
    def seconds(self) -> float:
        """Return how long taking it took."""
        return (self.ended - self.started).total_seconds()

    def age(self, now: datetime | None = None) -> float:
        """Return how many seconds ago its snapshot was taken."""
        return ((now or datetime.now(UTC)) - self.started).total_seconds()


# Inside `Engine` the name `list` is its method.
Backups = list[Backup]


@dataclass(frozen=True, slots=True)
class Verification:
    """How a backup was proved, and what was compared. `counted` are objects by kind, `rows` rows by table.

    `problems` is empty when all was well; `unproved` names what could not be tried here.
    """

    backup: str
    how: str
    seconds: float
    counted: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether everything that was compared was equal."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: into which database, whether it was created, how it was proved, what to know.

    `kept` is the name under which the database is kept that was there before, "" where none was; `reached` is where
    recovery ended, as it was observed, "" where there was none. `database` is the data directory of a whole cluster.
    """

    backup: Backup
    database: str
    created: bool
    seconds: float
    verification: Verification
    notes: tuple[str, ...] = ()
    kept: str = ""
    reached: str = ""


@dataclass(frozen=True, slots=True)
class ScratchServer:
    """A backup restored where it can touch nothing else; it is gone when the block ends that gave it.

    `url` leads to the database that was backed up, as its owner, who is no superuser; `admin` as a superuser whom nobody
    else knows. `reached` says what was restored, `seconds` how long that took. `settings` are those of the server that was
    backed up, where they are known. `rows` are those of each table, where they were counted. `problems` say what did not
    come back, `unproved` what cannot be brought back here.
    """

    url: str
    admin: str
    major: int
    reached: str
    seconds: float
    settings: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    # Event triggers that were disabled, with what enables them as they were.
    silenced: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine declares, each asked by the rest.

    `cluster`: a backup is of all databases of a server, and comes back as one; else of one database. `point_in_time`:
    it can be restored to moments after it was taken, and a run is covered by a young one and a restore point. `wal`: it
    needs the WAL that `wgm-play wal` receives. `kinds` are the types of backups that it takes. `moments` are
    the kinds of moments that it knows; `rehearsals`: what it brings back on a scratch server may be rehearsed on.
    `verify` are its ways to prove a backup, `usual` the one without a word; `compress` its ways to compress one, where that can be
    chosen; `excludes`: it can leave out rows of tables; `needs` is what it needs, for people.
    """

    cluster: bool = False
    point_in_time: bool = False
    wal: bool = False
    kinds: tuple[str, ...] = ("full",)
    moments: tuple[str, ...] = (LATEST, TIME, LSN, NAME)
    rehearsals: bool = True
    verify: tuple[str, ...] = VERIFY
    usual: str = "catalog"
    compress: tuple[str, ...] = ()
    excludes: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps an engine from its work now: a code for findings, what it is, what to type."""

    code: str
    message: str
    remedy: str


class Engine(ABC):
    """Takes, lists, proves, restores and expires backups of one database."""

    method: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def __init__(self, source: BackupSource, reporter: Reporter | None = None) -> None:
        self.source = source
        self.reporter = reporter or Reporter()

    @abstractmethod
    def make(self, reason: str, run: str = "") -> Backup:
        """Take a backup. Raise `Refused` where it cannot be taken, and leave nothing behind."""

    @abstractmethod
    def list(self) -> Backups:
        """Return the finished backups of this folder, newest first."""

    @abstractmethod
    def verify(self, backup: Backup, how: str | None = None) -> Verification:
        """Prove a backup in one of the ways of `VERIFY` (the policy's by default) and remember that it was."""

    @abstractmethod
    def restore(
        self, backup: Backup, into: str | Path, at: Moment | None = None, *, in_place: bool = False
    ) -> Restored:
        """Bring a backup into the database at a URL, which must be empty or not exist, or put it in its place; or into a folder.

        `at` is the moment to go to, None for what the backup holds by itself. Raise `InputError` for a place or a moment
        that this engine does not know.
        """

    @abstractmethod
    def on_scratch(
        self, backup: Backup, at: Moment | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractContextManager[ScratchServer]:
        """Restore a backup where it can touch nothing else, for a `with` block. Raise `Refused` where it cannot be.

        The server gets `settings`, as far as they harm nothing.
        """

    @abstractmethod
    def remove(self, backup: Backup) -> None:
        """Delete a backup, pinned or not."""

    @abstractmethod
    def pin(self, backup: Backup, run: str) -> Backup:
        """Keep a backup from expiring until `run` unpins it."""

    @abstractmethod
    def unpin(self, backup: Backup, run: str) -> Backup:
        """Take back what `pin` did for `run`."""

    @abstractmethod
    def stranger(self, backup: Backup) -> str:
        """Return why a backup is none of this database, "" where it is one. Raise `Unreachable`."""

    def own(self) -> Backups:
        """Return the finished backups of this very database, newest first. Raise `Unreachable`."""
        return [backup for backup in self.list() if not self.stranger(backup)]

    @abstractmethod
    def in_use(self, backup: Backup) -> bool:
        """Tell whether a process proves or restores a backup now."""

    @abstractmethod
    def damage(self, backup: Backup) -> Sequence[str]:
        """Return what is wrong with the files of a backup, nothing where they are as they were written."""

    def uncovered(self, backup: Backup) -> str:
        """Return why what was written since a backup cannot be brought back with it, "" where it can; `point_in_time` alone.

        Raise `Unreachable`.
        """
        return ""

    def gap(self, backup: Backup) -> str:
        """Return what is missing of the WAL since a backup, "" where nothing is. Raise `Unreachable`."""
        return ""

    def troubles(self) -> Sequence[Trouble]:
        """Return what keeps the next backup or gate from its work, by looking alone. Raise `Unreachable`, `Refused`."""
        return ()

    @property
    def slot(self) -> str:
        """The name of the slot by which our receiver gets WAL, "" for an engine that has none."""
        return ""

    def databases_in(self, backup: Backup) -> Sequence[str]:
        """Return the databases that a backup of a whole cluster brings back, as far as is known."""
        return ()

    def receiver(self) -> Receiver:
        """Return the receiver of the cluster's WAL. Raise `InputError` for an engine that has none, `Unreachable`."""
        raise InputError(
            f"`method: {self.method}` receives no WAL by a command of ours",
            hint="write `method: physical`, or use what the engine has for it",
        )

    def received(self, lsn: int) -> str:
        """Return why a position in the WAL is not known to be kept, "" where it is; `point_in_time` alone."""
        return ""

    def reaches(self, lsn: int | None, at: datetime | None) -> str:
        """Return why the beginning of a run cannot be brought back, "" where it can; `point_in_time` alone."""
        if lsn is None:
            return (
                "this role may not ask where in the WAL the run begins: "
                "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text)"
            )
        return self.received(lsn)

    def choose(self, wanted: str | None, at: Moment | None) -> Backup:
        """Return the backup that a restore to a moment begins with: the one with an id, else the best. Raise `InputError`."""
        return self.find(wanted)

    def find(self, wanted: str | None) -> Backup:
        """Return the backup with an id (or its unambiguous beginning), this database's newest for None.

        Raise `InputError`.
        """
        if wanted is None:
            return self._newest()
        backups = self.list()
        found = [backup for backup in backups if backup.id.startswith(wanted)]
        exact = [backup for backup in found if backup.id == wanted]
        if len(exact or found) == 1:
            return (exact or found)[0]
        hint = "choose one of them by its whole id: --backup ID" if backups else "`wgm-play backup PLAYBOOK` takes one"
        raise InputError(
            f"{len(found)} backups begin with {wanted!r}" if found else f"there is no backup {wanted!r}",
            hint=hint,
            details=[line(backup) for backup in found or backups],
        )

    def _newest(self) -> Backup:
        backups = self.list()
        try:
            mine = [backup for backup in backups if not self.stranger(backup)]
        except Unreachable as error:
            if not backups:
                raise
            raise InputError(
                f"which backup is the newest of this database cannot be told: {error.message}",
                hint="name it: --backup ID",
                details=[line(backup) for backup in backups],
            ) from error
        if mine:
            return mine[0]
        if not backups:
            raise InputError("there is no backup yet", hint="`wgm-play backup PLAYBOOK` takes one")
        raise InputError(
            "there is no backup of this database yet, only others",
            hint="`wgm-play backup PLAYBOOK` takes one; or choose one of these by its id, if it is what you want: --backup ID",
            details=[line(backup) for backup in backups],
        )

    def expire(self, retention: int | None = None, pinned: Collection[str] = ()) -> Backups:
        """Delete what is beyond the newest `retention` backups of this database; return what was deleted.

        Kept whatever their age: those pinned by a run, those whose ids are in `pinned`, and the newest verified
        one, so that there is always one that is known to restore.
        """
        keep = self.source.policy.keep if retention is None else retention
        backups = self.own()
        proved = next((backup.id for backup in backups if backup.verified), None)
        newest = {backup.id for backup in [one for one in backups if not self.increment(one)][: max(keep, 1)]}
        oldest = next((number for number, backup in reversed([*enumerate(backups)]) if backup.id in newest), -1)
        kept = [
            backup
            for number, backup in enumerate(backups)
            if number <= oldest or backup.pinned or backup.id in pinned or backup.id == proved or self._busy(backup)
        ]
        needed = self.needed(kept)
        return [backup for backup in backups if backup.id not in needed and self._removed(backup)]

    def _removed(self, backup: Backup) -> bool:
        """Delete a backup that is past its retention; say where it cannot be deleted."""
        try:
            self.remove(backup)
        except Refused as error:
            self.reporter.warn(error.message)
            return False
        return True

    def increment(self, backup: Backup) -> bool:
        """Tell whether a backup needs another one to be restored."""
        return False

    def needed(self, kept: Sequence[Backup]) -> set[str]:
        """Return the ids of backups that are to be kept so that those of `kept` can be restored."""
        return {backup.id for backup in kept}

    def _busy(self, backup: Backup) -> bool:
        """Tell whether another command may be about to prove a backup, or reads it."""
        unproved = self.source.policy.verify != "none" and not backup.verified and backup.age() < PROVING_SECONDS
        return unproved or self.in_use(backup)


def line(backup: Backup) -> str:
    """Return one line for people: which backup, of when, of what."""
    return f"{backup.id}  {backup.ended:%Y-%m-%d %H:%M:%S} UTC  {backup.database}  {backup.size:,} bytes"
