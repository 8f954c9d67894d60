"""The physical engine: pg_basebackup with digests, and all WAL since, so that a cluster comes back as of any moment.

In: a server that lets us replicate. Out: a folder with `base/`, `spaces/` and `manifest.json`; restored data directories.
A base holds the WAL that makes it whole: it comes back by itself, and with the WAL that `wgm-play wal` receives as of later.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgm_play.backup import base_manifest, folder, identity, laying, process, receiver, recovery, slot, target
from wgm_play.backup.aim import Aim, Base, aim, base_of, own_moment
from wgm_play.backup.base import Backup, Backups, Capabilities, Restored, ScratchServer, Verification
from wgm_play.backup.in_folder import InFolder
from wgm_play.backup.moment import LSN, TIME, Moment, lsn_of, lsn_text
from wgm_play.backup.run_folder import RunFolder, run_folder
from wgm_play.backup.wal import SEGMENT, Wal, read, stream
from wgm_play.embedded.account import Account, account_for
from wgm_play.embedded.home import shelf_folder
from wgm_play.embedded.programs import reachable_programs, scratch_programs
from wgm_play.errors import InputError, Refused, StepFailed, Unreachable
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.units import format_size

MEGABYTE = 1_000_000
# The last time that all files were read and were as they were written: what their inodes said then.
READ = "read"
_INCREMENTAL = 170000
# How long a run waits for the receiver to have what was just written.
RECEIVED_SECONDS = 10.0
# Inside the engine the name `list` is its method.
Lines = list[str]


class Physical(InFolder):
    """pg_basebackup and the WAL since: a whole cluster, as of any moment after a backup was taken."""

    method = "physical"
    capabilities = Capabilities(
        cluster=True,
        point_in_time=True,
        wal=True,
        incremental=True,
        in_place=False,
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
        except process.ProgramFailed as error:
            raise Refused(
                f"the backup failed: {error.reason}", hint=_hint(error.said), details=error.said[1:]
            ) from error
        except OSError as error:
            raise Refused(f"the backup cannot be written below {str(directory)!r}: {error.strerror}") from error
        except psycopg.Error as error:
            raise Refused(f"the backup failed: {mask(str(error)).strip()}") from error

    def _make(self, directory: Path, connection: Any, reason: str, run: str) -> Backup:
        target.patience(connection)
        facts = _facts(connection)
        self._refuse_without_room(directory, facts["size"] or 0)
        whose = identity.of(connection)
        tools = programs_for(facts["server_version"] // 10000)
        started = datetime.now(UTC)
        name = folder.new_id(started)
        parent = self._parent(facts)
        with folder.making(directory, name) as path:
            self._copy(tools, path, facts, name, parent)
            written = base_manifest.read(path / laying.BASE)
            stopped = _facts(connection)["now"]
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
                "settings": _kept_settings(facts["settings"]),
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

    def _copy(self, tools: Path, path: Path, facts: dict[str, Any], name: str, parent: Backup | None) -> None:
        place, environ = process.arguments(self.source.url, self.source.application)
        words = [
            f"--pgdata={path / laying.BASE}", "--format=plain", "--wal-method=stream", "--checkpoint=fast",
            "--manifest-checksums=SHA256", "--no-password", "--progress", f"--label=wgm-play {name}", f"--dbname={place}",
        ]  # fmt: skip
        if parent is not None:
            words.append(f"--incremental={Path(parent.path) / laying.BASE / base_manifest.NAME}")
        for oid, location in facts["spaces"]:
            words.append(
                f"--tablespace-mapping={laying.escaped(location)}={laying.escaped(path / laying.SPACES / oid)}"
            )
        if facts["spaces"]:
            (path / laying.SPACES).mkdir(mode=0o700)
        with self.reporter.progress("backup", (facts["size"] or 0) / MEGABYTE, "MB") as progress:

            def on_line(line: str) -> None:
                done = line.strip().partition("/")[0]
                if done.isdigit():
                    progress.done = int(done) * 1024 / MEGABYTE

            process.run(tools / "pg_basebackup", words, environ, on_line)

    def _parent(self, facts: dict[str, Any]) -> Backup | None:
        """Return the backup that an increment is taken to, None where a full one is to be taken."""
        wanted = self.source.policy.retention.get("incremental", 0)
        if not wanted:
            return None
        if facts["server_version"] < _INCREMENTAL or not facts["summarizes"]:
            why = "PostgreSQL takes them from version 17 on" if facts["server_version"] < _INCREMENTAL else (
                "the server has no summaries of its WAL: ALTER SYSTEM SET summarize_wal = on"
            )  # fmt: skip
            self.reporter.warn(f"a full backup is taken, no increment: {why}")
            return None
        newest = next(iter(self.own()), None)
        if newest is None or len(self._chain(newest)) > wanted or self.damage(newest):
            return None
        return newest

    def _digests_beside(self, path: Path) -> dict[str, tuple[int, str]]:
        """Return the digests of what PostgreSQL's manifest does not cover: itself, and the WAL that is in the base."""
        base = path / laying.BASE
        beside = [base / base_manifest.NAME, *sorted(one for one in (base / "pg_wal").rglob("*") if one.is_file())]
        return {one.relative_to(path).as_posix(): (one.stat().st_size, base_manifest.sha256(one)) for one in beside}

    # Judging

    def stranger(self, backup: Backup) -> str:
        """Return why a backup is of another cluster, or of a past that this one has left; "" where it is its own."""
        mine = self.identity
        if backup.system != mine.system:
            return "another cluster's"
        if backup.database == mine.database and backup.marker and mine.marker and backup.marker != mine.marker:
            return f"marked {backup.marker!r}"
        facts = folder.read(Path(backup.path)).facts
        if facts["timeline"] > self.timeline:
            return f"of timeline {facts['timeline']}, this cluster is on {self.timeline}"
        wal = self.wal(backup.system, facts["segment_size"])
        known = self.timeline == facts["timeline"] or self.timeline in wal.histories
        if known and not wal.leads_to(facts["timeline"], facts["stop"], self.timeline):
            return f"of a part of timeline {facts['timeline']} that this cluster has left"
        return ""

    @property
    def timeline(self) -> int:
        """Which timeline the server is on now; it is asked once, with whose it is. Raise `Unreachable`."""
        return self.identity.timeline

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
            facts = _facts(session)
        folder.open_folder(self.source.directory)
        source = receiver.Source(
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
            problems += base_manifest.damage(path / laying.BASE, path / laying.SPACES, heard)
        with suppress(OSError, Refused):  # a folder that cannot be written can be read
            (path / READ).unlink(missing_ok=True)
            if problems:
                self._remember(manifest, "", False)
            else:
                (path / READ).write_text(signature)
        return problems

    def verify(self, backup: Backup, how: str | None = None) -> Verification:
        """Prove a backup: all its files by their digests, or by a server that comes up on it."""
        how = how or self.source.policy.verify
        if how not in self.capabilities.verify:
            raise InputError(
                f"a physical backup is not verified by {how!r}",
                hint=f"choose one of: {', '.join(self.capabilities.verify)}",
            )
        began = time.monotonic()
        counted: dict[str, int] = {}
        problems = [problem for one in self._chain(backup) for problem in self._damage_of(one, again=True)]
        if how == "restore" and not problems:
            try:
                with (
                    self.on_scratch(backup) as scratch,
                    target.connect(scratch.url, self.source.application) as session,
                ):
                    counted = target.counts(session)
            except (StepFailed, Unreachable) as error:
                problems = [error.message, *error.details]
        ok = not problems
        self._remember(folder.read(Path(backup.path)), how if ok and how != "none" else "", ok)
        return Verification(backup.id, how, time.monotonic() - began, counted, {}, tuple(problems))

    def expire(self, retention: int | None = None, pinned: Any = ()) -> Backups:
        """Delete what is past its retention, but nothing that a kept increment builds on; then WAL that no backup needs."""
        gone = super().expire(retention, pinned)
        own = self.own()
        if own and gone:
            self._expire_wal(own)
        return gone

    def increment(self, backup: Backup) -> bool:
        """Tell whether a backup is an increment."""
        return bool(folder.read(Path(backup.path)).facts["parent"])

    def needed(self, kept: Sequence[Backup]) -> set[str]:
        """Return the ids of backups with those that they build on."""
        return {one.id for backup in kept for one in self._chain(backup)}

    def _expire_wal(self, own: Backups) -> None:
        facts = [folder.read(Path(backup.path)).facts for backup in own]
        wal = self.wal(own[0].system, facts[0]["segment_size"])
        for path in wal.before(min(wal.number(fact["start"]) for fact in facts)):
            path.unlink(missing_ok=True)

    # Restoring

    def choose(self, wanted: str | None, at: Moment | None) -> Backup:
        """Return the backup with an id; the newest from which a moment can be reached for None."""
        if wanted is not None or at is None:
            return self.find(wanted)
        return self._aim(None, at).base.backup

    def _aim(self, backup: Backup | None, at: Moment | None) -> Aim:
        bases = [self._base(backup)] if backup is not None else [self._base(one) for one in self._candidates()]
        if at is None:
            return own_moment(bases[0])
        wal = self._wal_of(bases[0].backup)
        return aim(bases, wal, at, datetime.now(UTC))

    def _candidates(self) -> Backups:
        """Return the backups of this cluster, newest first; of the only one there is where the server does not answer."""
        try:
            found = self.own()
        except Unreachable:
            found = self.list()
            if len({one.system for one in found}) > 1:
                return [self.find(None)]  # which says why it cannot be told
            self.reporter.warn(
                "the server does not answer: the backups of the one cluster that are here are taken for its own"
            )
        return found or [self.find(None)]

    @staticmethod
    def _base(backup: Backup) -> Base:
        return base_of(backup, folder.read(Path(backup.path)).facts)

    def _wal_of(self, backup: Backup) -> Wal:
        return self.wal(backup.system, folder.read(Path(backup.path)).facts["segment_size"])

    def restore(
        self, backup: Backup, into: str | Path, at: Moment | None = None, *, in_place: bool = False
    ) -> Restored:
        """Make a stopped data directory in which recovery ended at a moment, and which was promoted.

        Raise `Refused` where nothing was written yet, `StepFailed` afterwards: then nothing is left.
        """
        if isinstance(into, str):
            raise InputError(
                "a physical backup is of a whole cluster: it comes back into a data directory, not into a database",
                hint="--into dir:PATH",
            )
        began = time.monotonic()
        layout = laying.Layout(
            into, into.with_name(f"{into.name}_tablespaces"), account_for(laying.nearest(into.absolute().parent))
        )
        aim_ = self._aim(backup, at)
        chain = self._fit(backup, layout)
        with run_folder(layout.account) as place:
            ground = self._ground(backup, layout, place, durable=True)
            try:
                reached = self._recovered(chain, layout, ground, aim_)
                notes = [*self._finish(layout, ground, backup), *self._left_out(ground)]
            except BaseException:
                layout.remove()
                raise
        verification = Verification(backup.id, "restore", time.monotonic() - began)
        return Restored(backup, str(into), True, verification.seconds, verification, tuple(notes), reached=reached)

    def _fit(self, backup: Backup, layout: laying.Layout) -> Backups:
        """Return the chain of a backup that is whole and finds room. Raise `Refused`."""
        chain = self._chain(backup)
        layout.refuse(sum(one.size for one in chain))
        for one in chain:
            if damage := self._damage_of(one, again=True):
                raise Refused(
                    f"the backup {one.id} is damaged, nothing was touched",
                    hint="restore from another one: `wgm-play backups PLAYBOOK`",
                    details=damage[: process.SHOWN_ERRORS],
                )
        return chain

    def _ground(self, backup: Backup, layout: laying.Layout, place: RunFolder, *, durable: bool) -> recovery.Ground:
        facts = folder.read(Path(backup.path)).facts
        tools = programs_for(backup.server_version // 10000)
        runs = reachable_programs(tools, layout.account, shelf_folder()) if layout.account.other else tools
        user = process.parameters(self.source.url).get("user")
        users = dict.fromkeys([*facts["superusers"], *([user] if user else []), "postgres"])
        databases = dict.fromkeys([backup.database, "postgres", "template1", *facts["databases"]])
        return recovery.Ground(
            layout.data, runs, place, self._wal_of(backup), tuple(users), tuple(databases), facts["settings"], durable
        )

    def _recovered(self, chain: Backups, layout: laying.Layout, ground: recovery.Ground, aim_: Aim) -> str:
        """Lay down the files and recover to the aim; return what was reached. Raise `StepFailed`."""
        with self._laid_down(chain, layout, ground, aim_) as standing:
            self._mark(standing, aim_.base.backup)
            return _reached(standing, aim_)

    @contextmanager
    def _laid_down(
        self, chain: Backups, layout: laying.Layout, ground: recovery.Ground, aim_: Aim
    ) -> Iterator[recovery.Standing]:
        self._lay_down(chain, layout)
        recovery.put_own_configuration_aside(layout.data, layout.account.give)
        with self._serving(ground) as served, self._recovering(served, aim_) as standing:
            if aim_.falls_short(standing.lsn):
                raise self._broken(ground, standing.lsn, aim_.least)
            yield standing

    def _lay_down(self, chain: Backups, layout: laying.Layout) -> None:
        total = sum(one.size for one in chain) / MEGABYTE
        combine = programs_for(chain[-1].server_version // 10000) / "pg_combinebackup" if len(chain) > 1 else None
        with self.reporter.progress("restore", total, "MB") as progress:

            def copied(count: int) -> None:
                progress.done += count / MEGABYTE

            try:
                laying.lay_down([Path(one.path) for one in chain], layout, combine, copied)
            except OSError as error:
                raise StepFailed(
                    f"the restore was broken off: {error.strerror}: {error.filename or layout.data}",
                    hint="nothing of it is left: put right what is named, then restore again",
                ) from error
            except process.ProgramFailed as error:
                raise StepFailed(
                    f"the increments cannot be put together: {error.reason}",
                    hint="nothing of it is left: restore from another one, `wgm-play backups PLAYBOOK`",
                    details=error.said,
                ) from error

    @contextmanager
    def _serving(self, ground: recovery.Ground) -> Iterator[recovery.Ground]:
        """Show how many segments were replayed."""
        with self.reporter.progress("replay", 0, "segments") as progress:

            def asked(name: str) -> None:
                progress.done += 1

            yield replace(ground, on_segment=asked)

    @contextmanager
    def _recovering(self, ground: recovery.Ground, aim_: Aim) -> Iterator[recovery.Standing]:
        """Recover; where the WAL came to its end first, go on to that end if it is as far as the target is."""
        try:
            with recovery.recover(ground, aim_.settings) as standing:
                yield standing
            return
        except recovery.NotReached as error:
            if not (error.ended_early and (aim_.at is None or aim_.at.kind in (TIME, LSN))):
                raise self._not_reached(error, aim_) from error
            early = error
        try:
            latest = {"recovery_target_timeline": str(aim_.timeline)}
            if aim_.at is None:  # of a standby, whole where its own WAL ends: no record comes after that
                ground = replace(ground, wal=Wal(ground.wal.folder / "none", ground.wal.segment_size))
            with recovery.recover(ground, latest) as standing:
                if aim_.at is not None and not self._nothing_between(ground.wal, standing, aim_):
                    raise self._not_reached(early, aim_)
                yield standing
        except recovery.NotReached as error:
            raise self._not_reached(error, aim_) from error

    def _nothing_between(self, wal: Wal, standing: recovery.Standing, aim_: Aim) -> bool:
        """Tell whether nothing was committed between the end of the WAL and the moment."""
        at = aim_.at
        if at is None or at.time is None:
            return at is not None and standing.lsn >= at.lsn
        received = wal.received
        if received is not None and received.timeline == aim_.timeline and received.at >= at.time:
            return standing.lsn + 64 >= received.lsn
        return self._live_end(aim_.timeline) is not None and standing.lsn + 64 >= (self._live_end(aim_.timeline) or 0)

    def _live_end(self, timeline: int) -> int | None:
        """Return how far the server's own WAL goes now, None where it does not answer or is another's."""
        with suppress(Unreachable):
            if self.timeline != timeline:
                return None
            with target.connect(self.source.url, self.source.application) as connection:
                return lsn_of(target.one(connection, "wal_end.sql.j2"))
        return None

    def _not_reached(self, error: recovery.NotReached, aim_: Aim) -> StepFailed:
        reach = f"LSN {lsn_text(error.lsn)}" + (f", the last commit at {error.committed}" if error.committed else "")
        if error.ended_early:
            return StepFailed(
                f"{aim_.at} cannot be reached: the WAL that was received ends before it; nothing of the restore is left",
                hint=f"as far as one can go: --at latest ({reach})",
            )
        return StepFailed(
            f"recovery ended before it came to its target: {error.why}; nothing of the restore is left",
            hint="try another moment, or another backup: `wgm-play backups PLAYBOOK`",
            details=error.log,
        )

    @staticmethod
    def _broken(ground: recovery.Ground, reached: int, least: int) -> StepFailed:
        name = ground.wal.name(1, ground.wal.number(reached))[8:]
        return StepFailed(
            f"the WAL is damaged: recovery ended at {lsn_text(reached)}, though it was received up to {lsn_text(least)}; "
            "nothing of the restore is left",
            hint=f"as far as one can go: --at lsn:{lsn_text(reached)}",
            details=[f"the damage is in the segment …{name}"],
        )

    def _mark(self, standing: recovery.Standing, backup: Backup) -> None:
        """Mark each restored database that was marked as what it is, so that nothing takes it for the original."""
        for name in self._databases(standing):
            with target.connect(standing.url(name), self.source.application) as session:
                identity.mark(session, backup)

    def _databases(self, standing: recovery.Standing) -> Lines:
        with target.connect(standing.url(), self.source.application) as session:
            return target.column(session, "databases.sql.j2")

    def _finish(self, layout: laying.Layout, ground: recovery.Ground, backup: Backup) -> Lines:
        """Give the data directory a configuration with which it starts by itself, and let the disk hold it all."""
        facts = folder.read(Path(backup.path)).facts
        settings = {
            **recovery.own_settings(facts["settings"]),
            **recovery.needed_settings(ground.programs, layout.data),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "/tmp",  # noqa: S108 - every account may make a socket there
            "archive_mode": "off",
            "max_logical_replication_workers": "0",
            "shared_preload_libraries": recovery.harmless_libraries(facts["settings"]),
        }
        data, account = layout.data, layout.account
        told = (
            f"# Written when the backup {backup.id} was restored. The original is postgresql.conf.original, where it was in\n"
            "# the data directory. Nothing is archived, and no subscription is followed, before you say so here.\n"
        )
        _put(data / "postgresql.conf", told + recovery.configuration(settings), account)
        for name, text in (("pg_hba.conf", _HBA), ("pg_ident.conf", "")):
            if not (data / name).exists():
                _put(data / name, text, account)
        for name in ("postmaster.opts", "backup_label.old", "tablespace_map.old"):
            (data / name).unlink(missing_ok=True)
        _sync(ground.programs, layout)
        return [f"it is stopped and belongs to {account.name!r}: pg_ctl -D {data} start; its own configuration is new"]

    @staticmethod
    def _left_out(ground: recovery.Ground) -> Lines:
        found = recovery.left_out(ground.settings)
        return [f"not loaded, as it may act by itself: {', '.join(found)} (shared_preload_libraries)"] if found else []

    @contextmanager
    def on_scratch(
        self, backup: Backup, at: Moment | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[ScratchServer]:
        """Restore a backup on a server that can touch nothing else, for a `with` block. Raise `Refused`."""
        account = account_for(self.source.directory)
        aim_ = self._aim(backup, at)
        began = time.monotonic()
        with run_folder(account) as place:
            layout = laying.Layout(place.server / "data", place.server / "spaces", account)
            chain = self._fit(backup, layout)
            ground = replace(self._ground(backup, layout, place, durable=False), given=settings)
            with self._laid_down(chain, layout, ground, aim_) as standing:
                self._mark(standing, backup)
                database = backup.database if backup.database in self._databases(standing) else None
                url, notes = self._as_owner(standing, database)
                yield ScratchServer(
                    url,
                    standing.url(database),
                    backup.server_version // 10000,
                    _reached(standing, aim_),
                    time.monotonic() - began,
                    ground.settings,
                    notes=(*notes, *self._left_out(ground)),
                )

    def _as_owner(self, standing: recovery.Standing, database: str | None) -> tuple[str, Lines]:
        """Return the connection string of the database's owner, and what to know of him."""
        with target.connect(standing.url(database), self.source.application) as session:
            owner, superuser, may_login = session.execute(render("backup/owner.sql.j2").sql).fetchone()
        notes = (
            [f"the database belongs to {owner!r}, a superuser: what is tried there is tried as one"]
            if superuser
            else []
        )
        if may_login:
            return target.with_database(standing.url(database), database or standing.database, user=owner), notes
        from psycopg.conninfo import make_conninfo

        return make_conninfo(standing.url(database), options=f"-c role={target.option(owner)}"), notes


_HBA = """\
local all all peer
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""


def wal_folder(directory: Path, system: str) -> Path:
    """Return the folder of a cluster's WAL, beside its backups."""
    return directory / f"wal-{system}"


def programs_for(major: int) -> Path:
    """Return the folder with the server's programs and tools of a major version. Raise `Refused`."""
    try:
        found = scratch_programs(major)
    except InputError as error:
        raise Refused(
            f"there are no programs of PostgreSQL {major} on this machine: they read its files",
            hint=f"apt-get install postgresql-{major}",
        ) from error
    missing = [name for name in ("pg_basebackup", "pg_receivewal", "pg_controldata") if not (found / name).exists()]
    if missing:
        raise Refused(f"{str(found)!r} lacks {', '.join(missing)}", hint=f"apt-get install postgresql-client-{major}")
    return found


def _facts(connection: Any) -> dict[str, Any]:
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return dict(cursor.execute(render("backup/cluster.sql.j2").sql).fetchone() or {})


def _kept_settings(settings: dict[str, str]) -> dict[str, str]:
    """Return the settings that a restore may want, none that may hold a secret."""
    libraries = {name: value for name, value in settings.items() if name == "shared_preload_libraries"}
    return {**recovery.own_settings(settings), **libraries}


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
    for top in (path / laying.BASE, path / laying.SPACES):
        for folder_, names, files in sorted(os.walk(top)):
            for name in sorted([*names, *files]):
                found = os.lstat(os.path.join(folder_, name))
                told = (name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
                digest.update(repr(told).encode())
    return digest.hexdigest()


def _reached(standing: recovery.Standing, aim_: Aim) -> str:
    words = f"LSN {lsn_text(standing.lsn)} of timeline {aim_.timeline}"
    if standing.committed is not None:
        words += f", the last commit at {standing.committed.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f UTC}"
    return words


def _put(path: Path, text: str, account: Account) -> None:
    path.write_text(text)
    path.chmod(0o600)
    account.give(path)


def _sync(programs: Path, layout: laying.Layout) -> None:
    """Let the disk hold all of it, with its tablespaces."""
    subprocess.run(
        [programs / "initdb", "--sync-only", f"--pgdata={layout.data}"],
        cwd=layout.data, env={"PATH": os.defpath, "LC_ALL": "C"}, check=False, capture_output=True,
        **layout.account.run_as,
    )  # fmt: skip


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
