"""One of each ailment in one database: `check` finds each once, and nothing else.

In: statements that make a database ill. Out: the codes of what is found, on every server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from laws import Project

import fix_postgres
from fix_postgres import Postgres
from wgm_play import health as health_module
from wgm_play.asking.ask import Asker
from wgm_play.finding import ERROR, INFO, WARNING
from wgm_play.health import CHECKS
from wgm_play.health.looking import look

# What each makes is found under its code, at this object; no two make the same table ill in the same way.
AILMENTS = {
    "invalid_indexes": (
        "public.twice_v_idx",
        "create table twice (id int primary key, v int); insert into twice values (1, 1), (2, 1)",
    ),
    "duplicate_indexes": (
        "public.copy_of_it",
        "create table copied (id int primary key, a int, b text);"
        " create index the_first on copied (a, b desc) where a > 0; create index copy_of_it on copied (a, b desc) where a > 0;"
        " create index another on copied (a, b) where a > 0; create unique index copied_id on copied (id) include (a)",
    ),
    "overlapping_indexes": (
        "public.short",
        "create table over (id int primary key, a int, b int, c text); create index short on over (a);"
        " create index long on over (a, b); create index partly on over (b) where a > 0; create index on over (b, c);"
        " create unique index on over (c); create index on over (c, a)",
    ),
    "foreign_keys_without_index": (
        "public.child",
        "create table parent (id int primary key); create table child (id int primary key, parent_id int references parent)",
    ),
    "no_primary_key": ("public.loose", "create table loose (a int)"),
    "published_without_identity": ("public.loose", "create publication told for table loose, parent"),
    "unvalidated_constraints": (
        "public.parent",
        "insert into parent values (-1), (-2), (7); alter table parent add constraint positive check (id > 0) not valid",
    ),
    "orphans": (
        "public.orphan",
        "create table orphan (id int primary key, parent_id int references parent); create index on orphan (parent_id);"
        " set session_replication_role = replica; insert into orphan values (1, 99), (2, 7), (3, null);"
        " reset session_replication_role",
    ),
    "disabled_triggers": ("public.orphan", "alter table orphan disable trigger all"),
    "policies_switched_off": ("public.copied", "create policy mine on copied using (true)"),
    "definer_functions": (
        "public.open_to_all()",
        "create function open_to_all() returns int language sql security definer set search_path = pg_catalog as 'select 1'",
    ),
    "definer_search_path": (
        "public.by_caller()",
        "create function by_caller() returns int language sql security definer as 'select 1';"
        " revoke execute on function by_caller() from public",
    ),
    "public_create": ("everywhere", "create schema everywhere; grant create on schema everywhere to public"),
    "public_writes": ("public.twice", "grant select, insert, update on twice to public"),
    "sequences": ("public.near", "create sequence near as int; select setval('near', 2100000000)"),
    "integer_keys": (
        "public.counted",
        "create table counted (id int primary key); insert into counted select 2100000000 + g from generate_series(1, 200) g;"
        " analyze counted",
    ),
    "narrow_references": (
        "public.narrow",
        "create table wide (id bigint primary key); create table narrow (id int primary key, wide_id int references wide);"
        " create index on narrow (wide_id)",
    ),
    "autovacuum_off": ("public.still", "create table still (id int primary key) with (autovacuum_enabled = off)"),
    "autovacuum_late": (
        'public."Ever more"',
        'create table "Ever more" (id int primary key, v int) with (autovacuum_vacuum_scale_factor = 0.4);'
        ' insert into "Ever more" select generate_series(1, 900), 0; update "Ever more" set v = 1; analyze "Ever more"',
    ),
    "never_analyzed": ("public.still", "insert into still select generate_series(1, 2000)"),
    "statistics_without_data": (
        "public.together",
        "create table pairs (id int primary key, a int, b int) with (autovacuum_analyze_threshold = 1000000);"
        " insert into pairs select g, g, g from generate_series(1, 100) g; analyze pairs;"
        " create statistics together on a, b from pairs",
    ),
    "table_bloat": (
        "public.swollen",
        "create table swollen (id int primary key, t text) with (autovacuum_enabled = on);"
        " insert into swollen select g, repeat('x', 700) from generate_series(1, 8000) g",
    ),
    "index_bloat": (
        "public.swollen_index_wide",
        "create table swollen_index (id int, k text) with (fillfactor = 50); create index swollen_index_wide on swollen_index (k);"
        " alter table swollen_index add primary key (id);"
        " insert into swollen_index select g, repeat('y', 90) || g from generate_series(1, 9000) g",
    ),
    "settings": ("synchronous_commit", ""),
}
# Of the cluster, which other tests share.
OF_THE_CLUSTER = ("replication_slots", "wraparound", "server_version", "powerful_roles", "data_checksums")


@pytest.fixture(scope="module")
def ill(server: Postgres) -> Iterator[tuple[psycopg.Connection[Any], Asker]]:
    """A database with one of each ailment."""
    name = server.create_database()
    url = server.url(name)
    with psycopg.connect(url, autocommit=True) as made:
        made.execute("revoke create on schema public from public")
        for _, text in AILMENTS.values():
            for statement in filter(None, text.split(";")):
                made.execute(statement.encode())
        with suppress(psycopg.errors.UniqueViolation):
            made.execute("create unique index concurrently twice_v_idx on twice (v)")
        made.execute("delete from swollen where id % 10 > 0; delete from swollen_index where id % 10 > 0")
    with psycopg.connect(url, autocommit=True) as made:  # the counters of the first session have arrived
        made.execute("vacuum analyze swollen")
        made.execute("vacuum analyze swollen_index")
        made.execute(f"alter database {name} set synchronous_commit = off")
    with psycopg.connect(url, autocommit=True) as looking:
        for _ in range(40):  # counters arrive a moment later
            if looking.execute(
                "select from pg_stat_user_tables where relname = 'still' and n_live_tup > 1000"
            ).fetchone():
                break
            looking.execute("select pg_sleep(0.1)")
        yield looking, Asker(lambda: psycopg.connect(url, autocommit=True))
    server.drop_database(name)


@pytest.fixture
def sharp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small database be as ill as a large one."""
    less: dict[str, Any] = {"autovacuum_late": {"dead": 400, "inserts": 10**9}}
    less |= {"table_bloat": {"bytes": 4 * 1024**2}, "index_bloat": {"bytes": 512 * 1024}}
    changed = tuple(replace(one, values={**one.values, **less.get(one.name, {})}) for one in CHECKS)
    monkeypatch.setattr(health_module, "CHECKS", changed)


@pytest.mark.every_server
def test_each_ailment_is_found_once_and_nothing_else(ill: tuple[Any, Asker], sharp: None) -> None:
    connection, asker = ill
    found = [
        one for one in look(connection, asker) if one.code not in OF_THE_CLUSTER and one.object not in OF_THE_CLUSTER
    ]
    assert Counter(one.code for one in found) == Counter(AILMENTS.keys()), [one.message for one in found]
    assert {one.code: one.object for one in found} == {code: place for code, (place, _) in AILMENTS.items()}


@pytest.mark.every_server
def test_deep_counts_the_rows_and_shows_none_of_their_values(ill: tuple[Any, Asker], sharp: None) -> None:
    connection, asker = ill
    found = {one.code: one for one in look(connection, asker)}
    told = found["unvalidated_constraints"]
    assert told.evidence[0] == "2 rows break it"
    assert len(connection.execute(told.evidence[1]).fetchall()) == 2
    orphan = found["orphans"]
    assert (orphan.attribute, orphan.severity) == ("orphan_parent_id_fkey", WARNING)
    assert orphan.message.startswith("1 row of public.orphan refer")
    assert connection.execute(orphan.evidence[0]).fetchall() == [(99,)]
    assert "99" not in f"{orphan.message}{orphan.evidence}"


def test_without_deep_no_table_is_read(ill: tuple[Any, Asker]) -> None:
    connection, _ = ill
    found = look(connection)
    assert [one.evidence for one in found if one.code == "unvalidated_constraints"] == [()]
    assert "orphans" not in {one.code for one in found}


def test_a_check_that_the_asker_refuses_is_unknown(ill: tuple[Any, Asker]) -> None:
    connection, _ = ill
    found = look(connection, Asker(lambda: psycopg.connect(""), trusted=False))
    assert next(one for one in found if one.code == "orphans").severity == INFO
    assert "not counted" in next(one for one in found if one.code == "unvalidated_constraints").evidence[0]


@pytest.mark.pg(">=14")
def test_a_detach_that_was_cut_short_is_found(database: Any, database_url: str) -> None:
    database.execute("create table whole (id int primary key) partition by range (id)")
    database.execute("create table part partition of whole for values from (1) to (10)")
    with psycopg.connect(database_url) as reader:
        reader.execute("select from whole")
        database.execute("set statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            database.execute("alter table whole detach partition part concurrently")
        database.execute("reset statement_timeout")
    found = [one for one in look(database) if one.code == "pending_detach"]
    assert [(one.object, one.remedy) for one in found] == [
        ("public.part", "ALTER TABLE public.whole DETACH PARTITION public.part FINALIZE;")
    ]
    database.execute(found[0].remedy)
    assert not [one for one in look(database) if one.code == "pending_detach"]


def test_a_domain_that_was_never_validated_is_found(database: Any) -> None:
    database.execute("create domain d as int; alter domain d add constraint c check (value > 0) not valid")
    found = next(one for one in look(database) if one.code == "unvalidated_constraints")
    assert (found.object, found.attribute) == ("public.d", "c")
    database.execute(found.remedy)
    assert not [one for one in look(database) if one.code == "unvalidated_constraints"]


def test_indexes_that_nobody_used_tell_since_when(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    database.execute(
        "create table t (id int primary key, a int); insert into t select g, g from generate_series(1, 2000) g"
    )
    database.execute("create index unused on t (a)")
    assert not [one for one in look(database) if one.code == "unused_indexes"]
    monkeypatch.setattr(
        health_module,
        "CHECKS",
        tuple(replace(one, values={"days": 0}) for one in CHECKS if one.name == "unused_indexes"),
    )
    (found,) = look(database)
    assert (found.object, found.severity) == ("public.unused", INFO)
    assert "the statistics count since 20" in found.evidence[1]


def test_a_subscription_that_receives_nothing_is_found(database: Any) -> None:
    database.execute(
        "create subscription quiet connection 'dbname=nowhere' publication p with (connect = false, slot_name = none)"
    )
    try:
        assert [one.object for one in look(database) if one.code == "subscriptions"] == ["quiet"]
    finally:
        database.execute("drop subscription quiet")


def test_an_extension_that_is_behind_or_not_loaded_is_found(database: Any) -> None:
    ways = database.execute(
        "select e.name, e.version, a.default_version from pg_available_extension_versions e"
        " join pg_available_extensions a using (name) where e.version <> a.default_version and not e.requires is distinct from null"
        " and exists (select from pg_extension_update_paths(e.name) p where p.source = e.version"
        " and p.target = a.default_version and p.path is not null) and e.name in ('pg_trgm', 'hstore', 'vector', 'btree_gist')"
        " order by 1, 2 desc"
    ).fetchall()
    if not ways:
        pytest.skip("this server has no extension with an update")
    name, version, later = ways[0]
    database.execute(f"create extension {name} version '{version}'")
    (found,) = [one for one in look(database) if one.code == "extensions_behind"]
    assert (found.object, later in found.message) == (name, True)
    database.execute(found.remedy)
    assert not [one for one in look(database) if one.code == "extensions_behind"]


def test_statements_are_counted_only_where_the_library_is_loaded(database: Any) -> None:
    if not database.execute("select from pg_available_extensions where name = 'pg_stat_statements'").fetchone():
        pytest.skip("this server has no pg_stat_statements")
    database.execute("create extension pg_stat_statements")
    assert [one.object for one in look(database) if one.code == "extensions_not_loaded"] == ["pg_stat_statements"]


ILL_SERVER = {
    "fsync": "off",
    "archive_mode": "on",
    "archive_command": "false",
    "work_mem": "1GB",
    "effective_cache_size": "1GB",
    "max_connections": "20",
}


def test_what_is_wrong_with_a_server_is_found(server: Postgres) -> None:
    if server.bin is None:
        pytest.skip("needs a server with settings of its own")
    life = fix_postgres.started(server.major, **ILL_SERVER)
    try:
        ill = next(life)
        with ill.connect() as connection:
            connection.execute("alter system set shared_buffers = '32MB'")
            connection.execute("alter system set max_worker_processes = 9")
            connection.execute("create role strong login superuser; create table its (id int primary key)")
            connection.execute("alter table its owner to strong; create role person login superuser")
            connection.execute("create role reader login; grant pg_read_server_files to reader")
            connection.execute("alter role reader connection limit 5")
            connection.execute("select pg_switch_wal(); select pg_reload_conf()")
            for _ in range(100):
                codes = {one.code for one in look(connection)}
                if {"archiving", "pending_restart"} <= codes:
                    break
                connection.execute("select pg_sleep(0.1)")
            taken = [ill.connect() for _ in range(13)]
            found = {(one.code, one.object): one.severity for one in look(connection)}
            for one in taken:
                one.close()
        assert found["settings", "fsync"] == ERROR
        assert found["archiving", "the archiver"] == ERROR
        assert found["memory", "work_mem"] == INFO
        assert found["pending_restart", "max_worker_processes"] == WARNING
        assert found["powerful_roles", "strong"] == WARNING
        assert found["powerful_roles", "person"] == found["powerful_roles", "reader"] == INFO
        assert ("connections", "the server") in found
        assert not {"setting_files", "setting_overridden"} & {code for code, _ in found}
    finally:
        next(life, None)


# What others' tools have called ill, and is well; and the other way round. Each is a table `t` beside a table `p`.
WELL_AND_ILL = {
    "a foreign key served by the first part of a primary key": (
        "create table t (a int references p, b int, primary key (a, b))",
        [],
    ),
    "a foreign key whose column is only included": (
        "create table t (id int primary key, a int, b int, foreign key (a, b) references p2 (a, b));"
        " create index on t (a) include (b)",
        ["foreign_keys_without_index"],
    ),
    "a foreign key with an index that finds no single row": (
        "create table t (id int primary key, a int references p); create index on t using brin (a)",
        ["foreign_keys_without_index"],
    ),
    "a foreign key with a hash index": (
        "create table t (id int primary key, a int references p); create index on t using hash (a)",
        [],
    ),
    "the same columns by another collation, method, condition, class or direction": (
        'create table t (id int primary key, x text); create index on t (x); create index on t (x collate "C");'
        " create index on t using hash (x); create index on t (x) where id > 0; create index on t (x text_pattern_ops);"
        " create index on t (x desc)",
        [],
    ),
    "the same columns with others included": (
        "create table t (id int primary key, x text, y text); create index on t (x); create index on t (x) include (y)",
        [],
    ),
    "the same expression twice": (
        "create table t (id int primary key, x text); create index on t (lower(x)); create index on t (lower(x))",
        ["duplicate_indexes"],
    ),
    "a unique index beside a plain one on the same column": (
        "create table t (id int primary key, x text); create index on t (x); create unique index on t (x)",
        ["duplicate_indexes"],
    ),
    "a unique constraint beside a plain index": (
        "create table t (id int primary key, x text unique); create index on t (x)",
        ["duplicate_indexes"],
    ),
    "two unique constraints that say the same": (
        "create table t (id int primary key, x text); alter table t add unique (x); alter table t add unique (x)",
        [],
    ),
    "the first column of a unique index": (
        "create table t (id int primary key, x int, y int); create index on t (x); create unique index on t (x, y)",
        ["overlapping_indexes"],
    ),
    "the index on a partition of a partitioned one": (
        "create table t (id int, x int, primary key (id, x)) partition by range (id);"
        " create table t1 partition of t for values from (0) to (10); create index on t (x)",
        [],
    ),
    "a key that everybody may only read": ("create table t (id int primary key); grant select on t to public", []),
    "a function with an empty search_path, and one that was parsed when it was made": (
        "create table t (id int primary key);"
        " create function f() returns int language sql security definer set search_path = '' as 'select 1';"
        " revoke execute on function f() from public",
        [],
    ),
    "a sequence that starts high and has used little": (
        "create table t (id int primary key); create sequence s as int start 2000000000; select setval('s', 2000000010)",
        [],
    ),
    "a smallint key by identity": (
        "create table t (id smallint generated always as identity primary key); select setval('t_id_seq', 30000)",
        ["sequences"],
    ),
    "a bigint sequence that feeds an integer column": (
        "create sequence s; create table t (id int primary key default nextval('s')); alter sequence s owned by t.id;"
        " select setval('s', 2000000000)",
        ["sequences"],
    ),
    "an integer that refers to an integer": (
        "create table t (id int primary key, a int references p); create index on t (a)",
        [],
    ),
    "a view through which everybody may write": (
        "create table t (id int primary key); create view v as select * from t; grant update on v to public",
        ["public_writes"],
    ),
    "a column of which everybody may write": (
        "create table t (id int primary key, x int); grant update (x) on t to public",
        ["public_writes"],
    ),
}


@pytest.mark.parametrize("case", WELL_AND_ILL)
def test_what_looks_alike_is_told_apart(case: str, database: Any) -> None:
    text, expected = WELL_AND_ILL[case]
    database.execute("revoke create on schema public from public; create table p (id int primary key)")
    database.execute("create table p2 (a int, b int, primary key (a, b))")
    for statement in text.split("; "):
        database.execute(statement.encode())
    found = [one.code for one in look(database) if one.code not in OF_THE_CLUSTER and one.object not in OF_THE_CLUSTER]
    assert found == expected


@pytest.mark.parametrize("place", ["plain", "other.Ever more"])
def test_advice_on_autovacuum_is_a_step_that_ends_it(
    project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    [check] = [one for one in CHECKS if one.name == "autovacuum_late"]
    monkeypatch.setattr(health_module, "CHECKS", [replace(check, values={"dead": 400, "inserts": 800, "share": 0.1})])
    schema, _, name = place.rpartition(".")
    table = {"name": name, "columns": {"id": {"type": "int", "primary_key": True}, "v": "int"}}
    book = Project(project, database_url)
    steps: list[Any] = [{"name": "Schema", "schema": {"name": schema}}] if schema else []
    steps.append({"name": "Table", "table": {**table, "schema": schema or "public"}})
    book.write(steps)
    book.apply()
    with psycopg.connect(database_url, autocommit=True) as connection:
        named = f'"{schema or "public"}"."{name}"'
        connection.execute(f"insert into {named} select i, 0 from generate_series(1, 900) i; update {named} set v = 1")
        connection.execute(f"update {named} set v = 2; analyze {named}".encode())
        connection.execute(f"update pg_class set reltuples = 9000 where oid = '{named}'::regclass".encode())
    with psycopg.connect(database_url, autocommit=True) as connection:
        [found] = look(connection)
        assert "1,850 dead rows before it is vacuumed, 2,800 new rows" in found.message, found.message
        [step] = yaml.safe_load(found.remedy)
        assert step["table"]["with"]["autovacuum_vacuum_scale_factor"] == 0.1
        book.write([*steps, step])
        assert book.apply().changed and not book.apply().changed
        again = look(connection)
        assert not again or "1,850" not in again[0].message
