"""A drill brings a backup back where it can touch nothing else, says what is wrong with it, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Shop, engine

from fix_postgres import Postgres
from wgm_play.alerts.collectors import COLLECTORS, collect
from wgm_play.embedded import ephemeral
from wgm_play.errors import Found, InputError, Refused
from wgm_play.ledger import Ledger

POLICY = "{verify: none, drill: {every: 7d, restored: ['select count(*) = 200 from tasks']}}"


def fill(url: str, rows: int = 200) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) select 'x' from generate_series(1, %s)", [rows])
        connection.execute("analyze tasks")


def evidence(url: str) -> list[bool]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [one.passed for one in Ledger(connection).evidence("drill", "production", "Shop", 10)]


def metrics(url: str) -> dict[str, float]:
    """Return what `metrics` serves of drills."""
    collector = next(one for one in COLLECTORS if one.name == "drill")
    with psycopg.connect(url, autocommit=True) as connection:
        text = collect(connection, collector, {}, 5.0).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def servers(pid: int) -> list[Path]:
    """Return the folders of servers that a command made and did not take away."""
    homes = [home for base in ephemeral._bases() for home in base.glob("wgm-play-*/server-*")]
    return [home for home in homes if owner_of(home) == str(pid)]


def owner_of(home: Path) -> str:
    try:
        return (home / "owner").read_text().split()[0]
    except OSError:  # it goes at this moment
        return ""


@pytest.fixture
def ready(shop: Shop, database_url: str) -> Shop:
    shop.write(POLICY)
    shop("apply", database_url, no_backup=True)
    fill(database_url)
    return shop


def test_a_drill_opens_the_gate_and_leaves_nothing(ready: Shop, database_url: str) -> None:
    ready("backup", database_url)
    assert metrics(database_url) == {}
    ready.write(POLICY, NOTE)
    with pytest.raises(Refused, match="no drill has shown"):
        ready("apply", database_url)
    assert "no drill has shown" in ready("apply", database_url, check=True).text
    said = ready("drill", database_url)
    assert "200 rows on PostgreSQL" in said.text
    assert (evidence(database_url), servers(os.getpid())) == ([True], [])
    shown = metrics(database_url)
    assert shown['wgm_drill_passed{play="Shop"}'] == 1 and shown['wgm_drill_restore_seconds{play="Shop"}'] > 0
    assert ready("apply", database_url).changed == 1


def test_an_old_or_failed_drill_closes_the_gate(ready: Shop, database_url: str) -> None:
    ready("backup", database_url)
    ready("drill", database_url)
    ready.write(POLICY.replace("7d", "1ms"), NOTE)
    with pytest.raises(Refused, match=r"the last drill is .* old, allowed are 1ms"):
        ready("apply", database_url)
    ready.write(POLICY.replace("= 200", "= 201"), NOTE)
    with pytest.raises(Found) as caught:
        ready("drill", database_url)
    assert "what must hold does not" in "\n".join(caught.value.details) and "production.yml:3:" in "\n".join(
        caught.value.details
    )
    ready.write(POLICY, NOTE)
    with pytest.raises(Refused, match=r"the last drill, of .* found that"):
        ready("apply", database_url)


def test_rows_that_the_backup_lacks_are_found(shop: Shop, database_url: str) -> None:
    shop.write(POLICY.replace("= 200", "= 0"))
    shop("apply", database_url, no_backup=True)
    shop("backup", database_url)
    fill(database_url)
    with pytest.raises(Found) as caught:
        shop("drill", database_url)
    assert "table public.tasks is empty in the backup; the live statistics say 200 rows" in caught.value.details
    shop("backup", database_url)
    fill(database_url)
    shop.write("{verify: none, drill: {within: 10%}}")
    with pytest.raises(Found) as caught:
        shop("drill", database_url)
    assert "200 rows in the backup, 400 by the live statistics: more than 10% apart" in "\n".join(caught.value.details)
    shop.write("{verify: none, drill: {within: 60%}}")
    shop("drill", database_url)


def test_what_the_ledger_knows_and_the_backup_lacks_is_found(shop: Shop, database_url: str) -> None:
    index = "\n    - {name: Titles, index: {name: tasks_title_idx, table: tasks, columns: [title]}}\n"
    shop.write("{verify: none}", NOTE.rstrip() + index)
    shop("apply", database_url, no_backup=True)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop index tasks_title_idx")
        shop("backup", database_url)
        assert not shop("drill", database_url).counts  # it is so now, too: that is drift, and `check` tells it
        connection.execute("create index tasks_title_idx on tasks (title)")
    with pytest.raises(Found) as caught:
        shop("drill", database_url)
    assert "tasks_title_idx is in the ledger and did not come back" in "\n".join(caught.value.details)


def test_rows_that_name_a_role_come_back(shop: Shop, database_url: str, server: Postgres) -> None:
    name, _ = server.create_role()
    shop.write("{verify: restore}")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create table jobs (owner regrole); insert into jobs values ('{name}')".encode())
        assert "name a role" not in shop("backup", database_url).text
        assert "1 rows on PostgreSQL" in shop("drill", database_url).text
        connection.execute("drop table jobs")
    server.drop_role(name)


def test_a_drill_needs_a_backup_a_whole_one_and_trust(ready: Shop, database_url: str) -> None:
    with pytest.raises(InputError, match="there is no backup yet"):
        ready("drill", database_url)
    ready("backup", database_url)
    toc = next(ready.folder.glob(".wgm/backups/production/*/dump/toc.dat"))
    toc.write_bytes(toc.read_bytes()[:-10])
    with pytest.raises(Refused, match="is damaged"):
        ready("drill", database_url)
    with pytest.raises(InputError, match="untrusted"):
        ready("drill", database_url, untrusted=True, inventory=tempfile.gettempdir())


TRAP = """
create function public.rise(t text) returns text language plpgsql immutable as $$
begin
  if (select rolsuper from pg_roles where rolname = current_user) and current_setting('port') <> '{port}' then
    raise 'a superuser ran it';
  end if;
  return t;
end $$;
create table public.bait (id int primary key, v text check (public.rise(v) <> ''));
insert into public.bait values (1, 'a');
create index on public.bait (public.rise(v));
create materialized view public.baits as select public.rise(v) from public.bait;
create function public.watch() returns event_trigger language plpgsql as $$ begin perform public.rise('x'); end $$;
create event trigger watch on ddl_command_end execute function public.watch();
"""


def test_a_scratch_server_can_touch_nothing_else(database_url: str, tmp_path: Path) -> None:
    """Nothing of the dump runs as a superuser, nothing is archived or replicated, nobody else is let in."""
    file = Path(tempfile.gettempdir()) / f"wgm-trap-{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TRAP.format(port=connection.info.port).encode())
        connection.execute("alter event trigger watch disable")
        target = database_url.replace("'", "''")
        connection.execute(f"create subscription s connection '{target}' publication p with (connect = false)".encode())
        if connection.execute("select from pg_available_extensions where name = 'pg_stat_statements'").fetchall():
            name = connection.info.dbname
            connection.execute(f"alter database \"{name}\" set session_preload_libraries = 'auto_explain'".encode())
    try:
        logical = engine(database_url, tmp_path / "backups", "none")
        settings = {
            "shared_preload_libraries": "auto_explain, nobody_knows",
            "archive_mode": "on",
            "work_mem": "5MB",
            "archive_command": f"touch {file}",
            "primary_conninfo": "host=nowhere",
            "synchronous_standby_names": "x",
        }
        with logical.on_scratch(logical.make("test"), None, settings) as copy:
            with psycopg.connect(copy.url, autocommit=True) as session:
                asked = session.execute(
                    "select current_user, (select rolsuper from pg_roles where rolname = current_user),"
                    " (select count(*)::int from bait), (select count(*)::int from pg_subscription),"
                    " current_setting('listen_addresses'), current_setting('archive_mode'), current_setting('work_mem'),"
                    " current_setting('max_logical_replication_workers'),"
                    " (select evtenabled::text from pg_event_trigger)"
                ).fetchone()
                assert asked is not None
                assert asked[1:] == (False, 1, 0, "127.0.0.1", "off", "5MB", "0", "D")
                session.execute("create table more ()")
            with psycopg.connect(copy.admin, autocommit=True) as admin:
                said = {
                    row[0]: row[1]
                    for row in admin.execute(
                        "select name, setting from pg_settings where name in ('archive_command', 'primary_conninfo',"
                        " 'synchronous_standby_names', 'shared_preload_libraries', 'session_preload_libraries', 'unix_socket_directories')"
                    )
                }
            assert {name: value for name, value in said.items() if value not in ("", "(disabled)")} == {}
            assert not (copy.problems or [one for one in copy.unproved if "superuser" in one])
            assert any("archive_command is not given" in note for note in copy.notes)
            assert any("'nobody_knows' is not loaded" in note for note in copy.notes)
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "alter subscription s disable; alter subscription s set (slot_name = none); drop subscription s"
            )
            connection.execute("drop event trigger watch")
        trapped = file.exists()
        file.unlink(missing_ok=True)
    assert not trapped


def test_a_drill_that_is_killed_leaves_nothing(shop: Shop, database_url: str) -> None:
    shop.write("{verify: none}")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "create function slow(t text) returns bool language sql as 'select pg_sleep(20) is not null'"
        )
        connection.execute("create table tasks (id bigint generated always as identity primary key, title text)")
        connection.execute("insert into tasks (title) values ('x')")
        connection.execute("alter table tasks add check (slow(title)) not valid")
    shop("backup", database_url)
    words = [
        sys.executable,
        "-m",
        "wgm_play",
        "drill",
        str(shop.folder / "playbooks/production.yml"),
        "--url",
        database_url,
    ]
    command = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (made := [one for one in servers(command.pid) if (one / "data/postmaster.pid").exists()]):
        assert command.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    until = time.monotonic() + 30
    while any(one.exists() for one in made) and time.monotonic() < until:
        time.sleep(0.05)
    assert [one for one in made if one.exists()] == []
