"""Recovery on restored files: a server that can touch nothing else is started on them, and its end is observed.

In: a data directory with `backup_label`, the WAL, where to go. Out: `Standing`, a running server that was promoted at the
target; or `NotReached`, with how far one can go. What was production's own configuration is not read.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any

from wgm_play import processes
from wgm_play.backup.moment import lsn_of
from wgm_play.backup.run_folder import RunFolder
from wgm_play.backup.wal import Wal
from wgm_play.backup.wal_places import without_places
from wgm_play.errors import Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.server_settings import LIBRARIES, refused

# A port names the socket only: the server listens nowhere else.
PORT = 5432
STOP_SECONDS = 60.0
_POLL = 0.02
_LOG_LINES = 8
# What a server must have at least as much of as the one whose WAL it replays, by its name in pg_controldata.
_AT_LEAST = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
    "track_commit_timestamp": "track_commit_timestamp",
}
# What the WAL brings must find room, also where there was none yet when the backup was taken.
_PREPARED, _MANY_PREPARED = "max_prepared_transactions", 200
# Nothing leaves the server, and nothing comes in but by its socket.
ALONE = {
    "listen_addresses": "",
    "archive_mode": "off",
    "archive_command": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "synchronous_standby_names": "",
    "max_logical_replication_workers": "0",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "autovacuum": "off",
    "ssl": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "lc_messages": "C",
    # Nobody is to read before the target is reached: so a record that wants more connections than the copy has stops nothing.
    "hot_standby": "off",
}
# Of production's settings, what would not fit this machine.
_SCALED = ("shared_buffers", "huge_pages", "max_wal_size", "min_wal_size", "maintenance_work_mem", "wal_level", *ALONE)
# The server is the child of this shell, which ends it when our end of its standard input closes, in whatever way.
_WATCH = '"$@" </dev/null >>log 2>&1 & echo $!; exec >&-; read -r _; kill -QUIT $! 2>/dev/null; wait'
_FETCH = """#!/bin/sh
# The server asks for a file of WAL by its name; the command that started it lays it out.
here=$(dirname "$0")
printf '%s\\n' "$1" >"$here/request"
read -r answer <"$here/answer"
[ "$answer" = 0 ] || exit 1
exec cp "$here/segment" "$2"
"""


class NotReached(Exception):
    """Recovery did not come to its target: why, how far it came, until which commit."""

    def __init__(self, why: str, lsn: int, committed: str, log: Sequence[str]) -> None:
        super().__init__(why)
        self.why, self.lsn, self.committed, self.log = why, lsn, committed, tuple(log)

    @property
    def ended_early(self) -> bool:
        """Tell whether the WAL came to its end before the target."""
        return "before configured recovery target" in self.why


@dataclass(frozen=True, slots=True)
class Standing:
    """A running server on restored files: how to reach it, and what its recovery reached, as observed."""

    socket: Path
    user: str
    database: str
    pid: int
    lsn: int
    committed: datetime | None
    stopped: str
    timeline: int

    def url(self, database: str | None = None) -> str:
        """Return the connection string to one of its databases."""
        from psycopg.conninfo import make_conninfo

        return make_conninfo(host=str(self.socket), port=PORT, user=self.user, dbname=database or self.database)


@dataclass(frozen=True, slots=True)
class Ground:
    """What recovery stands on: the data directory, programs that its account can run, whom it knows there.

    `settings` are production's, `given` those that the server gets beside them, as far as they harm nothing.
    """

    data: Path
    programs: Path
    folder: RunFolder
    wal: Wal
    users: tuple[str, ...]
    databases: tuple[str, ...]
    settings: Mapping[str, str]
    durable: bool
    given: Mapping[str, str] = field(default_factory=dict)
    on_segment: Callable[[str], None] = lambda name: None


def own_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return those of production's settings that harm nothing and fit here: how it builds and plans."""
    bad = set(refused(settings))
    return {name: value for name, value in settings.items() if name not in bad and name not in _SCALED}


def left_out(settings: Mapping[str, str]) -> list[str]:
    """Return the libraries of production that are not loaded: they may start workers that act."""
    return [name for name in _libraries(settings) if name not in LIBRARIES]


def harmless_libraries(settings: Mapping[str, str]) -> str:
    """Return the libraries of production that only measure, as the setting is written."""
    return ", ".join(name for name in _libraries(settings) if name in LIBRARIES)


def _libraries(settings: Mapping[str, str]) -> list[str]:
    return [one.strip() for one in settings.get("shared_preload_libraries", "").split(",") if one.strip()]


def needed_settings(programs: Path, data: Path) -> dict[str, str]:
    """Return what the server must have as its original had it, from its control file."""
    told = subprocess.run(
        [programs / "pg_controldata", str(data)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    ).stdout
    found = dict(re.findall(r"^(\w+) setting: +(\S+)$", told, re.MULTILINE))
    needed = {setting: found[name] for name, setting in _AT_LEAST.items() if name in found}
    return needed | {_PREPARED: str(max(int(needed.get(_PREPARED, 0)), _MANY_PREPARED))}


def put_own_configuration_aside(data: Path, give: Callable[[Path], None]) -> None:
    """Keep production's configuration from being read, and make the folder one that recovers."""
    for name in ("postgresql.auto.conf", "postgresql.conf"):
        if (data / name).exists():
            (data / name).rename(data / f"{name}.original")
    for name in ("standby.signal", "recovery.conf", "postmaster.pid", "postmaster.opts"):
        (data / name).unlink(missing_ok=True)
    for name in ("postgresql.auto.conf", "recovery.signal"):
        (data / name).write_text("")
        give(data / name)


@contextmanager
def recover(ground: Ground, target: Mapping[str, str]) -> Iterator[Standing]:
    """Run recovery to a target; give the promoted server, stopped in order when the block ends. Raise `NotReached`."""
    serving = _Serving(ground)
    settings = {
        **own_settings(ground.settings),
        **{name: value for name, value in ground.given.items() if name not in refused(ground.given)},
        **needed_settings(ground.programs, ground.data),
        **ALONE,
        "port": str(PORT),
        "unix_socket_directories": str(ground.folder.server),
        "hba_file": str(ground.folder.path / "hba.conf"),
        "ident_file": str(ground.folder.path / "ident.conf"),
        "shared_preload_libraries": harmless_libraries(ground.settings),
        "fsync": "on" if ground.durable else "off",
        "restore_command": f'"{ground.folder.path / "fetch"}" "%f" "%p"',
        "recovery_target_action": "promote",
        **target,
    }
    _write(ground.folder.path / "hba.conf", "local all all trust\n")
    _write(ground.folder.path / "ident.conf", "")
    _write(ground.folder.path / "postgresql.conf", configuration(settings))
    with serving:
        server = _Server(ground)
        try:
            yield server.observed()
        finally:
            server.stop()


def configuration(settings: Mapping[str, str]) -> str:
    """Return the text of a postgresql.conf."""
    escaped = {
        name: value.replace("\\", "\\\\").replace("'", "''").replace("\n", " ") for name, value in settings.items()
    }
    return "".join(f"{name} = '{value}'\n" for name, value in escaped.items())


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)


class _Serving(threading.Thread):
    """Answers the server's wishes for WAL: the file of that name, whole, unpacked, or the part that there is."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(name="serving WAL", daemon=True)
        self.ground, self.over = ground, False
        folder = ground.folder.path
        for name in ("request", "answer"):
            (folder / name).unlink(missing_ok=True)
            os.mkfifo(folder / name, 0o600)
            ground.folder.account.give(folder / name)
        self.request = os.open(folder / "request", os.O_RDWR)
        self.answer = os.open(folder / "answer", os.O_RDWR)
        _write(folder / "fetch", _FETCH, 0o755)

    def run(self) -> None:
        with os.fdopen(os.dup(self.request)) as asked:
            for line in asked:
                if self.over:
                    return
                os.write(self.answer, b"0\n" if self._laid_out(line.strip()) else b"1\n")

    def _laid_out(self, name: str) -> bool:
        self.ground.on_segment(name)
        found = self.ground.wal.find(name)
        if found is None:
            return False
        out = self.ground.folder.path / "segment"
        try:
            self.ground.wal.lay_out(found, out)
            out.chmod(0o644)
            self._keep_at_home(name, out)
        except (OSError, EOFError):
            return False
        return True

    def _keep_at_home(self, name: str, out: Path) -> None:
        """Let a tablespace that the WAL makes lie in the copy: where it says that it is, production's own files are."""
        data, wal = out.read_bytes(), self.ground.wal
        if len(data) != wal.segment_size:
            return
        changed = without_places(data, lambda step: wal.beside(name, step))
        if changed is not data:
            out.write_bytes(changed)

    def __enter__(self) -> _Serving:
        self.start()
        return self

    def __exit__(self, *what: object) -> None:
        self.over = True
        os.write(self.request, b"\n")
        self.join(STOP_SECONDS)
        for handle in (self.request, self.answer):
            os.close(handle)


class _Server:
    """The server's process: started, observed, stopped; it ends when we do, however that comes."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        folder = ground.folder
        folder.log.unlink(missing_ok=True)
        self.watch = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                _WATCH,
                "sh",
                str(ground.programs / "postgres"),
                "-D",
                str(ground.data),
                "-c",
                f"config_file={folder.path / 'postgresql.conf'}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder.server,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            **folder.account.run_as,
        )
        assert self.watch.stdout is not None  # noqa: S101 - a pipe was asked for
        with self.watch.stdout as told:
            self.pid = int(told.readline() or 0)

    @property
    def _log(self) -> str:
        with suppress(OSError):
            return self.ground.folder.log.read_text(errors="replace")
        return ""

    def observed(self) -> Standing:
        """Wait until recovery has ended by itself; return what it reached. Raise `NotReached`."""
        import psycopg

        for connection in self._sessions():
            try:
                going_on, lsn, committed = connection.execute(render("backup/recovered.sql.j2").sql).fetchone()
            except psycopg.OperationalError:  # it ended just then, and its log says why
                connection.close()
                continue
            except BaseException:
                connection.close()
                raise
            if not going_on:
                with connection:
                    log = self._log
                    stopped = re.findall(r"LOG:  (recovery stopping .*)", log)
                    timeline = re.findall(r"selected new timeline ID: (\d+)", log)
                    return Standing(
                        self.ground.folder.server,
                        connection.info.user,
                        connection.info.dbname,
                        self.pid,
                        lsn_of(lsn),
                        committed,
                        stopped[-1] if stopped else "",
                        int(timeline[-1]) if timeline else 0,
                    )
            connection.close()
        raise self._failed()

    def _sessions(self) -> Iterator[Any]:
        """Give sessions, one after another, for as long as the server lives."""
        import psycopg
        from psycopg.conninfo import make_conninfo

        whom = [(user, name) for user in self.ground.users for name in self.ground.databases]
        refused_by: set[tuple[str, str]] = set()
        while processes.exists(self.pid):
            for user, name in [one for one in whom if one not in refused_by]:
                place = make_conninfo(
                    host=str(self.ground.folder.server), port=PORT, user=user, dbname=name, connect_timeout=5
                )
                try:
                    yield psycopg.connect(place, autocommit=True)
                    break
                except psycopg.OperationalError as error:
                    if "does not exist" in str(error) and "No such file" not in str(error):
                        refused_by.add((user, name))
            if len(refused_by) == len(whom):
                raise Unreachable(
                    "the restored server knows none of the superusers that its original had",
                    details=[f"tried: {', '.join(self.ground.users)}"],
                )
            time.sleep(_POLL)

    def _failed(self) -> NotReached:
        log = self._log
        fatal = re.findall(r"(?:FATAL|PANIC):  (.*)", log)
        redo = re.findall(r"redo done at ([0-9A-F]+/[0-9A-F]+)", log)
        committed = re.findall(r"last completed transaction was at log time (.*)", log)
        lines = [line for line in log.strip().splitlines() if line][-_LOG_LINES:]
        # Sessions that come too early are refused by FATAL, too.
        ours = ("the database system is", "terminating connection")
        why = next((one for one in fatal if not one.startswith(ours)), "it ended by itself")
        return NotReached(why, lsn_of(redo[-1]) if redo else 0, committed[-1] if committed else "", lines)

    def stop(self) -> None:
        """Stop the server in order, so that its files are whole; at once where it does not follow."""
        if self.pid and processes.exists(self.pid):
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)
            until = time.monotonic() + STOP_SECONDS
            while processes.exists(self.pid) and time.monotonic() < until:
                time.sleep(_POLL)
        if self.watch.stdin is not None:
            self.watch.stdin.close()
        self.watch.wait(STOP_SECONDS)
