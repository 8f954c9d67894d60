"""A whole cluster goes back in its own place: rows as of then, the old data directory kept, WAL received on, CI held."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import NOTE, TABLE, Said, Shop
from clusters import Cluster, room_of

import fix_postgres
from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import InputError, Refused, StepFailed
from wgm_play.ledger import Ledger
from wgm_play.options import Options

POLICY = "{{method: physical, directory: {}, before_changes: young, max_age: 1d}}"


@dataclass(frozen=True)
class Site:
    """A server that commands stop and start, as on a machine of its own; its cluster, and a shop on one of its databases."""

    cluster: Cluster
    shop: Shop
    url: str
    place: Path
    control: list[str]

    def write(self, steps: str = TABLE, **server: Any) -> None:
        """Write the playbook, and the environment that says where the cluster is."""
        data = self.cluster.server.data
        said = {"data": str(data), "stop": [*self.control, "stop"], "start": [*self.control, "start"], **server}
        self.shop.write(POLICY.format(self.cluster.directory), steps, f"server: {said}\n")

    def back(self, at: str | None, **options: Any) -> str:
        """Restore in place; return what was said."""
        said = Said()
        chosen = Options(str(self.shop.folder / "playbooks/production.yml"), url=self.url)
        pipeline.restore(chosen, said, None, at, None, **options)
        return said.text

    def titles(self) -> list[str]:
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute("select title from tasks order by id")]

    def add(self, title: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("insert into tasks (title) values (%s)", [title])


@pytest.fixture(params=[15, 18], ids=["pg15", "pg18"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    for place in room_of():
        yield from _site(request.param, place, tmp_path)


def _site(major: int, place: Path, project: Path) -> Iterator[Site]:
    programs, who = fix_postgres.programs(major), fix_postgres.account()
    if programs is None:
        pytest.skip(f"no PostgreSQL {major} here")
    user: dict[str, Any] = {}
    if who is not None:
        account = fix_postgres.Account(who.pw_uid, who.pw_gid, who.pw_name, other=True)
        programs = fix_postgres.reachable_programs(programs, account, fix_postgres.shelf_folder())
        os.chown(place, who.pw_uid, who.pw_gid)
        user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    data, port, socket = place / "main", fix_postgres._free_port(), tempfile.mkdtemp(prefix="wgm-test-")
    if who is not None:
        os.chown(socket, who.pw_uid, who.pw_gid)
    environ = {"PATH": os.defpath, "LC_ALL": "C"}
    made = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"]
    subprocess.run(made, check=True, capture_output=True, cwd=place, env=environ, **user)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(
            f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{socket}'\nfsync = off\n"
            "max_wal_senders = 8\nwork_mem = 5MB\n"
        )
    as_user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", "--"] if who else []
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w", "-s", "-l", f"{socket}/log"]
    subprocess.run([*control, "start"], check=True, cwd="/")
    server = Postgres(major, port, "", programs, data=data)
    cluster = Cluster(server, place / "backups")
    cluster.directory.mkdir()
    with server.connect() as connection:
        connection.execute("create database shop")
    site = Site(cluster, Shop(project), server.url("shop"), place, control)
    try:
        site.write()
        cluster.receive()
        yield site
    finally:
        cluster.stop_receiving()
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, cwd="/", capture_output=True)
        shutil.rmtree(socket)


def test_a_cluster_goes_back_to_before_a_run_and_everything_goes_on(site: Site) -> None:
    site.shop("backup", site.url)
    site.shop("apply", site.url)
    site.add("kept")
    site.write(NOTE)
    site.shop("apply", site.url)
    site.add("after")
    for _ in range(3):  # the receiver has whole segments of what is left then
        site.cluster.ask("select pg_switch_wal()")
        site.add("after")
    with site.cluster.server.connect() as connection:
        connection.execute("alter system set work_mem = '6MB'")
        connection.execute("create database books")
    with pytest.raises(Refused, match=r"'books' would go back as well; nothing was touched"):
        site.back("run:2")
    assert site.titles() == ["kept", *["after"] * 4]
    said = site.back("run:2", whole_cluster=True)
    assert site.titles() == ["kept"]
    assert "run 2 went back and is held" in said
    with psycopg.connect(site.url) as connection:
        assert connection.execute("show work_mem").fetchone() == ("6MB",)
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (False,)
        assert Ledger(connection).marker() == "production"
    # What CI would do next is refused, what was there before is not.
    with pytest.raises(Refused, match="was taken back and is held: run 2"):
        site.shop("apply", site.url)
    # WAL is received on the new timeline, and a base of it is there.
    site.add("on the new timeline")
    site.cluster.flushed()
    engine = site.cluster.engine(url=site.url)
    assert engine.uncovered(engine.own()[0]) == ""
    _release(site)
    assert "cover this run" in site.shop("apply", site.url).text
    (kept,) = site.place.glob("main_before_*")
    assert (kept / "PG_VERSION").exists()
    # And back once more, to the new timeline.
    site.add("too much")
    site.back("run:2", whole_cluster=True)
    assert site.titles() == ["kept", "on the new timeline"]


def test_to_the_latest_nothing_is_lost_and_a_stopped_server_comes_back_too(site: Site) -> None:
    site.shop("backup", site.url)
    site.shop("apply", site.url)
    site.add("one")
    site.back(None)
    site.add("two")
    assert site.titles() == ["one", "two"]
    site.cluster.flushed()
    subprocess.run([*site.control, "stop"], check=True, cwd="/")
    shutil.rmtree(site.place / "main" / "base")
    said = site.back("latest")
    assert site.titles() == ["one", "two"]
    assert "does not answer" in said


@pytest.mark.parametrize("site", [15], indirect=True)
def test_what_cannot_be_put_back_is_refused_or_leaves_the_server_as_it_was(site: Site) -> None:
    site.shop("backup", site.url)
    site.shop("apply", site.url)
    site.add("here")
    false = shutil.which("false")
    other = site.place / "other"
    other.mkdir()
    for data in (other, site.cluster.directory, site.cluster.engine().list()[0].path + "/base"):
        site.write(data=str(data))
        with pytest.raises(Refused, match="nothing was touched"):
            site.back("latest")
    with pytest.raises(InputError, match="is no absolute path"):
        site.write(data="main")
        site.back("latest")
    with pytest.raises(InputError, match="must be a list of arguments"):
        site.write(stop="pg_ctl stop")
        site.back("latest")
    site.write(stop=[false])
    with pytest.raises(StepFailed, match="was not stopped by"):
        site.back("latest")
    site.write(stop=["/no/such/program"])
    with pytest.raises(StepFailed, match="cannot be run: No such file"):
        site.back("latest")
    assert site.titles() == ["here"]
    # A server that does not start on what was restored runs on the old directory again.
    once = site.place / "start"
    once.write_text(f'#!/bin/sh\n[ -e "{site.place}/tried" ] || {{ touch "{site.place}/tried"; exit 1; }}\nexec "$@"\n')
    once.chmod(0o755)
    site.write(start=[str(once), *site.control, "start"])
    before = os.stat(site.place / "main").st_ino
    with pytest.raises(StepFailed, match="was not started by") as caught:
        site.back(site.cluster.now().isoformat())
    assert "runs on the old data directory again" in (caught.value.hint or "")
    assert site.titles() == ["here"]
    assert os.stat(site.place / "main").st_ino == before


def _release(site: Site) -> None:
    chosen = Options(str(site.shop.folder / "playbooks/production.yml"), url=site.url, reason="looked at")
    pipeline.promote(chosen, Said(), release=True)
