"""The physical engine: pg_basebackup with digests, and all WAL since, so that a cluster comes back as of any moment.

In: a server that lets us replicate. Out: a folder with `base/`, `spaces/` and `manifest.json`; restored data directories.
A base holds the WAL that makes it whole: it comes back by itself, and with the WAL that `wgm-play wal` receives as of later.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import base_manifest, data_directory, folder, identity, receiver, slot, target
from wgm_play.backup.base import Backup, Backups, Capabilities
from wgm_play.backup.cluster import ClusterEngine, Lines, kept_settings, programs_for, server_facts
from wgm_play.backup.moment import lsn_text
from wgm_play.backup.wal import SEGMENT, Wal, read, stream
from wgm_play.errors import Refused, StepFailed
from wgm_play.quantities import format_size
from wgm_play.secret import mask

MEGABYTE = 1_000_000
# The last time that all files were read and were as they were written: what their inodes said then.
READ = "read"
_INCREMENTAL = 170000
# Why a server takes no increment now: a standby has replayed nothing since, or there are no summaries of its WAL (any more).
_NO_INCREMENT = ("manifest requires WAL", "WAL summaries are required", "timed out waiting for WAL summarization")
# How long a run waits for the receiver to have what was just written.
RECEIVED_SECONDS = 10.0


class Physical(ClusterEngine):
    """pg_basebackup and the WAL since: a whole cluster, as of any moment after a backup was taken."""

    method = "physical"
    capabilities = Capabilities(
        cluster=True,
        point_in_time=True,
        wal=True,
        kinds=("full", "incremental"),
        verify=("none", "manifest", "restore"),
        usual="manifest",
        needs=(
            "a role with REPLICATION, and a line for it in pg_hba.conf: host replication",
            "pg_basebackup, pg_receivewal and the server's programs of its own major version",
        ),
    )

    # Taking

    def make(self, reason: str, run: str = "") -> Backup:
        """Copy the cluster's files. Raise `Refused` (nothing is left behind) or `Unreachable`."""
        import psycopg

        directory = folder.open_folder(self.source.directory)
        try:
            with target.connect(self.source.url, self.source.application) as connection:
                return self._make(directory, connection, reason, run)
        except server_tools.ProgramFailed as error:
            raise Refused(
                f"the backup failed: {error.reason}", hint=_hint(error.said), details=error.said[1:]
            ) from error
        except OSError as error:
            raise Refused(f"the backup cannot be written below {str(directory)!r}: {error.strerror}") from error
        except psycopg.Error as error:
            raise Refused(f"the backup failed: {mask(str(error)).strip()}") from error

    def _make(self, directory: Path, connection: Any, reason: str, run: str) -> Backup:
        target.patience(connection)
        facts = server_facts(connection)
        self._refuse_without_room(directory, facts["size"] or 0)
        whose = identity.of(connection)
        tools = programs_for(facts["server_version"] // 10000)
        started = datetime.now(UTC)
        name = folder.new_id(started)
        parent = self._parent(facts)
        with folder.making(directory, name) as path:
            parent = self._copied(tools, path, facts, name, parent)
            written = base_manifest.read(path / data_directory.BASE)
            stopped = server_facts(connection)["now"]
            backup = Backup(
                id=name,
                method=self.method,
                started=started,
                ended=datetime.now(UTC),
                size=written.size,
                server_version=facts["server_version"],
                database=connection.info.dbname,
                path=str(path),
                reason=mask(reason),
                run=run,
                system=whose.system,
                marker=whose.marker,
            )
            kept = {
                **{key: facts[key] for key in ("segment_size", "superusers", "databases", "standby", "size")},
                "settings": kept_settings(facts["settings"]),
                "spaces": [oid for oid, _ in facts["spaces"]],
                "start": written.start,
                "stop": written.stop,
                "timeline": written.timeline,
                "stopped": stopped.isoformat(),
                "parent": parent.id if parent else "",
            }
            files = self._digests_beside(path)
            folder.write(folder.Manifest(backup, kept, facts["server_version"] // 10000, files))
        return backup

    def _refuse_without_room(self, directory: Path, needed: int) -> None:
        free = shutil.disk_usage(directory).free
        if free < needed:
            raise Refused(
                f"there is too little room for a backup below {str(directory)!r}: the cluster has {format_size(needed)}, "
                f"{format_size(free)} are free",
                hint="free space there, or set `backup.directory` to a folder on a larger disk",
            )

    def _copied(
        self, tools: Path, path: Path, facts: dict[str, Any], name: str, parent: Backup | None
    ) -> Backup | None:
        """Copy the files; return the backup that they are an increment to. Where the server refuses one, all are copied."""
        try:
            self._copy(tools, path, facts, name, parent)
            return parent
        except server_tools.ProgramFailed as error:
            if parent is None or not any(words in line for line in error.said for words in _NO_INCREMENT):
                raise
            self.reporter.warn(f"a full backup is taken, no increment: {error.reason.rpartition('ERROR:')[2].strip()}")
        for one in (data_directory.BASE, data_directory.SPACES):
            shutil.rmtree(path / one, ignore_errors=True)
        self._copy(tools, path, facts, name, None)
        return None

    def _copy(self, tools: Path, path: Path, facts: dict[str, Any], name: str, parent: Backup | None) -> None:
        place, environ = server_tools.arguments(self.source.url, self.source.application)
        words = [
            f"--pgdata={path / data_directory.BASE}",
            "--format=plain",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--manifest-checksums=SHA256",
            "--no-password",
            "--progress",
            f"--label=wgm-play {name}",
            f"--dbname={place}",
        ]
        if parent is not None:
            words.append(f"--incremental={Path(parent.path) / data_directory.BASE / base_manifest.NAME}")
        for oid, location in facts["spaces"]:
            words.append(
                f"--tablespace-mapping={data_directory.escaped(location)}={data_directory.escaped(path / data_directory.SPACES / oid)}"
            )
        if facts["spaces"]:
            (path / data_directory.SPACES).mkdir(mode=0o700)
        with self.reporter.progress("backup", (facts["size"] or 0) / MEGABYTE, "MB") as progress:

            def on_line(line: str) -> None:
                done = line.strip().partition("/")[0]
                if done.isdigit():
                    progress.done = int(done) * 1024 / MEGABYTE

            server_tools.run(tools / "pg_basebackup", words, environ, on_line)

    def _parent(self, facts: dict[str, Any]) -> Backup | None:
        """Return the backup that an increment is taken to, None where a full one is to be taken."""
        wanted = self.source.policy.retention.get("incremental", 0)
        if not wanted:
            return None
        if facts["server_version"] < _INCREMENTAL or not facts["summarizes"]:
            why = (
                "PostgreSQL takes them from version 17 on"
                if facts["server_version"] < _INCREMENTAL
                else ("the server has no summaries of its WAL: ALTER SYSTEM SET summarize_wal = on")
            )
            self.reporter.warn(f"a full backup is taken, no increment: {why}")
            return None
        newest = next(iter(self.own()), None)
        if newest is None or self.damage(newest) or len(self._chain(newest)) > wanted:
            return None
        if folder.read(Path(newest.path)).facts["timeline"] != self.timeline:
            return None  # what it holds may be of the part that this timeline has left
        return newest

    def _digests_beside(self, path: Path) -> dict[str, tuple[int, str]]:
        """Return the digests of what PostgreSQL's manifest does not cover: itself, and the WAL that is in the base."""
        base = path / data_directory.BASE
        beside = [base / base_manifest.NAME, *sorted(one for one in (base / "pg_wal").rglob("*") if one.is_file())]
        return {one.relative_to(path).as_posix(): (one.stat().st_size, base_manifest.sha256(one)) for one in beside}

    # Judging

    def wal(self, system: str, segment_size: int = SEGMENT) -> Wal:
        """Return the WAL that was received from a cluster."""
        return Wal(wal_folder(self.source.directory, system), segment_size)

    def uncovered(self, backup: Backup) -> str:
        """Return why one cannot go from a backup to this very moment: a gap in the WAL, or no receiver; "" where one can."""
        token = f"wgm-play {secrets.token_hex(8)}"
        with target.connect(self.source.url, self.source.application) as session:
            lsn = slot.flush_mark(session, token)
            if why := self._not_received(session, lsn):
                return why
        if gap := self.gap(backup):
            return f"{gap}: nothing after the backup {backup.id} can be reached"
        wal = self._wal_of(backup)
        # By our own eyes: the slot may be that of a receiver which writes elsewhere.
        part = Wal(wal.folder, wal.segment_size).find(wal.name(self.timeline, wal.number(lsn - 1)))
        if part is None or (".gz" not in part.name and token.encode() not in stream(read(part))):
            return f"the receiver of the slot {self.slot!r} does not write to {str(wal.folder)!r}"
        return ""

    def gap(self, backup: Backup) -> str:
        """Return what is missing of the WAL since a backup, "" where nothing is."""
        return self._wal_of(backup).gap(self._base(backup).start, self.timeline)

    def received(self, lsn: int) -> str:
        """Return why a position is not known to have been received, "" where it is on our disk."""
        with target.connect(self.source.url, self.source.application) as session:
            return self._not_received(session, lsn)

    def _not_received(self, session: Any, lsn: int) -> str:
        found = slot.await_received(session, self.slot, lsn, RECEIVED_SECONDS)
        if found is None:
            return "no WAL is received: there is no slot, nothing after the backup can be reached"
        if found.hidden:
            return "how far WAL was received is hidden from this role: GRANT pg_monitor"
        if found.pid is None:
            return "no WAL is received: the receiver does not run"
        if not found.reached:
            return f"the receiver (the server's process {found.pid}) did not receive {lsn_text(lsn)} within {RECEIVED_SECONDS:g} s"
        return ""

    @property
    def slot(self) -> str:
        """The name of the receiver's slot."""
        return slot.slot_name(self.source.marker or self.source.directory.name)

    def receiver(self) -> receiver.Receiver:
        """Return the receiver of this cluster's WAL. Raise `Unreachable`, `Refused`."""
        with target.connect(self.source.url, self.source.application) as session:
            facts = server_facts(session)
        folder.open_folder(self.source.directory)
        source = receiver.WalSource(
            self.source.url,
            self.slot,
            wal_folder(self.source.directory, self.identity.system),
            facts["segment_size"],
            programs_for(facts["server_version"] // 10000),
            "wgm-play wal",
        )
        return receiver.Receiver(source, self.reporter)

    def _chain(self, backup: Backup) -> Backups:
        """Return the backups that make one up, the full one first. Raise `Refused` where one is missing."""
        chain = [backup]
        while parent := folder.read(Path(chain[0].path)).facts["parent"]:
            path = self.source.directory / parent
            if not (path / folder.MANIFEST).exists():
                raise Refused(
                    f"the backup {backup.id} is an increment to {parent}, which is not there",
                    hint="restore from another one: `wgm-play backups PLAYBOOK`",
                )
            chain.insert(0, folder.read(path).backup)
        return chain

    def damage(self, backup: Backup) -> Lines:
        """Return what is wrong with the files of a backup and those that it builds on.

        They are read anew where anything about them changed since they were read last, else only looked at.
        """
        try:
            chain = self._chain(backup)
        except Refused as error:
            return [error.message]
        return [problem for one in chain for problem in self._damage_of(one, again=False)]

    def _damage_of(self, backup: Backup, *, again: bool) -> Lines:
        path = Path(backup.path)
        try:
            signature = _signature(path)
            if not again and (path / READ).exists() and (path / READ).read_text() == signature:
                return []
            manifest = folder.read(path)
        except (Refused, OSError) as error:
            return [error.message if isinstance(error, Refused) else f"{backup.id} cannot be read: {error.strerror}"]
        with self.reporter.progress("reading", backup.size / MEGABYTE, "MB") as progress:

            def heard(count: int) -> None:
                progress.done += count / MEGABYTE

            problems = [
                f"{name}: {why}" for name, told in manifest.files.items() if (why := _differs(path / name, told))
            ]
            problems += base_manifest.damage(path / data_directory.BASE, path / data_directory.SPACES, heard)
        with suppress(OSError, Refused):  # a folder that cannot be written can be read
            (path / READ).unlink(missing_ok=True)
            if problems:
                self._remember(manifest, "", False)
            else:
                (path / READ).write_text(signature)
        return problems

    def _problems(self, backup: Backup) -> Lines:
        return [problem for one in self._chain(backup) for problem in self._damage_of(one, again=True)]

    def expire(self, retention: int | None = None, pinned: Any = ()) -> Backups:
        """Delete what is past its retention, but nothing that a kept increment builds on; then WAL that no backup needs."""
        gone = super().expire(retention, pinned)
        own = self.own()
        if own and gone:
            self._expire_wal(own)
        return gone

    def increment(self, backup: Backup) -> bool:
        """Tell whether a backup is an increment."""
        return bool(self._facts_of(backup)["parent"])

    def needed(self, kept: Sequence[Backup]) -> set[str]:
        """Return the ids of backups with those that they build on; of a chain that somebody broke, its own alone."""
        found = {backup.id for backup in kept}
        for backup in kept:
            with suppress(Refused):
                found |= {one.id for one in self._chain(backup)}
        return found

    def _expire_wal(self, own: Backups) -> None:
        facts = [folder.read(Path(backup.path)).facts for backup in own]
        wal = self.wal(own[0].system, facts[0]["segment_size"])
        for path in wal.before(min(wal.number(fact["start"]) for fact in facts)):
            path.unlink(missing_ok=True)

    # Restoring

    def _facts_of(self, backup: Backup) -> Mapping[str, Any]:
        return folder.read(Path(backup.path)).facts

    def _wal_of(self, backup: Backup) -> Wal:
        return self.wal(backup.system, self._facts_of(backup)["segment_size"])

    def _intact(self, backup: Backup) -> int:
        chain = self._chain(backup)
        for one in chain:
            if damage := self._damage_of(one, again=True):
                raise Refused(
                    f"the backup {one.id} is damaged, nothing was touched",
                    hint="restore from another one: `wgm-play backups PLAYBOOK`",
                    details=damage[: server_tools.SHOWN_ERRORS],
                )
        return sum(one.size for one in chain)

    def _lay_down(self, backup: Backup, layout: data_directory.Layout) -> None:
        chain = self._chain(backup)
        total = sum(one.size for one in chain) / MEGABYTE
        combine = programs_for(backup.server_version // 10000) / "pg_combinebackup" if len(chain) > 1 else None
        with self.reporter.progress("restore", total, "MB") as progress:

            def copied(count: int) -> None:
                progress.done += count / MEGABYTE

            try:
                data_directory.lay_down([Path(one.path) for one in chain], layout, combine, copied)
            except OSError as error:
                raise StepFailed(
                    f"the restore was broken off: {error.strerror}: {error.filename or layout.data}",
                    hint="nothing of it is left: put right what is named, then restore again",
                ) from error
            except server_tools.ProgramFailed as error:
                raise StepFailed(
                    f"the increments cannot be put together: {error.reason}",
                    hint="nothing of it is left: restore from another one, `wgm-play backups PLAYBOOK`",
                    details=error.said,
                ) from error


def wal_folder(directory: Path, system: str) -> Path:
    """Return the folder of a cluster's WAL, beside its backups."""
    return directory / f"wal-{system}"


def _differs(file: Path, told: tuple[int, str]) -> str:
    try:
        if file.stat().st_size != told[0]:
            return f"it has {file.stat().st_size:,} bytes, it had {told[0]:,}"
        return "" if base_manifest.sha256(file) == told[1] else "it has other bytes than when it was written"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _signature(path: Path) -> str:
    """Return what changes when anything writes to a file of a backup."""
    digest = hashlib.sha256()
    for top in (path / data_directory.BASE, path / data_directory.SPACES):
        for folder_, names, files in sorted(os.walk(top)):
            for name in sorted([*names, *files]):
                found = os.lstat(os.path.join(folder_, name))
                told = (name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
                digest.update(repr(told).encode())
    return digest.hexdigest()


def _hint(said: Any) -> str | None:
    text = "\n".join(said)
    if "No space left" in text:
        return "free space below the backup directory, or set `backup.directory` to a larger one"
    if "no pg_hba.conf entry for replication" in text:
        return (
            "let the role replicate: a line `host replication ROLE ADDRESS scram-sha-256` in pg_hba.conf, then reload"
        )
    if "REPLICATION" in text or "replication role" in text or "permission denied to start WAL sender" in text:
        return "let the role replicate: ALTER ROLE … REPLICATION"
    if "max_wal_senders" in text:
        return "two connections for replication are needed: raise max_wal_senders"
    return None
