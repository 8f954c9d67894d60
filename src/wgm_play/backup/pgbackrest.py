"""pgBackRest: configured and driven as a program, on the machine that has the cluster's files, or by a stanza of yours.

In: a server whose archive_command is pgBackRest's. Out: backups in its repository, in our catalogue; restored data directories.
"""

from __future__ import annotations

import json
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
from wgm_play.backup import data_directory, target
from wgm_play.backup.archive import Archive, handed_over
from wgm_play.backup.base import Backup, BackupSource, Capabilities, Trouble
from wgm_play.backup.cluster import Lines
from wgm_play.backup.moment import lsn_of
from wgm_play.backup.tool_engine import Archiver, ToolBackup, ToolEngine, archiver_of
from wgm_play.embedded.account import Account, account_for
from wgm_play.errors import Refused, Unreachable
from wgm_play.reporter import Reporter

# What a configuration of one's own says of restores is meant for production's place: links that lead there, files to be
# overwritten, databases to be left out.
_NO_MORE = (
    "--no-link-all",
    "--no-delta",
    "--reset-link-map",
    "--reset-tablespace-map",
    "--reset-db-include",
    "--reset-db-exclude",
    "--reset-recovery-option",
)
# Retention is ours: pgBackRest deletes only what it is told to. It is the most that it knows.
_FOR_EVER = 9999999
_COMPRESSES = {"none": "none", "gzip": "gz", "lz4": "lz4", "zstd": "zst"}
_SEGMENT = re.compile(r"(?:.*/)?([0-9A-F]{24}(?:\.partial)?)-[0-9a-f]{40}(?:\.\w+)?\Z")
_HISTORY = re.compile(r"(?:.*/)?([0-9A-F]{8}\.history)\Z")
# The states of a repository: there is no stanza of that name; what pgBackRest could not read.
_NO_STANZA, _OTHER = 1, 99
_UNREAD = "is this version of PostgreSQL supported"
_CONFIGURATION = """\
# Written by wgm-play for its own stanza; another configuration is named in the environment.
[global]
repo1-path={place}/repository
repo1-bundle=y
repo1-retention-full={kept}
log-path={place}/log
lock-path={place}/lock
spool-path={place}/spool
log-level-console=off
log-level-file=off
log-level-stderr=warn
start-fast=y
process-max={jobs}
{compress}
[{stanza}]
pg1-path={data}
pg1-port={port}
"""


class PgBackRest(ToolEngine):
    """pgBackRest: full, differential and incremental backups, and the archive that the server pushes to."""

    method = "pgbackrest"
    tool, program = "pgBackRest", "pgbackrest"
    capabilities = Capabilities(
        cluster=True,
        point_in_time=True,
        kinds=("full", "differential", "incremental"),
        verify=("none", "manifest", "restore"),
        usual="manifest",
        compress=("none", "gzip", "lz4", "zstd"),
        needs=(
            "pgBackRest of a version that reads the server's, on the machine of its data directory, or a stanza that reaches it",
            "archive_mode = on, and archive_command = 'pgbackrest … archive-push %p'",
            "EXECUTE on pg_switch_wal() for the role that connects, and pg_read_all_settings",
        ),
    )

    def __init__(self, source: BackupSource, reporter: Reporter | None = None) -> None:
        super().__init__(source, reporter)
        self._repositories: Sequence[int] = ()
        self._where_is: dict[str, int] = {}
        self._last_info: Mapping[str, Any] = {}

    # Where it is

    @property
    def _own_retention(self) -> bool:
        return "stanza" not in self.source.given

    @property
    def stanza(self) -> str:
        """The stanza's name."""
        given = self.source.given.get("stanza")
        return str(given or re.sub(r"[^A-Za-z0-9_-]", "_", self.source.marker or self.source.directory.name))

    @property
    def configuration(self) -> Path | None:
        """The configuration file, None for pgBackRest's own."""
        if self._own_retention:
            return self.place / "pgbackrest.conf"
        given = self.source.given.get("config")
        return Path(given).expanduser().absolute() if given else None

    @cached_property
    def account(self) -> Account:
        """As whom it runs: as root as the owner of what it reads."""
        mine = next((one for one in (self.configuration, self.place) if one and one.exists()), None)
        with suppress(OSError):
            if self._data is not None and self._data.exists():
                return account_for(self._data)
        return account_for(mine or Path("/"))

    @cached_property
    def _data(self) -> Path | None:
        """The live data directory, where the server says which; None where it does not answer."""
        import psycopg

        try:
            with target.connect(self.source.url, self.source.application) as session:
                return Path(target.one(session, "data_directory.sql.j2"))
        except psycopg.errors.InsufficientPrivilege as error:
            raise Refused(
                "this role may not ask where the server's files are",
                hint=f"GRANT pg_read_all_settings TO {server_tools.parameters(self.source.url).get('user', 'ROLE')}",
            ) from error
        except Unreachable:
            return None

    def _words(self, command: str, *more: str) -> list[str]:
        config = [f"--config={self.configuration}"] if self.configuration else []
        return [
            *config,
            f"--stanza={self.stanza}",
            "--log-level-console=off",
            "--log-level-stderr=warn",
            command,
            *more,
        ]

    @property
    def _environ(self) -> dict[str, str]:
        """The process environment: where the server has no socket, libpq goes to its host."""
        given = server_tools.parameters(self.source.url)
        own = {name: value for name, value in super()._environ.items() if not name.startswith("PGBACKREST_")}
        places = {"PGHOST": "host", "PGUSER": "user", "PGSSLMODE": "sslmode"}
        return {**own, **{name: given[key] for name, key in places.items() if given.get(key)}}

    # Taking

    def _take(self, facts: Mapping[str, Any]) -> None:
        if self._own_retention:
            self._configure(facts)
        with target.connect(self.source.url, self.source.application) as session:
            if why := self._cannot_archive(archiver_of(session)):
                raise Refused(f"a backup would not come back: {why}", hint=self._archiving)
        pinned = [one.id for one in self.list() if one.pinned]
        if pinned and not self._own_retention:
            self.reporter.warn(
                f"nothing expires with this backup: the stanza's own retention does not know that {pinned[-1]} is pinned"
            )
        keeps = ["--no-expire-auto"] if self._own_retention or pinned else []
        self._run(self._words("backup", f"--type={self._kind()}", *keeps))
        if self._data is not None:
            self._keep_control(self._data, self.identity.system)

    def _configure(self, facts: Mapping[str, Any]) -> None:
        """Write the configuration, and make the stanza. Raise `Refused` where it is another cluster's."""
        data = self._data
        if data is None or not _is_dir(data):
            raise Refused(
                f"pgBackRest reads the files of the cluster, and its data directory {str(data)!r} is not on this machine",
                hint="run this there, or name a stanza that reaches it: backup: {pgbackrest: {stanza: …}} in the environment",
            )
        settings = facts["settings"]
        sockets = [one.strip() for one in settings.get("unix_socket_directories", "").split(",") if one.strip()]
        with target.connect(self.source.url, self.source.application) as session:
            port = session.info.port
        text = _CONFIGURATION.format(
            place=self.place,
            kept=_FOR_EVER,
            jobs=self.source.policy.jobs,
            stanza=self.stanza,
            data=data,
            port=port,
            compress=_compressed(self.source.policy.compress),
        )
        text += f"pg1-socket-path={sockets[0]}\n" if sockets else ""
        path = self.place / "pgbackrest.conf"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o640)
            self.account.give(path)
        try:
            self._run(self._words("stanza-create"))
        except server_tools.ProgramFailed as error:
            raise self._refused("the stanza cannot be made", error) from error

    def _kind(self) -> str:
        """Return the type of the next backup, by how many of each type are to be kept."""
        wanted = self.source.policy.retention
        newest = next(iter(self.own()), None)
        if newest is None or self.damage(newest):
            return "full"
        since = 0
        for one in self.own():
            if not self.increment(one):
                break
            since += 1
        for name, word in (("differential", "diff"), ("incremental", "incr")):
            if since < wanted.get(name, 0):
                return word
        return "full"

    def _controls(self, system: str) -> Sequence[Path]:
        """Return where the control file of a cluster may be kept; an older version kept that of one."""
        return (self.place / "control" / system, self.place / "control")

    def _keep_control(self, data: Path, system: str) -> None:
        """Keep a cluster's control file: by it pgBackRest knows whose WAL is asked for, also when the cluster has gone."""
        with suppress(OSError):
            place = self._controls(system)[0] / "global"
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(data / "global" / "pg_control", place / "pg_control")
            for one in (place.parent.parent, place.parent, place, place / "pg_control"):
                self.account.give(one)

    def _cannot_archive(self, state: Archiver) -> str:
        if why := super()._cannot_archive(state):
            return why
        if "archive-push" not in state.command or not re.search(
            rf"--stanza[= ]'?{re.escape(self.stanza)}\b", state.command
        ):
            return f"the server's archive_command does not push to the stanza {self.stanza!r}"
        return ""

    @property
    def _archiving(self) -> str:
        config = f"--config={shlex.quote(str(self.configuration))} " if self.configuration else ""
        command = f"{self._where} {config}--stanza={self.stanza} archive-push".replace("%", "%%").replace("'", "''")
        return (
            f"ALTER SYSTEM SET archive_mode = on; ALTER SYSTEM SET archive_command = '{command} %p'; "
            "then restart the server (archive_mode was off) or SELECT pg_reload_conf()"
        )

    def _delete(self, backup: Backup) -> None:
        self._run(self._words("expire", f"--set={backup.id}", *self._of_repository(self._repository(backup))))

    def _expire_wal(self) -> None:
        full = sum(1 for one in self._told().values() if not one.parent)
        with suppress(server_tools.ProgramFailed):
            self._run(self._words("expire", f"--repo1-retention-full={max(full, 1)}"))

    def troubles(self) -> Sequence[Trouble]:
        """Return what is wrong with archiving, and which pinned backups the stanza's own retention may delete."""
        found = list(super().troubles())
        if not self._own_retention:
            found += [
                Trouble(
                    "backup_pinned",
                    f"the backup {one.id} covers a run, and the retention of the stanza {self.stanza!r} may expire it: "
                    "pgBackRest knows no pins",
                    "raise repo-retention-full, or take backups by `wgm-play backup` alone: with it nothing pinned expires",
                )
                for one in self.list()
                if one.pinned
            ]
        return found

    # The catalogue

    def _tell(self) -> Iterable[ToolBackup]:
        if self._own_retention and not (self.place / "pgbackrest.conf").exists():
            return
        told = self._info
        of = {(one["id"], one["repo-key"]): one for one in told.get("db", ())}
        for one in told.get("backup", ()):
            whose = of.get((one["database"]["id"], one["database"]["repo-key"]), {})
            self._where_is[one["label"]] = int(one["database"]["repo-key"])
            begun, ended = (datetime.fromtimestamp(one["timestamp"][key], UTC) for key in ("start", "stop"))
            start = one["archive"]["start"] or "0" * 24
            yield ToolBackup(
                one["label"],
                begun,
                ended,
                one["info"]["size"],
                str(whose.get("system-id", "")),
                int(str(whose.get("version", "0")).partition(".")[0]),
                int(start[:8], 16),
                lsn_of(one["lsn"]["start"]),
                lsn_of(one["lsn"]["stop"]),
                one["prior"] or "",
                "pgBackRest found pages with wrong checksums in it" if one.get("error") else "",
            )

    @property
    def _info(self) -> Mapping[str, Any]:
        """What pgBackRest tells of the stanza; it is asked anew each time. Raise `Refused` where no repository can be read."""
        (told,) = self._json(self._words("info", "--output=json"))
        self._repositories = [int(one["key"]) for one in told.get("repo", ())]
        self._last_info = dict(told)
        self._refuse_unread(told.get("repo", ()))
        return self._last_info

    def _refuse_unread(self, repositories: Sequence[Mapping[str, Any]]) -> None:
        """Refuse where no repository can be read, as it ends with 0 then, and tells of no backup; say it of one of several."""
        states = {int(one["key"]): one.get("status") or {} for one in repositories}
        unread = {key: str(one["message"]).splitlines() for key, one in states.items() if one.get("code") == _OTHER}
        for key, said in unread.items() if len(unread) < len(states) else ():
            self.reporter.warn(f"pgBackRest cannot read its repository {key}: {said[0]}")
        if unread and len(unread) == len(states):
            key, said = next(iter(unread.items()))
            raise Refused(
                f"pgBackRest cannot read its repository {key}: {said[0]}",
                hint="look at the repository's place, rights, keys and repo-cipher-pass; nothing is known of its backups",
                details=[
                    line for line in said[1:] if line.startswith("HINT")
                ],  # the rest may be what it could not decrypt
            )
        if not self._own_retention and states and all(one.get("code") == _NO_STANZA for one in states.values()):
            raise Refused(
                f"pgBackRest has no stanza {self.stanza!r} in its repository",
                hint="name it in the environment as it is: backup: {pgbackrest: {stanza: …}};"
                f" or make it: pgbackrest {shlex.join(self._words('stanza-create'))}",
            )

    def _repository(self, backup: Backup) -> int:
        """Return the number of the repository that holds a backup."""
        self._tell_of(backup)
        return self._where_is[backup.id]

    def _of_repository(self, number: int) -> Sequence[str]:
        """Return the words that choose a repository, where there are more than one."""
        return [f"--repo={number}"] if len(self._repositories) > 1 else []

    def _json(self, words: Sequence[str]) -> Any:
        said = self._ask(words)
        try:
            return json.loads(said.decode(errors="replace"), strict=False)
        except ValueError as error:
            raise Refused(
                "pgBackRest does not answer in JSON", details=[said[:200].decode(errors="replace")]
            ) from error

    def _traces(self, backup: Backup) -> str:
        where = self._of_repository(self._repository(backup))
        found = [
            self._ask(self._words("repo-ls", *where, "--recurse", "--output=json", f"backup/{self.stanza}/{one.id}"))
            for one in self._line(backup)
        ]
        return b"\n".join(found).decode()

    def _read(self, backup: Backup) -> Lines:
        """Let pgBackRest verify its repository; its exit code says nothing, its words do."""
        said = self._ask(self._words("verify", "--output=text", *self._of_repository(self._repository(backup)))).decode(
            errors="replace"
        )
        mine = {one.id for one in self._line(backup)}
        lines = [line.strip() for line in said.splitlines()]
        if "status: ok" in lines:
            return []
        bad = []
        for number, line in enumerate(lines):
            found = re.match(r"(backup|archiveId): ([^,]+),", line)
            if found is None or "status: valid" in line or "status: in-progress" in line:
                continue
            why = "; ".join(one for one in lines[number + 1 :][:4] if re.match(r"[a-z ]+: [1-9]", one))
            if found[1] == "archiveId" or found[2] in mine:
                bad += [f"{found[2]}: {why or 'it is not valid'}"] if found[1] == "backup" or why else []
        return bad or ([] if any(line.startswith("backup: ") for line in lines) else lines[:3])

    # The archive

    def _archive(self, segment_size: int, system: str) -> Archive:
        found: dict[str, tuple[str, Sequence[str]]] = {}
        for folder_, where in self._archives(system):
            top = f"archive/{self.stanza}/{folder_}"
            for path in json.loads(
                self._ask(self._words("repo-ls", *where, "--recurse", "--output=json", top)) or b"{}"
            ):
                name = _SEGMENT.match(path) or _HISTORY.match(path)
                if name is not None:
                    found[name[1]] = f"{top}/{path}", where

        def _fetch(name: str) -> bytes:
            try:
                if name.endswith(".history"):
                    path, where = found[name]
                    return self._run(self._words("repo-get", *where, path))
                return self._archived(name, system)
            except server_tools.ProgramFailed as error:
                raise OSError(error.reason) from error

        return Archive(self.place / "none", segment_size, names=tuple(found), fetch=_fetch)

    def _archives(self, system: str) -> Iterable[tuple[str, Sequence[str]]]:
        """Give the folder of each repository that holds a cluster's WAL: a stanza that was upgraded has those of older ones."""
        newest: dict[int, Mapping[str, Any]] = {}
        known = (self._last_info or self._info).get("db", ())
        for one in [one for one in known if str(one["system-id"]) == system] or known:
            newest[one["repo-key"]] = max(newest.get(one["repo-key"], one), one, key=lambda known: known["id"])
        for number, one in sorted(newest.items(), reverse=True):
            yield f"{one['version']}-{one['id']}", self._of_repository(number)

    def _archived(self, name: str, system: str) -> bytes:
        where = [f"--pg1-path={one}" for one in self._controls(system) if (one / "global" / "pg_control").exists()][:1]
        with handed_over(self.account) as place:
            self._run(self._words("archive-get", *where, "--no-archive-async", name, str(place / "segment")))
            return (place / "segment").read_bytes()

    # Restoring

    def _lay_down(self, backup: Backup, layout: data_directory.Layout) -> None:
        for one in (layout.data, layout.spaces):
            one.mkdir(mode=0o700, exist_ok=True)
            self.account.give(one)
        try:
            with self.reporter.progress("restore", 0, "MB"):
                self._run(
                    self._words(
                        "restore",
                        f"--set={backup.id}",
                        f"--pg1-path={layout.data}",
                        "--type=none",
                        "--archive-mode=off",
                        f"--tablespace-map-all={layout.spaces}",
                        f"--process-max={self.source.policy.jobs}",
                        *_NO_MORE,
                    )
                )
        except server_tools.ProgramFailed as error:
            layout.remove()
            raise self._broken_off(error) from error
        if not any(layout.spaces.iterdir()):
            layout.spaces.rmdir()
        layout.give()
        self._keep_control(layout.data, backup.system)

    def _refused(self, what: str, error: server_tools.ProgramFailed) -> Refused:
        if _UNREAD in "\n".join(error.said):
            version = self._run(["version"]).decode().split()[-1]
            what = f"pgBackRest {version} does not read this server's version of PostgreSQL"
        return super()._refused(what, error)

    def _hint(self, said: Sequence[str]) -> str | None:
        text = "\n".join(said)
        if _UNREAD in text:
            return "install a pgBackRest that reads this version of PostgreSQL; or write `method: physical`"
        if "[028]" in text or "[051]" in text or ("[055]" in text and "mismatch" in text):
            return "the stanza is of another cluster: set `backup.directory`, or the environment's stanza, to this one's own"
        if "[056]" in text or "[049]" in text:
            return "pgBackRest connects by the server's socket: it must run, and let this user in"
        if "[082]" in text:
            return "nothing is archived: see archive_command in the server's log"
        if "[062]" in text:
            return f"somebody stopped it: pgbackrest {shlex.join(self._words('start'))}"
        if "[050]" in text:
            return "another pgBackRest is at work on this stanza: wait for it"
        return super()._hint(said)


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _compressed(asked: str | None) -> str:
    """Return the lines of a configuration that say how pgBackRest compresses; none where nobody says."""
    way, _, level = (asked or "").partition(":")
    lines = [f"compress-type={_COMPRESSES[way]}"] if way else []
    return "".join(f"{line}\n" for line in [*lines, *([f"compress-level={level}"] if level else [])])
