"""A restore in place: what was restored takes the name of the database in one moment, the old one is kept whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from backing_up import NOTE, Shop

from fix_postgres import Postgres
from wgm_play.backup import exchange, target
from wgm_play.errors import Locked, Refused
from wgm_play.execute.guard import KEY
from wgm_play.ledger import Ledger

BESIDE = """
alter database {0} connection limit 17;
comment on database {0} is 'of the shop';
revoke connect on database {0} from public;
grant connect, temporary on database {0} to pg_monitor with grant option;
alter database {0} set work_mem to '7MB';
alter role {1} in database {0} set search_path to "$user", public, "O'Hara";
alter role {1} in database {0} set application_name to 'the "shop"';
"""
OF_DATABASE = """
select pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'),
    (select array_agg(one::text order by one::text) from unnest(datacl) one),
    (select array_agg(one order by one) from pg_db_role_setting, unnest(setconfig) one where setdatabase = oid)
from pg_database where datname = %s
"""


def titles(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select title from tasks order by id")]


def database(server: Postgres, name: str) -> Any:
    with server.connect() as admin:
        return admin.execute(OF_DATABASE, [name]).fetchone()


@pytest.fixture
def owner(server: Postgres) -> Iterator[tuple[str, str]]:
    """A role that may make databases and is no superuser, and its password; all that it owns is gone at the end."""
    name, password = server.create_role("LOGIN CREATEDB")
    yield name, password
    with server.connect() as admin:
        owned = "select datname from pg_database where datdba = (select oid from pg_roles where rolname = %s)"
        for (database,) in admin.execute(owned, [name]).fetchall():
            server.drop_database(database)
    server.drop_role(name)


@pytest.fixture
def filled_shop(server: Postgres, owner: tuple[str, str], shop: Shop) -> tuple[Shop, str]:
    """A shop whose database belongs to a role without more rights, with one task, and a backup of that."""
    name = server.create_database(owner[0])
    with server.connect() as admin:
        for statement in BESIDE.format(name, owner[0]).strip().split(";\n"):
            admin.execute(statement.encode())
    url = server.url(name, *owner)
    shop("apply", url, no_backup=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('kept')")
    shop("backup", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update tasks set title = 'spoilt'")
    return shop, url


def test_the_backup_takes_the_place_and_the_old_one_is_kept(filled_shop: tuple[Shop, str], server: Postgres) -> None:
    shop, url = filled_shop
    name = url.rsplit("/", 1)[1]
    before = database(server, name)
    over = threading.Event()
    seen: list[Any] = []

    def client() -> None:
        """Connect anew whenever the session ends, as an application does."""
        while not over.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    while not over.is_set():
                        seen.append(connection.execute("select title from tasks").fetchall())
            except psycopg.OperationalError:
                continue

    reading = threading.Thread(target=client)
    reading.start()
    try:
        said = shop("restore", url, None, None, None)
    finally:
        over.set()
        reading.join()
    assert {repr(one) for one in seen} <= {"[('kept',)]", "[('spoilt',)]"}
    assert titles(url) == ["kept"]
    (line,) = [one for one in said.said if "is kept as" in one]
    kept = line.split("'")[1]
    assert kept.startswith(f"{name}_before_"[:40])
    assert titles(server.url(kept)) == ["spoilt"]
    assert database(server, name) == before
    with psycopg.connect(url) as connection:
        assert Ledger(connection).marker() == "production"
    shop("apply", url, check=True)
    assert "is back as the database" in said.text


def test_a_backup_of_another_database_takes_no_place(
    filled_shop: tuple[Shop, str], owner: tuple[str, str], server: Postgres
) -> None:
    shop, _ = filled_shop
    other = server.url(server.create_database(owner[0]), *owner)
    shop("apply", other, no_backup=True)
    with pytest.raises(
        Refused, match="does not take the place of this database: another database; nothing was touched"
    ):
        shop("restore", other, shop.taken()[-1].name, None, None)
    assert titles(other) == []


def test_beside_a_run_nothing_is_replaced(filled_shop: tuple[Shop, str]) -> None:
    shop, url = filled_shop
    with psycopg.connect(url, autocommit=True, application_name="wgm-play/7") as connection:
        connection.execute("select pg_advisory_lock(%s, %s)", KEY)
        with pytest.raises(Locked):
            shop("restore", url, None, None, None)
    assert titles(url) == ["spoilt"]


def test_a_database_with_a_session_that_the_role_may_not_end_keeps_its_name(
    filled_shop: tuple[Shop, str], server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, url = filled_shop
    monkeypatch.setattr(exchange, "_TRIES", 1)
    with server.connect(url.rsplit("/", 1)[1]) as superuser:
        with pytest.raises(Refused, match="is in use and cannot give its name away: There is 1 other session"):
            shop("restore", url, None, None, None)
        assert superuser.execute("select title from tasks").fetchall() == [("spoilt",)]
        left = superuser.execute("select datname from pg_database where datname like 'wgm_restore%'").fetchall()
    assert left == []


def test_what_differs_takes_no_place(
    filled_shop: tuple[Shop, str], monkeypatch: pytest.MonkeyPatch, server: Postgres
) -> None:
    shop, url = filled_shop
    monkeypatch.setattr(target, "compared", lambda what, wanted, found: ["one is missing"])
    with pytest.raises(Refused, match=r"came back into '.*_incomplete' with differences"):
        shop("restore", url, None, None, None)
    assert titles(url) == ["spoilt"]
    server.drop_database(url.rsplit("/", 1)[1] + "_incomplete")


def test_a_later_schema_is_planned_again_afterwards(filled_shop: tuple[Shop, str]) -> None:
    shop, url = filled_shop
    shop.write(steps=NOTE)
    shop("apply", url, no_backup=True)
    shop("restore", url, shop.taken()[-1].name, None, None)
    assert shop("apply", url, check=True, no_backup=True).changed == 1
    shop("apply", url, no_backup=True)
    with psycopg.connect(url) as connection:
        assert connection.execute("select title, note from tasks").fetchall() == [("kept", None)]
