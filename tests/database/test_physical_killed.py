"""Physical backups that are cut short, a disk that fills, WAL that was compressed, clocks that differ: what is left is never called good."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from backing_up import Shop
from clusters import Cluster, cluster_of, rows_in, rows_of

from wgm_play.backup.moment import LATEST, TIME, Moment
from wgm_play.errors import Refused, StepFailed

# So much that a copy of it takes a while.
BIG = "create table big as select n, repeat(md5(n::text), 30) as text from generate_series(1, 60000) n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    for made in cluster_of(15, tmp_path_factory.mktemp("killed")):
        made.ask(BIG)
        yield made


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".gitignore")


def once(found: Callable[[], list[int]]) -> int:
    """Wait for a process."""
    until = time.monotonic() + 30
    while not (pids := found()):
        assert time.monotonic() < until
        time.sleep(0.001)
    return pids[0]


def copying(folder: Path) -> list[int]:
    """Return the processes of pg_basebackup that copy into a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"/pg_basebackup\0" in words and str(folder).encode() in words:
            found.append(int(path.parent.name))
    return found


def test_a_copy_that_is_killed_is_no_backup(cluster: Cluster, tmp_path: Path) -> None:
    own = Cluster(cluster.server, tmp_path / "backups")
    engine = own.engine()

    def kill() -> None:
        os.kill(once(lambda: copying(own.directory)), signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(Refused, match="pg_basebackup was ended by signal 9"):
        engine.make("x")
    killing.join()
    assert engine.list() == [] and entries(own.directory) == []


def test_what_a_killed_command_leaves_the_next_one_removes(cluster: Cluster, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    directory = tmp_path / "backups"
    shop.write(f"{{method: physical, directory: {directory}}}")
    book = str(tmp_path / "playbooks/production.yml")
    command = subprocess.Popen(
        [sys.executable, "-m", "wgm_play", "backup", book, "--url", cluster.server.url()], stdout=subprocess.DEVNULL
    )
    once(lambda: copying(directory))
    command.kill()
    command.wait()
    own = Cluster(cluster.server, directory)
    assert own.engine().list() == []
    until = time.monotonic() + 30
    while copying(directory):  # it ends with its command
        assert time.monotonic() < until
        time.sleep(0.05)
    assert own.engine().list() == []
    made = own.engine().make("the next one")
    assert entries(directory) == [made.id]


def test_a_disk_that_fills_while_copying_leaves_no_backup(cluster: Cluster, room: Path) -> None:
    small = room / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this account may not mount a tmpfs")
    try:
        own = Cluster(cluster.server, small / "backups")
        with pytest.raises(Refused, match="there is too little room for a backup"):
            own.engine().make("x")
        usage = shutil.disk_usage
        shutil.disk_usage = lambda path: usage("/")  # type: ignore[assignment] # as where others fill it meanwhile
        try:
            with pytest.raises(Refused, match=r"No space left|ended with") as caught:
                own.engine().make("x")
        finally:
            shutil.disk_usage = usage
        assert "free space" in (caught.value.hint or "") and own.engine().list() == [] and entries(own.directory) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_wal_that_was_compressed_is_unpacked(cluster: Cluster, room: Path, tmp_path: Path) -> None:
    own = Cluster(cluster.server, tmp_path / "backups")
    engine = own.engine()
    engine.make("before")
    for note in ("in a whole segment", "in the last one"):
        cluster.insert(note)
        cluster.flushed()
        if note != "in the last one":
            cluster.ask("select pg_switch_wal()")
    cluster.insert("at the end")
    cluster.flushed()
    shutil.copytree(cluster.wal, own.wal)
    for path in own.wal.iterdir():
        if len(path.name.partition(".")[0]) == 24:
            packed = path.with_name(f"{path.stem if path.suffix == '.partial' else path.name}.gz")
            packed = packed.with_name(packed.name + ".partial") if path.suffix == ".partial" else packed
            packed.write_bytes(gzip.compress(path.read_bytes(), 1))
            path.unlink()
    engine.restore(engine.choose(None, Moment(LATEST)), room / "r", Moment(LATEST))
    assert rows_in(cluster, room / "r") == rows_of(cluster)
    [last] = own.wal.glob("*.gz.partial")
    whole = sorted(own.wal.glob("*.gz"))[-1]
    whole.write_bytes(whole.read_bytes()[:-100])  # a file that was packed wholly, and lost its end
    with pytest.raises((Refused, StepFailed)):
        engine.restore(engine.choose(None, Moment(LATEST)), room / "never", Moment(LATEST))
    assert not (room / "never").exists() and last.exists()


def test_a_clock_that_is_behind_the_server_refuses_no_moment(cluster: Cluster, room: Path, tmp_path: Path) -> None:
    """What the server says it is, is what its commits say: ours is not asked."""
    own = Cluster(cluster.server, tmp_path / "backups")
    engine = own.engine()
    engine.make("x")
    cluster.insert("the last")
    cluster.flushed()
    time.sleep(2.5)  # until the receiver has written down how far it is
    cluster.stop_receiving()
    shutil.copytree(cluster.wal, own.wal)
    wanted = rows_of(cluster)
    wal = engine.wal(cluster.system)
    assert wal.received is not None
    later = wal.received.at + timedelta(minutes=30)
    text = (own.wal / "received.json").read_text()
    (own.wal / "received.json").write_text(
        text.replace(wal.received.at.isoformat(), (later + timedelta(minutes=1)).isoformat())
    )
    moment = Moment(TIME, time=later)
    engine.restore(engine.choose(None, moment), room / "r", moment)
    assert rows_in(cluster, room / "r") == wanted
    cluster.receive()


def test_no_library_that_archives_is_loaded_by_a_scratch_server(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.server.bin is not None
    if not (cluster.server.bin.parent / "lib/basic_archive.so").exists():
        pytest.skip("there is no basic_archive here")
    archived = tmp_path / "archived"
    archived.mkdir()
    archived.chmod(0o777)
    with cluster.server.connect() as admin:
        for name, value in {
            "archive_mode": "on",
            "archive_library": "basic_archive",
            "shared_preload_libraries": "basic_archive",
            "basic_archive.archive_directory": str(archived),
        }.items():
            try:
                admin.execute(f"alter system set {name} = '{value}'".encode())
            except Exception:  # noqa: S112 - a setting of a library that is not loaded is not known
                continue
    try:
        own = Cluster(cluster.server, tmp_path / "backups")
        engine = own.engine()
        made = engine.make("with a library that archives")
        with engine.on_scratch(made) as scratch:
            import psycopg

            with psycopg.connect(scratch.admin, autocommit=True) as session:
                session.execute("select pg_switch_wal()")
                assert session.execute("show archive_mode").fetchone() == ("off",)
                assert session.execute("show archive_library").fetchone() == ("",)
                assert "basic_archive" not in (session.execute("show shared_preload_libraries").fetchone() or ("",))[0]
        assert list(archived.iterdir()) == []
    finally:
        with cluster.server.connect() as admin:
            admin.execute("alter system reset all")
