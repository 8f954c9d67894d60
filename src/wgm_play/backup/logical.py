"""The logical engine: pg_dump in directory format, proved by restoring it.

In: a database that can be reached and read. Out: a folder with `dump/` and `manifest.json`; restored databases.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wgm_play.backup import folder, process, target
from wgm_play.backup import identity as identities
from wgm_play.backup.base import VERIFY, Backup, Backups, Capabilities, Engine, Restored, Source, Verification, rank
from wgm_play.embedded import programs
from wgm_play.errors import InputError, Refused, StepFailed
from wgm_play.render import render
from wgm_play.report.base import Reporter
from wgm_play.secret import mask

# pg_dump waits this long for ACCESS SHARE on a table before the gate gives up; it blocks nobody meanwhile.
LOCK_WAIT = "60s"
MEGABYTE = 1_000_000
# Inside the engine the name `list` is its method.
Lines = list[str]
_DUMPS_TABLE = "dumping contents of table"
_LOADS_TABLE = "processing data for table"
# What no comparison needs and a role that is no superuser may not create.
_SCRATCH_WORDS = (
    "--no-owner", "--no-privileges", "--no-comments", "--no-security-labels", "--no-publications",
    "--no-subscriptions", "--no-tablespaces",
)  # fmt: skip


class Logical(Engine):
    """pg_dump and pg_restore. A dump is one moment of one database: it cannot go to any later time."""

    method = "logical"
    capabilities = Capabilities()

    def __init__(self, source: Source, reporter: Reporter | None = None) -> None:
        super().__init__(source, reporter)
        self._identity: identities.Identity | None = None

    def make(self, reason: str, run: str = "") -> Backup:
        """Dump the database as it is at one moment. Raise `Refused` (nothing is left behind) or `Unreachable`."""
        import psycopg

        directory = folder.open_folder(self.source.directory)
        try:
            with target.connect(self.source.url, self.source.application, autocommit=False) as connection:
                return self._make(directory, connection, reason, run)
        except process.ProgramFailed as error:
            raise Refused(f"the dump failed: {error.reason}", hint=_hint(error.said), details=error.said[1:]) from error
        except OSError as error:
            raise Refused(f"the dump cannot be written below {str(directory)!r}: {error.strerror}") from error
        except psycopg.Error as error:
            raise Refused(f"the dump failed: {mask(str(error)).strip()}") from error

    def _make(self, directory: Path, connection: Any, reason: str, run: str) -> Backup:
        from psycopg import IsolationLevel

        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        target.patience(connection)
        started = datetime.now(UTC)
        snapshot = target.one(connection, "snapshot.sql.j2")
        facts, counted = target.facts(connection), target.counts(connection)
        whose = identities.of(connection)
        tables = target.column(connection, "tables.sql.j2")
        name = folder.new_id(started)
        pg_dump = program("pg_dump", facts["server_version"] // 10000)
        with folder.making(directory, name) as path:
            counting = _Counting(connection, tables if self.source.policy.verify == "restore" else [])
            with counting:
                self._dump(pg_dump, path / folder.DUMP, snapshot, len(tables))
            files = folder.digests(path / folder.DUMP)
            backup = Backup(
                id=name,
                method=self.method,
                started=started,
                ended=datetime.now(UTC),
                size=sum(size for size, _ in files.values()),
                server_version=facts["server_version"],
                database=facts["database"],
                path=str(path),
                reason=mask(reason),
                run=run,
                system=whose.system,
                marker=whose.marker,
            )
            rows = counting.found if self.source.policy.verify == "restore" else None
            folder.write(folder.Manifest(backup, facts, programs.major(pg_dump) or 0, files, counted, rows))
        return backup

    def _dump(self, pg_dump: Path, out: Path, snapshot: str, tables: int) -> None:
        place, environ = process.arguments(self.source.url, self.source.application)
        words = [
            "--format=directory", f"--jobs={self.source.policy.jobs}", f"--file={out}", f"--snapshot={snapshot}",
            f"--lock-wait-timeout={LOCK_WAIT}", "--no-password", "--verbose", f"--dbname={place}",
        ]  # fmt: skip
        with self._progress("backup", tables, _DUMPS_TABLE) as on_line:
            process.run(pg_dump, words, environ, on_line)

    @contextmanager
    def _progress(self, label: str, tables: int, mark: str) -> Iterator[Callable[[str], None]]:
        """Show progress by the tables that a program names; give the function that hears its lines."""
        with self.reporter.progress(label, tables, "tables") as progress:

            def on_line(line: str) -> None:
                if mark in line:
                    progress.done = min(progress.done + 1, tables)

            yield on_line

    def list(self) -> Backups:
        """Return the finished backups of this folder, newest first; those that cannot be read are warned of."""
        found, problems = folder.manifests(self.source.directory, self.method)
        for problem in problems:
            self.reporter.warn(problem)
        return [manifest.backup for manifest in found]

    def stranger(self, backup: Backup) -> str:
        """Return why a backup is none of this database, "" where it is one."""
        return identities.stranger(backup, self.identity)

    @property
    def identity(self) -> identities.Identity:
        """Which database this is; it is asked once. Raise `Unreachable`."""
        if self._identity is None:
            with target.there_or_beside(self.source.url, self.source.application) as connection:
                found = identities.of(connection)
            name = process.parameters(self.source.url).get("dbname", found.database)
            self._identity = replace(found, database=name, marker=self.source.marker or found.marker)
        return self._identity

    def damage(self, backup: Backup) -> Lines:
        """Return what differs between the files of a backup and its manifest, read anew."""
        try:
            manifest = folder.read(Path(backup.path))
        except Refused as error:
            return [error.message]
        with self.reporter.progress("reading", backup.size / MEGABYTE, "MB") as progress:

            def read(count: int) -> None:
                progress.done += count / MEGABYTE

            problems = folder.damaged(manifest, read)
        if problems:
            with suppress(Refused):  # a folder that cannot be written can be read
                self._remember(manifest, "", False)
        return problems

    def verify(self, backup: Backup, how: str | None = None) -> Verification:
        """Prove a backup: its files by their digests, its catalog (or all of it) by restoring it.

        Raise `Refused` where no scratch database is to be had; damage is in the verification's problems.
        """
        import psycopg

        how = how or self.source.policy.verify
        if how not in VERIFY:
            raise InputError(f"there is no verification {how!r}", hint=f"choose one of: {', '.join(VERIFY)}")
        began = time.monotonic()
        manifest = folder.read(Path(backup.path))
        problems = self.damage(backup)
        counted: dict[str, int] = {}
        rows: dict[str, int] = {}
        if how != "none" and not problems:
            try:
                with self._scratch(manifest) as (place, connection):
                    problems += self._load(manifest, place, _SCRATCH_WORDS, how == "restore", connection)
                    counted, rows, differences = self._compare(manifest, connection, how == "restore")
                    problems += differences
            except psycopg.Error as error:
                raise Refused(
                    f"the backup cannot be proved: {mask(str(error)).strip()}",
                    hint="put the server right, then: `wgm-play backup PLAYBOOK`",
                ) from error
        verification = Verification(backup.id, how, time.monotonic() - began, counted, rows, tuple(problems))
        self._remember(manifest, how if verification.ok and how != "none" else "", verification.ok)
        return verification

    def _remember(self, manifest: folder.Manifest, how: str, ok: bool) -> None:
        """Note in the manifest how a backup was proved; damage takes an earlier proof back."""
        before = manifest.backup.verified
        now = max(before, how, key=rank) if ok else ""
        if now != before:
            folder.write(replace(manifest, backup=replace(manifest.backup, verified=now)))

    def _compare(
        self, manifest: folder.Manifest, connection: Any, data: bool
    ) -> tuple[dict[str, int], dict[str, int], Lines]:
        """Count what a restored database holds; return objects, rows, and how they differ from the dump's snapshot."""
        counted = target.counts(connection)
        problems = target.compared("restored", manifest.counted, counted)
        if not data:
            return counted, {}, problems
        rows = target.rows(connection, target.column(connection, "tables.sql.j2"))
        if manifest.rows is not None:
            problems += target.compared("rows", manifest.rows, rows)
        return counted, rows, problems

    @contextmanager
    def _scratch(self, manifest: folder.Manifest) -> Iterator[tuple[str, Any]]:
        """Give a scratch database: on the source's server, else where `source.scratch` says."""
        import psycopg

        application = self.source.application
        with ExitStack() as stack:
            try:
                made = stack.enter_context(target.scratch(self.source.url, manifest.facts, application))
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
                if self.source.scratch is None:
                    raise Refused(
                        f"the backup cannot be proved: {error.diag.message_primary}",
                        hint="let the role create databases (ALTER ROLE … CREATEDB), or set `backup.verify: none`",
                    ) from error
                least = max(manifest.tool, manifest.backup.server_version // 10000)
                url = stack.enter_context(self.source.scratch(least))
                made = stack.enter_context(target.scratch(url, manifest.facts, application))
            yield made

    def _load(self, manifest: folder.Manifest, place: str, words: Sequence[str], data: bool, connection: Any) -> Lines:
        """Run pg_restore into the database at `place`; return what it could not do."""
        path = Path(manifest.backup.path) / folder.DUMP
        least = max(connection.info.server_version // 10000, manifest.tool)
        pg_restore = program("pg_restore", least)
        conninfo, environ = process.arguments(place, self.source.application)
        with tempfile.TemporaryDirectory(prefix="wgm-play-") as temporary:
            entries = Path(temporary) / "entries"
            try:
                process.run(pg_restore, ["--list", f"--file={entries}", str(path)], environ)
            except process.ProgramFailed as error:
                return [error.reason]
            lines = entries.read_text(errors="surrogateescape").splitlines()
            if not target.facts(connection)["superuser"]:
                lines = [line for line in lines if not _for_superusers(line)]
            entries.write_text("\n".join(lines) + "\n", errors="surrogateescape")
            words = [
                *words, f"--jobs={self.source.policy.jobs}", f"--use-list={entries}", "--no-password", "--verbose",
                f"--dbname={conninfo}", *([] if data else ["--schema-only"]), str(path),
            ]  # fmt: skip
            tables = sum(" TABLE DATA " in line for line in lines) if data else 0
            try:
                with self._progress("restore", tables, _LOADS_TABLE) as on_line:
                    process.run(pg_restore, words, environ, on_line)
            except process.ProgramFailed as error:
                return [error.reason, *(line for line in error.said if line != error.reason)][: process.SHOWN_ERRORS]
        return []

    def restore(self, backup: Backup, into: str, at: datetime | None = None) -> Restored:
        """Restore into the database at the URL `into`, which is created where it does not exist; then prove it.

        Raise `InputError` for a time (`at`), `Refused` where the database holds something or the backup's files
        are damaged, `StepFailed` where not all came back (the database is left for a look).
        """
        import psycopg

        if at is not None:
            raise InputError(
                "a logical backup holds one moment: it cannot be restored as of another time",
                hint=f"leave out --at to get the state of {backup.started:%Y-%m-%d %H:%M:%S} UTC, "
                "or choose another backup: `wgm-play backups PLAYBOOK`",
            )
        began = time.monotonic()
        manifest = folder.read(Path(backup.path))
        if damage := self.damage(backup):
            raise Refused(
                f"the backup {backup.id} is damaged, nothing was touched",
                hint="restore from another one: `wgm-play backups PLAYBOOK`",
                details=damage[: process.SHOWN_ERRORS],
            )
        created, notes = target.ensure(into, manifest.facts, self.source.application)
        try:
            with target.connect(into, self.source.application) as connection:
                database = connection.info.dbname
                verification, more = self._refill(manifest, into, connection, began)
        except KeyboardInterrupt:
            if created:
                target.drop(*_maintenance(into), self.source.application)
            raise
        except psycopg.Error as error:
            raise StepFailed(
                f"the restore into {database!r} was broken off: {mask(str(error)).strip()}",
                hint=f"drop {database!r} and restore again",
            ) from error
        if not verification.ok:
            raise StepFailed(
                f"the backup {backup.id} came back into {database!r} with differences",
                hint=f"look at {database!r}, then drop it and restore again",
                details=verification.problems,
            )
        return Restored(backup, database, created, time.monotonic() - began, verification, (*notes, *more))

    def _refill(
        self, manifest: folder.Manifest, into: str, connection: Any, began: float
    ) -> tuple[Verification, Lines]:
        """Fill an empty database and compare it with what was backed up; return notes too."""
        target.patience(connection)
        words, notes = _ownership(connection, manifest)
        problems = self._load(manifest, into, words, True, connection)
        counted, rows, differences = self._compare(manifest, connection, True)
        notes += target.apply_settings(connection, manifest.facts["settings"])
        notes += identities.mark(connection, manifest.backup)
        connection.execute(render("backup/analyze.sql.j2").sql)
        told = (*problems, *differences)
        return Verification(manifest.backup.id, "restore", time.monotonic() - began, counted, rows, told), notes

    def remove(self, backup: Backup) -> None:
        """Delete a backup, pinned or not."""
        folder.delete(Path(backup.path))

    def pin(self, backup: Backup, run: str) -> Backup:
        """Keep a backup from expiring until `run` unpins it."""
        return self._repin(backup, lambda pins: {*pins, run})

    def unpin(self, backup: Backup, run: str) -> Backup:
        """Take back what `pin` did for `run`."""
        return self._repin(backup, lambda pins: pins - {run})

    def _repin(self, backup: Backup, change: Callable[[set[str]], set[str]]) -> Backup:
        manifest = folder.read(Path(backup.path))
        pinned = tuple(sorted(change(set(manifest.backup.pinned))))
        if pinned != manifest.backup.pinned:
            manifest = replace(manifest, backup=replace(manifest.backup, pinned=pinned))
            folder.write(manifest)
        return manifest.backup


class _Counting:
    """Count rows in the dump's snapshot while pg_dump reads: the connection is this thread's until it ends."""

    def __init__(self, connection: Any, tables: Sequence[str]) -> None:
        self.connection, self.tables = connection, tables
        self.found: dict[str, int] = {}
        self.failed: BaseException | None = None
        self.thread = threading.Thread(target=self._count, name="counting", daemon=True)

    def _count(self) -> None:
        try:
            self.found = target.rows(self.connection, self.tables)
        except BaseException as error:  # raised again in the thread that waits
            self.failed = error

    def __enter__(self) -> _Counting:
        self.thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None and self.thread.is_alive():
            self.connection.cancel()
        self.thread.join()
        if kind is None and self.failed is not None:
            raise self.failed


def program(name: str, version: int) -> Path:
    """Return the path of pg_dump or pg_restore for a server's major version. Raise `Refused` when there is none."""
    try:
        return programs.tools(version) / name
    except InputError as error:
        raise Refused(error.message, hint=error.hint) from error


def _ownership(connection: Any, manifest: folder.Manifest) -> tuple[list[str], list[str]]:
    """Return the words for pg_restore about owners and privileges, and what to tell of them.

    Owners are given back only by a superuser, on a server that has all roles: data without its old owner are
    better than no data.
    """
    roles = manifest.facts["roles"]
    missing = target.column(connection, "roles_missing.sql.j2", roles=roles) if roles else []
    facts = target.facts(connection)
    if missing:
        told = f"the server has no role {', '.join(map(repr, missing))}: objects belong to {facts['role']!r}, "
        return ["--no-owner", "--no-privileges"], [told + "privileges were left out"]
    if not facts["superuser"]:
        return ["--no-owner"], [f"{facts['role']!r} is no superuser: all objects belong to it"]
    return [], []


def _for_superusers(entry: str) -> bool:
    """Tell whether an entry of pg_restore's list is one that only superusers may restore."""
    return any(
        kind in entry for kind in (" EVENT TRIGGER ", " COMMENT - EXTENSION ", " PUBLICATION - ", " SUBSCRIPTION ")
    )


def _maintenance(url: str) -> tuple[str, str]:
    """Return the URL of the maintenance database beside a database, and that database's name."""
    return target.with_database(url, target.MAINTENANCE[0]), process.parameters(url).get("dbname", "")


def _hint(said: Sequence[str]) -> str | None:
    text = "\n".join(said)
    if "No space left" in text or "File too large" in text:
        return "free space below the backup directory, or set `backup.directory` to a larger one"
    if "permission denied" in text:
        return "let the role read everything: GRANT pg_read_all_data TO …"
    if "lock timeout" in text:
        return "another session holds an exclusive lock: end it, then try again"
    return None
