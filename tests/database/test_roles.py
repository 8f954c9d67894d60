"""A role that owns its database and is no superuser: every environment converges, what it may not do is skipped with
the statement for an administrator; without CREATEDB the shadow goes to the embedded server, of whatever version.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_postgres import Postgres
from killing import Place, changed, copy_of_project
from wgm_play import embedded
from wgm_play.catalog import introspect
from wgm_play.catalog.kinds import ACCESS
from wgm_play.environment import Embedded
from wgm_play.shadow import start_over

ENVIRONMENTS = ("production.yml", "staging.yml", "development.yml")
DEVELOPMENT = 'url: "{{ env.DATABASE_URL }}"\nvariables: {slow_query: 100ms, idle_transaction: 1h}\npolicy: {allow_destructive: true}\n'


@pytest.fixture
def owner(server: Postgres, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """A function that makes a role with a database of its own, and the place where a playbook is run as that role."""
    made: list[tuple[str, str]] = []

    def make(playbook: str, attributes: str) -> Place:
        role, password = server.create_role(attributes)
        database = server.create_database(owner=role)
        made.append((role, database))
        folder = copy_of_project(tmp_path / role)
        folder.chmod(0o755)
        (folder / "environments" / "development.yml").write_text(DEVELOPMENT)
        return Place(folder, playbook, server.url(database, role, password))

    yield make
    for role, database in made:
        for running in embedded.running(Embedded(), tmp_path / role):
            embedded.stop(Embedded(running.version), tmp_path / role)
        server.drop_database(database)
        server.drop_role(role)


def skipped(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the steps that a run skipped."""
    document = json.loads(done.stdout)
    plays = [play for result in document["results"] for play in result["plays"]]
    return [step for play in plays for step in play["steps"] if step["outcome"] == "skipped"]


def converges(place: Place) -> subprocess.CompletedProcess[str]:
    """Run twice; return the first run."""
    first = place.run()
    assert first.returncode == 0, first.stderr[-2000:]
    again = place.run()
    assert (again.returncode, changed(again)) == (0, 0), again.stderr[-2000:]
    return first


@pytest.mark.every_server
@pytest.mark.parametrize("playbook", ENVIRONMENTS)
def test_an_owner_without_superuser_converges(playbook: str, owner: Callable[..., Place]) -> None:
    first = converges(owner(playbook, "LOGIN CREATEDB"))
    told = skipped(first)
    assert told, "the slow query log is a superuser's to set"
    for step in told:
        assert step["reason"], step
    statements = [step["administrator"] for step in told if step.get("administrator")]
    assert any("log_min_duration_statement" in statement for statement in statements), statements


@pytest.mark.every_server
@pytest.mark.pg(">=15,<18")
def test_an_owner_without_createdb_converges_with_a_shadow_of_another_version(
    owner: Callable[..., Place], servers: Any
) -> None:
    place = owner("production.yml", "LOGIN")
    environment = place.folder / "environments" / "production.yml"
    environment.write_text(f"{environment.read_text()}\nshadow: {servers.get(18).url()}\n")
    converges(place)
    file = place.folder / "playbooks" / "schema" / "001_initial_schema.yml"
    text = file.read_text()
    line = "      description: text\n"
    assert line in text
    file.write_text(
        text.replace(line, line + '      rank: {type: integer, default: 1 + 1, check: "rank in (1, 2, 3)"}\n', 1)
    )
    views = place.folder / "playbooks" / "schema" / "005_add_views.yml"
    views.write_text(views.read_text().replace("where s.current_phase < 4", "where s.current_phase < 3", 1))
    edited = converges(place)
    assert changed(edited) == 2
    for _ in range(2):
        back = place.run("rollback", "production.yml")
        assert back.returncode == 0, back.stderr[-2000:]
    with psycopg.connect(place.url, autocommit=True) as connection:
        left = connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        )
        assert left.fetchone() == (0,)


def test_what_an_administrator_runs_is_no_longer_skipped(owner: Callable[..., Place], server: Postgres) -> None:
    place = owner("production.yml", "LOGIN CREATEDB")
    first = converges(place)
    with server.connect(place.url.rsplit("/", 1)[1]) as admin:
        for step in skipped(first):
            if step.get("administrator") and "not available" not in step["reason"]:
                admin.execute(step["administrator"])
    # What waited for a role is granted now.
    granted, again = replace(place).run(), replace(place).run()
    assert (granted.returncode, again.returncode, changed(again)) == (0, 0, 0), granted.stderr[-2000:]
    left = [step for step in skipped(again) if step.get("administrator")]
    assert all("not available" in step["reason"] for step in left), left


IN_PUBLIC = """
create type pair as (a int, b int);
create type mood as enum ('good', 'bad');
create domain short as text check (length(value) < 9);
create type span as range (subtype = int);
create table t (id bigint generated always as identity primary key, m mood, s short, p pair, n serial);
create view v as select id from t;
create materialized view mv as select m from t;
create sequence numbers owned by t.id;
create statistics both_of_them on id, m from t;
create function f(a int, out b int, out c int) language sql as 'select a, a';
create procedure p(a int) language sql as 'select a';
create aggregate total(int) (sfunc = int4pl, stype = int, initcond = 0);
create aggregate at(int order by int) (sfunc = int4larger, stype = int, initcond = 0);
create operator === (function = int4eq, leftarg = int, rightarg = int);
create collation "as bytes" from "C";
create text search dictionary plain (template = pg_catalog.simple);
create text search configuration "Simple" (copy = pg_catalog.simple);
create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create schema more;
create table more.u (m public.mood);
alter default privileges in schema public grant select on tables to public;
"""


@pytest.mark.every_server
def test_an_owner_without_superuser_starts_over_in_a_scratch_database(role_url: str) -> None:
    with psycopg.connect(role_url, autocommit=True) as connection:
        fresh = introspect.read(connection)
        for statement in filter(str.strip, IN_PUBLIC.split(";")):
            connection.execute(statement.encode())
        start_over(connection)
        again = introspect.read(connection)
    # Who may do what is not compared in scratch databases.
    left, there = ({key for key in one.rows if key.kind not in ACCESS} for one in (again, fresh))
    assert left == there
    assert again.unmodelled == fresh.unmodelled
