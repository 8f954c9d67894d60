"""Barman: configured and driven as a program on the machine that keeps the backups, over streaming replication.

In: a server that lets us replicate, or a server of your own in Barman's configuration. Out: its backups in our catalogue;
restored data directories. Barman's own `restore` checks nothing, so its files are compared with their manifest before it.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import base_manifest, data_directory
from wgm_play.backup.archive import Archive
from wgm_play.backup.base import Backup, Capabilities, Trouble
from wgm_play.backup.cluster import Lines, programs_for
from wgm_play.backup.moment import lsn_of
from wgm_play.backup.tool_engine import Archiver, ToolBackup, ToolEngine
from wgm_play.embedded.account import Account, account_for
from wgm_play.errors import Refused

_FINISHED = ("DONE", "WAITING_FOR_WALS")
# It says so where its own check of the server fails.
_NOT_READY = "Impossible to start the backup"
_WAL = re.compile(r"([0-9A-F]{24}(?:\.partial)?|[0-9A-F]{8}\.history)\Z")
# What `barman check` finds that keeps WAL from coming, by the names of its checks.
_OF_WAL = (
    "receive_wal_running",
    "replication_slot",
    "postgresql",
    "postgresql_streaming",
    "systemid_coherence",
    "archive_command",
    "archive_mode",
    "continuous_archiving",
    "wal_level",
)
_CONFIGURATION = """\
; Written by wgm-play for its own server; another configuration is named in the environment.
[barman]
barman_user = {account}
barman_home = {place}/home
barman_lock_directory = {place}
configuration_files_directory = {place}/more
log_file = {place}/log
log_level = WARNING

[{server}]
description = {server}
conninfo = {place_of}
streaming_conninfo = {place_of}
backup_method = postgres
streaming_archiver = on
slot_name = {slot}
create_slot = auto
path_prefix = {programs}
immediate_checkpoint = true
minimum_redundancy = 0
"""


class Barman(ToolEngine):
    """Barman: base backups by its own method, WAL by its own receiver or `archive_command`."""

    method = "barman"
    tool, program = "Barman", "barman"
    capabilities = Capabilities(
        cluster=True,
        point_in_time=True,
        verify=("none", "manifest", "restore"),
        usual="manifest",
        needs=(
            "Barman and rsync on the machine that keeps the backups; `barman cron` each minute, which receives WAL",
            "a role with REPLICATION and EXECUTE on pg_backup_start, pg_backup_stop, pg_switch_wal, or a superuser",
        ),
    )

    @property
    def _own_retention(self) -> bool:
        return "server" not in self.source.given

    @property
    def server(self) -> str:
        """The server's name in Barman's configuration."""
        given = self.source.given.get("server")
        return str(given or re.sub(r"[^a-z0-9_-]", "_", (self.source.marker or self.source.directory.name).lower()))

    @property
    def configuration(self) -> Path | None:
        """The configuration file, None for Barman's own."""
        if self._own_retention:
            return self.place / "barman.conf"
        given = self.source.given.get("config")
        return Path(given).expanduser().absolute() if given else None

    @cached_property
    def account(self) -> Account:
        """As whom it runs: as root as the user of its configuration."""
        if self._own_retention or os.geteuid() != 0:
            return account_for(Path("/"))
        with suppress(KeyError):
            entry = pwd.getpwnam("barman")
            return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, other=True)
        return account_for(Path("/"))

    def _words(self, command: str, *more: str, json_: bool = False) -> list[str]:
        config = ["-c", str(self.configuration)] if self.configuration else []
        return [*config, *(["-f", "json"] if json_ else []), command, *more]

    @property
    def _run_as(self) -> Mapping[str, Any]:
        # With a configuration of your own Barman changes to its user by itself.
        return super()._run_as if self._own_retention else {"cwd": "/"}

    def _json(self, command: str, *more: str) -> Any:
        """Ask in JSON; an exit code that says that something is not well is no failure to answer."""
        try:
            said = self._run(self._words(command, *more, json_=True))
            return json.loads(said)[self.server]
        except server_tools.ProgramFailed as error:
            raise self._refused(f"{self.tool} does not answer", error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"Barman does not know the server {self.server!r}, or does not answer in JSON") from error

    # Taking

    def _take(self, facts: Mapping[str, Any]) -> None:
        if self._system not in ("", self.identity.system):
            raise Refused(
                f"Barman's server {self.server!r} is of another cluster; nothing was touched",
                hint="set `backup: {directory: …}`, or `backup: {barman: {server: …}}`, of the environment to this one's own",
            )
        if self._own_retention:
            self._configure(facts)
            self._follow()
            self._run(self._words("cron"))
            if not self._told():
                self._await_first_segment()
        try:
            self._run(self._words("backup", "--wait", "--wait-timeout=60", self.server))
        except server_tools.ProgramFailed as error:
            if not any(_NOT_READY in line for line in error.said) or not (failed := self._said_failed()):
                raise
            raise Refused(
                f"the backup failed: {failed[0]}", hint=self._hint(failed) or super()._hint([]), details=failed[1:]
            ) from error

    def _said_failed(self) -> list[str]:
        """Return what `barman check` says of each check that failed."""
        return [
            f"barman check: {name.replace('_', ' ')} failed{f': {why}' if why else ''}" for name, why in self._failed()
        ]

    def _await_first_segment(self) -> None:
        """Barman calls no server well before a first segment has come, and its receiver may begin after the one switched."""
        for _ in range(4):
            with suppress(server_tools.ProgramFailed):
                self._run(self._words("switch-wal", "--force", "--archive", "--archive-timeout=15", self.server))
                return

    def _follow(self) -> None:
        """Let the receiver begin anew on the server's timeline: it goes on where its newest file ends, on one that was left."""
        there = [path.name for path in self._folders["streaming"].glob("*") if _WAL.match(path.name)]
        if not there or int(max(there)[:8], 16) >= self.timeline:
            return
        for how in ("--stop", "--reset"):
            with suppress(server_tools.ProgramFailed):
                self._run(self._words("receive-wal", how, self.server))

    def _configure(self, facts: Mapping[str, Any]) -> None:
        from psycopg.conninfo import make_conninfo

        given = server_tools.parameters(self.source.url)
        given.pop("application_name", None)
        password = given.pop("password", None)
        for name in ("home", "more"):
            (self.place / name).mkdir(mode=0o700, exist_ok=True)
            self.account.give(self.place / name)
        if password is not None:
            given["passfile"] = str(self.place / "pgpass")
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            self._write("pgpass", f"*:*:*:*:{escaped}\n", 0o600)
        text = _CONFIGURATION.format(
            account=self.account.name,
            place=self.place,
            server=self.server,
            place_of=make_conninfo(**given),
            slot=self.slot,
            programs=programs_for(facts["server_version"] // 10000),
        )
        self._write("barman.conf", text, 0o640)

    def _write(self, name: str, text: str, mode: int) -> None:
        path = self.place / name
        path.touch(mode=mode)
        path.write_text(text)
        self.account.give(path)

    def _delete(self, backup: Backup) -> None:
        self._run(self._words("delete", self.server, backup.id))

    def pin(self, backup: Backup, run: str) -> Backup:
        """Keep a backup and its WAL until `run` unpins it: Barman itself keeps it, too."""
        return self._keep(super().pin(backup, run), "--target=full")

    def unpin(self, backup: Backup, run: str) -> Backup:
        """Take back what `pin` did for `run`."""
        left = super().unpin(backup, run)
        return left if left.pinned else self._keep(left, "--release")

    def _keep(self, backup: Backup, how: str) -> Backup:
        try:
            self._run(self._words("keep", how, self.server, backup.id))
        except server_tools.ProgramFailed as error:
            self.reporter.warn(f"Barman may delete {backup.id} by its own retention: {error.reason}")
        return backup

    # The catalogue

    def _tell(self) -> Iterable[ToolBackup]:
        if self._own_retention and not (self.place / "barman.conf").exists():
            return
        for one in self._json("list-backups", self.server):
            if one.get("status") in _FINISHED:
                yield self._told_of(one["backup_id"], one["status"])

    def _told_of(self, name: str, status: str) -> ToolBackup:
        """Return what Barman tells of one backup; of one that is whole it is asked once."""
        kept = self._notes(name) / "told.json"
        try:
            shown = json.loads(kept.read_text())
        except (OSError, ValueError):
            shown = self._json("show-backup", self.server, name)
            if status == "DONE":
                with suppress(OSError):
                    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    kept.write_text(json.dumps(shown))
        base = shown["base_backup_information"]
        begun, ended = (_time(base[key]) for key in ("begin_time", "end_time"))
        system = str(shown.get("system_id") or base.get("system_id") or self._system)
        return ToolBackup(
            name,
            begun,
            ended,
            int(base.get("disk_usage_bytes") or base.get("backup_size_bytes") or 0),
            system,
            int(shown["postgresql_version"]) // 10000,
            int(base["timeline"]),
            lsn_of(base["begin_lsn"]),
            lsn_of(base["end_lsn"]),
        )

    @cached_property
    def _folders(self) -> Mapping[str, Path]:
        """Where Barman keeps this server's files."""
        if self._own_retention:
            top = self.place / "home" / self.server
            return {
                "base": top / "base",
                "wals": top / "wals",
                "streaming": top / "streaming",
                "incoming": top / "incoming",
            }
        told = self._json("show-servers", self.server)
        names = {"base": "basebackups", "wals": "wals", "streaming": "streaming_wals", "incoming": "incoming_wals"}
        return {name: Path(told[f"{word}_directory"]) for name, word in names.items()}

    @property
    def _system(self) -> str:
        """Whose backups are here, "" before the first: asked anew, as it is written while that is taken."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads((self._folders["base"].parent / "identity.json").read_text())["systemid"])
        return ""

    def _traces(self, backup: Backup) -> str:
        found = []
        for folder_, names, files in sorted(os.walk(self._folders["base"] / backup.id)):
            for name in sorted([*names, *files]):
                state = os.lstat(os.path.join(folder_, name))
                if name != "backup.info" and "annotations" not in folder_:
                    found.append(f"{name} {state.st_size} {state.st_mtime_ns} {state.st_ino}")
        return "\n".join(found)

    @cached_property
    def _half_read(self) -> set[str]:
        """The backups of which not all bytes could be compared."""
        return set()

    def _read_whole(self, backup: Backup) -> bool:
        return backup.id not in self._half_read

    def _read(self, backup: Backup) -> Lines:
        """Compare the files of a backup with their manifest; Barman's own `restore` and `check` do not."""
        top = self._folders["base"] / backup.id
        if not (top / "data").is_dir():
            return [f"{backup.id}: its files are not in {str(top)!r}"]
        if not (top / "data" / base_manifest.NAME).exists():
            self.reporter.warn(f"the backup {backup.id} has no manifest and is not proved: write `verify: restore`")
            self._half_read.add(backup.id)
            return []
        try:
            self._run(self._words("verify-backup", self.server, backup.id))
            return []
        except server_tools.ProgramFailed as error:
            said = [line for line in (*error.said, *error.out.decode(errors="replace").splitlines()) if line.strip()]
        if any(
            "pg_verifybackup" in line and ("not found" in line or "not in" in line or "signal" in line) for line in said
        ):
            self.reporter.warn(
                "pg_verifybackup does not run here: of the backup's files only the sizes were compared, which proves nothing;"
                " write `verify: restore`"
            )
            self._half_read.add(backup.id)
            return base_manifest.wrong_sizes(top / "data", top)
        return said[: server_tools.SHOWN_ERRORS] or ["barman verify-backup failed"]

    def troubles(self) -> Sequence[Trouble]:
        """Return what `barman check` finds."""
        hint = f"barman {shlex.join(self._words('check', self.server))}; `barman cron` must run each minute"
        return [
            *(Trouble("barman_check", one, hint) for one in self._said_failed()),
            *self._gone(),
        ]

    @property
    def slot(self) -> str:
        """The name of the slot by which Barman's receiver gets WAL, "" where its configuration is not ours."""
        return f"barman_{re.sub(r'[^a-z0-9_]', '_', self.server)}"[:60] if self._own_retention else ""

    def _failed(self) -> list[tuple[str, str]]:
        """Return the checks of Barman that failed, each with what it says of it."""
        try:
            said = self._run(self._words("check", self.server, json_=True))
        except server_tools.ProgramFailed as error:
            said = error.out
        try:
            told = json.loads(said)[self.server]
        except (ValueError, KeyError, TypeError):
            return [("barman", "it does not answer in JSON")]
        return [(name, one.get("hint", "")) for name, one in told.items() if one.get("status") == "FAILED"]

    def _cannot_archive(self, state: Archiver) -> str:
        """Return why no WAL comes to Barman."""
        failed = [(name, why) for name, why in self._failed() if name in _OF_WAL]
        return "; ".join(
            f"barman check: {name.replace('_', ' ')} failed{f': {why}' if why else ''}" for name, why in failed
        )

    # The archive

    def _archive(self, segment_size: int, system: str) -> Archive:
        found: dict[str, Path] = {}
        for top in (self._folders["incoming"], self._folders["streaming"], self._folders["wals"]):
            for path in (*top.glob("*"), *top.glob("*/*")):
                if _WAL.match(path.name):
                    found[path.name] = path

        def _fetch(name: str) -> bytes:
            with suppress(OSError):
                if found[name].stat().st_size == segment_size:
                    return found[name].read_bytes()
            try:
                return self._run(self._words("get-wal", "--partial", self.server, name.removesuffix(".partial")))
            except server_tools.ProgramFailed as error:
                raise OSError(error.reason) from error

        return Archive(self.place / "none", segment_size, names=tuple(found), fetch=_fetch)

    # Restoring

    def _intact(self, backup: Backup) -> int:
        if shutil.which("rsync") is None:
            raise Refused(
                "Barman restores with rsync, also on its own machine, and there is none", hint="apt-get install rsync"
            )
        return super()._intact(backup)

    def _lay_down(self, backup: Backup, layout: data_directory.Layout) -> None:
        shown = self._json("show-backup", self.server, backup.id)
        spaces = shown.get("tablespaces") or []
        words = ["recover", "--get-wal", f"--jobs={self.source.policy.jobs}"]
        layout.data.mkdir(mode=0o700, exist_ok=True)
        self.account.give(layout.data)
        if spaces:
            layout.spaces.mkdir(mode=0o700, exist_ok=True)
            self.account.give(layout.spaces)
        for one in spaces:
            words.append(f"--tablespace={one['name']}:{layout.spaces / str(one['oid'])}")
        try:
            with self.reporter.progress("restore", 0, "MB"):
                self._run(self._words(*words, self.server, backup.id, str(layout.data)))
        except server_tools.ProgramFailed as error:
            layout.remove()
            raise self._broken_off(error) from error
        layout.give()

    def _hint(self, said: Sequence[str]) -> str | None:
        text = "\n".join(said)
        if "ssh" in text.lower() and "fail" in text.lower():
            return "Barman's ssh_command must let it in without a password"
        if "Another backup process" in text:
            return "another Barman takes one of this server: wait for it"
        if "REPLICATION" in text or "replication" in text:
            return "let the role replicate: ALTER ROLE … REPLICATION, and a line `host replication` in pg_hba.conf"
        if "Unknown server" in text:
            return "name it as Barman's configuration does: backup: {barman: {server: …}} in the environment"
        return super()._hint(said)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
