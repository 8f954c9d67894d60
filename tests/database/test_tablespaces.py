"""Databases whose objects lie in tablespaces: planned, changed, taken back, whatever the database's own tablespace is.

In: a server with two tablespaces, a database in one of them. Out: catalogs and rows; exit codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from laws import Project, load_sql, state
from psycopg.sql import SQL, Identifier

from fix_postgres import Postgres
from wgm_play.errors import Refused
from wgm_play.shadow import tablespaces

pytestmark = pytest.mark.pg(">= 15")  # in a folder of the data directory

LIVE = """
CREATE TABLE a (id integer PRIMARY KEY USING INDEX TABLESPACE pg_default, n text) TABLESPACE pg_default;
CREATE TABLE b (id integer PRIMARY KEY, n text);
CREATE INDEX b_n ON b (n) TABLESPACE wgm_fast;
CREATE INDEX b_i ON b (n) TABLESPACE "wgm Slow disk" WHERE n > 'a';
CREATE TABLE p (id integer, k integer, PRIMARY KEY (id, k)) PARTITION BY RANGE (k) TABLESPACE "wgm Slow disk";
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 (id integer NOT NULL, k integer NOT NULL, PRIMARY KEY (id, k));
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
CREATE MATERIALIZED VIEW m TABLESPACE "wgm Slow disk" AS SELECT count(*) FROM b;
INSERT INTO b SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO p SELECT g, g % 20 FROM generate_series(1, 100) g;
"""
TABLE_B = {
    "name": "B",
    "table": {"name": "b", "columns": {"id": {"type": "integer", "primary_key": True}, "n": "text", "x": "integer"}},
}
TABLE_P = {
    "name": "P",
    "table": {
        "name": "p",
        "partition_by": {"range": ["k"]},
        "primary_key": ["id", "k"],
        "columns": {"id": "integer", "k": "integer", "x": {"type": "integer", "check": "x > 0"}},
        "partitions": {"p1": {"from": 0, "to": 10}, "p2": {"from": 10, "to": 20}, "p3": {"from": 20, "to": 30}},
    },
}
STEPS = [
    TABLE_B,
    TABLE_P,
    {
        "name": "I",
        "index": {"name": "b_i", "table": "b", "columns": ["n"], "where": "n > 'a'", "tablespace": "wgm_fast"},
    },
    {"name": "C", "table": {"name": "c", "tablespace": "wgm Slow disk", "columns": {"id": "integer"}}},
]


@pytest.fixture(scope="module")
def spaces(server: Postgres) -> Iterator[tuple[str, str]]:
    names = ("wgm_fast", "wgm Slow disk")
    with server.connect() as admin:
        admin.execute("SET allow_in_place_tablespaces = on")
        for name in names:
            admin.execute(SQL("CREATE TABLESPACE {} LOCATION ''").format(Identifier(name)))
    yield names
    with server.connect() as admin:
        for name in names:
            admin.execute(SQL("DROP TABLESPACE {}").format(Identifier(name)))


@pytest.fixture(params=["pg_default", "wgm_fast"])
def placed(
    server: Postgres, new_database: Callable[..., str], spaces: tuple[str, str], request: pytest.FixtureRequest
) -> str:
    """The URL of a database that has the tablespace by default."""
    url = new_database()
    with server.connect() as admin:
        admin.execute(
            SQL("ALTER DATABASE {} SET TABLESPACE {}").format(
                Identifier(url.rsplit("/", 1)[1]), Identifier(request.param)
            )
        )
    return url


def _where(url: str, *names: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [
            connection.execute(
                "SELECT coalesce(t.spcname, 'the database''s') FROM pg_class c "
                "LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE c.oid = %s::regclass",
                [name],
            ).fetchall()[0][0]
            for name in names
        ]


@pytest.mark.parametrize("online", ["auto", "always"])
def test_what_lies_in_tablespaces_is_changed_and_taken_back(project: Path, placed: str, online: str) -> None:
    load_sql(placed, LIVE)
    before = state(placed)
    folder = Project(project, placed, f"embedded: true\npolicy: {{online: {online}}}\n")
    folder.write(STEPS)
    folder.apply()
    own = "the database's"
    fast = own if "wgm_fast" in _default(placed) else "wgm_fast"
    slow = "wgm Slow disk"
    assert _where(placed, "b_i", "b_n", "c", "p1", "p2", "p3", "m") == [fast, fast, slow, slow, own, slow, slow]
    assert folder.apply_anew().changed == 0
    folder.rollback()
    assert not before.differences(state(placed))


def _default(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT t.spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace "
            "WHERE d.datname = current_database()"
        ).fetchone()
        assert row is not None
        return str(row[0])


@pytest.mark.parametrize("placed", ["wgm_fast"], indirect=True)
def test_a_key_that_was_moved_stays_where_no_step_says_otherwise(project: Path, placed: str) -> None:
    folder = Project(project, placed)
    folder.write([TABLE_B])
    folder.apply()
    load_sql(placed, 'ALTER INDEX b_pkey SET TABLESPACE "wgm Slow disk"; ALTER TABLE b SET TABLESPACE pg_default')
    assert folder.apply_anew().changed == 0
    assert _where(placed, "b_pkey", "b") == ["wgm Slow disk", "pg_default"]
    table = {**TABLE_B["table"], "tablespace": "wgm_fast"}  # type: ignore[dict-item]
    folder.write([{"name": "B", "table": table}])
    folder.apply()
    assert _where(placed, "b") == ["the database's"]
    assert folder.apply_anew().changed == 0


@pytest.mark.parametrize("placed", ["pg_default"], indirect=True)
def test_a_role_that_may_not_use_the_tablespaces_is_told_so_before_anything_is_touched(
    project: Path, placed: str, server: Postgres
) -> None:
    name, password = server.create_role("LOGIN CREATEDB")
    try:
        load_sql(placed, f"GRANT CREATE ON SCHEMA public TO {name}; {LIVE} ALTER TABLE b OWNER TO {name}")
        load_sql(placed, f"GRANT CREATE ON DATABASE {placed.rsplit('/', 1)[1]} TO {name}")
        before = state(placed)
        folder = Project(project, server.url(placed.rsplit("/", 1)[1], name, password))
        folder.write([TABLE_B, STEPS[3]])
        with pytest.raises(Refused, match="may not do what the plan does") as refused:
            folder.apply(check=True)
        assert 'GRANT CREATE ON TABLESPACE "wgm Slow disk" TO' in str(refused.value.hint)
        assert not before.differences(state(placed))
        folder.write([TABLE_B])  # its indexes lie where this role may not make any
        folder.apply()
        assert folder.apply_anew().changed == 0
    finally:
        with psycopg.connect(placed, autocommit=True) as admin:
            admin.execute(f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}")
        server.drop_role(name)


@pytest.mark.parametrize("placed", ["pg_default"], indirect=True)
def test_a_tablespace_that_only_the_scratch_server_has_is_named(project: Path, placed: str, server: Postgres) -> None:
    folder = Project(project, placed)
    folder.write([TABLE_B])
    with server.connect() as admin:
        admin.execute("SET allow_in_place_tablespaces = on")
        admin.execute("CREATE TABLESPACE wgm_gone LOCATION ''")
        folder.apply()
        admin.execute("DROP TABLESPACE wgm_gone")
    folder.write(
        [TABLE_B, {"name": "C", "table": {"name": "c", "tablespace": "wgm_gone", "columns": {"id": "integer"}}}]
    )
    with pytest.raises(Refused) as refused:
        folder.apply(check=True)
    assert "there is no tablespace 'wgm_gone'" in str(refused.value.details)


@pytest.mark.parametrize("placed", ["wgm_fast"], indirect=True)
def test_a_scratch_server_before_15_keeps_them_in_folders(
    project: Path, placed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tablespaces, "_IN_PLACE", 10**9)
    load_sql(placed, LIVE)
    folder = Project(project, placed)
    folder.write(STEPS)
    folder.apply()
    assert folder.apply_anew().changed == 0
