"""Connections: sessions with the settings we count on, and one clear error for each way to be out of reach."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from fix_postgres import Postgres
from wgm_play.backup.target import connect as backed_up
from wgm_play.environment import Environment, Policy, url_of
from wgm_play.errors import InputError, Position, Unreachable, WgmError
from wgm_play.server import connect, connect_to, shown_url, target

PASSWORD = "wrong-and-secret"


def environment(url: str, **more: Any) -> Environment:
    where = Position("environments/production.yml", 1, 1)
    return Environment("production", where.file, where, url=url_of(url), marker="production", **more)


def refused(environment: Environment, project: Path) -> WgmError:
    with pytest.raises(WgmError) as caught:
        connect(environment, application_name="wgm-play/test", project=project)
    error = caught.value
    assert PASSWORD not in f"{error.message} {error.hint} {error.details}"
    assert error.hint
    return error


# What PostgreSQL writes of dates and times that Python's types cannot hold.
FAR = {
    "date": ["infinity", "-infinity", "0044-03-15 BC", "12000-01-01"],
    "timestamp": ["infinity", "0044-03-15 00:00:00 BC"],
    "timestamptz": ["-infinity", "12000-01-01 00:00:00+00"],
    "time": ["24:00:00"],
    "timetz": ["24:00:00+15:59"],
    "interval": ["1 mon", "-2 years -1 mons +3 days", "170000000 years"],
}


def test_dates_that_only_postgresql_has_are_read_as_it_writes_them(server: Postgres) -> None:
    values = [(name, one) for name, listed in FAR.items() for one in listed]
    asked = ", ".join(f"'{one}'::{name}, ARRAY['{one}'::{name}]" for name, one in values)
    asked += ", daterange('2020-01-01', 'infinity', '[]')"
    ours = connect_to(server.url(), policy=Policy(), application_name="wgm-play/test")
    for session in (ours, backed_up(server.url(), "wgm-play/test")):
        with session:
            row = session.execute(f"SELECT {asked}").fetchone()
        assert list(row[:-1]) == [found for _, one in values for found in (one, [one])]
        assert str(row[-1]) == "[2020-01-01, infinity]"


@pytest.mark.every_server
def test_a_session_has_our_settings_whatever_the_role_has(server: Postgres, role_url: str, project: Path) -> None:
    role = psycopg.conninfo.conninfo_to_dict(role_url)["user"]
    with server.connect() as admin:
        for setting in ("search_path TO public", "datestyle TO 'SQL, DMY'", "timezone TO 'Asia/Tokyo'"):
            admin.execute(f'ALTER ROLE "{role}" SET {setting}')
    policy = Policy(lock_timeout=1.5, statement_timeout=20)
    with connect(environment(role_url, policy=policy), application_name="wgm-play/7", project=project) as session:
        wanted = {
            "search_path": '""',
            "TimeZone": "UTC",
            "DateStyle": "ISO, MDY",
            "IntervalStyle": "postgres",
            "lock_timeout": "1500ms",
            "statement_timeout": "20s",
            "default_transaction_read_only": "off",
            "client_encoding": "UTF8",
            "application_name": "wgm-play/7",
            "standard_conforming_strings": "on",
        }
        found = {name: session.execute("select current_setting(%s)", [name]).fetchone()[0] for name in wanted}
        assert session.autocommit
        unqualified = session.execute("select current_schemas(false)").fetchone()
    assert found == wanted | {"search_path": found["search_path"]} and found["search_path"] in ("", '""')
    assert unqualified == ([],)


def test_a_read_only_session_cannot_write(database_url: str, project: Path) -> None:
    with (
        connect(environment(database_url), application_name="x", project=project, read_only=True) as session,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        session.execute("create table public.t ()")


def test_without_autocommit_no_transaction_is_open_yet(database_url: str, project: Path) -> None:
    with connect(environment(database_url), application_name="x", project=project, autocommit=False) as session:
        assert session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert not session.autocommit


def test_another_database_of_the_same_server(server: Postgres, database_url: str, project: Path) -> None:
    name = environment(database_url)
    with connect(name, application_name="x", project=project, database="postgres") as session:
        assert session.info.dbname == "postgres"


def test_options_of_the_url_are_kept(database_url: str) -> None:
    url = f"{database_url}?options={quote('-c work_mem=7MB')}"
    with connect_to(url, policy=Policy(), application_name="x") as session:
        assert session.execute("show work_mem").fetchone() == ("7MB",)


def test_a_server_that_is_down(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody else answers there meanwhile
        port = taken.getsockname()[1]
        error = refused(environment(f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/wasteland"), project)
    assert isinstance(error, Unreachable) and error.exit_code == 4
    assert "nothing listens there" in error.message and f"127.0.0.1:{port}" in error.message


def test_a_server_that_does_not_answer(project: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://app:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/wasteland"
        error = refused(environment(url, policy=Policy(connect_timeout=2)), project)
    assert error.exit_code == 4 and "no answer in time" in error.message


def test_a_wrong_password(server: Postgres, project: Path) -> None:
    error = refused(environment(server.url("postgres", "postgres", PASSWORD)), project)
    assert error.exit_code == 4 and "wrong password for user 'postgres'" in error.message
    assert error.hint and error.hint.startswith("check the password of environments/production.yml: in a URL")


def test_no_such_database(server: Postgres, project: Path) -> None:
    error = refused(environment(server.url("not_there")), project)
    assert error.exit_code == 4 and "no database 'not_there'" in error.message
    assert server.password not in f"{error.message} {error.details}"


def test_no_privilege_to_connect(server: Postgres, role_url: str, database_url: str, project: Path) -> None:
    closed = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with server.connect() as admin:
        admin.execute(f'REVOKE CONNECT ON DATABASE "{closed}" FROM PUBLIC')
    parts = psycopg.conninfo.conninfo_to_dict(role_url)
    url = server.url(str(closed), str(parts["user"]), str(parts["password"]))
    error = refused(environment(url), project)
    assert error.exit_code == 4 and "may not connect to database" in error.message
    assert error.hint == f'GRANT CONNECT ON DATABASE "{closed}" TO "{parts["user"]}"'


def test_no_such_host(project: Path) -> None:
    error = refused(environment(f"postgresql://app:{PASSWORD}@no-such-host.invalid/x"), project)
    assert error.exit_code == 4 and "no such host" in error.message


def test_no_such_service(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "none.conf"))
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path))
    where = Position("environments/production.yml", 1, 1)
    error = refused(Environment("production", where.file, where, service="wasteland"), project)
    assert error.exit_code == 4


def test_a_service_is_resolved_by_libpq(
    database_url: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    file = tmp_path / "service.conf"
    file.write_text("[wasteland]\n" + "".join(f"{key}={value}\n" for key, value in parts.items()))
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    where = Position("environments/production.yml", 1, 1)
    named = Environment("production", where.file, where, service="wasteland")
    assert target(named, project).shown == "service=wasteland"
    with connect(named, application_name="x", project=project) as session:
        assert session.info.dbname == parts["dbname"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://app:geheim@db.example:5433/w", "postgresql://app:***@db.example:5433/w"),
        ("host=db.example user=app password=geheim dbname=w", "postgresql://app:***@db.example/w"),
        ("postgresql://app@[::1]/w", "postgresql://app@[::1]/w"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_url_that_is_none_is_bad_input() -> None:
    with pytest.raises(InputError, match="no PostgreSQL URL"):
        connect_to("nonsense", policy=Policy(), application_name="x")
