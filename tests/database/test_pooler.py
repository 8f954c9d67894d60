"""A pooler before PostgreSQL (a real PgBouncer): recognised before anything is set, and nothing of ours stays behind it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from orders import Orders, with_orders

from fix_postgres import Postgres
from pooling import Pool, pgbouncer

COMMANDS = [
    ("prod.yml", "--check"),
    ("prod.yml",),
    ("check", "prod.yml"),
    ("status", "prod.yml"),
    ("rollback", "prod.yml"),
    ("backup", "prod.yml"),
    ("purge", "prod.yml"),
    ("pause", "prod.yml"),
    ("abort", "prod.yml"),
    ("inspect", "URL"),
    ("stats", "prod.yml"),
    ("analyze", "prod.yml"),
]
BACKUP = {"before_changes": "new", "method": "logical", "directory": "dumps"}


@pytest.fixture
def orders(project: Path, database_url: str) -> Orders:
    return with_orders(project, database_url).write({"flag": "boolean"}, backup=BACKUP)


def name_of(orders: Orders) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(orders.url)["dbname"])


def settings(url: str) -> list[Any]:
    """Return the settings that an application meets, in as many sessions as the pool has."""
    found: list[Any] = []
    connections = [psycopg.connect(url, autocommit=True) for _ in range(3)]
    for connection in connections:
        connection.execute("BEGIN")
    for connection in connections:
        found.append(
            connection.execute(
                "SELECT current_setting('search_path'), current_setting('default_transaction_read_only'),"
                " current_setting('statement_timeout'), current_setting('lock_timeout'), count(*) FROM orders"
            ).fetchone()
        )
        connection.close()
    return found


def untouched(orders: Orders) -> bool:
    """Tell whether neither a ledger nor a scratch database was made."""
    with psycopg.connect(orders.url) as connection:
        row = connection.execute(
            "SELECT to_regnamespace('wgm') IS NULL AND NOT EXISTS"
            " (SELECT FROM pg_database WHERE datname LIKE 'wgm\\_shadow\\_-%')"
        ).fetchone()
    return row == (True,)


def asked(orders: Orders, pool: Pool, words: tuple[str, ...]) -> Any:
    url = pool.url(name_of(orders))
    return orders.play(*(url if word == "URL" else word for word in words), url=url)


def test_every_command_is_refused_behind_a_pool_of_transactions(server: Postgres, orders: Orders) -> None:
    with pgbouncer(server, "transaction") as pool:
        for words in COMMANDS:
            done = asked(orders, pool, words)
            assert done.returncode == 4, f"{words}: {done.stdout}"
            assert "a pooler in transaction mode" in done.stdout and "pool_mode = session" in done.stdout
            assert server.password not in done.stdout
        assert settings(pool.url(name_of(orders))) == [('"$user", public', "off", "0", "0", 300)] * 3
    assert untouched(orders)


@pytest.mark.parametrize("words", [("prod.yml", "--check"), ("prod.yml",)])
def test_a_pool_of_statements_is_refused(server: Postgres, orders: Orders, words: tuple[str, ...]) -> None:
    with pgbouncer(server, "statement", auth_type="md5") as pool:
        done = asked(orders, pool, words)
    assert done.returncode == 4 and "a pooler in statement mode" in done.stdout
    assert untouched(orders)


@pytest.mark.parametrize("robin", ["0", "1"])
def test_a_pool_of_transactions_is_known_while_an_application_works(
    server: Postgres, orders: Orders, robin: str
) -> None:
    ended = threading.Event()

    def work(url: str) -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not ended.is_set():
                connection.execute("SELECT count(*) FROM orders, pg_sleep(0.002)")

    with pgbouncer(server, "transaction", server_round_robin=robin) as pool:
        clients = [threading.Thread(target=work, args=(pool.url(name_of(orders)),)) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            found = [asked(orders, pool, ("prod.yml", "--check")).returncode for _ in range(3)]
        finally:
            ended.set()
            for client in clients:
                client.join()
    assert found == [4, 4, 4]
    assert untouched(orders)


def test_a_run_behind_a_pool_of_sessions_works_and_leaves_nothing_in_them(server: Postgres, orders: Orders) -> None:
    """Even where PgBouncer is told to clean nothing up."""
    orders.write({"flag": "boolean"})
    with pgbouncer(server, "session", server_reset_query="", default_pool_size="12") as pool:
        for words, code in (
            (("prod.yml", "--check", "--detailed-exitcode"), 10),
            (("prod.yml",), 0),
            (("prod.yml", "--check", "--detailed-exitcode"), 0),
            (("status", "prod.yml"), 0),
            (("rollback", "prod.yml"), 0),
            (("inspect", "URL"), 0),
        ):
            done = asked(orders, pool, words)
            assert done.returncode == code, f"{words}: {done.stdout}"
        assert settings(pool.url(name_of(orders))) == [('"$user", public', "off", "0", "0", 300)] * 3
    with psycopg.connect(orders.url, autocommit=True) as connection:
        held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    assert held == (0,)


def test_a_pool_of_sessions_that_asks_the_server_for_passwords(server: Postgres, orders: Orders) -> None:
    role, password = server.create_role("LOGIN SUPERUSER")
    try:
        with pgbouncer(
            server,
            "session",
            auth_user=server.superuser,
            auth_query="SELECT usename, passwd FROM pg_shadow WHERE usename = $1",
            auth_type="scram-sha-256",
        ) as pool:
            done = orders.play("prod.yml", "--check", url=pool.url(name_of(orders), role, password))
            wrong = orders.play("prod.yml", "--check", url=pool.url(name_of(orders), role, "not-the-one"))
        assert done.returncode == 0, done.stdout
        assert wrong.returncode == 4 and f"wrong password for user '{role}'" in wrong.stdout
    finally:
        server.drop_role(role)


def test_a_pool_of_too_few_sessions_is_told(server: Postgres, orders: Orders) -> None:
    with pgbouncer(server, "session", default_pool_size="1") as pool:
        orders.write(policy="policy: {connect_timeout: 1s}\n")
        done = asked(orders, pool, ("prod.yml",))
    assert done.returncode == 4 and "no connection left" in done.stdout
    assert "a run needs" in done.stdout
    assert untouched(orders)


def test_scratch_databases_that_were_named_behind_a_pooler_are_swept(server: Postgres, orders: Orders) -> None:
    name = "wgm_shadow_-1234567_0a1b2c3d"
    with server.connect() as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        assert orders.play("prod.yml", "--no-backup").returncode == 0
        with server.connect() as admin:
            assert not admin.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount
    finally:
        server.drop_database(name)
