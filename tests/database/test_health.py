"""Health on real servers: each ill is made, found, and gone after what the finding says to type."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

import fix_postgres
from fix_postgres import Postgres
from wgm_play import health as health_module
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.health import CHECKS, looking
from wgm_play.health.looking import look
from wgm_play.health.model import Check
from wgm_play.render import render

HEALTHY = """
create table users (id integer generated always as identity primary key, name text);
create table sessions (
    id bigserial primary key,
    user_id integer references users,
    other_id integer references users
);
create index on sessions (user_id, id);
create index on sessions (other_id) where other_id is not null;
"""


@pytest.fixture
def healthy(database: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    database.execute(HEALTHY)
    return database


def of(database: Any, check: str) -> list[Finding]:
    return [found for found in look(database) if found.code == check]


def the(database: Any, check: str) -> Finding:
    found = of(database, check)
    assert len(found) == 1, found
    return found[0]


def follow(database: Any, found: Finding) -> None:
    """Type exactly what a finding says, without its comment."""
    database.execute(found.remedy.partition("--")[0])


@pytest.mark.every_server
def test_a_healthy_database_has_no_findings(healthy: Any) -> None:
    # The cluster is shared, and made to be fast.
    others = ("replication_slots", "wraparound", "settings", "server_version")
    found = [(each.code, each.severity) for each in look(healthy) if each.code not in others]
    # Before 15 everybody may create in the schema public, as it comes: advice.
    assert found == ([] if healthy.info.server_version >= 150000 else [("public_create", INFO)])


@pytest.mark.every_server
def test_every_check_runs_for_a_role_that_may_only_read(server: Postgres, healthy: Any) -> None:
    name, password = server.create_role()
    try:
        healthy.execute(f"alter role {name} set default_transaction_read_only = on")
        with psycopg.connect(server.url(healthy.info.dbname, name, password), autocommit=True) as reader:
            found = look(reader)
        untold = {each.code for each in found if "not checked" in each.message}
        assert untold == {"unseen_sessions", "unseen_settings", "unseen_tables", "setting_files"}
        healthy.execute(next(each for each in found if each.code == "setting_files").remedy)
        advice = next(each for each in found if each.code == "unseen_sessions")
        assert advice.severity == INFO
        assert advice.remedy == f"GRANT pg_read_all_stats TO {name};"
        healthy.execute(advice.remedy)
        with psycopg.connect(server.url(healthy.info.dbname, name, password), autocommit=True) as reader:
            assert of(reader, "unseen_sessions") == of(reader, "setting_files") == []
        healthy.execute(f"drop owned by {name}")
    finally:
        server.drop_role(name)


@pytest.mark.parametrize("version", [130000, 140000, 150000, 160000, 170000, 180000])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_is_one_statement(check: Check, version: int) -> None:
    pglast = pytest.importorskip("pglast")
    statement = render(f"health/{check.name}.sql", version=version, **check.values)
    assert len(pglast.parse_sql(statement.sql)) == 1


def test_an_index_whose_concurrent_build_failed_is_found(healthy: Any) -> None:
    healthy.execute("""create table "odd ""table" (id integer primary key, v integer)""")
    healthy.execute("""insert into "odd ""table" values (1, 1), (2, 1)""")
    with pytest.raises(psycopg.errors.UniqueViolation):
        healthy.execute("""create unique index concurrently "odd index" on "odd ""table" (v)""")
    found = the(healthy, "invalid_indexes")
    assert found.severity == WARNING
    assert found.object == 'public."odd index"'
    follow(healthy, found)
    assert of(healthy, "invalid_indexes") == []


def test_an_index_that_is_being_built_is_not_invalid(healthy: Any, database_url: str) -> None:
    with psycopg.connect(database_url) as writer:
        writer.execute("insert into users (name) values ('x')")  # the build waits for this transaction
        builder = threading.Thread(target=_build, args=(database_url,))
        builder.start()
        try:
            until = time.monotonic() + 10
            waiting = "select from pg_index where not indisvalid"
            while time.monotonic() < until and not healthy.execute(waiting).fetchall():
                time.sleep(0.02)
            assert healthy.execute(waiting).fetchall()
            assert of(healthy, "invalid_indexes") == []
        finally:
            writer.rollback()
            builder.join()


def _build(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create index concurrently on users (name)")


def test_a_constraint_that_was_never_validated_is_found(healthy: Any) -> None:
    healthy.execute("alter table users add constraint named check (name <> '') not valid")
    found = the(healthy, "unvalidated_constraints")
    assert (found.severity, found.remedy) == (WARNING, "ALTER TABLE public.users VALIDATE CONSTRAINT named;")
    follow(healthy, found)
    assert of(healthy, "unvalidated_constraints") == []


@pytest.mark.pg(">=18")
def test_a_constraint_that_is_declared_not_enforced_is_no_finding(healthy: Any) -> None:
    healthy.execute("alter table users add constraint named check (name <> '') not enforced")
    assert of(healthy, "unvalidated_constraints") == []


def test_a_disabled_trigger_is_found(healthy: Any) -> None:
    healthy.execute("create function f() returns trigger language plpgsql as 'begin return new; end'")
    healthy.execute('create trigger "My trigger" before insert on users for each row execute function f()')
    healthy.execute('alter table users disable trigger "My trigger"')
    found = the(healthy, "disabled_triggers")
    assert (found.object, found.attribute) == ("public.users", "My trigger")
    follow(healthy, found)
    assert of(healthy, "disabled_triggers") == []


def test_disabled_foreign_keys_are_found(healthy: Any) -> None:
    healthy.execute("alter table sessions disable trigger all")
    found = of(healthy, "disabled_triggers")
    assert len(found) == 2  # each foreign key once, although it is checked on insert and on update
    follow(healthy, found[0])
    assert of(healthy, "disabled_triggers") == []


@pytest.mark.parametrize(
    ("value", "severity"), [(1_400_000_000, None), (1_600_000_000, INFO), (1_900_000_000, WARNING)]
)
def test_a_sequence_is_measured_by_the_column_that_it_feeds(healthy: Any, value: int, severity: str | None) -> None:
    healthy.execute("create sequence narrow as bigint owned by users.id")
    healthy.execute("select setval('narrow', %s)", [value])
    found = of(healthy, "sequences")
    assert [each.severity for each in found] == ([severity] if severity else [])
    assert not found or "public.users.id" in found[0].message


def test_a_sequence_that_counts_down_or_cycles(healthy: Any) -> None:
    healthy.execute("create sequence down increment -1 minvalue -100 start -1; select setval('down', -95)")
    healthy.execute("create sequence round maxvalue 100 cycle; select setval('round', 99)")
    assert the(healthy, "sequences").object == "public.down"


@contextmanager
def constant(monkeypatch: pytest.MonkeyPatch, check: str, **values: int) -> Iterator[None]:
    from dataclasses import replace

    changed = tuple(replace(each, values={**each.values, **values}) if each.name == check else each for each in CHECKS)
    with monkeypatch.context() as patch:
        patch.setattr(health_module, "CHECKS", changed)
        yield


def test_a_transaction_left_open_is_found(healthy: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(database_url, application_name="left open") as other:
        other.execute("select 1")
        pid = str(other.info.backend_pid)
        assert [each for each in of(healthy, "long_transactions") if each.object == pid] == []
        with constant(monkeypatch, "long_transactions", idle=0):
            found = next(each for each in of(healthy, "long_transactions") if each.object == pid)
            assert "left open" in found.message
            assert "idle in transaction" in found.message
            follow(healthy, found)
            with pytest.raises(psycopg.OperationalError):
                other.execute("select 1")


def test_a_blocked_session_is_found_with_its_blocker(
    healthy: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait() -> None:
        with psycopg.connect(database_url, application_name="waiting", autocommit=True) as waiting:
            waiting.execute("update users set name = 'y'")

    healthy.execute("insert into users (name) values ('x')")
    with psycopg.connect(database_url, application_name="holding") as holder:
        holder.execute("update users set name = 'z'")
        thread = threading.Thread(target=wait)
        thread.start()
        try:
            with constant(monkeypatch, "blocked_sessions", waiting=0):
                until = time.monotonic() + 10
                while not (found := of(healthy, "blocked_sessions")) and time.monotonic() < until:
                    time.sleep(0.02)
            assert "(waiting) has waited" in found[0].message
            assert f"for a lock of {holder.info.backend_pid} (holding)" in found[0].message
            assert f"pg_cancel_backend({holder.info.backend_pid})" in found[0].remedy
        finally:
            holder.rollback()
            thread.join()


def test_an_unread_replication_slot_is_found(healthy: Any) -> None:
    name = f"slot_{time.monotonic_ns()}"
    healthy.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
    found = next(each for each in of(healthy, "replication_slots") if name in each.object)
    assert re.search(r"keeps \d+ bytes of WAL|keeps \d+ kB of WAL", found.message)
    follow(healthy, found)
    assert not [each for each in of(healthy, "replication_slots") if name in each.object]


def test_tables_without_a_key_and_foreign_keys_without_an_index_are_advice(healthy: Any) -> None:
    healthy.execute("create table loose (a integer, b integer, unique (b, a))")
    healthy.execute("create table points (id integer primary key, a integer, b integer)")
    healthy.execute("alter table points add constraint far foreign key (b, a) references loose (b, a)")
    key = the(healthy, "no_primary_key")
    assert (key.severity, key.object) == (INFO, "public.loose")
    index = the(healthy, "foreign_keys_without_index")
    assert (index.severity, index.object, index.attribute) == (INFO, "public.points", "far")
    assert "public.points (b, a)" in index.remedy
    healthy.execute("create index on points (id, a, b)")
    assert len(of(healthy, "foreign_keys_without_index")) == 1
    healthy.execute("create index on points (a, b, id)")
    assert of(healthy, "foreign_keys_without_index") == []


def test_a_changed_collation_version_is_found(new_database: Callable[[], str]) -> None:
    with psycopg.connect(new_database(), autocommit=True) as connection:
        known = connection.execute(
            "select collname from pg_collation where collversion is not null and collencoding in (-1, 6) limit 1"
        ).fetchone()
        if known is None:
            pytest.skip("this server's collations have no versions")
        connection.execute(psycopg.sql.SQL("create collation mine from {}").format(psycopg.sql.Identifier(known[0])))
        connection.execute("update pg_collation set collversion = '1.0' where collname = 'mine'")
        found = the(connection, "collation_versions")
        assert found.severity == WARNING
        assert "with version 1.0" in found.message
        assert found.remedy.endswith("ALTER COLLATION public.mine REFRESH VERSION;")
        connection.execute(found.remedy.partition("-- then ")[0])
        connection.execute(found.remedy.partition("-- then ")[2])
        assert of(connection, "collation_versions") == []


@pytest.mark.pg(">=15")
def test_a_changed_collation_version_of_the_database_is_found(healthy: Any) -> None:
    name = healthy.info.dbname
    changed = healthy.execute(
        "update pg_database set datcollversion = '1.0' where datname = %s "
        "and pg_database_collation_actual_version(oid) is not null returning 1",
        [name],
    ).fetchall()
    found = of(healthy, "collation_versions")
    assert len(found) == len(changed)
    for each in found:
        assert each.remedy.startswith(f"REINDEX DATABASE CONCURRENTLY {name};")
        assert each.remedy.endswith(f"ALTER DATABASE {name} REFRESH COLLATION VERSION;")


def test_a_check_that_takes_too_long_says_that_it_was_not_made(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "TIMEOUT_SECONDS", 0.001)
    monkeypatch.setattr(health_module, "CHECKS", (health_module.CHECKS[0],))
    real = looking.render

    def slow(template: str, **values: Any) -> Any:
        made = real(template, **values)
        return made if "limits" in template else type(made)("select pg_sleep(1)")

    monkeypatch.setattr(looking, "render", slow)
    found = the(healthy, "invalid_indexes")
    assert (found.severity, "statement timeout" in found.message) == (INFO, True)


def test_a_prepared_transaction_that_nobody_finished_is_found(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server.bin is None:
        pytest.skip("needs a server with a setting of its own")
    life = fix_postgres.started(server.major, max_prepared_transactions="2")
    try:
        with next(life).connect() as connection:
            connection.execute("begin; create table t (); prepare transaction 'it''s here'")
            assert of(connection, "prepared_transactions") == []
            with constant(monkeypatch, "prepared_transactions", prepared=0):
                found = the(connection, "prepared_transactions")
                assert found.severity == WARNING
                follow(connection, found)
                assert of(connection, "prepared_transactions") == []
    finally:
        next(life, None)


def test_databases_near_wraparound_are_found_by_their_age(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(healthy, "wraparound") == []
    with constant(monkeypatch, "wraparound", age=-1):
        found = of(healthy, "wraparound")
    assert {healthy.info.dbname, "template0"} <= {each.object for each in found}
    assert "has used 0 % of its" in found[0].message


@pytest.mark.every_server
def test_a_function_with_the_rights_of_its_owner_that_is_open_to_everybody(healthy: Any, server: Postgres) -> None:
    healthy.execute("CREATE FUNCTION \"All\"(a integer) RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'select 1'")
    healthy.execute("CREATE FUNCTION usual() RETURNS integer LANGUAGE sql AS 'select 1'")
    healthy.execute(
        "CREATE SCHEMA private; CREATE FUNCTION private.own() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'select 1'"
    )
    found = the(healthy, "definer_functions")
    assert (found.severity, found.object) == (WARNING, 'public."All"(a integer)')
    follow(healthy, found)
    assert of(healthy, "definer_functions") == []
    role, _ = server.create_role("NOLOGIN")
    try:
        healthy.execute(
            f'GRANT EXECUTE ON FUNCTION "All"(integer) TO PUBLIC; ALTER FUNCTION "All"(integer) OWNER TO {role}'
        )
        assert the(healthy, "definer_functions").severity == INFO  # he may little himself
        healthy.execute(f"DROP OWNED BY {role}")
    finally:
        server.drop_role(role)
