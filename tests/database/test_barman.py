"""Barman as an engine, over streaming: exact rows as of a time, a restore point, an LSN; over two timelines; what may go wrong."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from clusters import come_back_exactly, room_of, rows_in, rows_of, started
from driving import Driven, newer_barman
from test_physical_faults import flip, full_disk, largest

import fix_postgres
from wgm_play.backup import young
from wgm_play.backup.moment import LATEST, LSN, NAME, TIME, Moment
from wgm_play.errors import Refused, Unreachable
from wgm_play.server_tools import ProgramFailed


@pytest.fixture(scope="module", params=[15, 18], ids=["pg15", "pg18"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Driven]:
    """A cluster that Barman receives from: Debian's, and for a version that this one does not know a newer one."""
    if shutil.which("barman") is None or shutil.which("rsync") is None:
        pytest.skip("there is no barman or no rsync here: apt-get install barman rsync")
    given = {} if request.param == 15 else newer_barman()
    for folder in room_of():
        life = fix_postgres.started(request.param, max_wal_senders="6")
        made = Driven(next(life), folder / "backups", method="barman", given=given)
        try:
            made.ask("create table notes (id bigint generated always as identity primary key, note text)")
            yield made
        finally:
            engine = made.engine()
            with suppress(ProgramFailed, Refused):  # it may have been stopped already
                engine._run(engine._words("receive-wal", "--stop", engine.server))
            life.close()  # type: ignore[attr-defined]


def test_rows_are_exact_as_of_a_time_a_restore_point_and_an_lsn(cluster: Driven, room: Path) -> None:
    engine = come_back_exactly(cluster, room)
    for moment, words in {
        Moment(TIME, time=datetime(2020, 1, 1, tzinfo=UTC)): "is before the oldest backup was whole",
        Moment(NAME, name="no such point"): "there is no restore point 'no such point'",
        Moment(LSN, lsn=2**40): "cannot be reached: ",
    }.items():
        with pytest.raises(Refused, match=words):
            engine.restore(engine.choose(None, moment), room / "never", moment)


@pytest.fixture
def debians(cluster: Driven) -> Driven:
    """The cluster of Debian's Barman: faults are tried on one of them."""
    if cluster.given:
        pytest.skip("tried with Debian's barman")
    if not cluster.engine().list():
        cluster.engine().make("first")
    return cluster


@pytest.mark.long  # pgBackRest has the same
def test_damage_a_missing_segment_and_a_receiver_that_stopped_are_found_before_they_are_trusted(
    debians: Driven, room: Path
) -> None:
    engine = debians.engine(before_changes="young", max_age=86400.0)
    made = engine.make("to be damaged")
    assert engine.verify(made).ok
    assert young(engine.source.policy, engine).id == made.id
    for note in ("a", "b"):
        debians.insert(note)
        debians.ask("select pg_switch_wal()")
    assert engine.uncovered(made) == ""
    engine._run(engine._words("archive-wal", engine.server))
    (wals,) = (debians.directory / "barman/home/production/wals").glob("0*")
    gone = sorted(one for one in wals.iterdir() if len(one.name) == 24)[-2]
    kept = gone.read_bytes()
    gone.unlink()
    assert (
        engine.uncovered(made)
        == f"the segment {gone.name} is missing: nothing after the backup {made.id} can be reached"
    )
    with pytest.raises(Refused, match=rf"the segment {gone.name} is missing; nothing was touched"):
        engine.restore(engine.choose(None, Moment(LATEST)), room / "r", Moment(LATEST))
    gone.write_bytes(kept)
    shutil.chown(gone, wals.stat().st_uid, wals.stat().st_gid)
    file = largest(debians.directory / "barman/home/production/base" / made.id / "data/base")
    flip(file)
    assert any("checksum mismatch" in one for one in engine.damage(made))
    with pytest.raises(Refused, match="is damaged, nothing was touched"):
        engine.restore(made, room / "r")
    flip(file)
    engine._run(engine._words("receive-wal", "--stop", engine.server))
    assert engine.uncovered(made).startswith("barman check: receive wal running failed")
    assert any("receive wal running failed" in one.message for one in engine.troubles())
    engine._run(engine._words("cron"))
    assert not (room / "r").exists()


def test_pins_are_barmans_own_and_what_will_not_do_is_refused_by_name(debians: Driven, room: Path) -> None:
    engine = debians.engine(verify="none")
    first = engine.list()[-1]
    engine.pin(first, "run")
    kept = engine._run(engine._words("keep", "--status", engine.server, first.id)).decode()
    assert "Keep: full" in kept
    engine.make("newest")
    assert first.id not in [one.id for one in debians.engine(retention={"full": 1}, verify="none").expire()]
    engine.unpin(first, "run")
    with full_disk(100_000), pytest.raises(Refused, match="the backup failed"):
        engine.make("no room")
    broken = room / "broken"
    broken.write_text("#!/bin/sh\necho 'ERROR: No module named barman' >&2; exit 1\n")
    broken.chmod(0o755)
    for given, words in {
        "no-such": "there is no program 'no-such'",
        str(broken): "No module named barman",
    }.items():
        with pytest.raises(Refused, match=words):
            Driven(debians.server, debians.directory, method="barman", given={"program": given}).engine().make("x")
    with pytest.raises(Refused, match="cannot be written"):
        Driven(debians.server, Path("/proc/backups"), method="barman").engine().make("x")
    own = {"server": "nobody", "config": str(debians.directory / "barman/barman.conf")}
    with pytest.raises(Refused, match="Barman does not"):
        Driven(debians.server, debians.directory.parent / "own", method="barman", given=own).engine().list()


@pytest.mark.long  # pgBackRest has the same
def test_another_cluster_and_a_server_that_is_down_are_told(debians: Driven) -> None:
    there = [one.id for one in debians.engine().list()]
    down = debians.engine(url="host=127.0.0.1 port=1 user=postgres dbname=postgres")
    with pytest.raises(Unreachable, match="nothing listens there"):
        down.make("x")
    assert [one.id for one in down.list()] == there
    life = fix_postgres.started(15, max_wal_senders="6")
    other = Driven(next(life), debians.directory, method="barman")
    kept = (debians.directory / "barman/barman.conf").read_text()
    try:
        assert other.engine().own() == []
        assert {other.engine().stranger(one) for one in other.engine().list()} == {"another cluster's"}
        with pytest.raises(Refused, match="there is no backup of this database"):
            young(other.engine(before_changes="young", max_age=86400.0).source.policy, other.engine())
        with pytest.raises(Refused, match="'production' is of another cluster; nothing was touched"):
            other.engine().make("of another cluster")
        assert (debians.directory / "barman/barman.conf").read_text() == kept
    finally:
        life.close()  # type: ignore[attr-defined]
    assert [one.id for one in debians.engine().list()] == there


@pytest.mark.long  # Barman's own check, once more
def test_a_role_that_may_not_and_two_at_once_are_told(debians: Driven) -> None:
    name, password = debians.server.create_role("LOGIN")
    there = [one.id for one in debians.engine().list()]
    config = debians.directory / "barman/barman.conf"
    kept = config.read_text()
    try:
        with pytest.raises(
            Refused, match="the backup failed: barman check: no access to backup functions failed"
        ) as caught:
            debians.engine(url=debians.server.url("postgres", name, password)).make("x")
        assert any("must be superuser or replication role" in line for line in caught.value.details)
        assert "ALTER ROLE … REPLICATION" in (caught.value.hint or "")
    finally:
        config.write_text(kept)
        debians.server.drop_role(name)
    lock = debians.directory / "barman/.production-backup.lock"
    lock.touch()
    lock.chmod(0o666)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="Another backup process is running") as caught:
            debians.engine().make("beside another one")
        assert "wait for it" in (caught.value.hint or "")
    assert [one.id for one in debians.engine().list()] == there


@pytest.mark.long  # pgBackRest has the same
def test_two_timelines(debians: Driven, room: Path) -> None:
    engine = debians.engine(verify="none")
    engine.make("first")
    before = rows_of(debians)
    debians.insert("kept")
    back_to = Moment(TIME, time=debians.now())
    debians.insert("left")
    engine.restore(engine.choose(None, back_to), room / "two", back_to)
    engine._run(engine._words("receive-wal", "--stop", engine.server))
    with started(debians, room / "two") as place:
        beside = debians.engine(url=f"{place} dbname=postgres", verify="none")
        with psycopg.connect(f"{place} dbname=postgres", autocommit=True) as connection:
            connection.execute("insert into notes (note) values ('on the new timeline')")
        second = beside.make("on the new timeline")
        assert beside.timeline == 2 and beside.stranger(second) == ""
        with psycopg.connect(f"{place} dbname=postgres", autocommit=True) as connection:
            connection.execute("insert into notes (note) values ('later')")
        assert beside.uncovered(second) == ""
        beside._run(beside._words("receive-wal", "--stop", engine.server))
    offline = debians.engine(url="host=127.0.0.1 port=1 user=postgres dbname=postgres")
    for number, (moment, rows) in enumerate(
        {
            Moment(LATEST): [*before, "kept", "on the new timeline", "later"],
            Moment(LATEST, timeline=1): [*before, "kept", "left"],
        }.items()
    ):
        offline.restore(offline.choose(None, moment), room / str(number), moment)
        assert rows_in(debians, room / str(number)) == rows, moment
