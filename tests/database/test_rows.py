"""Rows belong to the application: what changes online leaves every other value as it was, and no trigger acts on our batches.

In: a table with triggers of every form, whose functions name things without a schema; a client that writes beside. Out:
rows, audit and triggers compared after the change and after its rollback, as a superuser and as an owner.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql

from fix_postgres import Postgres
from wgm_play.errors import Refused

ONLINE = "embedded: true\npolicy: {online: always}\n"
TABLES = """
create table audit (what text, seen text);
create table kinds (id integer primary key);
create table tasks (
    id integer primary key generated always as identity, level integer not null, note text, kind integer references kinds,
    touched timestamptz not null default now(), doubled integer generated always as (id * 2) stored);
create table "odd ""one" (id integer primary key, n integer, t text);
insert into kinds select generate_series(1, 3);
insert into tasks (level, note, kind, touched)
    select g, case when g % 3 = 0 then 'n' end, nullif(g % 4, 0), timestamptz '2020-01-01' + g * interval '1 day' from generate_series(1, 900) g;
insert into "odd ""one" select g, g, 'x' from generate_series(1, 20) g;
"""
TRIGGERS = """
create function touch() returns trigger language plpgsql as $$ begin new.touched := now(); return new; end $$;
create function note() returns trigger language plpgsql as $$
begin
    insert into audit values (tg_name, case when tg_level = 'ROW' then to_jsonb(new)::text end);
    return new;
end $$;
create function never() returns trigger language plpgsql as $$ begin raise 'a trigger for replicas acts'; end $$;
create trigger touch before update on tasks for each row execute function touch();
create trigger aud after insert or update or delete on tasks for each row execute function note('a) EXECUTE b');
create trigger of_note after update of note on tasks for each row when (new.note is not null or old.level > 1 and new.kind = 2) execute function note();
create trigger whole after update on tasks referencing old table as o new table as n for each statement execute function note();
create trigger before_all before update on tasks for each statement execute function note();
create constraint trigger late after update on tasks deferrable initially deferred for each row when (new.kind = 1) execute function note();
create trigger off before update on tasks for each row execute function never();
create trigger "for ""replicas" before update on tasks for each row execute function never();
create trigger always before update on tasks for each row execute function note();
create trigger "aud ""it" before update on "odd ""one" for each row when (old.* is distinct from new.*) execute function note();
alter table tasks disable trigger off, enable replica trigger "for ""replicas", enable always trigger always;
comment on trigger late on tasks is 'at the end';
comment on trigger aud on tasks is 'keeps all';
"""
CHANGED = [
    {
        "name": "Tasks",
        "table": {
            "name": "tasks",
            "columns": {
                "id": {"type": "integer", "identity": "always", "primary_key": True},
                "level": {"type": "bigint", "not_null": True},
                "note": {"type": "text", "not_null": True, "backfill": "'-'"},
                "kind": {"type": "integer", "references": "kinds(id)", "not_null": True, "backfill": "1"},
                "touched": {"type": "timestamptz", "not_null": True, "default": "now()"},
                "doubled": {"type": "integer", "generated": "id * 2"},
                "code": {"type": "text", "default": "md5(random()::text)", "not_null": True},
            },
        },
    },
    {
        "name": "Odd",
        "table": {
            "name": 'odd "one',
            "columns": {"id": {"type": "integer", "primary_key": True}, "n": "bigint", "t": "text"},
        },
    },
]
KEPT = (
    "select id, level, coalesce(note, '-'), coalesce(kind, 1), touched, doubled from tasks where id <= 900 order by id"
)
DEFINED = """
select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid) from pg_trigger
where not tgisinternal and tgfoid in (select oid from pg_proc where pronamespace = 'public'::regnamespace) order by 1, 2"""


@pytest.fixture(params=["superuser", "owner"])
def url(request: pytest.FixtureRequest, server: Postgres) -> Iterator[str]:
    """A database, for a superuser or for the role that owns it."""
    name, password = server.create_role() if request.param == "owner" else (server.superuser, server.password)
    database = server.create_database(owner=name)
    yield server.url(database, name, password)
    server.drop_database(database)
    if request.param == "owner":
        server.drop_role(name)


def ask(url: str, question: str) -> list[Any]:
    """Return the rows of a query."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(question.encode()).fetchall()


class Client:
    """An application that updates and inserts until it is told to stop; it keeps what failed."""

    def __init__(self, url: str) -> None:
        self.url, self.failed, self.updates = url, list[str](), 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        with psycopg.connect(self.url, autocommit=True, prepare_threshold=None) as connection:
            connection.execute("insert into tasks (level, note, kind) values (7, 'client', 1)")
            while not self.stop.wait(0.005):
                try:
                    connection.execute("update tasks set level = level + 1, note = 'again' where id = 901")
                    self.updates += 1
                except psycopg.Error as error:
                    self.failed.append(str(error))

    def __enter__(self) -> Client:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


@pytest.fixture
def book(url: str, project: Any) -> Iterator[Project]:
    """The project, whose database holds the tables and their triggers."""
    load_sql(url, TABLES + TRIGGERS)
    yield Project(project, url, ONLINE)


def test_rows_are_what_they_were_and_triggers_act_for_the_application_alone(book: Project) -> None:
    rows, defined = ask(book.url, KEPT), ask(book.url, DEFINED)
    book.write(CHANGED)
    with Client(book.url) as client:
        done = book.apply()
    assert client.failed == []
    assert client.updates > 0
    # Per UPDATE of the client: aud, of_note, whole, before_all, late, always.
    counted = ask(book.url, "select what, count(*)::int from audit group by 1 order by 1")
    written = client.updates
    assert counted == [
        ("always", written),
        ("aud", written + 1),
        ("before_all", written),
        ("late", written),
        ("of_note", written),
        ("whole", written),
    ]
    assert ask(book.url, KEPT) == rows
    assert ask(book.url, DEFINED) == defined
    assert ask(book.url, "select count(distinct code)::int from tasks") == [(901,)]
    assert ask(book.url, "select level from tasks where id = 901") == [(7 + client.updates,)]
    assert any("see columns named wgm_" in one.what for operation in done.operations for one in operation.hazards)
    assert book.apply().changed == 0
    load_sql(book.url, "truncate audit")
    book.rollback()
    assert ask(book.url, KEPT) == rows
    assert ask(book.url, DEFINED) == defined
    assert ask(book.url, "select * from audit") == []


def test_a_setting_alone_keeps_no_trigger_from_acting(role_url: str, server: Postgres, project: Any) -> None:
    load_sql(role_url, TABLES + TRIGGERS)
    book = Project(project, role_url, ONLINE)
    book.write(CHANGED[:1])
    operations = book.apply().operations
    kept = next(one for one in operations if one.title.startswith("keep triggers of tasks"))
    assert kept.title == "keep triggers of tasks from acting in batches: always, aud, before_all, late, touch, whole"
    defined = ask(role_url, DEFINED)
    load_sql(
        role_url, ";".join(command.sql for command in kept.commands) + "; truncate audit"
    )  # as a killed run leaves them
    assert ask(role_url, DEFINED) != defined
    others = server.url(role_url.rpartition("/")[2])
    for url, batch, what in ((role_url, "off", 5), (others, "on", 5), (role_url, "on", 0)):
        load_sql(url, f"set wgm.batch = {batch}; update tasks set level = level where id = 1; reset wgm.batch")
        assert (url, ask(role_url, "with gone as (delete from audit returning 1) select count(*)::int from gone")) == (
            url,
            [(what,)],
        )
    again = book.apply()
    assert sorted(one.title for one in again.operations) == [
        f"let trigger {name} of tasks act in batches again"
        for name in ("always", "aud", "before_all", "late", "touch", "whole")
    ]
    assert ask(role_url, DEFINED) == defined
    assert book.apply().changed == 0


def test_a_rule_that_acts_in_batches_needs_consent(role_url: str, project: Any) -> None:
    load_sql(role_url, TABLES)
    load_sql(role_url, "create rule also as on update to tasks do also insert into audit values ('rule')")
    book = Project(project, role_url, ONLINE)
    book.write(CHANGED[:1])
    with pytest.raises(Refused) as caught:
        book.apply()
    assert "rule also" in str(caught.value.details)
    book.write([{**CHANGED[0], "accept": {"V01": "the audit may count them"}}])
    book.apply()
    assert ask(role_url, "select count(*) > 0 from audit") == [(True,)]


@pytest.fixture
def subscriber(server: Postgres, new_database: Any) -> Iterator[Any]:
    """A function that lets another database of the server subscribe to a publication; returns its URL."""
    made: list[tuple[str, str, str]] = []

    def subscribe(url: str, publication: str, tables: str) -> str:
        other, name = new_database(), f"s{len(made)}_{url.rpartition('/')[2]}"
        load_sql(other, tables)
        source = url.rpartition("/")[2]
        load_sql(url, f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
        dsn = f"host=127.0.0.1 port={server.port} user={server.superuser} password={server.password} dbname={source}"
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(
                f"create subscription {name} connection '{dsn}' publication {publication}"
                f" with (create_slot = false, slot_name = '{name}', copy_data = true)".encode()
            )
        made.append((url, other, name))
        return other

    yield subscribe
    for url, other, name in made:
        for database, text in (
            (other, f"alter subscription {name} disable"),
            (other, f"alter subscription {name} set (slot_name = none)"),
            (other, f"drop subscription {name}"),
        ):
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(text.encode())
        _until(url, f"select not active from pg_replication_slots where slot_name = '{name}'")
        load_sql(url, f"select pg_drop_replication_slot('{name}')")


def _until(url: str, question: str, answer: object = True) -> Any:
    """Ask until the answer comes, for half a minute at most."""
    for _ in range(300):
        found = ask(url, question)[0][0]
        if found == answer:
            return found
        time.sleep(0.1)
    return found


def test_a_subscriber_sees_no_column_of_ours(
    server: Postgres, database_url: str, subscriber: Any, project: Any
) -> None:
    if server.major < 15:
        pytest.skip("publications list columns since PostgreSQL 15")
    tables = "create table c (id int primary key, n int, t text, g int generated always as (id * 2) stored);"
    load_sql(
        database_url,
        tables
        + "insert into c select g, g, 'x' from generate_series(1, 50) g; create publication pb for table c where (id > 0)",
    )
    other = subscriber(database_url, "pb", tables)
    _until(other, "select count(*)::int from c", 50)
    book = Project(project, database_url, ONLINE)

    def declared(**columns: Any) -> None:
        own = {
            "id": {"type": "integer", "primary_key": True},
            "n": "integer",
            "t": "text",
            "g": {"type": "integer", "generated": "id * 2"},
            **columns,
        }
        book.write(
            [
                {"name": "C", "table": {"name": "c", "columns": own}},
                {"name": "P", "publication": {"name": "pb", "tables": [{"table": "c", "where": "id > 0"}]}},
            ]
        )

    def goes_on(number: int, rest: str = "n, t", values: str = "7, 'later'") -> None:
        load_sql(
            database_url, f"insert into c (id, {rest}) values ({number}, {values}); update c set t = t where id = 1"
        )
        assert _until(other, f"select count(*)::int from c where id = {number}", 1) == 1, number

    def lists() -> Any:
        return ask(database_url, "select count(prattrs)::int from pg_publication_rel")[0][0]

    declared(n="bigint")
    book.apply()
    goes_on(101)
    assert lists() == 0  # nothing is lost, so nothing is kept that a subscriber must not see
    assert book.apply().changed == 0
    book.rollback()
    goes_on(102)
    assert lists() == 0
    declared(n={"state": "absent"})
    book.apply()
    goes_on(103, "t", "'without n'")
    assert book.apply().changed == 0
    load_sql(other, "alter table c add column more text")
    declared(n={"state": "absent"}, more="text")
    book.apply()
    goes_on(104, "t, more", "'t', 'more'")
    assert ask(other, "select more from c where id = 104") == [("more",)]
    declared(n={"state": "absent"}, more={"state": "absent"})
    book.apply(no_trash=True)
    goes_on(105, "t", "'without more'")
    assert book.apply().changed == 0


def test_what_a_publication_cannot_leave_out_needs_consent(database_url: str, project: Any) -> None:
    load_sql(
        database_url,
        "create table c (id int primary key, n int); alter table c replica identity full; create publication pb for table c",
    )
    book = Project(project, database_url, ONLINE)
    step = {
        "name": "C",
        "table": {"name": "c", "columns": {"id": {"type": "integer", "primary_key": True}, "n": "bigint"}},
    }
    book.write([step])
    with pytest.raises(Refused) as caught:
        book.apply()
    assert "R04" in str(caught.value.details)
    book.write([{**step, "accept": {"R04": "nobody subscribes yet"}}])
    book.apply()
