"""A site for tests: a server that commands stop and start as on a machine of its own, its WAL received, a shop on it.

In: a major version, folders. Out: `Site`.
"""

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
from backing_up import TABLE, Said, Shop
from clusters import Cluster

import fix_postgres
from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.options import Options

POLICY = "{{method: {}, directory: {}, before_changes: young, max_age: 1d}}"


@dataclass(frozen=True)
class Site:
    """A server that commands stop and start, as on a machine of its own; its cluster, and a shop on one of its databases."""

    cluster: Cluster
    shop: Shop
    url: str
    place: Path
    control: list[str]
    method: str = "physical"

    def write(self, steps: str = TABLE, **server: Any) -> None:
        """Write the playbook, and the environment that says where the cluster is."""
        data = self.cluster.server.data
        said = {"data": str(data), "stop": [*self.control, "stop"], "start": [*self.control, "start"], **server}
        self.shop.write(POLICY.format(self.method, self.cluster.directory), steps, f"server: {said}\n")

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


def site_of(major: int, place: Path, project: Path, method: str = "physical") -> Iterator[Site]:
    """Make one; its WAL is received by us, or goes where the tool of the `method` wants it."""
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
        if method == "pgbackrest":
            command = f"{shutil.which('pgbackrest')} --config={place}/backups/pgbackrest/pgbackrest.conf"
            settings.write(f"archive_mode = on\narchive_command = '{command} --stanza=production archive-push %p'\n")
    as_user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", "--"] if who else []
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w", "-s", "-l", f"{socket}/log"]
    subprocess.run([*control, "start"], check=True, cwd="/")
    server = Postgres(major, port, "", programs, data=data)
    cluster = Cluster(server, place / "backups")
    cluster.directory.mkdir()
    with server.connect() as connection:
        connection.execute("create database shop")
    site = Site(cluster, Shop(project), server.url("shop"), place, control, method)
    try:
        site.write()
        if method == "physical":
            cluster.receive()
        yield site
    finally:
        cluster.stop_receiving()
        if method == "barman":
            subprocess.run(
                ["barman", "-c", place / "backups/barman/barman.conf", "receive-wal", "--stop", "production"],
                check=False,
                capture_output=True,
            )
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, cwd="/", capture_output=True)
        shutil.rmtree(socket)
