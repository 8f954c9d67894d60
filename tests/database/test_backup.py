"""Backups on real servers: what is taken comes back, and what cannot be taken refuses the run."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import engine, leftovers, scratch_databases
from laws import Project

import fix_postgres
from fix_postgres import Postgres
from wgm_play import backup as backups
from wgm_play import server_tools
from wgm_play.backup import folder, target
from wgm_play.backup import logical as logical_engine
from wgm_play.backup.base import Backup
from wgm_play.backup.moment import Moment
from wgm_play.errors import InputError, Refused, Unreachable
from wgm_play.reporter import Progress, Reporter


@pytest.mark.every_server
def test_a_backup_comes_back_with_every_row_and_setting(filled: str, fresh_url: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path / "b")
    made = logical.make("by hand", "run-1")
    assert (made.method, made.reason, made.run, made.verified) == ("logical", "by hand", "run-1", "")
    verification = logical.verify(made)
    assert verification.ok, verification.problems
    assert verification.counted["tables"] == 6
    assert verification.counted["functions"] == 1
    assert verification.rows["public.players"] == 500
    assert verification.rows["public.parent"] == 3  # without the rows of its child
    assert logical.list()[0].verified == "restore"
    restored = logical.restore(made, fresh_url)
    assert restored.created
    assert restored.verification.ok
    with psycopg.connect(fresh_url) as connection:
        assert connection.execute('select count(*) from "Odd ""schema"."a table"').fetchone() == (200,)
        assert connection.execute("show search_path").fetchone() == ('"$user", public, "Odd ""schema"',)
        assert connection.execute("show log_min_duration_statement").fetchone() == ("123ms",)
        statistics = connection.execute("select reltuples from pg_class where relname = 'players'").fetchone()
        assert statistics == (500,)


def test_rows_written_while_dumping_are_in_neither_dump_nor_counts(filled: str, tmp_path: Path) -> None:
    """The counts are of the dump's own snapshot, whatever commits meanwhile."""
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(filled, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("insert into parent select generate_series(1, 100)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        logical = engine(filled, tmp_path)
        verification = logical.verify(logical.make("under load"))
    finally:
        stop.set()
        writer.join()
    assert verification.ok, verification.problems


def test_a_catalog_verification_restores_no_rows(filled: str, tmp_path: Path, server: Postgres) -> None:
    logical = engine(filled, tmp_path, "catalog")
    made = logical.make("x")
    verification = logical.verify(made)
    assert verification.ok
    assert verification.rows == {}
    assert verification.counted["triggers"] == 1
    assert logical.list()[0].verified == "catalog"
    assert scratch_databases(server) == []


def test_a_killed_dump_refuses_the_run_and_leaves_nothing(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server_tools._listen

    def kill(running: subprocess.Popen[bytes], stream: Any, hear: Callable[[str], None]) -> None:
        os.kill(running.pid, signal.SIGKILL)
        real(running, stream, hear)

    monkeypatch.setattr(server_tools, "_listen", kill)
    logical = engine(filled, tmp_path)
    with pytest.raises(Refused) as caught:
        backups.gate(logical.source.policy, logical, reason="run", run="r1")
    assert caught.value.exit_code == 11
    assert "the backup gate refuses the run: the dump failed: pg_dump was ended by signal 9" in caught.value.message
    assert caught.value.message.endswith("nothing was touched")
    assert leftovers(tmp_path) == []


def test_ctrl_c_ends_pg_dump_and_leaves_nothing(filled: str, tmp_path: Path, server: Postgres) -> None:
    """pg_dump waits for a lock here, so it would run on for a minute."""

    class Pressed(Reporter):
        def progress(self, label: str, total: float = 0, unit: str = "") -> Any:
            threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            return super().progress(label, total, unit)

    with psycopg.connect(filled) as blocker:
        blocker.execute("lock table players in access exclusive mode")
        logical = engine(filled, tmp_path, "none", Pressed(), application="wgm-play/ctrl-c")
        with pytest.raises(KeyboardInterrupt):
            logical.make("x")
    assert leftovers(tmp_path) == []
    with server.connect() as admin:
        until = time.monotonic() + 5
        while (
            time.monotonic() < until
            and admin.execute("select from pg_stat_activity where application_name = 'wgm-play/ctrl-c'").fetchall()
        ):
            time.sleep(0.05)
        assert not admin.execute("select from pg_stat_activity where application_name = 'wgm-play/ctrl-c'").fetchall()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB, where this account may mount one."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(mounted).encode(), b"tmpfs", 0, b"size=64k") != 0:
        pytest.skip("this account may not mount a tmpfs")
    yield mounted
    libc.umount2(str(mounted).encode(), 2)


def incompressible(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table noise as select gen_random_uuid() from generate_series(1, 20000)")


def test_a_full_disk_refuses_the_run_and_leaves_nothing(database_url: str, small_disk: Path) -> None:
    incompressible(database_url)
    logical = engine(database_url, small_disk, "none")
    with pytest.raises(Refused) as caught:
        backups.gate(logical.source.policy, logical, reason="run", run="r1")
    assert "No space left on device" in caught.value.message
    assert "nothing was touched" in caught.value.message
    assert "free space" in (caught.value.hint or "")
    assert leftovers(small_disk) == []


def test_a_file_size_limit_refuses_the_run_and_leaves_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    incompressible(database_url)
    real = logical_engine.program

    def limited(name: str, least: int) -> Path:
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nulimit -f 32\nexec {real(name, least)} "$@"\n')
        script.chmod(0o700)
        return script

    monkeypatch.setattr(logical_engine, "program", limited)
    logical = engine(database_url, tmp_path / "b", "none")
    with pytest.raises(Refused, match="the dump failed"):
        logical.make("x")
    assert leftovers(tmp_path / "b") == []


def test_a_directory_that_cannot_be_made_refuses_the_run(filled: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    logical = engine(filled, tmp_path / "file" / "below")
    with pytest.raises(Refused, match=r"the backup gate refuses the run: the backup directory .* nothing was touched"):
        backups.gate(logical.source.policy, logical, reason="run", run="r1")


def test_a_wrong_password_is_unreachable_and_not_shown(filled: str, tmp_path: Path) -> None:
    given = server_tools.parameters(filled)
    wrong = filled.replace(given["password"], "s3cret-and-wrong")
    logical = engine(wrong, tmp_path)
    with pytest.raises(Unreachable, match="wrong password for user") as caught:
        logical.make("x")
    assert "s3cret" not in str(caught.value.message)
    assert leftovers(tmp_path) == []


def test_the_password_is_on_no_command_line(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    real = subprocess.Popen

    class Watched(real):  # type: ignore[type-arg,misc]
        def __init__(self, words: Any, *rest: Any, **more: Any) -> None:
            seen.append([str(word) for word in words])
            super().__init__(words, *rest, **more)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    logical = engine(filled, tmp_path)
    logical.verify(logical.make("x"))
    password = server_tools.parameters(filled)["password"]
    assert {Path(words[0]).name for words in seen} >= {"pg_dump", "pg_restore"}
    assert not any(password in word for words in seen for word in words)
    assert password not in (Path(logical.list()[0].path) / "manifest.json").read_text()


def test_only_the_owner_can_read_a_backup(filled: str, tmp_path: Path) -> None:
    made = engine(filled, tmp_path / "b", "none").make("x")
    assert stat.S_IMODE(Path(made.path).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o700


def test_an_aborted_backup_is_removed_by_the_next_and_a_living_one_is_not(filled: str, tmp_path: Path) -> None:
    dead = tmp_path / "20260101T000000Z-abcdef"
    dead.mkdir()
    (dead / "dump").mkdir()
    (tmp_path / "notes").mkdir()
    logical = engine(filled, tmp_path, "none")
    with folder.making(tmp_path, "20260101T000001Z-abcdef") as living:
        made = logical.make("x")
        assert living.is_dir()
    assert not dead.exists()
    assert (tmp_path / "notes").is_dir()
    assert [backup.id for backup in logical.list()] == [made.id]


def test_progress_tells_of_every_table(filled: str, tmp_path: Path) -> None:
    seen: list[Progress] = []

    class Watching(Reporter):
        def progress(self, label: str, total: float = 0, unit: str = "") -> Any:
            manager = super().progress(label, total, unit)
            seen.append(manager.gen.gi_frame.f_locals.get("progress") or Progress(label, total))  # type: ignore[attr-defined]
            return _Kept(manager, seen)

    logical = engine(filled, tmp_path, reporter=Watching())
    logical.verify(logical.make("x"))
    done = {(progress.label, progress.done, progress.total) for progress in seen}
    assert {label: (part, whole) for label, part, whole in done if label != "reading"} == {
        "backup": (5, 5),
        "restore": (5, 5),
    }
    assert [part == pytest.approx(whole) and whole > 0 for label, part, whole in done if label == "reading"] == [True]


class _Kept:
    """Remember the `Progress` that a reporter gives."""

    def __init__(self, manager: Any, seen: list[Progress]) -> None:
        self.manager, self.seen = manager, seen

    def __enter__(self) -> Progress:
        self.seen[-1] = self.manager.__enter__()
        return self.seen[-1]

    def __exit__(self, *error: Any) -> Any:
        return self.manager.__exit__(*error)


def test_retention_keeps_the_newest_the_pinned_and_the_only_verified_one(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    made = [logical.make(str(n)) for n in range(5)]
    logical.verify(made[0], "catalog")
    logical.pin(made[1], "run-1")
    gone = logical.expire(2)
    assert [backup.id for backup in gone] == [made[2].id]
    assert {backup.id for backup in logical.list()} == {made[n].id for n in (0, 1, 3, 4)}
    logical.unpin(made[1], "run-1")
    logical.verify(made[4], "catalog")
    assert {backup.id for backup in logical.expire(1, pinned=[made[3].id])} == {made[0].id, made[1].id}
    assert sorted(leftovers(tmp_path)) == sorted([made[3].id, made[4].id])


def test_a_pin_lasts_until_every_run_took_it_back(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    logical.pin(made, "a")
    assert logical.pin(made, "b").pinned == ("a", "b")
    assert logical.unpin(made, "a").pinned == ("b",)
    assert logical.unpin(made, "b").pinned == ()


def test_the_gate_takes_a_new_backup_however_young_the_last_one_is(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "catalog", max_age=86400.0, retention={"full": 1})
    first = backups.gate(logical.source.policy, logical, reason="run", run="r1")
    second = backups.gate(logical.source.policy, logical, reason="run", run="r2")
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert (second.pinned, second.verified) == (("r2",), "catalog")
    assert {backup.id for backup in logical.list()} == {first.id, second.id}  # both are pinned


def test_a_policy_that_the_gate_would_refuse_is_refused_when_planning(project: Path, database_url: str) -> None:
    book = Project(project, database_url)
    book.write([{"name": "T", "table": {"name": "t", "columns": {"id": "int"}}}], {"backup": {"method": "borg"}})
    with pytest.raises(InputError, match="'method' is the text 'borg', expected logical, physical") as refused:
        book.apply(check=True, no_backup=False)
    assert str(refused.value.where).endswith("playbook.yml:4:13")


def test_a_directory_that_cannot_be_made_is_refused_when_planning(
    project: Path, database_url: str, tmp_path: Path
) -> None:
    book = Project(project, database_url)
    (tmp_path / "file").write_text("")
    backup = {"method": "logical", "directory": str(tmp_path / "file" / "backups")}
    book.write([{"name": "T", "table": {"name": "t", "columns": {"id": "int"}}}], {"backup": backup})
    with pytest.raises(Refused, match=r"file' is no folder") as refused:
        book.apply(check=True, no_backup=False)
    assert re.search(r"playbook.yml:5:\d+$", str(refused.value.where))
    assert not (tmp_path / "file" / "backups").exists()
    book.apply()
    book.apply(check=True, no_backup=False)  # nothing is to be done: no backup is wanted
    with pytest.raises(Refused, match=r"file' is no folder"):
        book.rollback(check=True, no_backup=False)


def test_the_gate_that_takes_a_young_one_asks_for_a_young_verified_backup(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "catalog", before_changes="young", max_age=3600.0)
    policy = logical.source.policy
    with pytest.raises(Refused, match="there is no backup of this database, nothing was touched"):
        backups.gate(policy, logical, reason="run", run="r1")
    made = logical.make("x")
    with pytest.raises(Refused, match="none of 1 backups is verified by catalog"):
        backups.gate(policy, logical, reason="run", run="r1")
    logical.verify(made)
    passed = backups.gate(policy, logical, reason="run", run="r1")
    assert passed is not None
    assert (passed.id, passed.pinned) == (made.id, ("r1",))
    with pytest.raises(Refused, match=r"is .* old, allowed are"):
        backups.gate(replace(policy, max_age=0.0), logical, reason="run", run="r1")
    assert backups.gate(replace(policy, before_changes="none"), logical, reason="run", run="r1") is None


def test_a_gate_whose_backup_does_not_restore_removes_it(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path, "catalog")
    real = target.counts
    # As if the dump had lost an object: the first count is the snapshot's.
    answers = iter([lambda found: {**found, "views": 2}, lambda found: found])
    monkeypatch.setattr(target, "counts", lambda connection: next(answers)(real(connection)))
    with pytest.raises(Refused, match="the backup just taken does not restore") as caught:
        backups.gate(logical.source.policy, logical, reason="run", run="r1")
    assert caught.value.details == ("views: 1 restored, expected 2",)
    assert leftovers(tmp_path) == []


def test_restore_refuses_a_database_that_holds_something(
    filled: str, new_database: Callable[..., str], tmp_path: Path
) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    other = new_database()
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("create table precious (id integer)")
    with pytest.raises(Refused, match="is not empty, nothing was touched") as caught:
        logical.restore(made, other)
    assert caught.value.details == ("it holds public.precious",)
    with psycopg.connect(other) as connection:
        assert connection.execute("select to_regclass('players')").fetchone() == (None,)


def test_restore_fills_an_empty_database(filled: str, database_url: str, new_database: Any, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "restore")
    restored = logical.restore(logical.make("x"), new_database())
    assert not restored.created
    assert restored.verification.rows["public.child"] == 4


def test_restore_as_of_a_time_is_explained(filled: str, fresh_url: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    with pytest.raises(InputError, match="a logical backup holds one moment") as caught:
        logical.restore(made, fresh_url, Moment("time", datetime.now(UTC) - timedelta(hours=1)))
    assert "--at" in (caught.value.hint or "")


def test_restore_says_when_rows_are_missing(filled: str, fresh_url: str, tmp_path: Path, server: Postgres) -> None:
    logical = engine(filled, tmp_path)
    manifest = folder.read(Path(logical.make("x").path))
    folder.write(replace(manifest, rows={**(manifest.rows or {}), "public.players": 501}))
    name = server_tools.parameters(fresh_url)["dbname"]
    with pytest.raises(Refused, match=rf"came back into '{name}_incomplete' with differences") as caught:
        logical.restore(manifest.backup, fresh_url)
    assert caught.value.details[0] == "public.players: 500 rows, expected 501"
    with psycopg.connect(server.url(f"{name}_incomplete")) as connection:
        assert connection.execute("select count(*) from players").fetchone() == (500,)
    server.drop_database(f"{name}_incomplete")


def test_a_role_that_may_create_databases_proves_and_restores_its_own(server: Postgres, tmp_path: Path) -> None:
    name, password = server.create_role("LOGIN CREATEDB")
    database = server.create_database(owner=name)
    url = server.url(database, name, password)
    into = server.url(f"{database}_back", name, password)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table mine as select generate_series(1, 7) as id")
        logical = engine(url, tmp_path)
        made = logical.make("x")
        assert logical.verify(made).ok
        restored = logical.restore(made, into)
        assert restored.created
        assert "is no superuser" in restored.notes[-1]
    finally:
        server.drop_database(database)
        server.drop_database(f"{database}_back")
        server.drop_role(name)


def test_a_role_that_may_not_read_everything_is_refused(server: Postgres, filled: str, tmp_path: Path) -> None:
    name, password = server.create_role()
    try:
        url = server.url(server_tools.parameters(filled)["dbname"], name, password)
        with pytest.raises(Refused, match="permission denied") as caught:
            engine(url, tmp_path, "none").make("x")
        assert "pg_read_all_data" in (caught.value.hint or "")
        assert leftovers(tmp_path) == []
    finally:
        server.drop_role(name)


def test_objects_of_a_role_that_is_gone_come_back_and_it_is_said(
    server: Postgres, fresh_url: str, new_database: Any, tmp_path: Path
) -> None:
    url = new_database()
    name, _ = server.create_role()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create table his (id integer); alter table his owner to {name}")
    logical = engine(url, tmp_path)
    made = logical.make("x")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop table his")
    server.drop_role(name)
    with pytest.raises(Refused, match=f"holds objects of '{name}': their code would run as superuser"):
        logical.restore(made, fresh_url)
    restored = engine(url, tmp_path, trusted=(name,)).restore(made, fresh_url)
    assert any(f"no role '{name}'" in note for note in restored.notes)
    assert restored.verification.rows == {"public.his": 0}


def test_timeouts_of_the_role_do_not_end_a_backup(server: Postgres, tmp_path: Path) -> None:
    name, password = server.create_role("LOGIN CREATEDB")
    database = server.create_database(owner=name)
    try:
        with server.connect() as admin:
            admin.execute(f"alter role {name} set statement_timeout = '20ms'")
            admin.execute(f"alter role {name} set idle_in_transaction_session_timeout = '20ms'")
        url = server.url(database, name, password)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("set statement_timeout = 0")
            connection.execute("create table wide as select n, repeat('y', 50) from generate_series(1, 300000) n")
        logical = engine(url, tmp_path)
        assert logical.verify(logical.make("x")).ok
    finally:
        server.drop_database(database)
        server.drop_role(name)


def test_the_restore_command_names_a_new_database_beside_its_own(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    command = backups.restore_command(made, "playbooks/production.yml")
    assert command.startswith(f"wgm-play restore playbooks/production.yml --backup {made.id} --into ")
    assert command.split()[-1] == f"{made.database}_{made.id[:16].lower()}"


def test_a_backup_is_found_by_the_beginning_of_its_id(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    with pytest.raises(InputError, match="there is no backup"):
        logical.find(None)
    made: list[Backup] = [logical.make("x"), logical.make("y")]
    assert logical.find(None) == made[1]
    assert logical.find(made[0].id) == made[0]
    assert logical.find(made[0].id[:-1]) == made[0]
    with pytest.raises(InputError, match="2 backups begin with '2'"):
        logical.find("2")
    with pytest.raises(InputError, match="there is no backup 'nope'"):
        logical.find("nope")


def test_a_backup_of_an_older_server_comes_back_on_a_newer_one(
    servers: Any, filled: str, tmp_path: Path, server: Postgres
) -> None:
    newest = servers.get(max(fix_postgres.available()))
    into = f"upgraded_{os.getpid()}_{time.monotonic_ns()}"
    logical = engine(filled, tmp_path)
    try:
        restored = logical.restore(logical.make("x"), newest.url(into))
        assert restored.verification.ok
        assert restored.verification.rows["public.players"] == 500
    finally:
        newest.drop_database(into)


def test_partitions_with_triggers_and_keys_and_large_objects_come_back(
    filled: str, tmp_path: Path, servers: Any
) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("create trigger touch before update on log for each row execute function touch()")
        connection.execute("create table days (at date primary key)")
        connection.execute("insert into days select distinct at from log")
        connection.execute("alter table log add foreign key (at) references days")
        connection.execute("select lo_from_bytea(0, 'large')")
    newest = servers.get(max(fix_postgres.available()))
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    assert logical.verify(made).ok
    into = f"upgraded_{os.getpid()}_{time.monotonic_ns()}"
    try:
        assert logical.restore(made, newest.url(into)).verification.rows["large objects"] == 1
    finally:
        newest.drop_database(into)


def test_a_killed_restore_is_told_and_the_verification_fails(
    filled: str, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    real = server_tools._listen

    def kill(running: subprocess.Popen[bytes], stream: Any, hear: Callable[[str], None]) -> None:
        if any("--use-list" in str(word) for word in running.args):
            os.kill(running.pid, signal.SIGKILL)
        real(running, stream, hear)

    monkeypatch.setattr(server_tools, "_listen", kill)
    assert "pg_restore was ended by signal 9" in logical.verify(made).problems[0]
    with pytest.raises(Refused, match="was broken off: pg_restore was ended by signal 9"):
        logical.restore(made, fresh_url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(fresh_url)


MAKE = """
import sys, pathlib
from wgm_play.backup.base import BackupPolicy, BackupSource
from wgm_play.backup.logical import Logical
source = BackupSource(sys.argv[1], pathlib.Path(sys.argv[2]), BackupPolicy(verify="none"), None, application="wgm-play/killed")
Logical(source).make("x")
"""


def test_what_a_killed_runner_left_is_removed_by_the_next_backup(filled: str, tmp_path: Path) -> None:
    with psycopg.connect(filled) as blocker:
        blocker.execute("lock table players in access exclusive mode")
        runner = subprocess.Popen([sys.executable, "-c", MAKE, filled, str(tmp_path)])
        until = time.monotonic() + 20
        while time.monotonic() < until and not list(tmp_path.glob("2*/")):
            time.sleep(0.02)
        runner.kill()
        runner.wait()
        [left] = tmp_path.glob("2*/")
        # A program that it was just starting holds the folder's lock until it sees that the runner is gone.
        while time.monotonic() < until and folder.in_use(left):
            time.sleep(0.02)
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    assert logical.verify(made).ok
    assert leftovers(tmp_path) == [made.id]


def test_another_databases_backups_are_not_expired(filled: str, new_database: Any, tmp_path: Path) -> None:
    first = engine(filled, tmp_path, "none")
    kept = first.make("x")
    second = engine(new_database(), tmp_path, "none")
    made = [second.make("y") for _ in range(2)]
    assert [backup.id for backup in second.expire(1)] == [made[0].id]
    assert kept.id in {backup.id for backup in first.list()}


def test_a_backup_on_a_scratch_server_is_gone_after_the_block(filled: str, tmp_path: Path, server: Postgres) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    with logical.on_scratch(made) as scratch_server:
        with psycopg.connect(scratch_server.url) as connection:
            assert connection.execute("select count(*) from players").fetchone() == (500,)
            role = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
            assert role == (False,)
        assert scratch_server.major >= server.major
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(scratch_server.url)
