"""What the engines share whose backups are of a whole cluster: a data directory that was recovered to a moment.

In: a backup, the WAL since, a moment. Out: a stopped data directory, or a scratch server. What an engine adds is `_lay_down`,
`_wal_of`, `_facts_of` and `_intact`; the recovery, how its end is observed and what is left are the same for all.
"""

from __future__ import annotations

import os
import subprocess
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import data_directory, identity, recovery, target
from wgm_play.backup.base import Backup, Backups, Restored, ScratchServer, Verification
from wgm_play.backup.in_folder import InFolder
from wgm_play.backup.moment import LSN, TIME, Moment, lsn_of, lsn_text
from wgm_play.backup.recovery_target import BaseBackup, RecoveryTarget, aim, base_of, own_moment
from wgm_play.backup.run_folder import RunFolder, run_folder
from wgm_play.backup.wal import Wal
from wgm_play.backup.wal_places import keep_at_home
from wgm_play.embedded.account import Account, account_for
from wgm_play.embedded.home import shelf_folder
from wgm_play.embedded.programs import reachable_programs, scratch_programs
from wgm_play.errors import InputError, Refused, StepFailed, Unreachable
from wgm_play.render import render

# Inside the engine the name `list` is its method.
Lines = list[str]


class ClusterEngine(InFolder):
    """An engine whose backups are of a whole cluster, and come back as of any moment that its WAL reaches."""

    # What an engine adds

    @abstractmethod
    def _facts_of(self, backup: Backup) -> Mapping[str, Any]:
        """Return what a restore must know of a backup and its cluster.

        `start`, `stop`, `timeline`, `stopped`: where it begins and is whole; `segment_size`, `superusers`, `databases`, `settings`.
        """

    @abstractmethod
    def _wal_of(self, backup: Backup) -> Wal:
        """Return the WAL of the backup's cluster."""

    @abstractmethod
    def _problems(self, backup: Backup) -> Lines:
        """Read all files of a backup; return what is wrong with them."""

    @abstractmethod
    def _intact(self, backup: Backup) -> int:
        """Return how many bytes a backup will take where it is laid down; refuse one that is damaged. Raise `Refused`."""

    @abstractmethod
    def _lay_down(self, backup: Backup, layout: data_directory.Layout) -> None:
        """Make the data directory of a backup, before recovery. Raise `StepFailed`."""

    def _catch_up(self) -> None:
        """Let everything that the server has written be in the WAL that is kept, as far as it can be."""

    def _read_whole(self, backup: Backup) -> bool:
        """Tell whether `_problems` read all bytes of a backup's files: else it is not proved by its manifest."""
        return True

    # What is the same

    def stranger(self, backup: Backup) -> str:
        """Return why a backup is of another cluster, or of a past that this one has left; "" where it is its own."""
        mine = self.identity
        if backup.system != mine.system:
            return "another cluster's"
        if backup.database == mine.database and backup.marker and mine.marker and backup.marker != mine.marker:
            return f"marked {backup.marker!r}"
        facts = self._facts_of(backup)
        if facts["timeline"] > self.timeline:
            return f"of timeline {facts['timeline']}, this cluster is on {self.timeline}"
        wal = self._wal_of(backup)
        known = self.timeline == facts["timeline"] or self.timeline in wal.histories
        if known and not wal.leads_to(facts["timeline"], facts["stop"], self.timeline):
            return f"of a part of timeline {facts['timeline']} that this cluster has left"
        return ""

    def verify(self, backup: Backup, how: str | None = None) -> Verification:
        """Prove a backup: all its files by their digests, or by a server that comes up on it."""
        how = how or self.source.policy.verify
        if how not in self.capabilities.verify:
            raise InputError(
                f"a {self.method} backup is not verified by {how!r}",
                hint=f"choose one of: {', '.join(self.capabilities.verify)}",
            )
        began = time.monotonic()
        counted: dict[str, int] = {}
        problems = self._problems(backup)
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
        proved = how == "restore" or (how != "none" and self._read_whole(backup))
        self._remember(self._manifest(backup), how if ok and proved else "", ok)
        return Verification(backup.id, how, time.monotonic() - began, counted, {}, tuple(problems))

    @property
    def timeline(self) -> int:
        """Which timeline the server is on now; it is asked once, with whose it is. Raise `Unreachable`."""
        return self.identity.timeline

    def choose(self, wanted: str | None, at: Moment | None) -> Backup:
        """Return the backup with an id; the newest from which a moment can be reached for None."""
        if wanted is not None or at is None:
            return self.find(wanted)
        return self._aim(None, at).base.backup

    def _aim(self, backup: Backup | None, at: Moment | None) -> RecoveryTarget:
        bases = [self._base(backup)] if backup is not None else [self._base(one) for one in self._candidates()]
        if at is None:
            return own_moment(bases[0])
        wal = self._wal_of(bases[0].backup)
        now = datetime.now(UTC)
        # The server's clock may be ahead of ours, and the moment is one of its.
        return aim(bases, wal, at, max(now, wal.received.at) if wal.received is not None else now)

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

    def databases_in(self, backup: Backup) -> Lines:
        """Return the databases that a backup holds."""
        return [str(name) for name in self._facts_of(backup)["databases"]]

    def _base(self, backup: Backup) -> BaseBackup:
        return base_of(backup, self._facts_of(backup))

    def restore(
        self, backup: Backup, into: str | Path, at: Moment | None = None, *, in_place: bool = False
    ) -> Restored:
        """Make a stopped data directory in which recovery ended at a moment, and which was promoted.

        What is to take the place of the original (`in_place`) keeps its markers.
        Raise `Refused` where nothing was written yet, `StepFailed` afterwards: then nothing is left.
        """
        if isinstance(into, str):
            raise InputError(
                f"a {self.method} backup is of a whole cluster: it comes back into a data directory, not into a database",
                hint="--into dir:PATH",
            )
        began = time.monotonic()
        layout = data_directory.Layout(
            into,
            into.with_name(f"{into.name}_tablespaces"),
            account_for(data_directory.nearest(into.absolute().parent)),
        )
        aim_ = self._aim(backup, at)
        layout.refuse(self._intact(backup))
        with run_folder(layout.account) as place:
            ground = self._ground(backup, layout, place, durable=True)
            try:
                reached = self._recovered(layout, ground, aim_, marked=not in_place)
                notes = [*self._finish(layout, ground, backup), *self._left_out(ground)]
            except BaseException:
                layout.remove()
                raise
        verification = Verification(backup.id, "restore", time.monotonic() - began)
        return Restored(backup, str(into), True, verification.seconds, verification, tuple(notes), reached=reached)

    def _ground(
        self, backup: Backup, layout: data_directory.Layout, place: RunFolder, *, durable: bool
    ) -> recovery.Ground:
        facts = self._facts_of(backup)
        tools = programs_for(backup.server_version // 10000)
        runs = reachable_programs(tools, layout.account, shelf_folder()) if layout.account.other else tools
        user = server_tools.parameters(self.source.url).get("user")
        users = dict.fromkeys([*facts["superusers"], *([user] if user else []), "postgres"])
        databases = dict.fromkeys([backup.database, "postgres", "template1", *facts["databases"]])
        return recovery.Ground(
            layout.data, runs, place, self._wal_of(backup), tuple(users), tuple(databases), facts["settings"], durable
        )

    def _recovered(
        self, layout: data_directory.Layout, ground: recovery.Ground, aim_: RecoveryTarget, *, marked: bool
    ) -> str:
        """Lay down the files and recover to the aim; return what was reached. Raise `StepFailed`."""
        with self._laid_down(layout, ground, aim_) as standing:
            if marked:
                self._mark(standing, aim_.base.backup)
            return _reached(standing, aim_)

    @contextmanager
    def _laid_down(
        self, layout: data_directory.Layout, ground: recovery.Ground, aim_: RecoveryTarget
    ) -> Iterator[recovery.Standing]:
        self._lay_down(aim_.base.backup, layout)
        recovery.put_own_configuration_aside(layout.data, layout.account.give)
        layout.refuse_elsewhere()
        keep_at_home(layout.data / "pg_wal")
        with self._serving(ground) as served, self._recovering(served, aim_) as standing:
            if aim_.falls_short(standing.lsn):
                raise self._broken(ground, standing.lsn, aim_.least)
            yield standing

    @contextmanager
    def _serving(self, ground: recovery.Ground) -> Iterator[recovery.Ground]:
        """Show how many segments were replayed."""
        with self.reporter.progress("replay", 0, "segments") as progress:

            def asked(name: str) -> None:
                progress.done += 1

            yield replace(ground, on_segment=asked)

    @contextmanager
    def _recovering(self, ground: recovery.Ground, aim_: RecoveryTarget) -> Iterator[recovery.Standing]:
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

    def _nothing_between(self, wal: Wal, standing: recovery.Standing, aim_: RecoveryTarget) -> bool:
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

    def _not_reached(self, error: recovery.NotReached, aim_: RecoveryTarget) -> StepFailed:
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

    def _finish(self, layout: data_directory.Layout, ground: recovery.Ground, backup: Backup) -> Lines:
        """Give the data directory a configuration with which it starts by itself, and let the disk hold it all."""
        facts = self._facts_of(backup)
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
        layout.move_spaces_out()
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
        _hand_over_histories(data / "pg_wal", account)
        _sync(ground.programs, layout)
        return [
            f"it is stopped and belongs to {account.name!r}: {ground.programs / 'pg_ctl'} -D {data} start; "
            "its own configuration is new"
        ]

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
            layout = data_directory.Layout(place.server / "data", place.server / "spaces", account)
            layout.refuse(self._intact(backup))
            ground = replace(self._ground(backup, layout, place, durable=False), given=settings)
            with self._laid_down(layout, ground, aim_) as standing:
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


def server_facts(connection: Any) -> dict[str, Any]:
    """Return what a restore must know of a server besides its files."""
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return dict(cursor.execute(render("backup/cluster.sql.j2").sql).fetchone() or {})


def kept_settings(settings: dict[str, str]) -> dict[str, str]:
    """Return the settings that a restore may want, none that may hold a secret."""
    libraries = {name: value for name, value in settings.items() if name == "shared_preload_libraries"}
    return {**recovery.own_settings(settings), **libraries}


def _reached(standing: recovery.Standing, aim_: RecoveryTarget) -> str:
    words = f"LSN {lsn_text(standing.lsn)} of timeline {aim_.timeline}"
    if standing.committed is not None:
        words += f", the last commit at {standing.committed.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f UTC}"
    return words


def _hand_over_histories(wal: Path, account: Account) -> None:
    """Let the history of the new timeline be archived once archiving is on: without it no old backup leads there.

    The server asks for that at the moment of its promotion alone, when nothing was archived here.
    """
    for one in sorted(wal.glob("*.history")):
        wanted = wal / "archive_status" / f"{one.name}.ready"
        if wanted.parent.is_dir() and not wanted.with_suffix(".done").exists():
            _put(wanted, "", account)


def _put(path: Path, text: str, account: Account) -> None:
    path.write_text(text)
    path.chmod(0o600)
    account.give(path)


def _sync(programs: Path, layout: data_directory.Layout) -> None:
    """Let the disk hold all of it, with its tablespaces."""
    subprocess.run(
        [programs / "initdb", "--sync-only", f"--pgdata={layout.data}"],
        cwd=layout.data,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        check=False,
        capture_output=True,
        **layout.account.run_as,
    )
