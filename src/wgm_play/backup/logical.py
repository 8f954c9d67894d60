"""The logical engine: pg_dump in directory format, proved by restoring it.

In: a database that can be reached and read. Out: a folder with `dump/` and `manifest.json`; restored databases.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import folder, proof, restoring, target
from wgm_play.backup import identity as identities
from wgm_play.backup.base import (
    VERIFY,
    Backup,
    Capabilities,
    Restored,
    ScratchServer,
    Verification,
    rank,
)
from wgm_play.backup.in_folder import InFolder
from wgm_play.backup.loading import program
from wgm_play.backup.moment import LATEST, Moment
from wgm_play.embedded import programs
from wgm_play.errors import InputError, Refused, Unreachable
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.server import holders
from wgm_play.sqltext.scan import QUOTED

# pg_dump waits this long for ACCESS SHARE on a table before the gate gives up; it blocks nobody meanwhile.
LOCK_WAIT = "60s"
# How often a dump is begun anew where tables were rewritten while it began.
DUMPS = 3
MEGABYTE = 1_000_000
# Inside the engine the name `list` is its method.
Lines = list[str]
# From this version on pg_dump takes the name of a method.
COMPRESSES = 16
GZIP_LEVEL = 6
_PARTS = re.compile(rf'{QUOTED}|[^."]+')
_DUMPS_TABLE = "dumping contents of table"


class Logical(InFolder):
    """pg_dump and pg_restore. A dump is one moment of one database: it cannot go to any later time."""

    method = "logical"
    # What masks the rows of a copy before anybody can connect to it.
    mask_rows: Callable[[Any], Lines] | None = None
    capabilities = Capabilities(
        compress=("none", "gzip", "lz4", "zstd"),
        excludes=True,
        needs=("a role that may read everything", "pg_dump and pg_restore of the server's version or newer"),
    )

    def make(self, reason: str, run: str = "") -> Backup:
        """Dump the database as it is at one moment. Raise `Refused` (nothing is left behind) or `Unreachable`."""
        import psycopg

        directory = folder.open_folder(self.source.directory)
        try:
            with target.connect(self.source.url, self.source.application, autocommit=False) as connection:
                return self._make(directory, connection, reason, run)
        except server_tools.ProgramFailed as error:
            raise Refused(f"the dump failed: {error.reason}", hint=_hint(error.said), details=error.said[1:]) from error
        except OSError as error:
            raise Refused(f"the dump cannot be written below {str(directory)!r}: {error.strerror}") from error
        except psycopg.Error as error:
            said = mask(str(error)).strip()
            raise Refused(f"the dump failed: {said}", hint=_hint([said])) from error

    def _make(self, directory: Path, connection: Any, reason: str, run: str) -> Backup:
        from psycopg import IsolationLevel

        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        target.patience(connection)
        for _ in range(DUMPS):
            backup, rewritten = self._make_once(directory, connection, reason, run)
            if backup is not None:
                return backup
            connection.rollback()
        raise Refused(
            f"the dump failed: tables are rewritten or emptied while it begins: {', '.join(rewritten)}",
            hint="take it when nobody changes them: their rows would be of another moment, or missing",
        )

    def _make_once(self, directory: Path, connection: Any, reason: str, run: str) -> tuple[Backup | None, Lines]:
        """Dump once. Return the tables that were rewritten between the snapshot and pg_dump's locks instead, if any.

        To a snapshot from before such a table looks empty (manual: "Caveats" of Concurrency Control).
        """
        started = datetime.now(UTC)
        snapshot = target.one(connection, "snapshot.sql.j2")
        facts, counted = target.facts(connection), target.counts(connection)
        whose = identities.of(connection)
        excluded = self._excluded(connection)
        tables = [one for one in target.column(connection, "tables.sql.j2") if one not in excluded]
        name = folder.new_id(started)
        pg_dump = program("pg_dump", facts["server_version"] // 10000)
        with folder.making(directory, name) as path:
            counting = _Counting(connection, tables if self.source.policy.verify == "restore" else [])
            with counting:
                try:
                    self._dump(pg_dump, path / folder.DUMP, snapshot, len(tables), excluded)
                except server_tools.ProgramFailed as error:
                    if not _has_waited(error):
                        raise
                    raise Refused(
                        f"the dump failed: somebody kept a table from readers for {LOCK_WAIT}; no backup was taken",
                        hint="try again when that session has ended, or end it: SELECT pg_terminate_backend(PID)",
                        details=holders(connection),
                    ) from error
                self._globals(pg_dump, path / folder.DUMP, facts["database"])
            if rewritten := target.column(connection, "rewritten.sql.j2"):
                folder.delete(path)
                return None, rewritten
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
            facts["excluded"] = excluded
            folder.write(folder.Manifest(backup, facts, programs.major(pg_dump) or 0, files, counted, rows))
        return backup, []

    def _excluded(self, connection: Any) -> Lines:
        """Return the tables whose rows the policy leaves out, with their partitions, as SQL names them."""
        asked = self.source.policy.exclude
        if not asked:
            return []
        found = connection.execute(render("backup/excluded.sql.j2", tables=list(asked)).sql).fetchall()
        for name in sorted(set(asked) - {asked for asked, _ in found}):
            self.reporter.warn(f"`backup.exclude` names {name!r}, and no such table is there")
        return sorted({table for _, table in found})

    def _dump(self, pg_dump: Path, out: Path, snapshot: str, tables: int, excluded: Sequence[str]) -> None:
        place, environ = server_tools.arguments(self.source.url, self.source.application)
        words = [
            "--format=directory",
            f"--jobs={self.source.policy.jobs}",
            f"--file={out}",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={LOCK_WAIT}",
            "--no-password",
            "--verbose",
            f"--dbname={place}",
            *(f"--exclude-table-data={_pattern(one)}" for one in excluded),
            *self._compressed(pg_dump),
        ]
        with self.reporter.progress("backup", tables, "tables") as progress:

            def on_line(line: str) -> None:
                if _DUMPS_TABLE in line:
                    progress.done = min(progress.done + 1, tables)

            server_tools.run(pg_dump, words, environ, on_line)

    def _compressed(self, pg_dump: Path) -> Lines:
        """Return how pg_dump is told to compress. Raise `Refused` where it does not know that way."""
        way, _, level = (self.source.policy.compress or "").partition(":")
        if not way:
            return []
        if way == "none":
            return ["--compress=0"]
        version = programs.major(pg_dump) or 0
        if version >= COMPRESSES:
            return [f"--compress={self.source.policy.compress}"]
        if way == "gzip":
            return [f"--compress={level or GZIP_LEVEL}"]
        raise Refused(
            f"pg_dump {version} does not compress with {way}, nothing was touched",
            hint=f"write `compress: gzip`, or install pg_dump of PostgreSQL {COMPRESSES} or later",
        )

    def _globals(self, pg_dump: Path, out: Path, database: str) -> None:
        """Write roles and tablespaces beside the dump, without passwords: on another server they come first."""
        place, environ = server_tools.arguments(self.source.url, self.source.application)
        words = [
            "--globals-only",
            "--no-role-passwords",
            "--no-password",
            f"--database={database}",
            f"--dbname={place}",
            f"--file={out / folder.GLOBALS}",
        ]
        try:
            server_tools.run(pg_dump.with_name("pg_dumpall"), words, environ)
        except (server_tools.ProgramFailed, OSError) as error:
            (out / folder.GLOBALS).unlink(missing_ok=True)
            why = error.reason if isinstance(error, server_tools.ProgramFailed) else error.strerror
            self.reporter.warn(f"the backup is without the server's roles and tablespaces: {why}")

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

        how = how or self.source.policy.verify
        if how not in VERIFY:
            raise InputError(f"there is no verification {how!r}", hint=f"choose one of: {', '.join(VERIFY)}")
        began = time.monotonic()
        manifest = folder.read(Path(backup.path))
        with folder.using(Path(backup.path)):
            found = proof.Proof(problems=self.damage(backup))
            if rank(how) > rank("manifest") and not found.problems:
                found = self._proved(manifest, how)
        problems = tuple(found.problems)
        verification = Verification(
            backup.id, how, time.monotonic() - began, found.counted, found.rows, problems, tuple(found.unproved)
        )
        self._remember(manifest, how if verification.ok and how != "none" else "", verification.ok)
        for one in verification.unproved:
            self.reporter.warn(f"not proved here: {one}")
        return verification

    def _proved(self, manifest: folder.Manifest, how: str) -> proof.Proof:
        """Restore a backup on a server of our own and compare."""
        import psycopg

        least = max(manifest.tool, manifest.backup.server_version // 10000)
        try:
            with self.source.scratch(least) as url:
                return proof.prove(
                    manifest,
                    url,
                    how,
                    jobs=self.source.policy.jobs,
                    application=self.source.application,
                    reporter=self.reporter,
                )
        except server_tools.ProgramFailed as error:
            return proof.Proof(problems=[error.reason, *(line for line in error.said if line != error.reason)])
        except (psycopg.Error, Unreachable) as error:
            raise Refused(
                f"the backup cannot be proved: the server for scratch databases fails: {mask(str(error)).strip()}",
                hint="try again; `wgm-play stop` stops that server, the next proof starts it anew",
            ) from error

    def restore(
        self, backup: Backup, into: str | Path, at: Moment | None = None, *, in_place: bool = False
    ) -> Restored:
        """Restore into the database at the URL `into`, which must be empty or not exist; then prove it.

        With `in_place` it is restored beside that database and takes its name in one moment; the old one is kept.

        Raise `InputError` for a time (`at`), `Refused` where nothing was touched or what came back differs.
        """
        if at is not None and at.kind != LATEST:
            raise _one_moment(backup)
        if isinstance(into, Path):
            raise InputError(
                "a logical backup is of one database: it comes back into a database, not into a data directory",
                hint="--into NAME, or --into postgresql://USER@HOST/NAME",
            )
        began = time.monotonic()
        manifest = folder.read(Path(backup.path))
        with folder.using(Path(backup.path)):
            if damage := self.damage(backup):
                raise Refused(
                    f"the backup {backup.id} is damaged, nothing was touched",
                    hint="restore from another one: `wgm-play backups PLAYBOOK`",
                    details=damage[: server_tools.SHOWN_ERRORS],
                )
            found = restoring.restore(
                manifest,
                into,
                jobs=self.source.policy.jobs,
                application=self.source.application,
                reporter=self.reporter,
                trusted=self.source.trusted,
                in_place=in_place,
                mask_rows=self.mask_rows,
            )
        verification = Verification(backup.id, "restore", time.monotonic() - began, found.counted, found.rows)
        notes = tuple(found.notes)
        return Restored(backup, found.database, found.created, verification.seconds, verification, notes, found.kept)

    @contextmanager
    def on_scratch(
        self, backup: Backup, at: Moment | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[ScratchServer]:
        """Restore a backup on a server of its own; see `copying`. Raise `Refused`."""
        import psycopg

        from wgm_play.backup.copying import copied

        if at is not None and at.kind != LATEST:
            raise _one_moment(backup)
        manifest = folder.read(Path(backup.path))
        with folder.using(Path(backup.path)), ExitStack() as stack:
            if damage := self.damage(backup):
                raise Refused(
                    f"the backup {backup.id} is damaged",
                    hint="take another one: `wgm-play backup PLAYBOOK`",
                    details=damage[: server_tools.SHOWN_ERRORS],
                )
            try:
                copy = stack.enter_context(
                    copied(
                        manifest,
                        settings,
                        jobs=self.source.policy.jobs,
                        application=self.source.application,
                        reporter=self.reporter,
                    )
                )
            except server_tools.ProgramFailed as error:
                raise Refused(
                    f"the backup {backup.id} does not come back: {error.reason}", details=error.said
                ) from error
            except psycopg.Error as error:
                raise Refused(f"the backup {backup.id} does not come back: {mask(str(error)).strip()}") from error
            yield copy


def _one_moment(backup: Backup) -> InputError:
    return InputError(
        "a logical backup holds one moment: it cannot be restored as of another time",
        hint=f"leave out --at to get the state of {backup.started:%Y-%m-%d %H:%M:%S} UTC, "
        "or choose another backup: `wgm-play backups PLAYBOOK`",
    )


def _pattern(table: str) -> str:
    """Return a table's name, as SQL writes it, as a pattern of pg_dump's that means this one alone."""
    return ".".join(part if part.startswith('"') else f'"{part}"' for part in _PARTS.findall(table))


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
        # Where counting failed first, its snapshot went, and pg_dump with it: the cause is what counting was told.
        cause = self.failed
        if kind is not None and self.thread.is_alive():
            self.connection.cancel()
        self.thread.join()
        if kind is None:
            cause = self.failed
        if cause is not None:
            raise cause


def _hint(said: Sequence[str]) -> str | None:
    text = "\n".join(said)
    if "No space left" in text or "File too large" in text:
        return "free space below the backup directory, or set `backup.directory` to a larger one"
    if "row-level security policy" in text:
        return (
            "row security hides rows from this role: let it see all of them (a superuser: ALTER ROLE … BYPASSRLS), or give "
            "the environment a role that does"
        )
    if "permission denied" in text:
        return "let the role read everything: GRANT pg_read_all_data TO …"
    return None


def _has_waited(error: server_tools.ProgramFailed) -> bool:
    """Tell whether pg_dump gave up waiting for its locks: it bounds them by `statement_timeout`."""
    text = "\n".join(error.said)
    return "LOCK TABLE" in text and "statement timeout" in text
