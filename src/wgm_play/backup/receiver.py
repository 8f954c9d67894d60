"""The receiver of a cluster's WAL: pg_receivewal with a slot, kept running, and what it has received written down.

In: a connection string, the folder of the WAL. Out: files of WAL; `received.json`, by which others know how far it is.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import slot, target
from wgm_play.backup.moment import lsn_of, lsn_text
from wgm_play.backup.wal import RECEIVED, Wal
from wgm_play.errors import Locked, Refused, Unreachable, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.reporter import Reporter
from wgm_play.secret import mask

LOCK = "receiver"
# How often is written down how far everything was received; who restores may go to every time before the last one.
LOOK_SECONDS = 2.0
# A receiver that has written nothing down for so long is not at work, whatever its process does.
SILENT_SECONDS = 30.0
AGAIN_SECONDS, LONGEST_SECONDS = 1.0, 30.0
_FLUSH_SECONDS = 5.0
_SHOWN = 4
# The receiver is the child of this shell, which ends it in order when our end closes, in whatever way.
_WATCH = 'exec 3<&0; "$@" </dev/null 3<&- & p=$!; { read -r _ <&3; kill -INT $p; } >/dev/null 2>&1 & wait $p'
_REMOVED = "has already been removed"
_LEFT = "left"


@dataclass(frozen=True, slots=True)
class WalSource:
    """What is received: from where, by which slot, into which folder, with which programs."""

    url: str
    slot: str
    folder: Path
    segment_size: int
    programs: Path
    application: str


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """Whether a receiver is at work on this machine, its process, and until when and how far it has received."""

    running: bool
    pid: int | None
    at: datetime | None
    lsn: int

    @property
    def silent(self) -> bool:
        """Tell whether it has not said for too long that it receives."""
        return self.at is None or (datetime.now(UTC) - self.at).total_seconds() > SILENT_SECONDS


def state(folder: Path) -> ReceiverState:
    """Return what is known of the receiver of a folder."""
    told: Mapping[str, Any] = {}
    with suppress(OSError, ValueError):
        told = json.loads((folder / RECEIVED).read_text())
    received = Wal(folder).received
    return ReceiverState(
        _is_held(folder / LOCK), told.get("pid"), received.at if received else None, received.lsn if received else 0
    )


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder: two receivers would write to the same files. Raise `Locked`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(
            f"WAL cannot be written to {str(folder)!r}: {error.strerror}",
            hint="set `backup.directory` to a folder that this user may write",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = state(folder).pid
            raise Locked(
                f"another command receives the WAL of this cluster already{f' (pid {pid})' if pid else ''}"
            ) from None
        yield
    finally:
        os.close(handle)


class Receiver:
    """Receives until it is told to stop; whatever breaks off is said, and begun again."""

    def __init__(self, source: WalSource, reporter: Reporter) -> None:
        self.source, self.reporter = source, reporter
        self.over = threading.Event()
        self.receiving, self.ended = threading.Event(), threading.Event()

    def state(self) -> ReceiverState:
        """Return what is known of the receiver of this folder, this one or another."""
        return state(self.source.folder)

    def look(self) -> tuple[ReceiverState, slot.ReplicationSlot | None]:
        """Return what is known here of the receiver, and what the server says of its slot. Raise `Unreachable`."""
        with target.connect(self.source.url, self.source.application) as session:
            return self.state(), slot.look(session, self.source.slot)

    def stop(self) -> None:
        """Let it end in order."""
        self.over.set()

    def run(self) -> None:
        """Receive until `stop`. Raise what is wrong with the first attempt: `Refused`, `Unreachable`, `Locked`."""
        try:
            with _held(self.source.folder):
                self._prepare()
                self._again_and_again()
        finally:
            self.ended.set()

    def _again_and_again(self) -> None:
        wait = AGAIN_SECONDS
        while not self.over.is_set():
            began = time.monotonic()
            said = self._receive()
            if not self.over.is_set():
                wait = AGAIN_SECONDS if time.monotonic() - began > LONGEST_SECONDS else min(wait * 2, LONGEST_SECONDS)
                self.reporter.warn(f"receiving broke off: {said}; it is begun again")
                self._begin_anew(said)
                self.over.wait(wait)
                with suppress(WgmError):
                    self._prepare()

    # Before it begins

    def _prepare(self) -> None:
        """Make the slot where there is none, and put aside what leads to a past that the server has left."""
        import psycopg

        try:
            with target.connect(self.source.url, self.source.application) as session:
                self._own_slot(session)
                self._follow(target.timeline_of(session))
        except psycopg.Error as error:
            raise Refused(
                f"WAL cannot be received: {mask(str(error)).strip()}",
                hint="let the role replicate: ALTER ROLE … REPLICATION",
            ) from error

    def _own_slot(self, session: Any) -> None:
        found = slot.look(session, self.source.slot)
        if found is None:
            session.execute(render("backup/make_slot.sql.j2", name=self.source.slot).sql)
            self.reporter.note(
                f"the slot {self.source.slot!r} was made: the server keeps its WAL until it was received"
            )
            found = slot.look(session, self.source.slot)
        elif found.pid is not None:
            raise Locked(
                f"the slot {self.source.slot!r} is in use: another receiver has it (the server's process {found.pid})"
            )
        elif found.status == "lost":
            session.execute(render("backup/drop_slot.sql.j2", name=self.source.slot).sql)
            self.reporter.warn(
                f"the slot {self.source.slot!r} was lost: the server has removed WAL that was never received; it is made anew. "
                "Take a new backup: what was before cannot be reached with what comes"
            )
            self._own_slot(session)
            return
        if found is not None and found.unbounded:
            self.reporter.warn(
                "the slot may fill the server's disk while nobody receives: ALTER SYSTEM SET max_slot_wal_keep_size = '10GB' "
                "(as much as may be lost room there), then SELECT pg_reload_conf()"
            )

    def _follow(self, timeline: int) -> None:
        """Let the folder lead to the server's timeline: pg_receivewal goes on where its newest file ends."""
        wal = Wal(self.source.folder, self.source.segment_size)
        if timeline == 1 or not wal.segments:
            return
        if timeline not in wal.histories:
            self._fetch_history(timeline)
            wal = Wal(self.source.folder, self.source.segment_size)
        on_way = {part.timeline: part.end for part in wal.path_to(timeline)}
        for (there, number), path in wal.segments.items():
            end = on_way.get(there, 0)
            if path.parent == self.source.folder and end is not None and number >= wal.number(end):
                self._put_aside(path, f"{_LEFT}-{there:08X}")

    def _fetch_history(self, timeline: int) -> None:
        import psycopg
        from psycopg.conninfo import make_conninfo

        given = {**server_tools.parameters(self.source.url), "replication": "database"}
        with psycopg.connect(make_conninfo(**given), autocommit=True) as session:
            row = session.execute(f"TIMELINE_HISTORY {timeline:d}".encode()).fetchone()
        if row is not None:
            name, content = row
            written = content if isinstance(content, bytes) else str(content).encode()
            (self.source.folder / str(name)).write_bytes(written)

    def _put_aside(self, path: Path, name: str) -> None:
        """Keep a file of WAL where a restore finds it and pg_receivewal does not."""
        place = self.source.folder / name
        place.mkdir(mode=0o700, exist_ok=True)
        if (place / path.name).exists():
            path.unlink()  # the same again, up to where its timeline was left
        else:
            path.rename(place / path.name)

    def _begin_anew(self, said: str) -> None:
        """Put aside all that there is where the server does not have what comes next."""
        if _REMOVED not in said:
            return
        name = f"{_LEFT}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for path in Wal(self.source.folder, self.source.segment_size).segments.values():
            if path.parent == self.source.folder:
                self._put_aside(path, name)
        self.reporter.warn("WAL between what was received and what comes is lost: take a new backup")

    # While it runs

    def _receive(self) -> str:
        """Run pg_receivewal until it ends or is to stop; return what it said."""
        place, environ = server_tools.arguments(self.source.url, self.source.application)
        words = [
            str(self.source.programs / "pg_receivewal"),
            f"--directory={self.source.folder}",
            f"--slot={self.source.slot}",
            "--synchronous",
            "--no-loop",
            "--no-password",
            f"--dbname={place}",
        ]
        receiving = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environ,
            start_new_session=True,
        )
        said: list[str] = []
        hearing = threading.Thread(target=lambda: said.extend(receiving.stderr or ()), daemon=True)
        hearing.start()
        try:
            while receiving.poll() is None and hearing.is_alive() and not self.over.is_set():
                self._write_down()
                self.over.wait(LOOK_SECONDS)
        finally:
            self.receiving.clear()
            if receiving.stdin is not None:
                receiving.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                receiving.wait(_FLUSH_SECONDS)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(receiving.pid, signal.SIGKILL)
            receiving.wait()
            hearing.join(_FLUSH_SECONDS)
            if receiving.stderr is not None:
                receiving.stderr.close()
        return mask("; ".join(line.strip() for line in said[-_SHOWN:])) or "pg_receivewal ended"

    def _write_down(self) -> None:
        """Write down until when everything was received, where it was."""
        import psycopg

        with suppress(psycopg.Error, Unreachable), target.connect(self.source.url, self.source.application) as session:
            now, text = session.execute(render("backup/here.sql.j2").sql).fetchone()
            timeline, lsn = target.timeline_of(session), lsn_of(text)
            found = slot.await_received(session, self.source.slot, lsn, _FLUSH_SECONDS)
            if found is not None and found.reached:
                self._keep(now, lsn, timeline)
                self.receiving.set()

    def _keep(self, now: datetime, lsn: int, timeline: int) -> None:
        told = {"at": now.astimezone(UTC).isoformat(), "lsn": lsn_text(lsn), "timeline": timeline, "pid": os.getpid()}
        made = self.source.folder / f".{RECEIVED}"
        made.write_text(json.dumps({**told, "slot": self.source.slot}) + "\n")
        made.replace(self.source.folder / RECEIVED)
