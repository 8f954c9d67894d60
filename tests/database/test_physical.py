"""The physical engine on real servers: exact rows as of a time, a run, a restore point, an LSN; over two timelines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from backing_up import Said
from clusters import Cluster, cluster_of, come_back_exactly, rows_in, rows_of, started

import fix_postgres
from wgm_play.backup.moment import LATEST, LSN, NAME, TIME, Moment
from wgm_play.errors import InputError, Refused, StepFailed
from wgm_play.render import render


@pytest.fixture(scope="module", params=[15, 18], ids=["pg15", "pg18"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a backup, WAL that is received, and rows whose moments are known."""
    yield from cluster_of(request.param, tmp_path_factory.mktemp("physical"), max_wal_senders="4")


def test_rows_are_exact_as_of_a_time_a_restore_point_and_an_lsn(cluster: Cluster, room: Path) -> None:
    come_back_exactly(cluster, room)


def test_a_backup_by_itself_is_what_it_was_and_what_is_not_there_is_said(cluster: Cluster, room: Path) -> None:
    engine = cluster.engine()
    cluster.insert("before")
    made = engine.make("by itself")
    before = rows_of(cluster)
    cluster.insert("later")
    restored = engine.restore(made, room / "own")
    assert rows_in(cluster, room / "own") == before
    assert restored.database == str(room / "own")
    with pytest.raises(Refused, match="is there already and is not empty"):
        engine.restore(made, room / "own")
    with pytest.raises(InputError, match="not into a database"):
        engine.restore(made, cluster.server.url("other"))
    for moment, words in {
        Moment(TIME, time=datetime(2020, 1, 1, tzinfo=UTC)): "is before the oldest backup was whole",
        Moment(TIME, time=datetime(2100, 1, 1, tzinfo=UTC)): "has not come yet",
        Moment(NAME, name="no such point"): "there is no restore point 'no such point'",
        Moment(LSN, lsn=1): "is before the oldest backup was whole",
        Moment(LSN, lsn=2**40): "cannot be reached: ",
        Moment(LATEST, timeline=7): "no backup leads to timeline 7",
    }.items():
        with pytest.raises(Refused, match=words):
            engine.restore(engine.choose(None, moment), room / "never", moment)
    assert not (room / "never").exists()


def test_a_tablespace_made_since_lies_in_the_copy_and_productions_own_is_left_alone(
    cluster: Cluster, room: Path
) -> None:
    """WAL says where it was made: replayed as it is, the copy would write to the live server's files, and drop them."""
    engine = cluster.engine(verify="none")
    engine.make("before the tablespaces")
    assert cluster.server.data is not None
    far, gone = room / "far", room / ("long " * 45).strip()
    for place in (far, gone):
        place.mkdir()
        shutil.chown(place, cluster.server.data.stat().st_uid, cluster.server.data.stat().st_gid)
    cluster.ask(f"create tablespace far location '{far}'")
    cluster.ask(f"create tablespace gone location '{gone}'")
    for name in ("far", "gone"):
        cluster.ask(f"create table in_{name} tablespace {name} as select generate_series(1, 1000) n")
    cluster.ask("checkpoint")
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in room.rglob("*")}
    cluster.insert("after the tablespaces")
    then = cluster.now()
    for number, moment in enumerate((Moment(TIME, time=then), Moment(LATEST))):
        cluster.ask("drop table if exists in_gone")
        cluster.flushed()
        assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in before if far in path.parents} == {
            path: told for path, told in before.items() if far in path.parents
        }
        place = room.parent / f"{room.name}-{number}"
        place.mkdir()
        place.chmod(0o755)
        try:
            engine.restore(engine.choose(None, moment), place / "r", moment)
            with started(cluster, place / "r") as reached, psycopg.connect(f"{reached} dbname=postgres") as connection:
                assert connection.execute("select count(*) from in_far").fetchone() == (1000,)
                (where,) = connection.execute(
                    "select pg_tablespace_location(oid) from pg_tablespace where spcname = 'far'"
                ).fetchone() or ("",)
                assert where.startswith(f"{place}/r_tablespaces/")
                kept = connection.execute("select to_regclass('in_gone') is not null").fetchone()
                assert kept == (moment.kind == TIME,)
        finally:
            shutil.rmtree(place)
    assert all(path.exists() for path in before if far in path.parents)
    cluster.ask("drop table in_far")
    for name in ("far", "gone"):
        cluster.ask(f"drop tablespace {name}")


def test_an_idle_cluster_comes_back_as_of_now_and_of_its_last_position(cluster: Cluster, room: Path) -> None:
    """Recovery by itself needs a commit after a time, and a record after an LSN."""
    engine = cluster.engine()
    engine.make("idle")
    cluster.insert("the last")
    cluster.flushed()
    wanted = rows_of(cluster)
    for number, moment in enumerate((Moment(TIME, time=cluster.now()), Moment(LSN, lsn=cluster.lsn()))):
        engine.restore(engine.choose(None, moment), room / str(number), moment)
        assert rows_in(cluster, room / str(number)) == wanted


def test_a_backup_from_a_standby_comes_back(cluster: Cluster, room: Path, tmp_path: Path) -> None:
    life = fix_postgres.standby_of(cluster.server)
    standby = next(life)
    try:
        wanted = rows_of(cluster)
        cluster.ask("checkpoint")
        with standby.connect() as connection:
            goal = cluster.ask("select pg_current_wal_flush_lsn()::text")
            while connection.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [goal]).fetchone() != (True,):
                pass
        # Who receives WAL replays none of it, and is no standby that is behind.
        with cluster.server.connect() as connection:
            there = {row[0] for row in connection.execute("select application_name from pg_stat_replication")}
            behind = {row[0] for row in connection.execute(render("health/replication_lag.sql", lag=-1).sql)}
        assert "wgm-play wal" in there and "wgm-play wal" not in behind
        said = Said()
        if standby.major >= 17:
            with standby.connect() as connection:
                connection.execute("alter system set summarize_wal = on")
                connection.execute("select pg_reload_conf()")
        engine = Cluster(standby, tmp_path / "backups").engine(said, retention={"full": 1, "incremental": 3})
        engine.make("from a standby")
        # Nothing was replayed since: the server refuses an increment then, and all is copied.
        made = engine.make("from a standby again")
        assert not engine.increment(made)
        assert "a full backup is taken, no increment: " in said.text
        engine.restore(made, room / "r")
        assert rows_in(cluster, room / "r") == wanted
    finally:
        life.close()  # type: ignore[attr-defined]


def test_a_moment_after_the_last_wal_is_an_error_that_says_how_far_one_can_go(room: Path) -> None:
    folder = room / "cluster"
    folder.mkdir()
    life = cluster_of(15, folder)
    cluster = next(life)
    engine = cluster.engine()
    engine.make("x")
    cluster.insert("received")
    cluster.flushed()
    cluster.stop_receiving()
    cluster.insert("never received")
    moment = Moment(TIME, time=cluster.now())
    with pytest.raises(StepFailed, match="the WAL that was received ends before it") as caught:
        engine.restore(engine.choose(None, moment), room / "r", moment)
    assert "--at latest" in (caught.value.hint or "")
    assert not (room / "r").exists()
    life.close()  # type: ignore[attr-defined]


def test_two_timelines(room: Path) -> None:
    """What was restored goes on as the cluster: the old base leads to the new rows, and back to those that were left."""
    folder = room / "cluster"
    folder.mkdir()
    life = cluster_of(15, folder)
    cluster = next(life)
    engine = cluster.engine()
    first = engine.make("first")
    cluster.ask("select pg_switch_wal()")  # a whole segment leads to that where the timeline is left
    cluster.insert("kept")
    back_to = Moment(TIME, time=cluster.now())
    cluster.insert("left")
    after_left = cluster.lsn()
    cluster.insert("left, too")
    cluster.flushed()
    second = engine.make("on the part that is left")
    cluster.flushed()
    cluster.stop_receiving()
    engine.restore(engine.choose(None, back_to), room / "two", back_to)
    with started(cluster, room / "two") as place:
        with psycopg.connect(f"{place} dbname=postgres", autocommit=True) as connection:
            connection.execute("insert into notes (note) values ('on the new timeline')")
        beside = cluster.engine(url=f"{place} dbname=postgres")
        assert beside.stranger(first) == ""
        cluster.receive(f"{place} dbname=postgres")
        cluster.flushed(f"{place} dbname=postgres")
        assert "that this cluster has left" in beside.stranger(second)
        cluster.stop_receiving()
    offline = cluster.engine(url="host=127.0.0.1 port=1 user=postgres dbname=postgres")
    for number, (moment, rows) in enumerate(
        {
            Moment(LATEST): ["kept", "on the new timeline"],
            Moment(LSN, lsn=after_left, timeline=1): ["kept", "left"],
            Moment(LATEST, timeline=1): ["kept", "left", "left, too"],
        }.items()
    ):
        offline.restore(offline.choose(None, moment), room / str(number), moment)
        assert rows_in(cluster, room / str(number)) == rows, moment
    life.close()  # type: ignore[attr-defined]
