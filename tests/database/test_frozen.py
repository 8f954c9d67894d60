"""A frozen database (default_transaction_read_only = on) is refused with who froze it, and never overridden."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from orders import Orders, with_orders

import fix_postgres
from fix_postgres import Postgres

SETTING = "default_transaction_read_only"
# What freezes it, who the message says did it, and what it says lifts it.
FROZEN = {
    "ALTER DATABASE {database} SET": ("ALTER DATABASE", "ALTER DATABASE {database} RESET"),
    "ALTER ROLE {role} SET": ("ALTER ROLE {role} (", "ALTER ROLE {role} RESET"),
    "ALTER ROLE {role} IN DATABASE {database} SET": ("IN DATABASE {database}", "ALTER ROLE {role} IN DATABASE"),
}


@pytest.fixture
def orders(project: Path, role_url: str) -> Orders:
    return with_orders(project, role_url)


def names(url: str) -> dict[str, str]:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return {"database": f'"{parts["dbname"]}"', "role": f'"{parts["user"]}"'}


@pytest.mark.parametrize("statement", FROZEN)
def test_a_frozen_database_is_refused_with_who_froze_it(server: Postgres, orders: Orders, statement: str) -> None:
    who = names(orders.url)
    with server.connect() as admin:
        admin.execute(f"{statement.format(**who)} {SETTING} = on".encode())
        for words in (("prod.yml", "--check"), ("prod.yml",)):
            done = orders.play(*words)
            assert done.returncode == 11, done.stdout
            said, lifts = (text.format(**who) for text in FROZEN[statement])
            assert "is frozen" in done.stdout and said in done.stdout and lifts in done.stdout
        assert orders.columns()[-1] == "note"
        for words in (("status", "prod.yml"), ("check", "prod.yml"), ("inspect", orders.url)):
            assert orders.play(*words).returncode == 0
        admin.execute(f"{statement.format(**who).replace(' SET', ' RESET')} {SETTING}".encode())
    assert orders.play("prod.yml").returncode == 0
    assert orders.columns()[-1] == "flag"


def test_what_has_nothing_to_do_is_done_in_a_frozen_database(server: Postgres, orders: Orders) -> None:
    assert orders.play("prod.yml").returncode == 0
    with server.connect() as admin:
        admin.execute(f"ALTER DATABASE {names(orders.url)['database']} SET {SETTING} = on".encode())
    done = orders.play("prod.yml")
    assert done.returncode == 0 and "changed=0" in done.stdout
    assert orders.play("rollback", "prod.yml").returncode == 11
    assert orders.columns()[-1] == "flag"


def test_a_superuser_does_not_override_it_either(server: Postgres, orders: Orders) -> None:
    name = names(orders.url)["database"].strip('"')
    with server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{name}" SET {SETTING} = on'.encode())
    done = orders.play("prod.yml", "--check", url=server.url(name))
    assert done.returncode == 11 and "is frozen" in done.stdout


@pytest.fixture
def whole(server: Postgres) -> Iterator[Postgres]:
    """A server of its own, which may be frozen as a whole."""
    if server.bin is None:
        pytest.skip("the server runs in a container")
    life = fix_postgres.started(server.major)
    yield next(life)
    life.close()  # type: ignore[attr-defined]


def test_a_frozen_server_is_refused_and_holds_no_scratch_database(whole: Postgres, project: Path) -> None:
    role, password = whole.create_role("LOGIN CREATEDB")
    name = whole.create_database(role)
    orders = with_orders(project, whole.url(name, role, password))
    with whole.connect() as admin:
        admin.execute(f"ALTER SYSTEM SET {SETTING} = on")
        admin.execute("SELECT pg_reload_conf()")
        done = orders.play("prod.yml", "--check")
        assert done.returncode == 11 and "postgresql.auto.conf" in done.stdout
        assert f"ALTER SYSTEM RESET {SETTING}" in done.stdout
        known = admin.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'wgm%'").fetchone()
    assert known == (0,)


def test_the_options_of_the_url_may_freeze_it_as_well(orders: Orders) -> None:
    done = orders.play("prod.yml", url=f"{orders.url}?options=-c%20{SETTING}%3Don")
    assert done.returncode == 11 and "the options of the connection" in done.stdout
