"""What no kind describes is named, whatever it is: one object of each such kind is made and looked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from roundtrip import apply, fill, inspect

from wgm_play.catalog import introspect

FOREIGN = "create foreign data wrapper w; create server s foreign data wrapper w;"
# (what it is called, how it is made, its name in the report)
KINDS = [
    ("typed table", "create type pair as (a int, b int); create table t of pair", "public.t"),
    ("foreign table that inherits", f"{FOREIGN} create table t (a int); create foreign table f () inherits (t) server s", "public.f"),
    ("shell type", "create type empty", "public.empty"),
    (
        "base type",
        "create type number; create function n_in(cstring) returns number language internal immutable strict as 'int4in';"
        "create function n_out(number) returns cstring language internal immutable strict as 'int4out';"
        "create type number (input = n_in, output = n_out, internallength = 4, passedbyvalue)",
        "public.number",
    ),
    (
        "shell operator",
        "create operator public.=== (function = int4eq, leftarg = int, rightarg = int, negator = operator(public.!==))",
        "public.!==(integer,integer)",
    ),
    ("conversion", "create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8", "public.latin"),
    (
        "text search parser",
        "create text search parser words (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)",
        "public.words",
    ),
    ("text search template", "create text search template plain (init = dsimple_init, lexize = dsimple_lexize)", "public.plain"),
    ("transform", "create transform for int language sql (from sql with function prsd_lextype(internal))", "for integer"),
    ("access method", "create access method tree type index handler bthandler", "tree"),
    ("language", "create language words handler plpgsql_call_handler", "words"),
    ("subscription", "create subscription test_copy connection 'dbname=x' publication p with (connect = false, slot_name = none)", "test_copy"),
    (
        "trigger that is in another state than its parent's:",
        "create table t (a int) partition by list (a); create table t1 partition of t default;"
        "create function f() returns trigger language plpgsql as 'begin return null; end';"
        "create trigger g after insert on t for each row execute function f(); alter table t1 disable trigger g",
        "g on public.t1",
    ),
    (
        "comment on index",
        "create table t (a int primary key); comment on index t_pkey is 'Said'",
        "public.t_pkey",
    ),
    (
        "comment on index",
        "create table t (a int) partition by list (a); create table t1 partition of t default; create index on t (a);"
        "comment on index t1_a_idx is 'Said'",
        "public.t1_a_idx",
    ),
    (
        "comment on constraint",
        "create table t (a int primary key) partition by list (a); create table t1 partition of t default;"
        "comment on constraint t1_pkey on t1 is 'Said'",
        "t1_pkey on public.t1",
    ),
    (
        "comment on sequence",
        "create table t (a int generated always as identity); comment on sequence t_a_seq is 'Said'",
        "public.t_a_seq",
    ),
    (
        "comment on trigger",
        "create table t (a int) partition by list (a); create table t1 partition of t default;"
        "create function f() returns trigger language plpgsql as 'begin return null; end';"
        "create trigger g after insert on t for each row execute function f(); comment on trigger g on t1 is 'Said'",
        "g on public.t1",
    ),
    (
        "security label",
        "create view v as select 1 as a; set allow_system_table_mods = on;"
        "insert into pg_seclabel (objoid, classoid, objsubid, provider, label) values ('v'::regclass, 'pg_class'::regclass, 1, 'selinux', 'secret')",
        "selinux of public.v.a",
    ),
]  # fmt: skip


def unmodelled(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True, options="-c search_path=") as connection:
        return list(introspect.read(connection).unmodelled)


@pytest.mark.parametrize(("what", "statements", "name"), KINDS, ids=[what for what, _, _ in KINDS])
def test_what_no_kind_describes_is_named(
    database: psycopg.Connection[Any], database_url: str, what: str, statements: str, name: str
) -> None:
    database.execute(statements.encode())
    try:
        assert [line for line in unmodelled(database_url) if line.startswith(f"{what} {name}")]
    finally:
        if what == "subscription":
            database.execute("drop subscription test_copy")


def test_an_empty_database_has_nothing_unmodelled(database_url: str) -> None:
    assert unmodelled(database_url) == []


def test_what_belongs_to_an_extension_is_not_named(new_database: Callable[..., str]) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        names = {name for (name,) in connection.execute("select name from pg_available_extensions")}
        for name in sorted({"hstore", "citext", "postgres_fdw", "unaccent"} & names):
            connection.execute(f"create extension {name}".encode())
    assert unmodelled(url) == []


def test_what_needs_something_that_no_step_says_is_left_out_and_named(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    live, empty = new_database(), new_database()
    fill(
        live,
        "create text search template plain (init = dsimple_init, lexize = dsimple_lexize);"
        "create text search dictionary names (template = plain); comment on text search dictionary names is 'Names';"
        # An option that is a number, and an order that means nothing.
        "create text search dictionary short (template = simple, stopwords = english, accept = 1);"
        "create text search configuration people (copy = simple);"
        "alter text search configuration people alter mapping for asciiword with names;"
        "create type number; create function n_in(cstring) returns number language internal immutable strict as 'int4in';"
        "create function n_out(number) returns cstring language internal immutable strict as 'int4out';"
        "create type number (input = n_in, output = n_out, internallength = 4, passedbyvalue);"
        "create table pairs (id int primary key, numbers number[]); create view all_pairs as select id from pairs;"
        "create table people (id int primary key, pair int references pairs, name text); create table notes (body text);"
        "create index notes_words on notes using gin (to_tsvector('people', body)); grant select on all_pairs to pg_monitor;"
        # Both depend on the transform, one of them uses it.
        "create transform for int language sql (from sql with function prsd_lextype(internal));"
        "create function halved(n int) returns int language sql as 'select n / 2';"
        "create function doubled(n int) returns int transform for type int language sql as 'select 2 * n'",
    )
    playbook = inspect(live, tmp_path)
    told = [line[4:] for line in playbook.read_text().splitlines() if line.startswith("#   ")]
    # 18 calls it a transform for a type and a language.
    assert [line.replace("for integer language", "for integer on language") for line in told] == [
        "base type public.number",
        "text search template public.plain",
        "transform for integer on language sql",
        "function doubled(integer): it needs transform for integer on language sql",
        "function n_in(cstring): it needs base type public.number",
        "function n_out(number): it needs base type public.number",
        "index notes_words: it needs what no step says",
        "table pairs: it needs base type public.number",
        "table people: it needs what no step says",
        "text search configuration people: it needs what no step says",
        "text search dictionary names: it needs text search template public.plain",
        "view all_pairs: it needs what no step says",
    ]
    assert apply(playbook, live) == 0
    assert apply(playbook, empty) > 0


def test_a_trigger_that_postgresql_would_not_make_again_is_left_out_and_named(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    live, empty = new_database(), new_database()
    whole = "for each row when (old.* is distinct from new.*) execute function f()"
    fill(
        live,
        "create table t (id int primary key, a int); create table other (id int primary key, a int);"
        "create function f() returns trigger language plpgsql as 'begin return new; end';"
        f"create trigger old_one before update on t {whole}; create trigger later after update on t {whole};"
        f"create trigger plain before update on other {whole};"
        # The other way round this is refused.
        "alter table t add column twice int generated always as (a * 2) stored; insert into t values (1, 1)",
    )
    playbook = inspect(live, tmp_path)
    told = [line[4:] for line in playbook.read_text().splitlines() if line.startswith("#   ")]
    assert told[0].startswith("trigger t.old_one: its WHEN compares NEW.*"), told
    assert "trigger" not in "\n".join(told[1:])
    assert apply(playbook, live) == 0
    assert apply(playbook, empty) > 0
