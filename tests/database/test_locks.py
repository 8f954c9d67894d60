"""The lock truth table, traced: each statement in a transaction, its locks from pg_locks, rewrites from relfilenode."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest
from locktable import TRUTH, Truth

import fix_postgres

Connection = psycopg.Connection[Any]

TABLES = """
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE c (id int PRIMARY KEY, p_id int);
CREATE TABLE q (a int NOT NULL);
CREATE TABLE t (id int NOT NULL, a int, v varchar(20), w timestamp, m numeric(10,2), CONSTRAINT t_pkey PRIMARY KEY (id));
INSERT INTO p VALUES (1), (2);
INSERT INTO c VALUES (1, 1), (2, 2);
INSERT INTO q VALUES (1), (2);
INSERT INTO t VALUES (1, 1, 'x', now(), 1), (2, 2, 'y', now(), 2);
"""
# Weakest first, as in the manual's chapter "Explicit Locking".
LEVELS = [
    "AccessShare",
    "RowShare",
    "RowExclusive",
    "ShareUpdateExclusive",
    "Share",
    "ShareRowExclusive",
    "Exclusive",
    "AccessExclusive",
]
LOCKS = """
SELECT r.relname, replace(l.mode, 'Lock', '') FROM pg_locks l JOIN pg_class r ON r.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.granted AND r.relkind IN ('r', 'p', 'v', 'm') AND r.relnamespace = 'public'::regnamespace
"""


def strongest(connection: Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for table, level in connection.execute(LOCKS).fetchall():
        if level != "AccessShare" and LEVELS.index(level) > LEVELS.index(found.get(table, "AccessShare")):
            found[table] = level
    return found


def files(connection: Connection) -> dict[int, int]:
    rows = connection.execute(
        "SELECT oid, relfilenode FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace"
    )
    return dict(rows.fetchall())


@pytest.mark.parametrize("truth", TRUTH, ids=[f"{one.code} {one.sql[:50]} {one.before[-6:]}" for one in TRUTH])
def test_a_statement_takes_the_lock_of_the_table(database: Connection, server: Any, truth: Truth) -> None:
    if not fix_postgres.fits(server.major, truth.versions):
        pytest.skip(f"PostgreSQL {truth.versions}")
    database.execute(TABLES)
    if truth.before.startswith(("ALTER", "CREATE")):
        database.execute(truth.before)  # in a transaction of its own: its locks are not those of the statement
    with database.transaction():
        if truth.before.startswith("SET"):
            database.execute(truth.before)
        old = files(database)
        gone = dict(
            database.execute("SELECT oid, relname FROM pg_class WHERE relname IN ('p', 'c', 'q', 't', 'v')").fetchall()
        )
        database.execute(truth.sql)
        found = strongest(database)
        if truth.sql.startswith("DROP"):  # pg_class has no row any more for what was dropped
            rows = database.execute(
                "SELECT relation, replace(mode, 'Lock', '') FROM pg_locks WHERE pid = pg_backend_pid()"
            )
            found |= {gone[oid]: level for oid, level in rows.fetchall() if oid in gone and level == "AccessExclusive"}
        assert found == truth.locks
        new = files(database)
        rewritten = any(new[oid] != number for oid, number in old.items() if oid in new)
        assert rewritten == truth.rewrites


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "DROP INDEX CONCURRENTLY t_i",
        "REINDEX INDEX CONCURRENTLY t_i",
        "REINDEX TABLE h",
        "ALTER TABLE h DETACH PARTITION h1 CONCURRENTLY",
        "VACUUM t",
        "CREATE DATABASE other",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "CREATE TABLESPACE s LOCATION '/nowhere'",
        "CLUSTER",
    ],
)
def test_a_statement_that_needs_a_step_of_its_own_is_refused_in_a_transaction(
    database: Connection, server: Any, sql: str
) -> None:
    if ("DETACH" in sql or "REINDEX TABLE" in sql) and server.major < 14:
        pytest.skip("PostgreSQL >= 14")
    database.execute(f"{TABLES} CREATE INDEX t_i ON t (a); CREATE TABLE h (id int) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE h1 PARTITION OF h FOR VALUES FROM (0) TO (9)")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction), database.transaction():
        database.execute(sql)


def test_a_foreign_key_of_a_partitioned_table_takes_over_the_valid_ones_of_its_partitions_unread(
    database: Connection,
) -> None:
    database.execute(TABLES)
    database.execute("CREATE TABLE h (id int, p_id int) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE h1 PARTITION OF h FOR VALUES FROM (0) TO (9)")
    database.execute("ALTER TABLE h1 ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id)")
    # A row that the key would refuse shows whether rows are read again.
    database.execute(
        "SET session_replication_role = replica; INSERT INTO h VALUES (1, 77); RESET session_replication_role"
    )
    database.execute("ALTER TABLE h ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id)")
    keys = database.execute(
        "SELECT conrelid::regclass::text, conparentid <> 0 FROM pg_constraint WHERE conname = 'f' ORDER BY 1"
    )
    assert keys.fetchall() == [("h", False), ("h1", True)]


def test_checks_that_say_what_the_bound_says_let_a_partition_be_attached_unread(database: Connection) -> None:
    database.execute("CREATE TABLE h (id int) PARTITION BY RANGE (id); CREATE TABLE rest PARTITION OF h DEFAULT")
    database.execute("CREATE TABLE h1 (id int, CHECK (id IS NOT NULL AND id >= 0 AND id < 9))")
    database.execute("ALTER TABLE rest ADD CHECK (NOT (id IS NOT NULL AND id >= 0 AND id < 9))")
    said: list[str] = []
    database.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
    database.execute("SET client_min_messages = debug1")
    database.execute("ALTER TABLE h ATTACH PARTITION h1 FOR VALUES FROM (0) TO (9)")
    assert len([text for text in said if "is implied by existing constraints" in text]) == 2, said


# What a session holds on a table while it waits for something else.
HELD = """
SELECT coalesce((SELECT replace(l.mode, 'Lock', '') FROM pg_locks l WHERE l.pid = w.pid AND l.relation = %s::regclass AND l.granted), '')
FROM pg_locks w WHERE w.pid = %s AND NOT w.granted
"""
# Statements that need a step of their own, the lock that they hold on the table while they wait for an open writer.
CONCURRENT = [
    ("I01", "CREATE INDEX CONCURRENTLY i ON t (a)", "t", "ShareUpdateExclusive", ">=13"),
    ("K04", "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "t", "ShareUpdateExclusive", ">=13"),
    ("I05", "DROP INDEX CONCURRENTLY t_a", "t", "ShareUpdateExclusive", ">=13"),
    ("I07", "REINDEX INDEX CONCURRENTLY t_a", "t", "ShareUpdateExclusive", ">=13"),
    (
        "P02",
        "ALTER TABLE h DETACH PARTITION h1 CONCURRENTLY",
        "h",
        "",
        ">=14",
    ),  # between its two transactions it holds nothing
]


@pytest.mark.parametrize(
    ("code", "sql", "table", "level", "versions"), CONCURRENT, ids=[one[1][:30] for one in CONCURRENT]
)
def test_a_concurrent_form_waits_with_a_lock_that_lets_writers_pass(
    database: Connection, database_url: str, server: Any, code: str, sql: str, table: str, level: str, versions: str
) -> None:
    if not fix_postgres.fits(server.major, versions):
        pytest.skip(f"PostgreSQL {versions}")
    database.execute(f"{TABLES} CREATE INDEX t_a ON t (a); CREATE TABLE h (id int) PARTITION BY RANGE (id)")
    database.execute(
        "CREATE TABLE h1 PARTITION OF h FOR VALUES FROM (0) TO (8); CREATE TABLE h2 PARTITION OF h FOR VALUES FROM (8) TO (9)"
    )
    found: list[tuple[str]] = []
    with psycopg.connect(database_url, autocommit=True) as builder:
        with psycopg.connect(database_url) as writer:
            writer.execute(f"INSERT INTO {table} (id) VALUES (7)".encode())
            thread = threading.Thread(target=builder.execute, args=(sql,))
            thread.start()
            until = time.monotonic() + 20
            while not found and time.monotonic() < until:
                found = database.execute(HELD, (table, builder.info.backend_pid)).fetchall()
            database.execute("SET lock_timeout = '1s'")
            database.execute(f"INSERT INTO {table} (id) VALUES (8)".encode())
        thread.join()
    assert {mode for (mode,) in found} == {level}
