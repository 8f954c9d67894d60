"""A proof runs on a server of our own and as nobody: what is in a dump can do nothing to the server it was made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import NOTE, Shop, engine, scratch, scratch_databases

from fix_postgres import Postgres
from wgm_play import embedded, server_tools
from wgm_play.errors import InputError, Refused

# What a role that may only create in one schema leaves there; each tells who runs it, and tries to rise.
TRAP = """
create function public.rise(t text) returns text language plpgsql immutable as $$
begin
  if (select rolsuper from pg_roles where rolname = current_user) then
    execute 'alter role {role} superuser';
  end if;
  return t;
end $$;
create table public.bait (id int primary key, v text);
insert into public.bait values (1, 'a');
"""
TRAPS = {
    "index": "create index on public.bait (public.rise(v))",
    "check": "alter table public.bait add check (public.rise(v) <> '')",
    "view": "create materialized view public.baits as select public.rise(v) from public.bait",
    "generated": "alter table public.bait add w text generated always as (public.rise(v)) stored",
    "predicate": "create index on public.bait (id) where public.rise(v) <> ''",
    "domain": "create domain public.word as text check (public.rise(value) <> ''); create table public.words (w public.word);"
    " insert into public.words values ('x')",
    "statistics": "create statistics public.baits on (public.rise(v)), id from public.bait",
}


@pytest.fixture
def mallory(server: Postgres, database_url: str) -> Iterator[tuple[str, str]]:
    """A role that may create in schema public of the test's database, and its URL there."""
    name, password = server.create_role()
    database = server_tools.parameters(database_url)["dbname"]
    with server.connect(database) as admin:
        admin.execute(f"grant create on schema public to {name}")
    yield name, server.url(database, name, password)
    with server.connect(database) as admin:
        admin.execute(f"drop owned by {name}")
    server.drop_role(name)


def set_trap(mallory: tuple[str, str], trap: str) -> None:
    name, url = mallory
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TRAP.format(role=name).encode())
        connection.execute(TRAPS[trap].encode())


def rose(server: Postgres, name: str) -> bool:
    with server.connect() as admin:
        return admin.execute("select rolsuper from pg_roles where rolname = %s", [name]).fetchone() != (False,)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_dump_cannot_rise(
    trap: str, shop: Shop, database_url: str, fresh_url: str, mallory: tuple[str, str], server: Postgres
) -> None:
    """The whole path: the gate of a superuser's run, a backup, a restore."""
    if trap == "statistics" and server.major < 14:
        pytest.skip("statistics of expressions are new in 14")
    set_trap(mallory, trap)
    shop.write("{verify: restore}")
    shop("apply", database_url)
    shop("backup", database_url)
    assert not rose(server, mallory[0])
    with pytest.raises(Refused, match=f"holds objects of '{mallory[0]}': their code would run as superuser") as refused:
        shop("restore", database_url, None, None, fresh_url)
    assert "--into postgresql://" in (refused.value.hint or "")
    assert "trusted_owners" in refused.value.details[0]
    assert not rose(server, mallory[0])
    assert scratch_databases(server) == []


def test_a_proof_touches_the_target_with_nothing_but_reading(
    filled: str, tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    with server.connect() as admin:
        before = admin.execute("select datname, oid from pg_database order by 1").fetchall()
        roles = admin.execute("select rolname from pg_roles order by 1").fetchall()
        assert logical.verify(made).ok
        assert admin.execute("select datname, oid from pg_database order by 1").fetchall() == before
        assert admin.execute("select rolname from pg_roles order by 1").fetchall() == roles


def test_the_code_of_a_dump_has_no_rights_where_it_is_proved(filled: str, tmp_path: Path) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("""
            create function who() returns text language plpgsql immutable as $$ declare found text; begin
              select format('super=%s createdb=%s createrole=%s replication=%s member=%s reads=%s', rolsuper, rolcreatedb,
                            rolcreaterole, rolreplication,
                            (select count(*) from pg_auth_members where member = r.oid),
                            has_function_privilege('pg_read_file(text)', 'execute'))
              into found from pg_roles r where rolname = session_user;
              if found <> 'super=f createdb=f createrole=f replication=f member=0 reads=f' and session_user <> 'postgres' then
                raise exception '%', found;
              end if;
              return found;
            end $$;
            create materialized view seen as select who() from players limit 1;
        """)
    logical = engine(filled, tmp_path)
    verification = logical.verify(logical.make("x"))
    assert verification.ok, verification.problems


def test_nothing_of_a_proof_is_left_on_the_server_of_our_own(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path)
    assert logical.verify(logical.make("x")).ok
    with scratch(18) as url, psycopg.connect(url) as admin:
        # Others prove their backups on this server too.
        query = (
            "select datname from pg_database where datname ~ %s union select rolname from pg_roles where rolname ~ %s"
        )
        mine = f"^wgm.*_{os.getpid()}(_|$)"
        assert admin.execute(query, [mine, mine]).fetchall() == []


def test_what_superusers_alone_may_make_is_proved(filled: str, tmp_path: Path) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("""
            create type pair as (a int, b int);
            create function pair_text(pair) returns text language sql immutable as 'select $1.a::text';
            create cast (pair as text) with function pair_text(pair);
            create operator class backwards for type int4 using btree as
              operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(int4, int4);
            create table pairs (id int, p pair);
            create index on pairs (id backwards);
            create view texts as select p::text from pairs;
            create function stop() returns event_trigger language plpgsql as 'begin raise exception ''no''; end';
            create event trigger stop on ddl_command_end execute function stop();
        """)
    logical = engine(filled, tmp_path)
    verification = logical.verify(logical.make("x"))
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("drop event trigger stop")
    assert verification.ok, verification.problems
    assert verification.unproved == ()


def test_what_nobody_may_make_here_is_named_and_the_rest_is_proved(filled: str, tmp_path: Path) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("""
            create function secret(text) returns text language internal immutable strict as 'upper';
            create foreign data wrapper nothing;
            create server away foreign data wrapper nothing;
            create foreign table far (id int) server away;
        """)
    logical = engine(filled, tmp_path)
    verification = logical.verify(logical.make("x"))
    assert verification.ok, verification.problems
    assert [told.partition(":")[0] for told in verification.unproved] == [
        "function public.secret(text)",
        "foreign data wrapper nothing",
        "server away",
        "foreign table public.far",
    ]


def test_what_needs_it_is_not_called_good(filled: str, tmp_path: Path) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("create function secret(text) returns text language internal immutable strict as 'upper'")
        connection.execute("create index on players (secret(name))")
    logical = engine(filled, tmp_path)
    problems = logical.verify(logical.make("x")).problems
    assert problems[0].startswith("index public.players_secret_idx: function public.secret(text) does not exist")


@pytest.mark.every_server
def test_a_database_that_only_superusers_could_restore_passes_its_owners_gate(
    server: Postgres, tmp_path: Path, shop: Shop
) -> None:
    """An owner who may create databases, an extension that an administrator made: usual on managed servers."""
    name, password = server.create_role("LOGIN CREATEDB")
    database = server.create_database(owner=name)
    url = server.url(database, name, password)
    try:
        with server.connect(database) as admin:
            possible = admin.execute(
                "select name from pg_available_extensions where name = 'pg_stat_statements'"
            ).fetchall()
            if not possible:
                pytest.skip("this server has no pg_stat_statements")
            admin.execute(f"alter schema public owner to {name}")
            admin.execute("create extension pg_stat_statements")
        for verify in ("restore", "catalog"):
            shop.write(
                f"{{verify: {verify}}}",
                NOTE
                if verify == "catalog"
                else "\n    - {name: T, table: {name: tasks, columns: {id: {type: bigint, primary_key: true}, title: text}}}\n",
            )
            said = shop("apply", url)
            assert "bring it back with" in said.text
    finally:
        server.drop_database(database)
        server.drop_role(name)


def test_a_failed_proof_is_11_and_leaves_no_backup(
    shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("""
            create function good(text) returns boolean language sql immutable as 'select true';
            create table words (w text check (good(w)));
            insert into words values ('a');
            create or replace function good(text) returns boolean language sql immutable as 'select false';
        """)
    shop.write("{verify: restore}")
    for verb in ("backup", "apply"):
        with pytest.raises(Refused, match="the backup just taken does not restore") as refused:
            shop(verb, database_url)
        assert refused.value.exit_code == 11
        assert refused.value.details[-1] == "public.words: 0 rows, expected 1"
        assert shop.taken() == []


def test_where_there_is_no_server_for_proofs_it_is_said(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(wanted: int) -> Any:
        raise InputError("there is no PostgreSQL server on this machine")

    monkeypatch.setattr(embedded, "start_scratch", none)
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    with pytest.raises(Refused, match="cannot be proved: there is no PostgreSQL server on this machine") as refused:
        logical.verify(made)
    assert "install PostgreSQL" in (refused.value.hint or "")


def test_a_dump_of_a_newer_server_is_not_proved_on_an_older_one(
    servers: Callable[..., Postgres], filled: str, tmp_path: Path, server: Postgres
) -> None:
    if server.major <= 15:
        pytest.skip("the oldest server here")
    older = servers.get(15)  # type: ignore[attr-defined]

    @contextmanager
    def old(major: int) -> Iterator[str]:
        yield older.url()

    logical = engine(filled, tmp_path, scratch=old)
    with pytest.raises(Refused, match="the newest server on this machine is 15"):
        logical.verify(logical.make("x"))
