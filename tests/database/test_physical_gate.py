"""A run that is covered by a young base and the WAL since: what must be there, what refuses it, what brings it back."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Shop
from clusters import Cluster, cluster_of, started

from wgm_play.errors import Found, InputError, Refused
from wgm_play.ledger import Ledger

POLICY = "{method: physical, before_changes: young, max_age: 24h}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from cluster_of(15, tmp_path_factory.mktemp("gate"))


@pytest.fixture
def covered(cluster: Cluster, tmp_path: Path) -> Iterator[tuple[Shop, str, Cluster]]:
    """A shop on a database of its own, with a base and a receiver at work."""
    if cluster.receiving is None:
        cluster.receive()
    name = cluster.server.create_database()
    shop = Shop(tmp_path)
    shop.write(POLICY.replace("}", f", directory: {cluster.directory}}}"))
    yield shop, cluster.server.url(name), cluster


def test_without_a_base_or_a_receiver_nothing_is_touched(covered: tuple[Shop, str, Cluster]) -> None:
    shop, url, cluster = covered
    cluster.stop_receiving()
    cluster.forget()
    with pytest.raises(Refused, match="there is no backup of this database") as caught:
        shop("apply", url)
    assert "wgm-play backup" in (caught.value.hint or "")
    shop("backup", url)
    with pytest.raises(Refused, match="no WAL is received: there is no slot") as caught:
        shop("apply", url)
    assert "wgm-play wal" in (caught.value.hint or "")
    cluster.ask("select pg_switch_wal()")
    cluster.insert("between the base and the first WAL")
    cluster.ask("checkpoint")
    cluster.receive()
    with pytest.raises(Refused, match=r"there is no WAL from|is missing"):
        shop("apply", url)
    shop("backup", url)
    cluster.stop_receiving()
    with pytest.raises(Refused, match="the receiver does not run"):
        shop("apply", url)
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('tasks'), to_regnamespace('wgm')").fetchone() == (None, None)
    with pytest.raises(Found, match="finding") as found:
        shop("check", url, fail_on="error")
    assert any("no WAL is received" in line for line in found.value.details)
    cluster.receive()
    assert "cover this run" in shop("apply", url).text


def test_the_ledger_says_how_to_come_back_and_it_does(covered: tuple[Shop, str, Cluster], room: Path) -> None:
    shop, url, cluster = covered
    shop("backup", url)
    shop("apply", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('before the second run')")
    shop.write(POLICY.replace("}", f", directory: {cluster.directory}}}"), NOTE)
    said = shop("apply", url).text
    told = re.search(r"bring it back with: (.*)", said)
    assert told is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title, note) values ('after', 'it')")
        ledger = Ledger(connection)
        run = ledger.last_runs(1)[0].id
        evidence = ledger.evidence("cover", "production", "Shop")[0]
        pins = {pin.backup for pin in ledger.backup_pins() if pin.run == run}
    assert evidence.content["restore"] == told.group(1)
    assert evidence.content["lsn"]
    assert pins == {evidence.content["backup"]}
    words = shlex.split(told.group(1))
    assert words[words.index("--at") + 1] == f"run:{run}"
    shop("restore", url, None, f"run:{run}", f"dir:{room / 'r'}")
    database = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with started(cluster, room / "r") as place, psycopg.connect(f"{place} dbname={database}") as connection:
        assert connection.execute("select title from tasks").fetchall() == [("before the second run",)]
        columns = "select attname from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0 order by 1"
        assert connection.execute(columns).fetchall() == [("id",), ("title",)]
        assert "-restored-" in (Ledger(connection).marker() or "")


def test_a_receiver_that_has_stopped_answering_refuses_the_run(
    covered: tuple[Shop, str, Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, url, cluster = covered
    monkeypatch.setattr("wgm_play.backup.physical.RECEIVED_SECONDS", 0.3)
    shop("backup", url)
    pid = cluster.receiver_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Refused, match=r"did not receive .* within 0.3 s"):
            shop("apply", url)
    finally:
        os.kill(pid, signal.SIGCONT)
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('tasks')").fetchone() == (None,)


def test_a_slot_that_somebody_else_receives_by_is_no_proof(covered: tuple[Shop, str, Cluster], tmp_path: Path) -> None:
    """The same slot, another folder: what the server says of it is not what we have."""
    shop, url, cluster = covered
    shop("backup", url)
    cluster.stop_receiving()
    slot = cluster.engine().slot
    assert cluster.server.bin is not None
    words = [cluster.server.bin / "pg_receivewal", "-D", tmp_path, "-d", cluster.server.url(), f"--slot={slot}"]
    other = subprocess.Popen([*words, "--synchronous", "--no-password"], stderr=subprocess.DEVNULL)
    try:
        cluster.flushed()
        with pytest.raises(Refused, match=r"does not write to"):
            shop("apply", url)
    finally:
        other.terminate()
        other.wait()
    cluster.receive()


def test_the_command_receives_until_it_is_told_to_end(covered: tuple[Shop, str, Cluster]) -> None:
    shop, url, cluster = covered
    cluster.stop_receiving()
    command = [sys.executable, "-m", "wgm_play", "wal", str(shop.folder / "playbooks/production.yml"), "--url", url]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        cluster.flushed()
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (second.returncode, "receives the WAL of this cluster already" in second.stderr) == (13, True)
        shop("backup", url)
        assert "cover this run" in shop("apply", url).text
        assert "WAL: received up to" in shop("status", url).text
        first.send_signal(signal.SIGTERM)
        said, _ = first.communicate(timeout=30)
    finally:
        first.kill()
        first.wait()
    assert first.returncode == 0, said
    assert "stopped: everything up to" in said
    until = time.monotonic() + 20
    while cluster.ask("select count(*) from pg_stat_replication"):
        assert time.monotonic() < until
        time.sleep(0.05)
    unit = shop("wal", url, True)
    assert "ExecStart=" in unit.text
    cluster.receive()


def test_a_receiver_goes_on_when_its_connection_was_ended(covered: tuple[Shop, str, Cluster]) -> None:
    _shop, _url, cluster = covered
    cluster.flushed()
    cluster.ask("select count(pg_terminate_backend(pid)) from pg_stat_replication")
    cluster.insert("while it was away")
    cluster.flushed()


def test_a_table_comes_back_beside_the_one_that_is_there(covered: tuple[Shop, str, Cluster]) -> None:
    shop, url, cluster = covered
    shop("apply", url, no_backup=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('one'), (null), ('with, a comma and \\ this')")
    shop("backup", url)
    at: str | None = cluster.now().isoformat()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("delete from tasks")
    cluster.flushed()
    for method in (POLICY, "{method: logical}"):
        if "logical" in method:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("insert into tasks overriding system value select * from wgm_restored.tasks")
                connection.execute("drop schema wgm_restored cascade")
            shop.write(method)
            shop("backup", url)
            at = None
        with pytest.raises(InputError, match="there is no table 'nothing' in the backup"):
            shop("restore", url, None, at, None, ("nothing",))
        assert "wgm_restored.tasks: 3 rows" in shop("restore", url, None, at, None, ("public.tasks",)).text
        with psycopg.connect(url) as connection:
            rows = connection.execute("select title from wgm_restored.tasks order by id").fetchall()
        assert rows == [("one",), (None,), ("with, a comma and \\ this",)]
        with pytest.raises(Refused, match=r"there is a table wgm_restored.tasks already"):
            shop("restore", url, None, at, None, ("tasks",))


def test_in_place_is_refused_with_the_steps_by_hand(covered: tuple[Shop, str, Cluster]) -> None:
    shop, url, _cluster = covered
    shop("backup", url)
    with pytest.raises(Refused, match="nothing was touched") as caught:
        shop("restore", url, None, None, None)
    assert "server: {data: PATH" in (caught.value.hint or "")
    assert "keep its data directory" in caught.value.details[1]
    assert "takes a base on the new timeline" in caught.value.details[-1]
