"""A restore is all there or nothing: it works under another name, and what a kill leaves the next command drops."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import NOTE, Shop, engine, leftovers, scratch

from fix_postgres import Postgres
from wgm_play import server_tools, user_folder
from wgm_play.backup import target
from wgm_play.errors import Refused, Unreachable
from wgm_play.shadow import OURS as OUR_SERVERS


def named(server: Postgres, pattern: str) -> list[str]:
    with server.connect() as admin:
        query = "select datname from pg_database where datname ~ %s order by 1"
        return [name for (name,) in admin.execute(query, [pattern])]


def dbname(url: str) -> str:
    return server_tools.parameters(url)["dbname"]


OURS = "^wgm_(verify|restore)_"


@pytest.mark.every_server
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_in_another_encoding_is_backed_up_proved_and_restored(
    encoding: str, server: Postgres, tmp_path: Path, fresh_url: str
) -> None:
    name = f"encoded_{os.getpid()}_{time.monotonic_ns()}"
    with server.connect() as admin:
        admin.execute(f"create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C' template template0")
    try:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute("set client_encoding to utf8")
            connection.execute(
                "create table \"größe\" (id int, t text); insert into \"größe\" values (1, 'Äpfel'), (2, 'ß')"
            )
        logical = engine(server.url(name), tmp_path)
        verification = logical.verify(logical.make("x"))
        assert verification.ok, verification.problems
        assert list(verification.rows.values()) == [2]
        logical.restore(logical.find(None), fresh_url)
        with psycopg.connect(fresh_url, client_encoding="utf8") as connection:
            shown = connection.execute(
                "select t, current_setting('server_encoding') from \"größe\" order by id"
            ).fetchall()
        assert shown == [("Äpfel", encoding), ("ß", encoding)]
    finally:
        server.drop_database(name)


@pytest.mark.pg(">=15")
def test_a_locale_of_icu_comes_back(server: Postgres, tmp_path: Path, fresh_url: str) -> None:
    name = f"icu_{os.getpid()}_{time.monotonic_ns()}"
    with server.connect() as admin:
        try:
            admin.execute(f"create database {name} locale_provider icu icu_locale 'de-DE' template template0")
        except psycopg.Error:
            pytest.skip("this server has no ICU")
    try:
        logical = engine(server.url(name), tmp_path)
        assert logical.verify(logical.make("x")).ok
        assert logical.restore(logical.find(None), fresh_url).notes == ()
        with psycopg.connect(fresh_url) as connection:
            query = "select datlocprovider::text from pg_database where datname = current_database()"
            assert connection.execute(query).fetchone() == ("i",)
    finally:
        server.drop_database(name)


def test_a_restore_that_breaks_off_leaves_no_database(
    filled: str, fresh_url: str, tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")

    def broken(connection: Any, *more: Any) -> Any:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(target, "counts", broken)
    with pytest.raises(Refused, match=r"was broken off: .*terminating connection") as refused:
        logical.restore(made, fresh_url)
    assert "nothing of it is left" in (refused.value.hint or "")
    assert named(server, OURS) == []
    assert named(server, f"^{dbname(fresh_url)}") == []


def test_ctrl_c_leaves_no_database(
    filled: str, fresh_url: str, tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")

    def pressed(connection: Any, *more: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(target, "counts", pressed)
    with pytest.raises(KeyboardInterrupt):
        logical.restore(made, fresh_url)
    assert named(server, f"{OURS}|^{dbname(fresh_url)}") == []


def test_a_database_that_is_made_meanwhile_is_left_alone(
    filled: str, fresh_url: str, tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    real = target.apply_settings

    def first(*given: Any) -> Any:
        with server.connect() as admin:
            admin.execute(f'create database "{dbname(fresh_url)}"')
        return real(*given)

    monkeypatch.setattr(target, "apply_settings", first)
    with pytest.raises(Refused, match="was made by somebody else meanwhile"):
        logical.restore(made, fresh_url)
    with psycopg.connect(fresh_url) as connection:
        assert connection.execute("select to_regclass('players')").fetchone() == (None,)
    assert named(server, OURS) == []


def test_too_little_room_is_found_first(
    filled: str, fresh_url: str, tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1, 1, 4096))  # type: ignore[attr-defined]
    with pytest.raises(Refused, match=r"there is too little room for the backup .* are needed, 4.* are free below"):
        logical.restore(made, fresh_url)
    with pytest.raises(Refused, match="there is too little room to prove it"):
        logical.verify(made)
    assert named(server, f"{OURS}|^{dbname(fresh_url)}") == []


def test_forced_row_security_is_told_with_what_to_give(server: Postgres, tmp_path: Path, fresh_url: str) -> None:
    name, password = server.create_role("LOGIN CREATEDB")
    database = server.create_database(owner=name)
    url = server.url(database, name, password)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table mine (id int); insert into mine values (1), (2)")
            connection.execute("create policy none on mine using (false)")
            connection.execute("alter table mine enable row level security; alter table mine force row level security")
        for verify in ("catalog", "restore"):
            with pytest.raises(Refused, match="row-level security policy") as refused:
                engine(url, tmp_path, verify).make("x")
            assert "BYPASSRLS" in (refused.value.hint or "")
            assert leftovers(tmp_path) == []
        with server.connect() as admin:
            admin.execute(f"alter role {name} bypassrls")
        logical = engine(url, tmp_path)
        made = logical.make("x")
        assert logical.verify(made).rows == {"public.mine": 2}
        with server.connect() as admin:
            admin.execute(f"alter role {name} nobypassrls")
        restored = logical.restore(made, server.url(dbname(fresh_url), name, password))
        assert "public.mine: its rows are hidden from this role and were not counted" in restored.notes
        with server.connect(dbname(fresh_url)) as admin:
            assert admin.execute("select count(*) from mine").fetchone() == (2,)
    finally:
        server.drop_database(dbname(fresh_url))
        server.drop_database(database)
        server.drop_role(name)


def test_a_table_that_is_rewritten_as_the_dump_begins_is_not_taken_for_empty(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ALTER TABLE that rewrites is not safe for snapshots from before: to them the table is empty."""
    real, times = target.counts, []

    def rewriting(connection: Any) -> Any:
        if len(times) < limit:
            times.append(1)
            with psycopg.connect(filled, autocommit=True) as other:
                other.execute("alter table players alter name type varchar(99) using name || ' '")
        return real(connection)

    monkeypatch.setattr(target, "counts", rewriting)
    # What changes is no view's or index's column here.
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("drop view calm; drop materialized view names")
    limit = 1
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    monkeypatch.undo()
    assert logical.verify(made).rows["public.players"] == 500
    assert leftovers(tmp_path) == [made.id]


class Killed:
    """The real command, killed at a moment."""

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop, self.url = shop, url

    def __call__(self, after: float, *words: str) -> int:
        """Run `wgm-play WORDS…`, and kill it after some seconds; return its exit code."""
        running = subprocess.Popen(
            [sys.executable, "-m", "wgm_play", *words, "--url", self.url],
            cwd=self.shop.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return running.wait(after)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            return running.wait()


def test_a_killed_restore_leaves_what_the_next_command_of_any_kind_drops(
    shop: Shop, database_url: str, fresh_url: str, server: Postgres
) -> None:
    shop("apply", database_url, no_backup=True)
    shop("backup", database_url)
    with server.connect() as admin:
        # As a kill leaves it: the session that it is named after is gone; one of a session that lives; one of before.
        living = psycopg.connect(server.url(), application_name="wgm-play/run")
        dead, alive = "wgm_restore_4194000_abc123", f"wgm_restore_{living.info.backend_pid}_abc123"
        old = f"wgm_verify_{int(time.time()) - 600}_abc123"
        for name in (dead, alive, old):
            admin.execute(f"create database {name}")
    try:
        said = shop("apply", database_url)  # nothing to do
        assert said.text.count("was left by a command that was killed: it is dropped") == 2
        assert named(server, OURS) == [alive]
        living.close()
        until = time.monotonic() + 10
        while named(server, OURS) and time.monotonic() < until:
            shop("backups", database_url)
        assert named(server, OURS) == []
    finally:
        for name in (dead, alive, old):
            server.drop_database(name)


@pytest.mark.parametrize("verb", ["backup", "restore", "gate"])
def test_killed_at_any_moment_nothing_is_good_that_does_not_restore(
    verb: str, shop: Shop, database_url: str, new_database: Callable[..., str], server: Postgres
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table wide as select n, repeat('y', 50) from generate_series(1, 60000) n")
    shop.write("{verify: restore, retention: {full: 9}}")
    shop("apply", database_url, no_backup=True)
    shop("backup", database_url)
    into = f"killed_{os.getpid()}_{time.monotonic_ns()}"
    words = {
        "backup": ("backup", "playbooks/production.yml"),
        "restore": ("restore", "playbooks/production.yml", "--into", into),
        "gate": ("playbooks/production.yml",),
    }[verb]
    if verb == "gate":
        shop.write("{verify: restore, retention: {full: 9}}", NOTE)
    kill = Killed(shop, database_url)
    began = time.monotonic()
    codes = [kill(60, *words)]
    whole = time.monotonic() - began
    for part in (3, 5, 7):
        if verb == "restore":
            server.drop_database(into)
        if verb == "gate":  # a run with nothing to do asks for no backup
            shop.write(
                "{verify: restore, retention: {full: 9}}", NOTE.replace("note: text", f"note: text, n{part}: text")
            )
        codes.append(kill(whole * part / 9, *words))
        if verb == "restore" and (there := named(server, f"^{into}$")):
            with psycopg.connect(server.url(there[0])) as connection:
                assert connection.execute("select count(*) from wide").fetchone() == (60000,)
    server.drop_database(into)
    assert codes[0] == 0
    assert -signal.SIGKILL in codes
    until = time.monotonic() + 20
    while time.monotonic() < until:  # the session of a command that was killed lives until it sends the next time
        shop("backups", database_url)
        if not (named(server, OURS) or user_folder.left_behind()):
            break
        time.sleep(0.1)
    assert named(server, OURS) == []
    assert user_folder.left_behind() == []
    with scratch(server.major) as url, psycopg.connect(url) as admin:
        assert admin.execute("select datname from pg_database where datname ~ '^wgm_verify'").fetchall() == []
        assert admin.execute("select rolname from pg_roles where rolname ~ '^wgm_verify'").fetchall() == []
    shop("backup", database_url)
    folders = leftovers(shop.folder / ".wgm/backups/production")
    assert sorted(folders) == [path.name for path in shop.taken()]
    logical = engine(database_url, shop.folder / ".wgm/backups/production")
    for made in logical.own():
        if made.verified:
            assert logical.verify(made).ok


def test_a_proof_that_was_killed_is_swept_by_a_run_that_finds_nothing_to_do(shop: Shop, database_url: str) -> None:
    shop("apply", database_url, no_backup=True)
    shop("apply", database_url)
    dead = "wgm_verify_4194000_abc123"
    with scratch(18) as url, psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"create role {dead}")
        admin.execute(f"create database {dead} owner {dead}")
        (user_folder.folder() / "working").mkdir(exist_ok=True)
        (user_folder.folder() / "working" / "4194000-abcdefgh").write_text(f"1\n{OUR_SERVERS}\n")
        shop("apply", database_url)
        assert admin.execute("select datname from pg_database where datname = %s", [dead]).fetchall() == []
        assert admin.execute("select rolname from pg_roles where rolname = %s", [dead]).fetchall() == []
    assert user_folder.left_behind() == []


def test_the_mark_of_a_killed_proof_stays_while_its_session_lives(shop: Shop, database_url: str) -> None:
    shop("apply", database_url, no_backup=True)
    mark = user_folder.folder() / "working" / "4194000-abcdefgh"
    with scratch(18) as url:
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(f"1\n{OUR_SERVERS}\n")
        # Its client is gone, the server has not noticed: it is about to make a database, then has made one.
        with psycopg.connect(url, autocommit=True, application_name="wgm-play/run") as living:
            name = f"wgm_verify_{living.info.backend_pid}_abc123"
            shop("apply", database_url)
            assert mark.exists()
            living.execute(f"create database {name}")
            shop("apply", database_url)
            assert mark.exists()
        with psycopg.connect(url, autocommit=True) as admin:
            sessions = "select from pg_stat_activity where application_name = 'wgm-play/run'"
            while admin.execute(sessions).rowcount:
                time.sleep(0.01)
            # Sessions of other commands, of tests beside this one, may live there: the next one sweeps.
            until = time.monotonic() + 20
            while user_folder.left_behind() and time.monotonic() < until:
                shop("apply", database_url)
            assert admin.execute("select from pg_database where datname = %s", [name]).rowcount == 0
    assert user_folder.left_behind() == []


def test_two_runners_take_backups_at_once(shop: Shop, database_url: str) -> None:
    shop("apply", database_url, no_backup=True)
    shop.write("{verify: restore, retention: {full: 1}}")
    words = [sys.executable, "-m", "wgm_play", "backup", "playbooks/production.yml", "--url", database_url]
    both = [
        subprocess.Popen(words, cwd=shop.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)
    ]
    said = [runner.communicate()[0].decode() for runner in both]
    assert [runner.returncode for runner in both] == [0, 0, 0], said
    logical = engine(database_url, shop.folder / ".wgm/backups/production")
    assert all(logical.verify(made).ok for made in logical.own())
    assert any(made.verified for made in logical.own())


def test_a_backup_that_is_being_read_is_not_deleted(filled: str, tmp_path: Path) -> None:
    from wgm_play.backup import folder

    logical = engine(filled, tmp_path, "none")
    made = [logical.make(str(number)) for number in range(3)]
    with folder.using(Path(made[0].path)):
        assert [one.id for one in logical.expire(1)] == [made[1].id]
    assert [one.id for one in logical.expire(1)] == [made[0].id]


def test_a_server_that_is_not_there_is_told(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        logical.restore(made, "postgresql://postgres@127.0.0.1:9/nowhere")
