"""What a role may not do is told by `--check`, all at once with the GRANT; with it, the plan runs.

In: what an administrator made, the steps of a role that is no superuser, the statements that it needs. Out: 11, then 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql, state

from fix_postgres import Postgres
from wgm_play.errors import Refusals, Refused

ID = {"type": "integer", "primary_key": True}


def _table(name: str = "t", **columns: Any) -> dict[str, Any]:
    return {"name": "T", "table": {"name": name, "columns": {"id": ID, **columns}}}


OWN = "CREATE TABLE own (id integer PRIMARY KEY, x text); ALTER TABLE own OWNER TO ROLE;"
TRIGGER = {
    "name": "G",
    "trigger": {"table": "own", "name": "g", "timing": "before", "events": ["update"], "function": "app.f"},
}
FUNCTION = "CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
PRIVATE = "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO ROLE;"
CLOSED = "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"


def _filled(read: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    view = {"name": "m", "query": f"select id from {read}", "owner": "OTHER"}
    return [{"name": "M", "materialized_view": view}, *more]


# What there is, the steps, the statements that are missing.
NEEDS = {
    "create in a schema": (CLOSED, [_table()], ["GRANT CREATE ON SCHEMA public TO ROLE"]),
    "use a schema": ("CREATE SCHEMA app; CREATE TABLE app.p (id int PRIMARY KEY); GRANT REFERENCES ON app.p TO ROLE",
                     [_table(p={"type": "integer", "references": "app.p(id)"})], ["GRANT USAGE ON SCHEMA app TO ROLE"]),
    "refer to a table": (PRIVATE + "CREATE TABLE app.p (id int PRIMARY KEY)", [_table(p={"type": "integer", "references": "app.p(id)"})],
                         ["GRANT REFERENCES ON TABLE app.p TO ROLE"]),
    "use a type": (PRIVATE + "CREATE TYPE app.mood AS ENUM ('a'); REVOKE USAGE ON TYPE app.mood FROM PUBLIC",
                   [_table(m="app.mood")], ["GRANT USAGE ON TYPE app.mood TO ROLE"]),
    "be the owner": ("CREATE TABLE t (id integer PRIMARY KEY); ALTER TABLE t OWNER TO OTHER", [_table(x="text")], ["GRANT OTHER TO ROLE"]),
    "index the table of another": ("CREATE TABLE t (id integer PRIMARY KEY); ALTER TABLE t OWNER TO OTHER",
                                   [{"name": "I", "index": {"name": "t_i", "table": "t", "columns": ["id"]}}], ["GRANT OTHER TO ROLE"]),
    "a trigger's function": (PRIVATE + FUNCTION + OWN + "REVOKE EXECUTE ON FUNCTION app.f() FROM PUBLIC", [TRIGGER], ["GRANT EXECUTE ON FUNCTION app.f() TO ROLE"]),
    "a trigger on another's table": (PRIVATE + FUNCTION + OWN.replace("ROLE", "OTHER"), [TRIGGER], ["GRANT TRIGGER ON TABLE public.own TO ROLE"]),
    "an index in a closed schema": (OWN + CLOSED, [{"name": "I", "index": {"name": "own_x", "table": "own", "columns": ["x"]}}],
                                    ["GRANT CREATE ON SCHEMA public TO ROLE"]),
    "a language": ("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
                   [{"name": "F", "function": {"name": "f", "returns": "integer", "language": "plpgsql", "body": "begin return 1; end"}}],
                   ["GRANT USAGE ON LANGUAGE plpgsql TO ROLE"]),
    "a foreign data wrapper": ("CREATE FOREIGN DATA WRAPPER w", [{"name": "S", "server": {"name": "s", "wrapper": "w"}}],
                               ["GRANT USAGE ON FOREIGN DATA WRAPPER w TO ROLE"]),
    "a new owner": (OWN, [{"name": "T", "table": {"name": "own", "columns": {"id": ID, "x": "text"}, "owner": "OTHER"}}],
                    ["GRANT OTHER TO ROLE", "GRANT CREATE ON SCHEMA public TO OTHER"]),
    "a setting of the database": ("", [{"name": "S", "setting": {"name": "work_mem", "value": "8MB"}}],
                                  ["ALTER DATABASE NAME OWNER TO ROLE"]),
    "fill a view as another": (OWN + "GRANT OTHER TO ROLE; GRANT CREATE ON SCHEMA public TO OTHER", [*_filled("own")], ["GRANT SELECT ON TABLE public.own TO OTHER"]),
    "fill a view over a view of another": (
        OWN + "GRANT OTHER TO ROLE; GRANT CREATE ON SCHEMA public TO OTHER; CREATE VIEW w AS SELECT id FROM own; ALTER VIEW w OWNER TO OTHER",
        [*_filled("w")], ["GRANT SELECT ON TABLE public.own TO OTHER"]),
    "what the objects of another get": ("", [{"name": "D", "default_privileges": {"role": "OTHER", "schema": "public", "objects": "tables", "to": "pg_monitor", "privileges": ["select"]}}],
                                        ["GRANT OTHER TO ROLE"]),
    "all of it": (PRIVATE + "CREATE TABLE app.p (id int PRIMARY KEY); CREATE TABLE t (id integer PRIMARY KEY); ALTER TABLE t OWNER TO OTHER;" + CLOSED,
                  [_table(x="text"), _table("u", p={"type": "integer", "references": "app.p(id)"})],
                  ["GRANT CREATE ON SCHEMA public TO ROLE", "GRANT OTHER TO ROLE", "GRANT REFERENCES ON TABLE app.p TO ROLE"]),
}  # fmt: skip


@pytest.fixture
def roles(server: Postgres) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    made = server.create_role(), server.create_role()
    yield made
    for name, _ in made:
        server.drop_role(name)


@pytest.fixture
def poor(
    project: Path, server: Postgres, roles: Any, new_database: Callable[..., str]
) -> Iterator[Callable[[str, list[dict[str, Any]]], tuple[Project, str, Callable[[str], str]]]]:
    (name, password), (other, _) = roles
    url = new_database()
    database = url.rsplit("/", 1)[1]

    def named(text: str) -> str:
        return text.replace("ROLE", name).replace("OTHER", other).replace("NAME", database)

    def make(sql: str, steps: list[dict[str, Any]]) -> tuple[Project, str, Callable[[str], str]]:
        opened = "" if CLOSED in sql else "GRANT CREATE ON SCHEMA public TO ROLE;"
        load_sql(url, named(f"GRANT CREATE ON DATABASE {database} TO ROLE; {opened} {sql}"))
        book = Project(project, server.url(database, name, password))
        book.write(steps)
        text = (project / "playbook.yml").read_text()
        (project / "playbook.yml").write_text(named(text))
        return book, url, named

    yield make
    with psycopg.connect(url, autocommit=True) as connection:
        for one in (name, other):
            connection.execute(f"DROP OWNED BY {one} CASCADE")


@pytest.mark.parametrize("what", NEEDS)
def test_the_grant_that_is_missing_is_told_and_is_enough(what: str, poor: Any, server: Postgres) -> None:
    sql, steps, grants = NEEDS[what]
    book, url, named = poor(sql, steps)
    wanted = [named(one) for one in grants]
    if server.major < 15 and what == "a new owner":
        wanted = wanted[:1]  # everybody may create in public
    before = state(url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert caught.value.exit_code == 11
    said = str(caught.value.hint)
    assert sorted(said.partition(", or let an administrator run ")[2].split("; ")) == sorted(wanted)
    assert before.differences(state(url)) == []
    load_sql(url, "; ".join(wanted))
    assert book.apply().changed > 0
    assert book.apply().changed == 0


@pytest.mark.parametrize("subtype", ["integer", None])
def test_a_range_that_is_made_again_or_goes_is_a_superuser_s(subtype: str | None, poor: Any) -> None:
    """PostgreSQL makes the functions of its values as functions of a superuser: its owner may not rename them."""
    step = {"name": "R", "range": {"name": "hours", "subtype": subtype} if subtype else {"name": "hours"}}
    book, url, _ = poor(
        "CREATE TYPE hours AS RANGE (subtype = bigint); ALTER TYPE hours OWNER TO ROLE",
        [step if subtype else {**step, "state": "absent"}],
    )
    before = state(url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True, allow_destructive=True)
    assert any("belong to a superuser, who alone may rename them" in line for line in caught.value.details)
    assert before.differences(state(url)) == []
    if subtype is None:  # what is not kept need not be renamed
        assert book.apply(allow_destructive=True, no_trash=True).changed == 1


@pytest.mark.parametrize(
    "step",
    [
        {"name": "P", "publication": {"name": "p", "all_tables": True}},
        {"name": "W", "foreign_data_wrapper": {"name": "w"}},
    ],
)
def test_what_only_a_superuser_may_do_is_told(step: dict[str, Any], poor: Any) -> None:
    book, _, _ = poor("", [step])
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert any("only a superuser may do it" in line for line in caught.value.details)


def test_a_view_is_filled_when_its_owner_may_read(poor: Any) -> None:
    grant = {"name": "G", "grant": {"on": "table own", "to": "OTHER", "privileges": ["select"]}}
    table = {"name": "T", "table": {"name": "t", "columns": {"id": ID}, "owner": "OTHER"}}
    live = OWN + "INSERT INTO own VALUES (1); GRANT OTHER TO ROLE; GRANT CREATE ON SCHEMA public TO OTHER"
    book, url, _ = poor(live, [*_filled("own join t using (id)", table, grant)])
    book.apply()
    assert book.apply().changed == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT relispopulated FROM pg_class WHERE relname = 'm'").fetchone() == (True,)


def test_rows_and_privileges_and_consents_are_told_at_once(poor: Any) -> None:
    live = (
        "CREATE TABLE own (id integer PRIMARY KEY, x text); INSERT INTO own VALUES (1, NULL); ALTER TABLE own OWNER TO ROLE;"
        "CREATE PUBLICATION p FOR TABLE own;" + CLOSED
    )
    table = {
        "name": "own",
        "columns": {"id": "integer", "x": {"type": "text", "not_null": True}},
        "constraints": {"own_pkey": {"state": "absent"}},
    }
    book, _, _ = poor(live, [{"name": "T", "table": table}, _table("u")])
    with pytest.raises(Refusals) as caught:
        book.apply(check=True)
    told = [one.message for one in caught.value.problems]
    assert [any(words in one for one in told) for words in ("needs consent", "may not do", "the data break")] == [
        True
    ] * 3


def test_a_role_that_can_only_read_plans_and_is_told_what_a_run_needs(poor: Any, roles: Any) -> None:
    book, url, named = poor(CLOSED, [_table()])
    load_sql(url, named(f"REVOKE CREATE ON DATABASE {url.rsplit('/', 1)[1]} FROM ROLE"))
    (plan,) = book.apply(check=True).plans
    assert any("this role may only plan" in one and "GRANT CREATE ON DATABASE" in one for one in plan.warnings)
    with pytest.raises(Refused):
        book.apply()
