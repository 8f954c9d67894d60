"""`--check` as a role that may only read, in a READ ONLY session, on a standby: the owner's plan, nothing written."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fix_postgres
from fix_postgres import Postgres
from killing import Place, copy_of_project
from wgm_play.catalog import introspect
from wgm_play.catalog.model import digest

EDIT = ("extra_rank: {type: integer, not_null: true, default: 0}", "      description: text")


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    """The production playbook applied by the owner, and then edited."""
    made = Place(copy_of_project(tmp_path), "production.yml", database_url)
    return made


@pytest.fixture
def applied(place: Place) -> Place:
    done = place.run()
    assert done.returncode == 0, done.stderr[-1500:]
    file = place.folder / "playbooks" / "schema" / "001_initial_schema.yml"
    file.write_text(file.read_text().replace(EDIT[1], f"{EDIT[1]}\n      {EDIT[0]}", 1))
    return place


@pytest.fixture
def reader(server: Postgres, place: Place) -> Iterator[Callable[[str], str]]:
    """A function that makes a role with the given right and returns the database's URL for it."""
    names: list[str] = []

    def make(grant: str) -> str:
        name, password = server.create_role("LOGIN")
        names.append(name)
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute(grant.replace("ROLE", name))
        return server.url(place.url.rsplit("/", 1)[1], name, password)

    yield make
    for name in names:
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute(f"drop owned by {name}")
        server.drop_role(name)


def state(url: str) -> tuple[Any, ...]:
    """Return a digest of the catalog, the rows of each table, and what was ever written."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set search_path to ''")
        catalog = digest(introspect.read(connection).rows)
        names = connection.execute(
            "select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace"
            " where relkind = 'r' and nspname !~ '^(pg_|information)' order by 1"
        ).fetchall()
        counts = [(name, connection.execute(f"select count(*) from {name}").fetchone()) for (name,) in names]
        return catalog, counts


def planned(place: Place, name: str = "plan.json") -> tuple[int, list[Any], str]:
    """Plan with --check; return exit code, operations with their statements, and the digests of the plan."""
    import json

    done = place.run(place.playbook, "--check", "--detailed-exitcode", "--save-plan", name)
    file = place.folder / name
    if not file.exists():
        return done.returncode, [], done.stderr
    document = json.loads(file.read_text())
    file.unlink()
    text = json.dumps(document, sort_keys=True)
    digests = re.findall(r'"(?:from_digest|to_digest)": "(\w+)"', text)
    return done.returncode, document.get("groups") or document["plan"]["groups"], " ".join(digests)


RIGHTS = {
    "pg_read_all_data": "grant pg_read_all_data to ROLE",
    "read only by default": "grant pg_read_all_data to ROLE; alter role ROLE set default_transaction_read_only = on",
    "select on all tables": "grant usage on schema public, wgm to ROLE; grant select on all tables in schema public, wgm to ROLE",
}


@pytest.mark.parametrize("right", RIGHTS)
def test_a_role_that_may_only_read_plans_what_the_owner_plans(
    right: str, applied: Place, server: Postgres, reader: Callable[[str], str]
) -> None:
    if "pg_read_all_data" in RIGHTS[right] and server.major < 14:
        pytest.skip("the role pg_read_all_data needs PostgreSQL >=14")
    url = reader(RIGHTS[right])  # before either plans: its grants and settings are part of the catalog
    owners = planned(applied)
    assert owners[0] == 10, owners
    assert "ADD COLUMN extra_rank" in str(owners[1])
    before = state(applied.url)
    readers = planned(replace(applied, url=url))
    assert readers == owners
    assert state(applied.url) == before


def test_an_empty_database_is_planned_by_a_role_that_may_only_connect(
    place: Place, reader: Callable[[str], str]
) -> None:
    owners = planned(place)
    there = replace(place, url=reader("grant usage on schema public to ROLE"))
    before = state(place.url)
    readers = planned(there)
    assert len(readers[1]) >= len(owners[1]) - 4, readers[2]  # settings that only a superuser may set are skipped
    assert state(place.url) == before


def test_what_a_role_may_not_read_is_named_as_unknown(applied: Place, reader: Callable[[str], str]) -> None:
    file = applied.folder / "playbooks" / "schema" / "001_initial_schema.yml"
    file.write_text(file.read_text().replace(EDIT[0], "extra_rank: {type: integer, check: extra_rank > 0}", 1))
    file.write_text(
        file.read_text()
        + "\n- name: Names are short\n  table: {name: users, constraints: {users_short: {check: length(id::text) < 900}}}\n"
    )
    url = reader("grant usage on schema public to ROLE")
    done = replace(applied, url=url).run("production.yml", "--check", "--diff")
    assert done.returncode == 0, done.stderr[-1500:]
    assert "may not read" in done.stdout and "users_short" in done.stdout, done.stdout[-3000:]
    assert "ledger" in done.stdout
    looked = replace(applied, url=url).run("check", "production.yml")
    assert "unknown whether there is drift: the ledger" in looked.stderr, looked.stderr
    assert "no run is recorded" not in looked.stdout


def test_a_run_by_a_reader_is_refused_and_writes_nothing(
    applied: Place, server: Postgres, reader: Callable[[str], str]
) -> None:
    url = reader(RIGHTS["pg_read_all_data" if server.major >= 14 else "select on all tables"])
    before = state(applied.url)
    done = replace(applied, url=url).run()
    assert done.returncode == 11, done.stderr
    assert state(applied.url) == before


@pytest.mark.pg(">=15")
def test_a_standby_is_planned_against_the_embedded_server(applied: Place, server: Postgres, tmp_path: Path) -> None:
    owners = planned(applied)
    assert server.bin is not None and server.data is not None
    with standby(server, tmp_path) as url:
        there = replace(applied, url=url + "/" + applied.url.rsplit("/", 1)[1])
        before = state(there.url)
        found = planned(there)
        assert found == owners
        assert state(there.url) == before
        refused = there.run()
        assert refused.returncode == 11, (refused.returncode, refused.stderr)  # a gate: nothing was touched
        assert "standby" in refused.stderr


class standby:
    """A hot standby of a server, made with pg_basebackup."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.server = server
        self.folder = Path(f"{server.data}-standby")

    def __enter__(self) -> str:
        assert self.server.bin is not None and self.server.data is not None
        who = fix_postgres.account()
        user: dict[str, Any] = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
        programs = self.server.data.parent
        self.user, self.cwd = user, programs
        copier = fix_postgres.newest("pg_basebackup")
        assert copier is not None
        binary = self._programs(self.server.bin)
        subprocess.run(
            [
                self._programs(copier.parent) / copier.name,
                "-D",
                self.folder,
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "-d",
                self.server.url(),
            ],
            check=True,
            capture_output=True,
            cwd=programs,
            **user,
        )
        port = fix_postgres._free_port()
        self.log = (self.folder / "log").open("wb")
        words = [
            binary / "postgres",
            "-D",
            self.folder,
            "-p",
            str(port),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "hot_standby=on",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=60",
            "-c",
            "wal_level=logical",
        ]
        self.process = subprocess.Popen(
            words, stdout=self.log, stderr=self.log, cwd=programs, env={"LC_ALL": "C"}, **user
        )
        running = replace(self.server, port=port)
        fix_postgres._await(running)
        return running.url().rsplit("/", 1)[0]

    def _programs(self, folder: Path) -> Path:
        from wgm_play.embedded.account import Account
        from wgm_play.embedded.home import shelf_folder
        from wgm_play.embedded.programs import reachable_programs

        who = fix_postgres.account()
        if who is None:
            return folder
        return reachable_programs(folder, Account(who.pw_uid, who.pw_gid, who.pw_name, other=True), shelf_folder())

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
