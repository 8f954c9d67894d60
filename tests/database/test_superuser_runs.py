"""What a superuser's run and its planning do with things of roles that are none: they run no code of theirs.

In: functions, tables, views and schemas that a user without rights of his own made. Out: a refusal that names object and
role, or a run in which they act with his rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, state
from psycopg import sql

from fix_postgres import Postgres
from wgm_play.errors import Refused

ITEMS: dict[str, Any] = {
    "name": "items",
    "columns": {"id": {"type": "bigint", "primary_key": True}, "n": {"type": "integer"}},
}


@pytest.fixture
def mallory(
    server: Postgres, project: Path, database_url: str
) -> Iterator[tuple[Project, psycopg.Connection[Any], str]]:
    """A project of a superuser, and a session of a user who may make things in one schema."""
    role, password = server.create_role()
    book = Project(project, database_url)
    with psycopg.connect(database_url, autocommit=True) as admin:
        database = admin.info.dbname
        admin.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(*map(sql.Identifier, (database, role))))
    with psycopg.connect(server.url(database, role, password), autocommit=True) as session:
        yield book, session, role
    server.drop_database(database)
    server.drop_role(role)


SPY = """
create table public.spied (who text);
create function public.spy(i int) returns int language plpgsql immutable as $$
begin insert into public.spied values (current_user); return i; exception when others then return i; end $$;
create function public.spy_row() returns trigger language plpgsql as $$ begin perform public.spy(1); return new; end $$;
"""

# what the playbook's author builds upon the other's function
USES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "generated column": (
        [{"name": "T", "table": {**ITEMS, "columns": {**ITEMS["columns"], "g": {"type": "integer", "generated": "spy(n)"}}}}],
        "public.spy",
    ),
    "default": (
        [{"name": "T", "table": {**ITEMS, "columns": {**ITEMS["columns"], "d": {"type": "integer", "default": "spy(1)"}}}}],
        "public.spy",
    ),
    "check": (
        [{"name": "T", "table": {**ITEMS, "columns": {**ITEMS["columns"], "n": {"type": "integer", "check": "spy(n) > 0"}}}}],
        "public.spy",
    ),
    "index": (
        [{"name": "T", "table": ITEMS}, {"name": "I", "index": {"name": "i", "table": "items", "columns": [{"expression": "spy(n)"}]}}],
        "public.spy",
    ),
    "materialized view": (
        [{"name": "T", "table": ITEMS}, {"name": "M", "materialized_view": {"name": "m", "query": "select spy(n) as x from items"}}],
        "public.spy",
    ),
    "domain": (
        [{"name": "D", "domain": {"name": "d", "type": "int", "check": "spy(value) > 0"}},
         {"name": "T", "table": {**ITEMS, "columns": {**ITEMS["columns"], "d": {"type": "d", "default": 1}}}}],
        "public.spy",
    ),
    "trigger and a seed": (
        [{"name": "T", "table": ITEMS},
         {"name": "R", "trigger": {"table": "items", "name": "r", "timing": "before", "events": ["insert"], "function": "spy_row"}},
         {"name": "S", "seed": {"table": "items", "key": ["id"], "rows": [{"id": 5, "n": 5}]}}],
        "public.spy_row",
    ),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_code_of_a_role_without_rights_is_not_run_by_a_superuser(
    use: str, mallory: tuple[Project, psycopg.Connection[Any], str]
) -> None:
    book, session, role = mallory
    session.execute(SPY.encode())
    book.write([{"name": "T", "table": ITEMS}])
    book.apply()
    with psycopg.connect(book.url, autocommit=True) as admin:
        admin.execute("insert into items values (1, 1)")
    before = state(book.url)
    steps, function = USES[use]
    book.write(steps)
    for options in ({"check": True}, {}):
        with pytest.raises(Refused) as caught:
            book.apply(**options)
        said = f"{caught.value} {caught.value.details}"
        assert repr(role) in said
        assert function.rsplit(".", maxsplit=1)[-1] in said
        assert "trusted_owners" in (caught.value.hint or "")
    assert before.differences(state(book.url)) == []
    book.environment = f"embedded: true\npolicy: {{trusted_owners: [{role}]}}\n"
    book.write(steps)
    assert book.apply().changed


@pytest.mark.parametrize(
    "step",
    [
        {"backfill": {"table": "items", "set": {"n": "length(label(n))"}, "where": "n > 0", "irreversible": True}},
        {"sql": {"up": "update items set n = length(label(n))", "irreversible": True}},
        {"sql": {"up": "do $$ begin perform label(1); end $$", "irreversible": True}},
    ],
    ids=["backfill", "sql", "do"],
)
def test_a_text_that_a_superuser_sends_means_no_function_that_another_made_to_fit_better(
    step: dict[str, Any], mallory: tuple[Project, psycopg.Connection[Any], str]
) -> None:
    book, session, role = mallory
    session.execute(SPY.encode())
    label = {"name": "label", "arguments": "n bigint", "returns": "text", "language": "sql", "body": "select 'x' || n"}
    steps = [{"name": "T", "table": ITEMS}, {"name": "L", "function": label}]
    book.write(steps)
    book.apply()
    with psycopg.connect(book.url, autocommit=True) as admin:
        admin.execute("insert into items values (1, 1)")
    better = "create function public.label(n int) returns text language sql as 'select public.spy(1)::text'"
    session.execute(better.encode())
    before = state(book.url)
    book.write([*steps, {"name": "S", **step}])
    for options in ({"check": True}, {}):
        with pytest.raises(Refused, match=r"would run function label\(integer\) as a superuser") as caught:
            book.apply(**options)
        assert repr(role) in str(caught.value)
    assert before.differences(state(book.url)) == []
    session.execute(b"drop function public.label(int)")
    assert book.apply().changed


def test_a_superuser_changes_tables_of_others_as_long_as_he_runs_none_of_their_code(
    mallory: tuple[Project, psycopg.Connection[Any], str],
) -> None:
    book, session, _ = mallory
    session.execute(SPY.encode())
    session.execute(
        "create table items (id bigint primary key, n int check (n >= 0), at timestamptz default now());"
        "create trigger r before insert on items for each row execute function spy_row(); insert into items values (1, 1)"
    )
    columns = {
        "id": {"type": "bigint", "primary_key": True},
        "n": {"type": "int", "check": "n >= 0"},
        "at": {"type": "timestamptz", "default": "now()"},
        "note": "text",
        "flag": {"type": "boolean", "not_null": True, "default": False},
    }
    book.write([{"name": "T", "table": {"name": "items", "columns": columns}}])
    assert book.apply().changed == 1


def test_a_table_of_others_may_not_call_what_only_superusers_may(
    mallory: tuple[Project, psycopg.Connection[Any], str],
) -> None:
    book, session, role = mallory
    session.execute(
        "create table items (id bigint primary key, n int, check (pg_catalog.pg_read_file('/etc/hostname') is not null))"
    )
    book.write(
        [
            {"name": "T", "table": ITEMS},
            {"name": "S", "seed": {"table": "items", "key": ["id"], "rows": [{"id": 5, "n": 5}]}},
        ]
    )
    with pytest.raises(Refused, match="as a superuser") as caught:
        book.apply(allow_destructive=True)
    assert role in str(caught.value)


def test_a_materialized_view_of_others_is_filled_with_the_rights_of_its_owner(
    mallory: tuple[Project, psycopg.Connection[Any], str],
) -> None:
    """It is made again, because a column that it reads changes its type."""
    book, session, role = mallory
    book.write([{"name": "T", "table": ITEMS}])
    book.apply()
    with psycopg.connect(book.url, autocommit=True) as admin:
        admin.execute("insert into items values (1, 1), (2, 2)")
        admin.execute(sql.SQL("GRANT SELECT ON items TO {}").format(sql.Identifier(role)))
    session.execute(
        "create function who() returns text language sql as 'select current_user::text';"
        "create materialized view m as select who() as who, sum(n) as n from items; create unique index m_i on m (n)"
    )
    wider = {**ITEMS, "columns": {**ITEMS["columns"], "n": {"type": "bigint"}}}
    book.write([{"name": "T", "table": wider}])
    book.apply()
    with psycopg.connect(book.url) as admin:
        assert admin.execute("select who, n from m").fetchall() == [(role, 3)]
        owner = admin.execute("select relowner::regrole::text from pg_class where relname = 'm'").fetchone()
        assert owner is not None and owner[0].strip('"') == role
        assert admin.execute("select count(*) from pg_indexes where indexname = 'm_i'").fetchone() == (1,)
    book.rollback()
    with psycopg.connect(book.url) as admin:
        assert admin.execute("select who, n from m").fetchall() == [(role, 3)]


@pytest.mark.parametrize("schema", ["wgm", "wgm_trash"])
def test_a_schema_with_our_name_that_somebody_else_made_is_not_ours(
    schema: str, mallory: tuple[Project, psycopg.Connection[Any], str]
) -> None:
    book, session, role = mallory
    session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    book.write([{"name": "T", "table": ITEMS}])
    for options in ({"check": True}, {}):
        with pytest.raises(Refused, match=f"{schema}.* belongs to .*{role}"):
            book.apply(**options)
