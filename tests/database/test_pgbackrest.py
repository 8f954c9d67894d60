"""pgBackRest as an engine: exact rows as of a time, a run, a restore point, an LSN; over two timelines; and what may go wrong."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Shop
from clusters import come_back_exactly, room_of, rows_in, rows_of, started
from driving import Driven, archiving, push
from test_physical_faults import flip, full_disk, largest

import fix_postgres
from wgm_play.backup import tool_engine as engine_module
from wgm_play.backup import young
from wgm_play.backup.moment import LATEST, LSN, NAME, TIME, Moment
from wgm_play.errors import Found, InputError, Refused, Unreachable


@pytest.fixture(scope="module")
def cluster() -> Iterator[Driven]:
    """A cluster that archives to a stanza of ours."""
    for folder in room_of():
        for made in archiving(folder):
            push(made)
            yield made


@pytest.fixture
def repository(cluster: Driven) -> Iterator[Path]:
    """The repository with a backup and a few segments in it, put back as it was afterwards."""
    engine = cluster.engine()
    engine.make("to be damaged")
    top = cluster.directory / "pgbackrest/repository"
    shutil.copytree(top, top.with_name("kept"), symlinks=True)
    yield top
    shutil.rmtree(top)
    top.with_name("kept").rename(top)
    for path in (top, *top.rglob("*")):
        assert cluster.server.data is not None
        shutil.chown(path, cluster.server.data.stat().st_uid, cluster.server.data.stat().st_gid)


def test_rows_are_exact_as_of_a_time_a_restore_point_and_an_lsn(cluster: Driven, room: Path) -> None:
    come_back_exactly(cluster, room, as_of_now=True)


def test_a_run_is_covered_by_a_young_backup_and_the_archive_and_comes_back_as_of_before_it(
    cluster: Driven, room: Path
) -> None:
    name = cluster.server.create_database()
    url = cluster.server.url(name)
    shop = Shop(room)
    policy = f"{{method: pgbackrest, before_changes: young, max_age: 24h, directory: {cluster.directory}, retention: {{full: 2, incremental: 2}}}}"
    shop.write(policy)
    said = shop("backup", url).text
    assert "verified by manifest" in said
    shop("apply", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('before the second run')")
    shop.write(policy, NOTE)
    told = re.search(r"bring it back with: .*--at run:(\d+)", shop("apply", url).text)
    assert told is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title, note) values ('after', 'it')")
    listed = shop("backups", url).text
    assert re.search(r"\d{8}-\d{6}F(_\d{8}-\d{6}I)? \| .* \| pgbackrest \|.*\| manifest \| yes", listed)
    shop("restore", url, None, f"run:{told[1]}", f"dir:{room / 'r'}")
    with started(cluster, room / "r") as place, psycopg.connect(f"{place} dbname={name}") as connection:
        assert connection.execute("select * from tasks").fetchall() == [(1, "before the second run")]
    drilled = shop("drill", url, None)
    assert "brought back in" in drilled.text
    shop("check", url, fail_on="error")

    cluster.ask("alter system set archive_command = 'false --stanza=production archive-push'")
    cluster.ask("select pg_reload_conf()")
    shop.write(policy, NOTE.replace("note: text", "note: text, more: text"))
    try:
        with pytest.raises(Refused, match=r"the server cannot archive \w+: its archive_command fails") as caught:
            shop("apply", url)
        assert "nothing was touched" in caught.value.message
        with pytest.raises(Found, match="finding") as found:
            shop("check", url, fail_on="error")
        assert any("archive_command fails" in line for line in found.value.details)
    finally:
        push_again(cluster)
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from pg_attribute where attname = 'more'").fetchone() == (0,)


def push_again(cluster: Driven) -> None:
    command = (
        f"{shutil.which('pgbackrest')} --config={cluster.directory}/pgbackrest/pgbackrest.conf --stanza=production"
    )
    cluster.ask(f"alter system set archive_command = '{command} archive-push %p'")
    cluster.ask("select pg_reload_conf()")


def test_what_is_not_there_is_said_and_a_pinned_backup_never_expires(cluster: Driven, room: Path) -> None:
    engine = cluster.engine(retention={"full": 1, "differential": 1})
    full = cluster.engine().make("full")
    assert engine.verify(full).ok
    for one in engine.list():
        for run in one.pinned:
            engine.unpin(one, run)
    cluster.engine(retention={"full": 1}, verify="none").expire()
    assert [one.id for one in cluster.engine().list()] == [full.id]
    with pytest.raises(Refused, match=r"cannot be deleted: .*until another full backup"):
        cluster.engine().remove(full)
    part = engine.make("differential")
    assert [engine.increment(one) for one in (full, part)] == [False, True]
    engine.pin(full, "run-1")
    last = engine.make("full again")
    assert not engine.increment(last) and engine.verify(last).ok
    assert [one.id for one in cluster.engine(retention={"full": 1}, verify="none").expire()] == [part.id]
    assert [one.id for one in cluster.engine().list()] == [last.id, full.id]
    with pytest.raises(InputError, match="not into a database"):
        engine.restore(last, cluster.server.url("other"))
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
    engine.unpin(full, "run-1")
    assert [one.id for one in cluster.engine(retention={"full": 1}, verify="none").expire()] == [full.id]
    with pytest.raises(Refused, match="does not have the backup"):
        cluster.engine().restore(full, room / "never")
    assert not (room / "never").exists()


@pytest.mark.long  # in place, pgBackRest goes over two timelines as well
def test_two_timelines_and_a_server_that_has_gone(cluster: Driven, repository: Path, room: Path) -> None:
    engine = cluster.engine()
    before = rows_of(cluster)
    cluster.insert("kept")
    back_to = Moment(TIME, time=cluster.now())
    cluster.insert("left")
    engine.restore(engine.choose(None, back_to), room / "two", back_to)
    config = cluster.directory / "pgbackrest/pgbackrest.conf"
    with started(cluster, room / "two") as place:
        command = f"pgbackrest --config={config} --stanza=production --pg1-path={room / 'two'} archive-push %p"
        with psycopg.connect(f"{place} dbname=postgres", autocommit=True) as connection:
            connection.execute(f"alter system set archive_command = '{command}'")  # type: ignore[arg-type]
            connection.execute("insert into notes (note) values ('on the new timeline')")
    with (room / "two/postgresql.conf").open("a") as file:
        file.write("archive_mode = on\n")
    with (
        started(cluster, room / "two") as place,
        psycopg.connect(f"{place} dbname=postgres", autocommit=True) as session,
    ):
        session.execute("select pg_switch_wal()")
        until = time.monotonic() + 30
        done = "select coalesce(last_archived_wal, '') like '00000002%' and last_archived_wal not like '%history' from pg_stat_archiver"
        while session.execute(done).fetchone() != (True,):
            assert time.monotonic() < until
            time.sleep(0.05)
    offline = cluster.engine(url="host=127.0.0.1 port=1 user=postgres dbname=postgres")
    for number, (moment, rows) in enumerate(
        {
            Moment(LATEST): [*before, "kept", "on the new timeline"],
            Moment(LATEST, timeline=1): [*before, "kept", "left"],
        }.items()
    ):
        offline.restore(offline.choose(None, moment), room / str(number), moment)
        assert rows_in(cluster, room / str(number)) == rows, moment


# What may go wrong


def test_a_flipped_byte_is_found_before_a_gate_or_a_restore_trusts_it(
    cluster: Driven, repository: Path, room: Path
) -> None:
    engine = cluster.engine(before_changes="young", max_age=86400.0)
    newest = engine.list()[0]
    assert engine.verify(newest).ok
    assert young(engine.source.policy, engine).id == newest.id
    flip(largest(repository / "backup/production" / newest.id))
    problems = engine.damage(newest)
    assert any("checksum invalid: 1" in one for one in problems), problems
    assert not engine.verify(newest).ok
    with pytest.raises(Refused, match="is damaged, nothing was touched"):
        engine.restore(newest, room / "r")
    assert not (room / "r").exists()
    assert engine.find(newest.id).verified == ""


def test_a_segment_that_is_missing_in_the_middle_is_named_with_how_far_one_can_go(
    cluster: Driven, repository: Path, room: Path
) -> None:
    for note in ("a", "b", "c"):
        cluster.insert(note)
        cluster.ask("select pg_switch_wal()")
    engine = cluster.engine()
    newest = engine.list()[0]
    assert engine.uncovered(newest) == ""
    segments = sorted(repository.glob("archive/production/*/*/0000*-*"))
    missing = segments[-3]
    missing.unlink()
    name = missing.name.partition("-")[0]
    assert (
        engine.uncovered(newest)
        == f"the segment {name} is missing: nothing after the backup {newest.id} can be reached"
    )
    with pytest.raises(Refused, match=rf"the segment {name} is missing; nothing was touched") as caught:
        engine.restore(engine.choose(None, Moment(LATEST)), room / "r", Moment(LATEST))
    assert "as far as one can go: --at lsn:" in (caught.value.hint or "")


@pytest.mark.long  # a physical backup has the same
def test_a_backup_that_is_killed_or_finds_no_room_leaves_nothing_behind(cluster: Driven) -> None:
    engine = cluster.engine()
    before = [one.id for one in engine.list()]
    killing = threading.Thread(target=kill_pgbackrest, args=[cluster])
    killing.start()
    with pytest.raises(Refused, match="the backup failed: pgbackrest was ended by signal 9"):
        engine.make("killed")
    killing.join()
    with full_disk(100_000), pytest.raises(Refused, match=r"the backup failed: .*(File too large|unable to write)"):
        engine.make("no room")
    assert [one.id for one in cluster.engine().list()] == before
    assert cluster.engine().make("afterwards").id not in before


def kill_pgbackrest(cluster: Driven) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told = subprocess.run(
            ["pgrep", "-f", f"^/usr/bin/pgbackrest --config={cluster.directory}.* backup "],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.stdout.split():
            os.kill(int(told.stdout.split()[0]), signal.SIGKILL)
            return


def test_places_tools_and_roles_that_will_not_do_are_refused_by_name(
    cluster: Driven, room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for directory, words in {Path("/proc/backups"): "cannot be written", tmp_path / "b": "cannot reach"}.items():
        if words == "cannot reach" and os.geteuid() != 0:
            continue
        with pytest.raises(Refused, match=words):
            Driven(cluster.server, directory).engine().make("x")
    broken = room / "broken"
    broken.write_text("#!/bin/sh\necho 'ERROR: symbol lookup error' >&2; exit 127\n")
    broken.chmod(0o755)
    for program, words in {
        "no-such-program": "there is no program 'no-such-program'",
        str(broken): "symbol lookup",
    }.items():
        with pytest.raises(Refused, match=words):
            Driven(cluster.server, cluster.directory, given={"program": program}).engine().make("x")
    name, password = cluster.server.create_role("LOGIN")
    weak = cluster.engine(url=cluster.server.url("postgres", name, password))
    with pytest.raises(Refused, match="may not ask where the server's files are") as caught:
        weak.make("x")
    assert f"GRANT pg_read_all_settings TO {name}" in (caught.value.hint or "")
    assert f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {name}" in weak.received(1)
    cluster.server.drop_role(name)
    cluster.ask("alter system set archive_command = 'true --stanza=production archive-push'")
    cluster.ask("select pg_reload_conf()")
    monkeypatch.setattr(engine_module, "ARCHIVED_SECONDS", 0.5)
    try:
        assert re.search(
            r"did not come to the archive within 0.5 s", cluster.engine().uncovered(cluster.engine().list()[0])
        )
    finally:
        push_again(cluster)


def test_a_stanza_of_another_cluster_and_a_version_that_is_not_read_are_refused(cluster: Driven) -> None:
    for major, words in {
        15: "the stanza cannot be made: .*(do not match|mismatch)",
        18: r"pgBackRest [0-9.]+ does not read this server's version of PostgreSQL",
    }.items():
        if fix_postgres.programs(major) is None:
            continue
        life = fix_postgres.started(major, archive_mode="on", unix_socket_directories=tempfile.gettempdir())
        other = Driven(next(life), cluster.directory if major == 15 else cluster.directory.parent / "other")
        kept = (cluster.directory / "pgbackrest/pgbackrest.conf").read_text()
        with pytest.raises(Refused, match=words) as caught:
            other.engine().make("x")
        (cluster.directory / "pgbackrest/pgbackrest.conf").write_text(kept)
        assert ("another cluster" if major == 15 else "install a pgBackRest that reads") in (caught.value.hint or "")
        life.close()  # type: ignore[attr-defined]


def encrypted(cluster: Driven, room: Path, key: str, place: str = "secret") -> Driven:
    """Return the cluster with an encrypted stanza of its own, whose configuration is written anew."""
    room.chmod(0o777)
    config = room / "secret.conf"
    text = (cluster.directory / "pgbackrest/pgbackrest.conf").read_text().replace("9999999", "2")
    for name, value in {
        "repo1-path": room / place,
        "pg1-path": cluster.server.data,
        "pg1-port": cluster.server.port,
    }.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
    config.write_text(text.replace("[global]", f"[global]\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass={key}"))
    return Driven(cluster.server, room / "own", given={"stanza": "production", "config": str(config)})


def archive_to(cluster: Driven, config: str) -> None:
    command = f"{shutil.which('pgbackrest')} --config={config} --stanza=production archive-push %p"
    cluster.ask(f"alter system set archive_command = '{command}'")
    cluster.ask("select pg_reload_conf()")


def test_a_repository_that_cannot_be_read_is_no_empty_one_and_one_backup_is_taken_at_a_time(
    cluster: Driven, room: Path
) -> None:
    """`pgbackrest info` ends with 0 where it could read nothing, and tells of no backup."""
    own = encrypted(cluster, room, "the-right-key")
    with pytest.raises(Refused, match="has no stanza 'production' in its repository"):
        own.engine().list()
    own.engine()._run(own.engine()._words("stanza-create"))
    assert own.engine().list() == []
    with pytest.raises(Refused, match=r"cannot read its repository 1: \[\w+Error\]") as caught:
        encrypted(cluster, room, "another-key").engine().list()
    assert "repo-cipher-pass" in (caught.value.hint or "")
    assert all(line.isprintable() for line in caught.value.details)
    own = encrypted(cluster, room, "the-right-key")
    (room / "secret").chmod(0)
    if os.geteuid() == 0:  # pgBackRest runs as the owner of the data
        with pytest.raises(Refused, match=r"cannot read its repository 1: .*Permission denied"):
            own.engine(before_changes="young", max_age=86400.0).list()
    (room / "secret").chmod(0o750)
    lock = cluster.directory / "pgbackrest/lock/production-backup.lock"
    lock.touch()
    lock.chmod(0o666)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="unable to acquire lock") as refused:
            cluster.engine().make("beside another one")
    assert "another pgBackRest is at work" in (refused.value.hint or "")
    with pytest.raises(Unreachable):
        cluster.engine(url="host=127.0.0.1 port=1 user=postgres dbname=postgres").make("of a server that is down")


@pytest.mark.long  # the errors are above
def test_an_encrypted_stanza_comes_back_and_after_an_upgrade_the_old_clusters_backups_too(
    cluster: Driven, room: Path
) -> None:
    own = encrypted(cluster, room, "the-right-key")
    engine = own.engine()
    engine._run(engine._words("stanza-create"))
    archive_to(cluster, own.given["config"])
    latest = Moment(LATEST)
    try:
        cluster.insert("encrypted")
        first = engine.make("encrypted")
        assert engine.verify(first, "manifest").ok and not engine.uncovered(first)
        engine.restore(engine.choose(None, latest), room / "first", latest)
        assert rows_in(cluster, room / "first")[-1] == "encrypted"
        # As pg_upgrade leaves it: another cluster in the place of the first.
        life = fix_postgres.started(
            15, archive_mode="on", unix_socket_directories=tempfile.gettempdir(), max_wal_senders="4"
        )
        later = Driven(next(life), cluster.directory)
        later.ask("create table notes (id bigint generated always as identity primary key, note text)")
        other = encrypted(later, room, "the-right-key")
        archive_to(later, own.given["config"])
        with pytest.raises(Refused, match="the backup failed") as caught:
            other.engine().make("before the stanza knows")
        assert "the stanza is of another cluster" in (caught.value.hint or "")
        other.engine()._run(other.engine()._words("stanza-upgrade"))
        later.insert("upgraded")
        second = other.engine().make("after the upgrade")
        engine = other.engine()
        assert [(one.id, engine.stranger(one)) for one in engine.list()] == [
            (second.id, ""),
            (first.id, "another cluster's"),
        ]
        assert not engine.uncovered(second)
        engine.restore(engine.choose(None, latest), room / "second", latest)
        assert rows_in(later, room / "second") == ["upgraded"]
        engine.restore(first, room / "again")
        assert rows_in(cluster, room / "again")[-1] == "encrypted"
        life.close()  # type: ignore[attr-defined]
    finally:
        push_again(cluster)


def test_a_stanza_of_ones_own_is_driven_and_its_retention_left_alone(cluster: Driven, room: Path) -> None:
    """Its configuration is meant for production: what it says of links, files to overwrite and databases is not followed."""
    assert cluster.server.data is not None
    account = cluster.server.data.stat()
    extras = room / "extras"
    extras.mkdir()
    (extras / "old").write_text("old")
    for path in (extras, extras / "old"):
        shutil.chown(path, account.st_uid, account.st_gid)
    (cluster.server.data / "extras").symlink_to(extras)
    cluster.ask("create database left_out")
    config = room / "own.conf"
    written = (cluster.directory / "pgbackrest/pgbackrest.conf").read_text().replace("9999999", "1")
    config.write_text(
        written.replace("[production]", "archive-async=y\n\n[production]")
        + f"\n[global]\nrepo2-path={room}/second\nrepo2-retention-full=1\n\n[production:restore]\nlink-all=y\ndelta=y\nlink-map=extras={extras}\ndb-include=postgres\n"
    )
    own = Driven(
        cluster.server, cluster.directory.parent / "own", given={"stanza": "production", "config": str(config)}
    )
    engine = own.engine(retention={"full": 1}, verify="none")
    if not cluster.engine().list():
        cluster.engine().make("first")
    room.chmod(0o777)
    engine._run(engine._words("stanza-create"))
    there = [one.id for one in engine.list()]
    assert there == [one.id for one in cluster.engine().list()]
    assert {engine.stranger(one) for one in engine.list()} == {""}
    made = engine.make("by our stanza")
    assert engine.verify(made, "manifest").ok and not engine.uncovered(made)
    assert engine.expire() == []
    listed = [one.id for one in engine.list()]
    assert listed[0] == made.id
    (extras / "new").write_text("new")
    cluster.insert("in the archive alone")
    engine.restore(engine.choose(None, Moment(LATEST)), room / "r", Moment(LATEST))
    assert sorted(one.name for one in extras.iterdir()) == ["new", "old"]
    assert not (room / "r/extras").is_symlink() and (room / "r/extras/old").read_text() == "old"
    assert rows_in(cluster, room / "r")[-1] == "in the archive alone"
    with started(cluster, room / "r") as place, psycopg.connect(f"{place} dbname=left_out") as connection:
        assert connection.execute("select count(*) > 0 from pg_class").fetchone() == (True,)
    engine._run(engine._words("stop"))
    with pytest.raises(Refused, match="stop file exists") as caught:
        engine.make("while it is stopped")
    assert (caught.value.hint or "").endswith(" start")
    engine._run(engine._words("start"))
    # pgBackRest knows no pins: ours take no backup away, and what its own retention may do, or has done, is a finding.
    engine.pin(made, "a run")
    engine.make("after the pin")
    assert made.id in [one.id for one in engine.list()]
    assert ("backup_pinned", made.id) in {(one.code, one.message.split()[2]) for one in engine.troubles()}
    engine._run(engine._words("expire"))
    later = own.engine(verify="none")
    assert made.id not in [one.id for one in later.list()]
    assert ("backup_gone", made.id) in {(one.code, one.message.split()[2]) for one in later.troubles()}
    (cluster.server.data / "extras").unlink()
