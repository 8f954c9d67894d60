"""What may go wrong with physical backups: each is a clear error or a fallback that is said, and nothing is called good that is not."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from clusters import Cluster, cluster_of, rows_in, rows_of

from wgm_play.backup import cluster as engine_module
from wgm_play.backup import young
from wgm_play.backup.base import Backup
from wgm_play.backup.moment import LATEST, LSN, Moment, lsn_of
from wgm_play.backup.wal import Wal
from wgm_play.errors import InputError, Refused, StepFailed, Unreachable, WgmError
from wgm_play.reporter import Reporter


class Warned(Reporter):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a tablespace, so that each kind of file is there."""
    for made in cluster_of(18, tmp_path_factory.mktemp("faults"), summarize_wal="on"):
        assert made.server.data is not None
        place = made.server.data.parent / "space"
        place.mkdir()
        shutil.chown(place, made.server.data.stat().st_uid, made.server.data.stat().st_gid)
        with made.server.connect() as connection:
            connection.execute(f"create tablespace elsewhere location '{place}'")  # type: ignore[arg-type]
            connection.execute("create table far (id integer) tablespace elsewhere")
            connection.execute("insert into far select generate_series(1, 1000)")
        yield made


@pytest.fixture(scope="module")
def taken(cluster: Cluster) -> Backup:
    """A backup that tests copy, and copies of which they damage."""
    return cluster.engine().make("to be damaged")


@pytest.fixture
def copied(cluster: Cluster, taken: Backup, tmp_path: Path) -> Cluster:
    """The same cluster with a folder of its own, into which the backup was copied."""
    shutil.copytree(taken.path, tmp_path / "backups" / taken.id, symlinks=True)
    shutil.copytree(cluster.wal, tmp_path / "backups" / cluster.wal.name)
    return Cluster(cluster.server, tmp_path / "backups")


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def largest(folder: Path) -> Path:
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "table": (lambda path: flip(largest(path / "base/base")), "has other bytes"),
    "tablespace": (lambda path: flip(largest(path / "spaces")), "has other bytes"),
    "control file": (lambda path: flip(path / "base/global/pg_control"), "has other bytes"),
    "label": (lambda path: flip(path / "base/backup_label"), "has other bytes"),
    "PostgreSQL's manifest": (lambda path: flip(path / "base/backup_manifest"), "backup_manifest"),
    "WAL in the base": (lambda path: flip(largest(path / "base/pg_wal")), "has other bytes"),
    "truncated": (lambda path: os.truncate(largest(path / "base/base"), 8192), "it has 8,192 bytes, it had"),
    "missing": (lambda path: (path / "base/PG_VERSION").unlink(), "PG_VERSION: it cannot be read"),
    "more": (lambda path: (path / "base/base/1/stranger").write_text("x"), "stranger: it is not in the manifest"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_in_each_kind_of_file_is_named_and_never_used(
    copied: Cluster, taken: Backup, room: Path, kind: str
) -> None:
    engine = copied.engine(before_changes="young", max_age=86400.0, verify="none")
    (backup,) = engine.list()
    assert not engine.damage(backup)
    damage, words = DAMAGE[kind]
    damage(Path(backup.path))
    assert any(words in line for line in engine.damage(backup))
    assert not engine.verify(backup, "manifest").ok
    with pytest.raises(Refused, match=r"is damaged, nothing was touched"):
        engine.restore(backup, room / "r")
    with pytest.raises(Refused, match="the newest backup is damaged"):
        young(engine.source.policy, engine)
    assert not (room / "r").exists()


def test_our_own_manifest_that_is_damaged_is_said(copied: Cluster, taken: Backup) -> None:
    path = copied.directory / taken.id / "manifest.json"
    path.write_text(path.read_text().replace('"timeline"', '"time'))
    said = Warned()
    assert copied.engine(said).list() == []
    assert any("manifest of the backup" in line for line in said.said)


def test_a_hole_in_the_wal_and_damage_to_it_are_told_with_how_far_one_can_go(
    copied: Cluster, cluster: Cluster, room: Path
) -> None:
    for note in ("a", "b", "c"):
        cluster.insert(note)
        cluster.ask("select pg_switch_wal()")
    cluster.insert("d")
    cluster.flushed()
    shutil.rmtree(copied.wal)
    shutil.copytree(cluster.wal, copied.wal)
    engine = copied.engine()
    wal = Wal(copied.wal)
    last = wal.last(1) or 0
    middle = wal.segments[1, last - 2]
    content = middle.read_bytes()
    latest = Moment(LATEST)

    middle.unlink()
    with pytest.raises(Refused, match=rf"the segment {middle.name} is missing; nothing was touched") as caught:
        engine.choose(None, latest)
    reach = (caught.value.hint or "").partition("--at lsn:")[2]
    whole = Moment(LSN, lsn=lsn_of(reach))
    engine.restore(engine.choose(None, whole), room / "whole", whole)
    assert rows_in(cluster, room / "whole") == rows_of(cluster)[:-3]

    middle.write_bytes(content[:4096])
    with pytest.raises(Refused, match=r"has 4,096 bytes instead of 16,777,216"):
        engine.choose(None, latest)

    middle.write_bytes(content)
    with middle.open("r+b") as file:
        file.seek(200)
        file.write(b"\xff" * 64)
    with pytest.raises(
        StepFailed, match=r"the WAL is damaged: recovery ended at .*, though it was received up to"
    ) as failed:
        engine.restore(engine.choose(None, latest), room / "flipped", latest)
    assert "as far as one can go: --at lsn:" in (failed.value.hint or "")
    assert not (room / "flipped").exists()


def test_backups_of_another_cluster_are_no_ones_own(copied: Cluster, cluster: Cluster, taken: Backup) -> None:
    path = copied.directory / taken.id / "manifest.json"
    path.write_text(path.read_text().replace(f'"system": "{cluster.system}"', '"system": "1"'))
    engine = copied.engine()
    (backup,) = engine.list()
    assert engine.stranger(backup) == "another cluster's"
    assert engine.own() == []
    with pytest.raises(Refused, match="there is no backup of this database"):
        young(engine.source.policy, engine)


def test_a_role_that_may_not_replicate_is_told_what_it_needs(cluster: Cluster) -> None:
    name, password = cluster.server.create_role("LOGIN")
    url = cluster.server.url("postgres", name, password)
    before = sorted(path.name for path in cluster.directory.iterdir())
    with pytest.raises(Refused, match=r"REPLICATION|replication|to start WAL sender") as caught:
        cluster.engine(url=url).make("x")
    assert "ALTER ROLE … REPLICATION" in (caught.value.hint or "")
    with pytest.raises(WgmError, match=r"in use|REPLICATION|replication|receives"):
        cluster.engine(url=url).receiver().run()
    assert sorted(path.name for path in cluster.directory.iterdir()) == before
    cluster.server.drop_role(name)


def test_a_directory_that_is_none_and_tools_that_are_missing_or_broken(
    cluster: Cluster, tmp_path: Path, taken: Backup, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file" / "below", Path("/proc/backups")):
        with pytest.raises(Refused, match="cannot be written"):
            Cluster(cluster.server, directory).engine().make("x")
    engine = cluster.engine()
    for place, words in {
        room / "no" / "parent": "there is no folder",
        Path(taken.path): "is not empty",
        tmp_path / "r": "cannot reach" if os.geteuid() == 0 else "",
    }.items():
        if words:
            with pytest.raises(Refused, match=words):
                engine.restore(taken, place)
    with pytest.raises(InputError, match="not into a database"):
        engine.restore(taken, "postgresql:///x")
    broken = tmp_path / "bin"
    broken.mkdir()
    for name in ("pg_basebackup", "pg_receivewal", "pg_controldata"):
        (broken / name).write_text("#!/bin/sh\necho 'symbol lookup error' >&2; exit 127\n")
        (broken / name).chmod(0o755)
    monkeypatch.setattr(engine_module, "scratch_programs", lambda major: broken)
    with pytest.raises(Refused, match="exit code 127"):
        engine.make("x")
    (broken / "pg_basebackup").unlink()
    with pytest.raises(Refused, match="lacks pg_basebackup"):
        engine.make("x")

    def none(major: int) -> Path:
        raise InputError("none")

    monkeypatch.setattr(engine_module, "scratch_programs", none)
    with pytest.raises(Refused, match="there are no programs of PostgreSQL 18"):
        engine.restore(taken, room / "r")


def test_two_copies_at_once_are_both_whole_and_a_server_that_is_down_is_told(cluster: Cluster, tmp_path: Path) -> None:
    own = Cluster(cluster.server, tmp_path / "backups")
    made: list[Backup] = []
    both = [threading.Thread(target=lambda: made.append(own.engine().make("beside another one"))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    engine = own.engine()
    assert sorted(one.id for one in made) == sorted(one.id for one in engine.list()) and len(made) == 2
    assert all(engine.verify(one, "manifest").ok for one in made)
    down = own.engine(url="host=127.0.0.1 port=1 user=postgres dbname=postgres")
    with pytest.raises(Unreachable, match="nothing listens there"):
        down.make("x")
    with pytest.raises(Unreachable, match="nothing listens there"):
        down.receiver().run()
    assert len(down.list()) == 2


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_nothing_behind(
    cluster: Cluster, taken: Backup, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = cluster.engine()
    before = sorted(path.name for path in cluster.directory.iterdir())
    with full_disk(100_000), pytest.raises(Refused, match="the backup failed"):
        engine.make("x")
    assert sorted(path.name for path in cluster.directory.iterdir()) == before
    with full_disk(100_000), pytest.raises(StepFailed, match="the restore was broken off: File too large"):
        engine.restore(taken, room / "r")
    assert list(room.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="there is too little room below"):
        engine.restore(taken, room / "r")
    with pytest.raises(Refused, match="there is too little room for a backup"):
        engine.make("x")


def test_increments_come_back_together_and_one_that_lacks_its_base_does_not(
    cluster: Cluster, room: Path, tmp_path: Path
) -> None:
    own = Cluster(cluster.server, tmp_path / "backups")
    engine = own.engine(retention={"full": 1, "incremental": 2})
    full = engine.make("full")
    cluster.insert("in the first increment")
    first = engine.make("first")
    cluster.insert("in the second increment")
    second = engine.make("second")
    assert [engine.increment(one) for one in (full, first, second)] == [False, True, True]
    assert first.size < full.size / 2
    wanted = rows_of(cluster)
    engine.restore(second, room / "r")
    assert rows_in(cluster, room / "r") == wanted
    # Somebody removes the full one: what builds on it is of no use, and the next one is full, not one more increment to it.
    broken = Cluster(cluster.server, tmp_path / "broken")
    shutil.copytree(own.directory, broken.directory, symlinks=True)
    shutil.rmtree(broken.directory / full.id)
    beside = broken.engine(retention={"full": 1, "incremental": 4})
    assert any("which is not there" in line for line in beside.damage(second))
    alone = beside.make("after somebody removed the full one")
    assert not beside.increment(alone) and beside.verify(alone, "manifest").ok
    assert {one.id for one in beside.expire()} <= {first.id, second.id}
    assert beside.find(None).id == alone.id
    fourth = engine.make("full again")
    assert not engine.increment(fourth)
    assert {one.id for one in engine.expire()} <= {full.id, first.id, second.id}
    flip(largest(Path(second.path) / "base/base")) if Path(second.path).exists() else None
    shutil.rmtree(full.path, ignore_errors=True)
    if Path(second.path).exists():
        with pytest.raises(Refused, match="is an increment to"):
            engine.restore(second, room / "never")


def test_a_scratch_server_touches_nothing_else(cluster: Cluster, tmp_path: Path) -> None:
    """Production's own settings would archive, follow, wait for a standby and not even start: a trap stands at each end."""
    archived = tmp_path / "archived"
    traps = socket.socket()
    traps.bind(("127.0.0.1", 0))
    port = traps.getsockname()[1]
    subscribed = f"host=127.0.0.1 port={port} dbname=x connect_timeout=2"
    with cluster.server.connect() as admin:
        for statement in (
            f"alter system set archive_command = 'touch {archived}'",
            "alter system set archive_mode = 'always'",
            "alter system set shared_preload_libraries = 'no_such_library'",
            f"alter system set primary_conninfo = '{subscribed}'",
            "alter system set synchronous_standby_names = 'nobody'",
            "alter system set listen_addresses = '*'",
            f"create subscription trapped connection '{subscribed}' publication p with (connect = false, slot_name = 'trapped')",
            "alter subscription trapped enable",
        ):
            admin.execute(statement.encode())
    own = Cluster(cluster.server, tmp_path / "backups")
    engine = own.engine()
    made = engine.make("with traps")
    with cluster.server.connect() as admin:
        admin.execute("alter subscription trapped disable")
        admin.execute("alter subscription trapped set (slot_name = none)")
        admin.execute("drop subscription trapped")
        admin.execute("alter system reset all")
    caught: list[object] = []
    traps.listen()
    traps.settimeout(0.1)
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            try:
                caught.append(traps.accept()[1])
            except TimeoutError:
                continue

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with engine.on_scratch(made) as scratch, psycopg.connect(scratch.admin, autocommit=True) as session:
            session.execute("set synchronous_commit = on")
            session.execute("insert into notes (note) values ('on the scratch server')")
            session.execute("select pg_switch_wal()")
            shown = {
                name: (session.execute(f"show {name}").fetchone() or ("",))[0]  # type: ignore[arg-type]
                for name in (
                    "listen_addresses",
                    "archive_mode",
                    "shared_preload_libraries",
                    "max_logical_replication_workers",
                )
            }
            place = session.execute("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'elsewhere'")
            space = Path(str((place.fetchone() or ("",))[0]))
            data = Path(str((session.execute("show data_directory").fetchone() or ("",))[0]))
            assert session.execute("select count(*) from far").fetchone() == (1000,)
            workers = "select count(*) from pg_stat_activity where backend_type like 'logical replication%'"
            assert session.execute(workers).fetchone() == (0,)
    finally:
        over.set()
        watching.join()
        traps.close()
    assert shown == {
        "listen_addresses": "",
        "archive_mode": "off",
        "shared_preload_libraries": "",
        "max_logical_replication_workers": "0",
    }
    assert space.parent.parent == data.parent
    assert not data.exists()
    assert not archived.exists()
    assert not caught
    assert "on the scratch server" not in rows_of(cluster)
