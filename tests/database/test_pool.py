"""PgBouncer as a play says it: what is rendered is started and serves an application, and `check` looks at the live one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from orders import Orders, with_orders

import fix_postgres
from fix_postgres import Postgres
from pooling import running

ENVIRONMENT = 'pool: {admin: "{{ env.PGBOUNCER_URL }}", deadline: 5s}\n'
WORD = "a word for the lookup"


@dataclass(frozen=True, slots=True)
class Shop:
    """A project, the role of its application, and where its PgBouncer will listen."""

    orders: Orders
    database: str
    role: str
    password: str
    port: int
    console: str

    def play(self, *words: str) -> Any:
        return self.orders.play(*words, PGBOUNCER_URL=self.console)

    def declare(self, **pool: Any) -> None:
        """Say in the play what the application needs."""
        self.orders.write({"flag": "boolean"}, ENVIRONMENT, pool={"clients": 40, "port": self.port, **pool})

    def tell(self, *commands: str) -> None:
        """Send commands to the console, as a person does."""
        with psycopg.connect(self.console, autocommit=True) as connection:
            for command in commands:
                psycopg.ClientCursor(connection).execute(command)

    def pools(self) -> list[str]:
        """Return what `check` finds of the pool."""
        done = self.play("check", "prod.yml", "--only", "health")
        lines = done.stdout.splitlines()
        return [f"{one} {after}" for one, after in zip(lines, [*lines[1:], ""], strict=True) if " [pool_" in one]


@pytest.fixture
def shop(server: Postgres, project: Path) -> Iterator[Shop]:
    database, (role, password) = server.create_database(), server.create_role("LOGIN CONNECTION LIMIT 30")
    port = fix_postgres._free_port()
    console = server.url("pgbouncer").replace(f":{server.port}/", f":{port}/")
    try:
        yield Shop(with_orders(project, server.url(database)), database, role, password, port, console)
    finally:
        server.drop_database(database)
        for one in (role, "pgbouncer", "pgbouncer_lookup"):
            with server.connect() as admin:
                admin.execute(f'DROP ROLE IF EXISTS "{one}"')


def test_what_is_rendered_serves_an_application_and_is_looked_at(server: Postgres, shop: Shop) -> None:
    shop.declare(roles=[shop.role], connections=4, reserve=1, mode="transaction")
    assert shop.play("prod.yml").returncode == 0
    done = shop.play("pool", "prod.yml", "render", "--output", "pool")
    assert done.returncode == 0 and "(4 connections for 40 clients)" in done.stdout, done.stdout
    text = (shop.orders.folder / "pool/pgbouncer.ini").read_text()
    assert (
        f"{shop.database} = host=127.0.0.1 port={server.port} dbname={shop.database} pool_size=3 reserve_pool=1" in text
    )
    assert "(the server's)" in text and f"the role {shop.role} takes 30 connections" in text, text
    statements = (shop.orders.folder / "pool/auth_query.sql").read_text()
    assert server.password not in text + statements
    with psycopg.connect(shop.orders.url, autocommit=True) as admin:
        for _ in range(2):
            admin.execute(statements.encode())
        admin.execute(f"ALTER ROLE pgbouncer PASSWORD '{WORD}'; GRANT SELECT ON orders TO \"{shop.role}\"".encode())
        known = admin.execute("SELECT count(*) FROM pgbouncer.user_lookup(current_user)").fetchone()
        assert known == (0,), "a superuser's password is told"
    as_role = server.url(shop.database, shop.role, shop.password)
    with psycopg.connect(as_role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT pgbouncer.user_lookup('pgbouncer')")
    with running(server, shop.port, text, users=f'"pgbouncer" "{WORD}"\n', database="pgbouncer"):
        assert _works(as_role.replace(f":{server.port}/", f":{shop.port}/")) <= 4
        assert shop.pools() == []
        shop.tell("SET query_wait_timeout = 5", f"PAUSE {shop.database}")
        found = shop.pools()
        assert len(found) == 2, found
        assert found[0].startswith(f"warning [pool_paused] the pool {shop.database} is paused"), found
        assert f"-c 'RESUME {shop.database}'" in found[0] and server.password not in found[0]
        assert "query_wait_timeout of PgBouncer is 5, the playbook says 30" in found[1], found
        listed = shop.play("checklist", "prod.yml").stdout
        assert f"the pool {shop.database} is paused" in listed, listed
        shop.tell(f"RESUME {shop.database}", "SET query_wait_timeout = 30")
        shop.declare(roles=[shop.role], connections=8, mode="session")
        assert {one.split("]")[1].split(",")[0].strip() for one in shop.pools()} == {
            f"pool_mode of {shop.database} is transaction",
            f"pool_size of {shop.database} is 3",
            f"reserve_pool_size of {shop.database} is 1",
            f"max_db_connections of {shop.database} is 4",
        }
    [gone] = shop.pools()
    assert gone.startswith("warning [pool_unknown] the pool is not looked at: cannot connect to PgBouncer's console")


def _works(url: str) -> int:
    """Let twelve clients work; return how many sessions of the server they had."""
    pids: set[int] = set()
    failed: list[Exception] = []

    def work() -> None:
        try:
            with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
                for _ in range(10):
                    row = connection.execute("SELECT pg_backend_pid(), count(*) FROM orders").fetchone()
                    assert row is not None and row[1] == 300
                    pids.add(row[0])
        except Exception as error:
            failed.append(error)

    clients = [threading.Thread(target=work) for _ in range(12)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert not failed, failed
    return len(pids)


def test_without_a_server_declared_numbers_are_written(shop: Shop) -> None:
    shop.declare(max_connections=300, version="1.24")
    done = shop.orders.play("pool", "prod.yml", "render", "--database", "shop", DATABASE_URL="")
    assert done.returncode == 0, done.stdout
    assert "max_connections = 300 (declared, the server was not asked)" in done.stdout
    assert "DATABASE_URL, PGBOUNCER_URL not set: put host and port right" in done.stdout
    assert "\nmax_prepared_statements = 200\n" in done.stdout
    gone = shop.orders.play(
        "pool", "prod.yml", "render", url="postgresql://nobody@127.0.0.1:1/shop", PGBOUNCER_URL=shop.console
    )
    assert gone.returncode == 0 and "shop = host=127.0.0.1 port=1 dbname=shop" in gone.stdout, gone.stdout
    assert "max_connections is taken to be 300" in gone.stdout


def test_what_cannot_be_is_told_at_its_place(shop: Shop) -> None:
    shop.declare(connections=100_000)
    done = shop.play("pool", "prod.yml", "render")
    assert done.returncode == 1 and "100000 connections are more than the" in done.stdout and "prod.yml:" in done.stdout
    shop.orders.write({"flag": "boolean"}, ENVIRONMENT)
    done = shop.play("pool", "prod.yml", "render")
    assert done.returncode == 1 and "has no `pool:`" in done.stdout, done.stdout
    done = shop.play("pool", "prod.yml")
    assert done.returncode == 1 and "render --output pool" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"clients": 0}, "at least 1"),
        ({"clients": 5, "mode": "statement"}, "transaction or session"),
        ({"mode": "session"}, "clients"),
        ({"clients": 5, "version": 1.2}, "version"),
        ({"clients": 5, "query_wait": "soon"}, "a duration"),
    ],
)
def test_a_wrong_key_is_an_error_at_its_place(project: Path, entry: dict[str, Any], told: str) -> None:
    orders = Orders(project, "postgresql://nobody@127.0.0.1:1/shop").write(pool=entry)
    done = orders.play("prod.yml", "--syntax-check")
    assert done.returncode == 1 and told in done.stdout and "prod.yml:" in done.stdout, done.stdout
