"""What the engines share that drive a tool which keeps its own backups: pgBackRest, Barman.

In: what the tool tells of its backups and its archive. Out: `ToolEngine`: the tool's catalogue as ours, with pins, proofs and what a
restore must know noted beside; the proof that a position has been archived, seen in the archive itself.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
import time
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import folder, slot, target
from wgm_play.backup.archive import Archive
from wgm_play.backup.base import Backup, Backups, BackupSource, Trouble
from wgm_play.backup.cluster import ClusterEngine, Lines, kept_settings, server_facts
from wgm_play.backup.moment import Moment, lsn_text
from wgm_play.backup.wal import SEGMENT
from wgm_play.embedded.account import Account
from wgm_play.errors import Refused, StepFailed, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.reporter import Reporter
from wgm_play.secret import mask

# How long is waited for a segment to come to the archive.
ARCHIVED_SECONDS = 30.0
_POLL = 0.1
# The last look at a backup's files in the repository that found them good.
_SEEN = "seen"


@dataclass(frozen=True, slots=True)
class ToolBackup:
    """One finished backup as its tool tells of it; `parent` is the id of the one that it builds on, "" for a full one.

    `start` and `stop` are positions in the WAL; `wrong` says what the tool itself finds wrong with it.
    """

    id: str
    started: datetime
    ended: datetime
    size: int
    system: str
    major: int
    timeline: int
    start: int
    stop: int
    parent: str = ""
    wrong: str = ""


class ToolEngine(ClusterEngine):
    """An engine that drives a tool: the tool takes, keeps and lays down, we judge, recover and remember."""

    # The tool's name for people, and its program's.
    tool: str
    program: str

    def __init__(self, source: BackupSource, reporter: Reporter | None = None) -> None:
        super().__init__(source, reporter)
        self._known: dict[str, ToolBackup] | None = None
        self._caught_up = False
        self._live: dict[str, Any] | None = None

    # What a tool adds

    @abstractmethod
    def _tell(self) -> Iterable[ToolBackup]:
        """Return the finished backups that the tool knows. Raise `Refused`."""

    @abstractmethod
    def _take(self, facts: Mapping[str, Any]) -> None:
        """Let the tool take a backup. Raise `ProgramFailed`, `Refused`."""

    @abstractmethod
    def _delete(self, backup: Backup) -> None:
        """Let the tool delete a backup. Raise `ProgramFailed`."""

    @abstractmethod
    def _archive(self, segment_size: int, system: str) -> Archive:
        """Return the tool's archive as it is now. Raise `Refused`."""

    @abstractmethod
    def _traces(self, backup: Backup) -> str:
        """Return a text that differs when any file of a backup does."""

    @abstractmethod
    def _read(self, backup: Backup) -> Lines:
        """Let the tool read all files of a backup; return what is wrong with them."""

    @property
    @abstractmethod
    def _own_retention(self) -> bool:
        """Whether retention is ours: the tool's configuration is the one that we wrote."""

    @property
    @abstractmethod
    def account(self) -> Account:
        """As whom the tool runs."""

    # Running it

    @property
    def place(self) -> Path:
        """The folder of what belongs to the tool and is ours: its configuration, what is noted of its backups."""
        return self.source.directory / self.method

    def _prepare(self) -> None:
        """Make the folder, one that the tool's account can reach. Raise `Refused`."""
        folder.open_folder(self.source.directory)
        try:
            self.place.mkdir(mode=0o700, exist_ok=True)
            if self.account.other:
                for one in (self.source.directory, self.place):
                    one.chmod(one.stat().st_mode | 0o011)
            self.account.give(self.place)
        except OSError as error:
            raise Refused(
                f"the backup directory {str(self.place)!r} cannot be written: {error.strerror}",
                hint="set `backup.directory` to a folder that this user may write",
            ) from error
        if not self.account.can("x", self.place):
            raise Refused(
                f"the user {self.account.name!r}, as whom {self.tool} runs, cannot reach {str(self.place)!r}",
                hint=f"set `backup.directory` to a folder that every user can reach, as /var/lib/{self.method}",
            )

    @property
    def _where(self) -> Path:
        """The tool's program. Raise `Refused`."""
        wanted = str(self.source.given.get("program") or self.program)
        found = shutil.which(wanted)
        if found is None:
            raise Refused(
                f"there is no program {wanted!r}",
                hint=f"apt-get install {self.program}; or name it in the environment: backup: {{{self.method}: {{program: …}}}}",
            )
        return Path(found)

    def _run(self, words: Sequence[str], environ: Mapping[str, str] | None = None) -> bytes:
        """Run the tool; return what it wrote. Raise `ProgramFailed`, `Refused`."""
        with tempfile.TemporaryFile() as out:
            try:
                server_tools.run(
                    self._where, words, self._environ if environ is None else environ, out=out, run_as=self._run_as
                )
            except server_tools.ProgramFailed as error:
                out.seek(0)
                error.out = out.read()
                raise
            except OSError as error:
                raise Refused(f"{str(self._where)!r} cannot be run: {error.strerror}") from error
            out.seek(0)
            return out.read()

    @property
    def _run_as(self) -> Mapping[str, Any]:
        return {"cwd": "/", **self.account.run_as}

    @property
    def _environ(self) -> dict[str, str]:
        return server_tools.arguments(self.source.url, self.source.application)[1]

    def _ask(self, words: Sequence[str]) -> bytes:
        """Run the tool for what it knows. Raise `Refused` with what it said."""
        try:
            return self._run(words)
        except server_tools.ProgramFailed as error:
            raise self._refused(f"{self.tool} does not answer", error) from error

    def _refused(self, what: str, error: server_tools.ProgramFailed) -> Refused:
        said = [line for line in error.said if line.strip() != error.reason]
        return Refused(f"{what}: {error.reason.strip()}", hint=self._hint(error.said), details=said)

    def _hint(self, said: Sequence[str]) -> str | None:
        text = "\n".join(said)
        if "No space left" in text or "File too large" in text:
            return "free space where its repository is"
        return f"{self.tool}'s own words are above; `wgm-play doc backups` has what it needs"

    # The catalogue

    def _told(self) -> dict[str, ToolBackup]:
        if self._known is None:
            self._known = {one.id: one for one in self._tell()}
        return self._known

    def _tell_of(self, backup: Backup) -> ToolBackup:
        """Return what the tool tells of a backup. Raise `Refused` where it has gone."""
        told = self._told().get(backup.id)
        if told is None:
            raise Refused(
                f"{self.tool} does not have the backup {backup.id} any more",
                hint="restore from another one: `wgm-play backups PLAYBOOK`",
            )
        return told

    def list(self) -> Backups:
        """Return the tool's finished backups, newest first: those that it took for others, too."""
        told = sorted(self._told().values(), key=lambda one: (one.started, one.id), reverse=True)
        return [self._noted(one).backup for one in told]

    def _notes(self, name: str) -> Path:
        return self.source.directory / f"{self.method}-notes" / name

    def _noted(self, told: ToolBackup) -> folder.Manifest:
        """Return what is noted of a backup; of one that was taken without us, what its tool tells."""
        path = self._notes(told.id)
        if (path / folder.MANIFEST).exists():
            try:
                return folder.read(path)
            except Refused as error:
                self.reporter.warn(error.message)
        database = server_tools.parameters(self.source.url).get("dbname", "postgres")
        return folder.Manifest(self._backup(told, told.major * 10000, database), {}, told.major, {})

    def _backup(self, told: ToolBackup, version: int, database: str, **more: Any) -> Backup:
        """Return a backup of which its tool tells; `more` is what is known of one that was taken here."""
        return Backup(
            told.id,
            self.method,
            told.started,
            told.ended,
            told.size,
            version,
            database,
            str(self._notes(told.id)),
            system=told.system,
            **more,
        )

    def _manifest(self, backup: Backup) -> folder.Manifest:
        """Return what is noted of a backup, in a place where more can be noted."""
        noted = self._noted(self._tell_of(backup))
        try:
            self._notes(backup.id).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(
                f"nothing can be noted of the backup {backup.id}: {error.strerror}: {error.filename}",
                hint="set `backup.directory` to a folder that this user may write",
            ) from error
        return noted

    # Taking

    def make(self, reason: str, run: str = "") -> Backup:
        """Let the tool take a backup. Raise `Refused` or `Unreachable`."""
        import psycopg

        self._prepare()
        try:
            with target.connect(self.source.url, self.source.application) as connection:
                target.patience(connection)
                return self._make(connection, reason, run)
        except server_tools.ProgramFailed as error:
            raise self._refused("the backup failed", error) from error
        except psycopg.Error as error:
            raise Refused(f"the backup failed: {mask(str(error)).strip()}") from error

    def _make(self, connection: Any, reason: str, run: str) -> Backup:
        facts, mine = server_facts(connection), self.identity
        before = set(self._told())
        with self.reporter.progress("backup", 0, "MB"):
            self._take(facts)
        stopped = server_facts(connection)["now"]
        self._known = None
        new = [one for one in self._told().values() if one.id not in before]
        told = max(new, key=lambda one: one.started, default=None)
        if told is None:
            raise Refused(f"{self.tool} ended without an error, and without a backup")
        kept = {
            **{key: facts[key] for key in ("segment_size", "superusers", "databases", "standby", "size")},
            "settings": kept_settings(facts["settings"]),
            "stopped": stopped.isoformat(),
        }
        version, database = facts["server_version"], connection.info.dbname
        backup = self._backup(told, version, database, reason=mask(reason), run=run, marker=mine.marker)
        self._notes(told.id).mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.write(folder.Manifest(backup, kept, facts["server_version"] // 10000, {}))
        return backup

    def remove(self, backup: Backup) -> None:
        """Delete a backup, pinned or not, and those that build on it."""
        if backup.id in self._told():
            try:
                self._delete(backup)
            except server_tools.ProgramFailed as error:
                raise self._refused(f"the backup {backup.id} cannot be deleted", error) from error
            self._known = None
        shutil.rmtree(self._notes(backup.id), ignore_errors=True)

    def expire(self, retention: int | None = None, pinned: Collection[str] = ()) -> Backups:
        """Delete what is past its retention where that is ours; what a tool's own configuration says stays its own."""
        if not self._own_retention:
            return []
        gone = super().expire(retention, pinned)
        if gone:
            self._expire_wal()
        return gone

    def _expire_wal(self) -> None:
        """Delete WAL that no backup needs."""

    def increment(self, backup: Backup) -> bool:
        """Tell whether a backup builds on another one."""
        return bool(self._tell_of(backup).parent)

    def needed(self, kept: Sequence[Backup]) -> set[str]:
        """Return the ids of backups with those that they build on."""
        return {one.id for backup in kept for one in self._line(backup)}

    def _line(self, backup: Backup) -> Sequence[ToolBackup]:
        """Return what makes a backup up, the full one last."""
        line = [self._tell_of(backup)]
        while line[-1].parent and (parent := self._told().get(line[-1].parent)) is not None:
            line.append(parent)
        return line

    # Judging

    def damage(self, backup: Backup) -> Lines:
        """Return what is wrong with a backup; its files are read anew where anything about them has changed."""
        try:
            wrong = [f"{one.id}: {one.wrong}" for one in self._line(backup) if one.wrong]
            if wrong or self._seen(backup) == self._signature(backup):
                return wrong
        except Refused as error:
            return [error.message]
        return self._problems(backup)

    def _signature(self, backup: Backup) -> str:
        return hashlib.sha256(self._traces(backup).encode()).hexdigest()

    def _seen(self, backup: Backup) -> str:
        try:
            return (self._notes(backup.id) / _SEEN).read_text()
        except OSError:
            return ""

    def _problems(self, backup: Backup) -> Lines:
        try:
            signature = self._signature(backup)
            problems = self._read(backup)
        except Refused as error:
            return [error.message, *error.details]
        path = self._notes(backup.id) / _SEEN
        with suppress(OSError):
            path.unlink(missing_ok=True)
            if not problems and path.parent.is_dir():
                path.write_text(signature)
        if problems and self._noted(self._tell_of(backup)).backup.verified:
            self._remember(self._manifest(backup), "", False)
        return problems

    def in_use(self, backup: Backup) -> bool:
        """Tell whether a process reads a backup now: its tool keeps its own locks."""
        return False

    def uncovered(self, backup: Backup) -> str:
        """Return why one cannot go from a backup to this very moment, "" where one can."""
        if why := self._unarchived():
            return why
        if gap := self.gap(backup):
            return f"{gap}: nothing after the backup {backup.id} can be reached"
        return ""

    def gap(self, backup: Backup) -> str:
        """Return what is missing in the archive since a backup, "" where nothing is."""
        return self._wal_of(backup).gap(self._tell_of(backup).start, self.timeline)

    def received(self, lsn: int) -> str:
        """Return why a position is not known to have been archived, "" where it is in the archive."""
        return self._unarchived(lsn)

    def _unarchived(self, lsn: int = 0) -> str:
        """Let the server archive all that it has written, or what goes to a position; return why that did not come to pass."""
        import psycopg

        with target.connect(self.source.url, self.source.application) as session:
            try:
                begun = archiver_of(session)
                if why := self._cannot_archive(begun):
                    return why
                lsn = lsn or slot.flush_mark(session, f"wgm-play {secrets.token_hex(8)}")
                session.execute(render("backup/switch_wal.sql.j2").sql)
                return self._await(session, lsn, begun.failures)
            except psycopg.errors.InsufficientPrivilege:
                user = session.info.user
                return (
                    "this role may not end a segment of WAL, so that it is archived: "
                    f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {user}"
                )

    def troubles(self) -> Sequence[Trouble]:
        """Return what is wrong with the server's archiving, and which backups are gone that cover a run."""
        return [*self._archiver_troubles(), *self._gone()]

    def _gone(self) -> Sequence[Trouble]:
        """Return the pinned backups that the tool has no more: those runs cannot be brought back by them."""
        found = []
        for path in sorted(self._notes("").glob(f"*/{folder.MANIFEST}")):
            with suppress(Refused):
                backup = folder.read(path.parent).backup
                if backup.pinned and backup.id not in self._told():
                    found.append(
                        Trouble(
                            "backup_gone",
                            f"the backup {backup.id} covers a run, and {self.tool} has it no more: it was deleted past our pin",
                            f"wgm-play backup PLAYBOOK; once that run may stay: rm -r {path.parent}",
                        )
                    )
        return found

    def _archiver_troubles(self) -> Sequence[Trouble]:
        with target.connect(self.source.url, self.source.application) as session:
            state = archiver_of(session)
        if why := self._cannot_archive(state):
            return [Trouble("wal_archive", why, self._archiving)]
        if state.failing:
            why = f"the server cannot archive {state.failed}: its archive_command fails"
            return [Trouble("wal_archive", why, "see the server's log: what archive_command says stands there")]
        return []

    @property
    def _archiving(self) -> str:
        """What lets the server archive, for people."""
        return "ALTER SYSTEM SET archive_mode = on, then restart the server"

    def _cannot_archive(self, state: Archiver) -> str:
        """Return why the server archives nothing, "" where it should."""
        return "" if state.enabled else "the server archives nothing: archive_mode is off"

    def _await(self, session: Any, lsn: int, failures: int) -> str:
        """Wait until the archive has the segment of a position; return why it does not."""
        size = server_facts(session)["segment_size"]
        until = time.monotonic() + ARCHIVED_SECONDS
        while True:
            archive = self._archive(size, self.identity.system)
            name = archive.name(self.timeline, archive.number(lsn - 1))
            if archive.find(name) is not None:
                return ""
            state = archiver_of(session)
            if state.failed and state.failures > failures:
                return f"the server cannot archive {state.failed}: its archive_command fails, see the server's log"
            if time.monotonic() > until:
                return f"the segment {name}, with {lsn_text(lsn)}, did not come to the archive within {ARCHIVED_SECONDS:g} s"
            time.sleep(_POLL)

    # Restoring

    def choose(self, wanted: str | None, at: Moment | None) -> Backup:
        """Return the backup that a restore to a moment begins with; what was written last is archived first."""
        if at is not None:
            self._catch_up()
        return super().choose(wanted, at)

    def _catch_up(self) -> None:
        """Let the server archive what it wrote last, where it answers; a commit comes after each moment before now."""
        if self._caught_up:
            return
        self._caught_up = True
        import psycopg

        try:
            why = self._unarchived()
        except (Unreachable, Refused, psycopg.Error):
            return
        if why:
            self.reporter.warn(f"what was written last may be missing: {why}")

    def _facts_of(self, backup: Backup) -> Mapping[str, Any]:
        told = self._tell_of(backup)
        noted = self._noted(told).facts
        facts = {
            "segment_size": SEGMENT,
            "superusers": [],
            "databases": [],
            "settings": {},
            # To the second: what is whole within it is whole at its end.
            "stopped": datetime.fromtimestamp(told.ended.timestamp() + 1, UTC).isoformat(),
            **({} if noted else self._facts_now()),
            **noted,
        }
        return {**facts, "start": told.start, "stop": told.stop, "timeline": told.timeline}

    def _facts_now(self) -> Mapping[str, Any]:
        """Return what the server says of itself now, nothing where it does not answer."""
        if self._live is None:
            self._live = {}
            with suppress(Unreachable), target.connect(self.source.url, self.source.application) as session:
                found = server_facts(session)
                self._live = {key: found[key] for key in ("segment_size", "superusers", "databases")}
                self._live["settings"] = kept_settings(found["settings"])
        return self._live

    def _wal_of(self, backup: Backup) -> Archive:
        return self._archive(self._facts_of(backup)["segment_size"], backup.system)

    def _intact(self, backup: Backup) -> int:
        if damage := self.damage(backup):
            raise Refused(
                f"the backup {backup.id} is damaged, nothing was touched",
                hint="restore from another one: `wgm-play backups PLAYBOOK`",
                details=damage[: server_tools.SHOWN_ERRORS],
            )
        return self._tell_of(backup).size

    def _broken_off(self, error: server_tools.ProgramFailed) -> StepFailed:
        return StepFailed(
            f"the restore was broken off: {error.reason.strip()}",
            hint="nothing of it is left: put right what is named, then restore again",
            details=error.said[1:],
        )


@dataclass(frozen=True, slots=True)
class Archiver:
    """How the server's archiving goes: whether it is on, the segment that failed last, how often; whether it fails now."""

    enabled: bool
    command: str
    failed: str
    failures: int
    archived: int
    failing: bool


def archiver_of(session: Any) -> Archiver:
    """Return how the archiving of the server of a session goes."""
    from psycopg.rows import class_row

    asked = session.cursor(row_factory=class_row(Archiver)).execute(render("backup/archiver.sql.j2").sql)
    archiver: Archiver = asked.fetchone()
    return archiver
