"""Rows that row level security hides from the role that looks are named as unknown, and nothing that needs them all is begun.

In: tables with policies, a role that owns them and one that does not, steps. Out: what the plan says, and what a run does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql

from fix_postgres import Postgres
from wgm_play.errors import Refused

ID = {"type": "integer", "primary_key": True}
SAID = "rows of table {} may be hidden from this role by row level security: let an administrator run ALTER ROLE {} BYPASSRLS"
SECRET = "ENABLE ROW LEVEL SECURITY; CREATE POLICY s ON {0} FOR SELECT USING (id < 10); ALTER TABLE {0} "
FORCED = ("ALTER TABLE {0} " + SECRET + "FORCE ROW LEVEL SECURITY, OWNER TO ROLE;").format
OTHERS = ("ALTER TABLE {0} " + SECRET + "OWNER TO OTHER; GRANT SELECT, REFERENCES ON {0} TO ROLE;").format


def _table(name: str = "t", **columns: Any) -> dict[str, Any]:
    made = {"name": name, "columns": {"id": ID, **columns}, "row_level_security": "forced"}
    return {"name": name, "table": made}


ENUM = "CREATE TYPE e AS ENUM ('a', 'b'); ALTER TYPE e OWNER TO ROLE;"
# What there is, the steps, the tables that are named.
HIDDEN = {
    "a check": ("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (11, -1);" + FORCED("t"),
                [_table(x={"type": "integer", "check": "x > 0", "not_null": True})], ["t"]),
    "a value that goes": (ENUM + "CREATE TABLE t (id int PRIMARY KEY, x e); INSERT INTO t VALUES (11, 'b');" + FORCED("t"),
                          [{"name": "E", "enum": {"name": "e", "values": ["a"]}}, _table(x="e")], ["t"]),
    "a conversion": ("CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t VALUES (11, 'b');" + FORCED("t"),
                     [_table(x="integer")], ["t"]),
    "a partition": ("CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (50);"
                    "ALTER TABLE p OWNER TO ROLE;" + FORCED("d"),
                    [{"name": "P", "table": {"name": "p", "columns": {"id": "integer"}, "partition_by": {"range": ["id"]},
                                             "partitions": {"d": {"default": True}, "n": {"from": 40, "to": 60}}}}], ["d"]),
    "a seed": ("CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t VALUES (11, 'b');" + FORCED("t"),
               [_table(x="text"), {"name": "S", "seed": {"table": "t", "key": ["id"], "rows": [{"id": 12, "x": "c"}]}}], ["t"]),
}  # fmt: skip


@pytest.fixture
def book(
    project: Path, server: Postgres, new_database: Callable[..., str]
) -> Iterator[Callable[..., tuple[Project, str, str]]]:
    (name, password), (other, _) = server.create_role(), server.create_role()
    url = new_database()
    database = url.rsplit("/", 1)[1]

    def make(sql: str, steps: list[dict[str, Any]], environment: str = "") -> tuple[Project, str, str]:
        opened = f"GRANT CREATE ON DATABASE {database} TO ROLE; GRANT CREATE ON SCHEMA public TO ROLE;"
        load_sql(url, f"{opened} {sql}".replace("TO ROLE", f"TO {name}").replace("TO OTHER", f"TO {other}"))
        made = Project(project, server.url(database, name, password), environment)
        made.write(steps)
        return made, url, name

    yield make
    with psycopg.connect(url, autocommit=True) as connection:
        for one in (name, other):
            connection.execute(f"DROP OWNED BY {one} CASCADE")
    for one in (name, other):
        server.drop_role(one)


@pytest.mark.parametrize("what", HIDDEN)
def test_tables_that_hide_rows_are_named_once(what: str, book: Any) -> None:
    sql, steps, tables = HIDDEN[what]
    made, _, role = book(sql, steps)
    (plan,) = made.apply(check=True).plans
    told = [one for one in plan.unknown if "row level security" in one]
    assert [one.partition(", or run as")[0] for one in told] == [SAID.format(one, role) for one in tables]


def test_rows_that_are_seen_are_shown_nevertheless(book: Any) -> None:
    sql, steps, _ = HIDDEN["a check"]
    made, _, _ = book(sql + "INSERT INTO t VALUES (1, -7)", steps)
    with pytest.raises(Refused) as caught:
        made.apply(check=True)
    assert "id=1" in "\n".join(caught.value.details)


def test_a_role_that_sees_all_rows_is_told_them(book: Any) -> None:
    sql, steps, _ = HIDDEN["a check"]
    made, url, role = book(sql, steps)
    load_sql(url, f"ALTER ROLE {role} BYPASSRLS")
    with pytest.raises(Refused) as caught:
        made.apply(check=True)
    assert "id=11" in "\n".join(caught.value.details)


PARENT = "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (11); CREATE TABLE c (id int PRIMARY KEY, p int);"
PARENT += "INSERT INTO c VALUES (1, 11); ALTER TABLE c OWNER TO ROLE;"
CHILD = {"name": "c", "columns": {"id": ID, "p": {"type": "integer", "references": "p(id)"}}}


def test_a_hidden_parent_of_others_is_not_taken_for_missing(book: Any) -> None:
    made, _, role = book(PARENT + OTHERS("p"), [{"name": "C", "table": CHILD}])
    (plan,) = made.apply(check=True).plans
    (told,) = [one for one in plan.unknown if "row level security" in one]
    assert told.startswith(SAID.format("p", role))
    assert made.apply().changed > 0
    assert made.apply().changed == 0


def test_an_own_hidden_parent_is_missing_for_postgresql_too_and_is_named(book: Any) -> None:
    made, url, role = book(PARENT + FORCED("p"), [{"name": "C", "table": CHILD}])
    with pytest.raises(Refused) as caught:
        made.apply(check=True)
    assert SAID.format("p", role) in "\n".join(caught.value.details)
    load_sql(url, f"ALTER ROLE {role} BYPASSRLS")
    assert made.apply().changed > 0


def test_rows_that_are_hidden_cannot_be_filled_or_copied(book: Any) -> None:
    live = "CREATE TABLE t (id int PRIMARY KEY, x text, y int); INSERT INTO t VALUES (1, '1', 1), (11, '2', 2);"
    live += "CREATE POLICY u ON t FOR UPDATE USING (true);" + FORCED("t")
    step = _table(x="integer", y="integer")
    made, url, role = book(live, [step], "policy: {online: always}\n")
    with pytest.raises(Refused) as caught:
        made.apply(check=True)
    assert "ALTER ROLE" in str(caught.value.hint) and "table public.t" in "\n".join(caught.value.details)
    load_sql(url, f"ALTER ROLE {role} BYPASSRLS")
    made.apply()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT id, x FROM t ORDER BY id").fetchall() == [(1, 1), (11, 2)]
