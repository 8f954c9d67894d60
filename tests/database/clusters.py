"""Clusters for the tests of physical backups: a server of its own, its WAL received, restored directories started.

In: a major version, a folder. Out: `Cluster`; `rows_in`, what a restored data directory holds, started by pg_ctl alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

import fix_postgres
from fix_postgres import Postgres
from wgm_play.backup import own_server
from wgm_play.backup.base import BackupPolicy, BackupSource
from wgm_play.backup.moment import LATEST, LSN, NAME, TIME, Moment, lsn_of
from wgm_play.backup.physical import Physical, wal_folder
from wgm_play.backup.receiver import Receiver
from wgm_play.reporter import Reporter


@dataclass
class Cluster:
    """A server with a table `notes`, and the folder of its backups."""

    server: Postgres
    directory: Path
    receiving: Receiver | None = None

    def engine(self, reporter: Reporter | None = None, url: str | None = None, **policy: Any) -> Physical:
        """Return the engine for it."""
        given = {"method": "physical", "verify": "manifest", **policy}
        source = BackupSource(
            url or self.server.url(), self.directory, BackupPolicy(**given), own_server(), marker="production"
        )
        return Physical(source, reporter)

    @property
    def system(self) -> str:
        return str(self.ask("select system_identifier from pg_control_system()"))

    @property
    def wal(self) -> Path:
        return wal_folder(self.directory, self.system)

    def ask(self, text: str, *values: Any) -> Any:
        """Return the first value of a query."""
        with self.server.connect() as connection:
            cursor = connection.execute(text, values or None)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def insert(self, note: str) -> None:
        with self.server.connect() as connection:
            connection.execute("insert into notes (note) values (%s)", [note])

    def now(self) -> datetime:
        """Return a time between two commits."""
        time.sleep(0.01)
        found: datetime = self.ask("select clock_timestamp()")
        time.sleep(0.01)
        return found

    def lsn(self) -> int:
        return lsn_of(self.ask("select pg_current_wal_insert_lsn()::text"))

    def point(self, name: str) -> int:
        return lsn_of(self.ask("select pg_create_restore_point(%s)::text", name))

    def receive(self, url: str = "") -> None:
        """Begin to receive WAL, of this server or of one that goes on in its place."""
        self.receiving = self.engine(url=url or None).receiver()
        threading.Thread(target=self.receiving.run, daemon=True).start()
        assert self.receiving.receiving.wait(30)

    def stop_receiving(self) -> None:
        if self.receiving is not None:
            self.receiving.stop()
            self.receiving.ended.wait(30)
            self.receiving = None

    def receiver_pid(self) -> int:
        """Return the process of pg_receivewal itself."""
        told = subprocess.run(["pgrep", "-f", f"pg_receivewal.*{self.wal}"], capture_output=True, text=True, check=True)
        names = {int(pid): Path(f"/proc/{pid}/comm").read_text().strip() for pid in told.stdout.split()}
        return next(pid for pid, name in names.items() if name == "pg_receivewal")

    def forget(self) -> None:
        """Remove all backups and all WAL, and the slot."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()
        self.ask("select pg_drop_replication_slot(slot_name) from pg_replication_slots")

    def flushed(self, url: str = "") -> None:
        """Wait until everything was received."""
        text = "select coalesce(bool_or(flush_lsn >= %s::pg_lsn), false) from pg_stat_replication"
        with psycopg.connect(url or self.server.url(), autocommit=True) as connection:
            (goal,) = connection.execute("select pg_current_wal_insert_lsn()::text").fetchone() or ("",)
            connection.execute("select pg_current_xact_id(), pg_create_restore_point('flushed')")
            until = time.monotonic() + 20
            while connection.execute(text, [goal]).fetchone() != (True,):
                assert time.monotonic() < until
                time.sleep(0.01)


def cluster_of(major: int, folder: Path, **settings: str) -> Iterator[Cluster]:
    """Start one, with a table and a receiver; stop it afterwards."""
    life = fix_postgres.started(major, **{"max_wal_senders": "10", **settings})
    server = next(life)
    made = Cluster(server, folder / "backups")
    folder.chmod(0o755)
    try:
        with server.connect() as connection:
            connection.execute("create table notes (id bigint generated always as identity primary key, note text)")
        made.directory.mkdir()
        made.receive()
        yield made
    finally:
        made.stop_receiving()
        life.close()  # type: ignore[attr-defined]


@contextmanager
def started(cluster: Cluster, data: Path) -> Iterator[str]:
    """Start a restored data directory by pg_ctl alone, as its owner; give the directory of its socket."""
    assert cluster.server.bin is not None
    owner = data.stat()
    user: dict[str, Any] = (
        {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    socket = tempfile.mkdtemp(prefix="wgm-test-")
    os.chown(socket, owner.st_uid, owner.st_gid)
    control = [cluster.server.bin / "pg_ctl", "-D", data, "-w", "-s"]
    options = f"-p 5432 -k {socket} -c listen_addresses= -c hba_file={socket}/hba"
    Path(socket, "hba").write_text("local all all trust\nlocal replication all trust\n")
    os.chmod(Path(socket, "hba"), 0o644)
    done = subprocess.run(
        [*control, "-l", f"{socket}/log", "-o", options, "start"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
    assert done.returncode == 0, done.stderr + Path(socket, "log").read_text()
    try:
        yield f"host={socket} port=5432 user=postgres"
    finally:
        subprocess.run([*control, "-m", "fast", "stop"], cwd="/", check=True, capture_output=True, **user)
        shutil.rmtree(socket)


def rows_in(cluster: Cluster, data: Path) -> list[str]:
    """Return the notes of a restored data directory."""
    with started(cluster, data) as place, psycopg.connect(f"{place} dbname=postgres") as connection:
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (False,)
        return [row[0] for row in connection.execute("select note from notes order by id")]


def rows_of(cluster: Cluster) -> list[str]:
    """Return the notes of the cluster itself."""
    with cluster.server.connect() as connection:
        return [row[0] for row in connection.execute("select note from notes order by id")]


def come_back_exactly(cluster: Cluster, room: Path, *, as_of_now: bool = False) -> Any:
    """Hold the rows as of a time, a restore point and an LSN to be those of then; return the engine that brought them back."""
    engine = cluster.engine()
    made = engine.make("first")
    assert engine.verify(made).ok
    cluster.insert("one")
    between = cluster.now()
    cluster.insert("two")
    cluster.point("three-comes")
    cluster.insert("three")
    after_three = cluster.lsn()
    cluster.insert("four")
    expected = {
        Moment(TIME, time=between): ["one"],
        Moment(NAME, name="three-comes"): ["one", "two"],
        Moment(LSN, lsn=after_three): ["one", "two", "three"],
        Moment(LATEST): ["one", "two", "three", "four"],
    }
    if as_of_now:
        expected[Moment(TIME, time=cluster.now())] = expected[Moment(LATEST)]
    if cluster.receiving is not None:
        cluster.flushed()
    for number, (moment, rows) in enumerate(expected.items()):
        place = room / str(number)
        restored = engine.restore(engine.choose(None, moment), place, moment)
        assert "LSN" in restored.reached
        assert rows_in(cluster, place) == rows, moment
    return engine


def room_of() -> Iterator[Path]:
    """Make a folder that every account can reach."""
    with tempfile.TemporaryDirectory(prefix="wgm-test-", dir=fix_postgres.memory()) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
