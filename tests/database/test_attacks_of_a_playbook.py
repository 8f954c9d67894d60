"""What a hostile playbook says reaches the target as a question that can do nothing, or not at all.

In: a table with rows, functions that write, a playbook for `--check`. Out: exit code and message; nothing is written, no
setting or lock stays. Each line of `wgm-play doc security` about `--check` is held here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_postgres import Postgres
from wgm_play import secret
from wgm_play.asking.ask import Asker, NotAsked
from wgm_play.asking.effects import harmless
from wgm_play.cli.application import run
from wgm_play.errors import InputError

TASKS = "table: {name: tasks, columns: {id: {type: bigint, primary_key: true}, title: text, secret: text}}"
BASE = f"""
- name: App
  hosts: prod
  steps:
    - name: T
      {TASKS}
"""
# What an assertion, an invariant and an alert might hold, and the words of the refusal.
NO_QUERIES = {
    "select 1 where false; commit; begin read write; create table pwned(i int); commit; begin": "COMMIT",
    "copy (select 1) to program 'touch wgm_attacked'": "COPY is not a query",
    "with gone as (delete from tasks returning *) select * from gone where false": "not a query that only reads",
    "select * into pwned from tasks where false": "declared with the kind `table`",
    "select * from tasks where false for update": "not a query that only reads",
    "do $$ begin create table pwned(i int); end $$": "not a query that only reads",
    "set session characteristics as transaction read write": "not a query that only reads",
    "explain analyze delete from tasks": "not a query that only reads",
}
# One SELECT each, which would act in spite of READ ONLY.
ACTING = (
    "select set_config('default_transaction_read_only', 'off', false) where false",
    "select 1 from pg_advisory_lock(4711) where false",
    "select pg_catalog.pg_terminate_backend(pid) from pg_stat_activity where false",
    "select lo_create(0) where false",
    "select pg_read_file('postgresql.conf') where false",
    "select query_to_xml('select public.writer()', true, true, '') where false",
    "select database_to_xml(true, true, '') where false",
    "select pg_notify('all', 'x') where false",
    "select pg_create_restore_point('x') where false",
    "select txid_current() where false",
    "select pg_switch_wal() where false",
    "select (pg_logical_emit_message(false, 'a', 'b'))::text where false",
    "select 1 from generate_series(1, 2) where pg_sleep(0) is null and false",
    'select "pg_sleep"(0) where false',
    "select 1 order by pg_stat_reset()::text offset 1",
)
WRITER = """
create function public.writer() returns int language plpgsql as 'begin create table public.pwned(i int); return 1; end';
create function public.sql_writer() returns int language sql as 'select public.writer()';
create function public.one(int, int) returns int language plpgsql as 'begin return public.writer(); end';
create operator public.<+> (leftarg = int, rightarg = int, function = public.one);
create view public.trap as select public.writer() as x;
create domain public.trapped as int check (public.writer() = 1);
create type public.holder as (a public.trapped);
create function public.shown(public.holder) returns text language plpgsql as 'begin return public.writer()::text; end';
create cast (public.holder as text) with function public.shown(public.holder);
"""
OF_OTHERS = (
    "select public.writer()",
    "select public.sql_writer()",
    "select 1 operator(public.<+>) 2",
    "select x from public.trap",
    "select 1::public.trapped",
    "select '(1)'::public.holder",
    "select '{1}'::public.trapped[]",
    "select row(1)::public.holder",
    "select jsonb_populate_record(null::public.holder, '{\"a\": 1}')",
    "select a from json_to_recordset('[{\"a\": 1}]') as x(a public.trapped)",
    "select count(*) from (select 1) s(a) join public.trap on x = a",
    "select 1 where exists (select from public.trap)",
    "select (select public.writer() limit 1) union all values (1)",
    "select array(select public.writer())",
    "select null::public.holder::text",
)


class Attack:
    """A project whose database has a table with a row; `check` plans a playbook for it."""

    def __init__(self, project: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.project, self.url, self.capsys = project, url, capsys
        (project / "environments" / "prod.yml").write_text('url: "{{ env.DATABASE_URL }}"\n')
        assert self.play(BASE)[0] == 0
        self.execute("insert into tasks values (1, 'one', 's')")

    def play(self, text: str, *options: str) -> tuple[int, str]:
        secret.forget()
        path = self.project / "attack.yml"
        path.write_text(text)
        code = run([str(path), *options])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def check(self, text: str, *options: str) -> tuple[int, str]:
        before = self.state()
        found = self.play(text, "--check", *options)
        assert self.state() == before
        return found

    def execute(self, statement: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def state(self) -> list[Any]:
        return self.execute(
            "select (select array_agg(relname::text order by 1) from pg_class where relkind in ('r', 'v', 'i') "
            "and relnamespace = 'public'::regnamespace), (select array_agg(t::text order by id) from tasks t), "
            "(select count(*) from pg_locks where locktype = 'advisory'), (select count(*) from pg_largeobject_metadata), "
            "(select array_agg(rolname::text order by 1) from pg_roles)"
        )


@pytest.fixture
def attack(
    project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Attack:
    """A database of a superuser."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Attack(project, database_url, capsys)


def assertion(query: str) -> str:
    return f"{BASE}    - name: A\n      assert:\n        query: |-\n          {query}\n"


def invariant(query: str) -> str:
    return f"{BASE}  invariants:\n    - name: I\n      query: |-\n        {query}\n"


def alert(query: str) -> str:
    return f"{BASE}  alerts:\n    - {{name: A, threshold: '> 1', severity: warning, query: {query!r}}}\n"


@pytest.mark.parametrize("put", [assertion, invariant], ids=["assertion", "invariant"])
def test_what_is_no_single_select_is_refused_before_it_is_sent(attack: Attack, put: Callable[[str], str]) -> None:
    for query, words in NO_QUERIES.items():
        code, said = attack.check(put(query))
        assert (code, words in said) == (1, True), (query, said)
    assert attack.execute("select pg_stat_file('wgm_attacked', true)") == [(None,)]


def test_an_alert_is_one_select_too(attack: Attack) -> None:
    for query in ("select 1 as value; create table pwned(i int)", "copy tasks to program 'touch wgm_attacked'"):
        assert attack.check(alert(query))[0] == 1


def test_a_second_play_is_refused_whatever_is_known_of_the_catalog(attack: Attack) -> None:
    query = next(iter(NO_QUERIES))
    text = BASE + invariant(query).replace("- name: App", "- name: App two")
    assert attack.check(BASE)[0] == 0
    assert attack.check(text)[0] == 1


@pytest.mark.parametrize(
    "said",
    [
        "text; commit; begin read write; create table pwned(i int); commit; begin; select null::text",
        "text, set_config('default_transaction_read_only', 'off', false)",
        "text from (select public.writer()) s",
        "text) --",
        "text where 1 = pg_sleep(0)::text::int",
        "text = 'x'",
    ],
)
def test_a_type_name_is_one_type_name(attack: Attack, said: str) -> None:
    step = TASKS.replace("title: text", f"title: {{type: integer, convert: {{from: {said!r}, using: length(title)}}}}")
    code, words = attack.check(BASE.replace(TASKS, step))
    assert (code, "'from' is one type name" in words) == (1, True)


@pytest.mark.parametrize(
    "using",
    [
        "1) from tasks; commit; begin read write; create table pwned(i int); commit; select (1",
        "1) from tasks union select (2",
        "(1",
        "1 -- ) \n ) ; drop table tasks; select (1",
    ],
)
def test_an_expression_is_one_expression(attack: Attack, using: str) -> None:
    written = using.replace("\n", "\\n")
    for key in (f'convert: {{from: text, using: "{written}"}}', f'not_null: true, backfill: "{written}"'):
        step = TASKS.replace("title: text", f"title: {{type: integer, {key}}}")
        code, said = attack.check(BASE.replace(TASKS, step))
        assert (code, "one expression is expected" in said) == (1, True), said


def test_functions_that_act_in_spite_of_read_only_are_not_called(attack: Attack) -> None:
    for query in ACTING:
        code, said = attack.check(assertion(query))
        assert (code, "not asked: the assertion 'A': it uses pg_catalog." in said) == (0, True), (query, said)


def test_a_run_that_cannot_ask_first_is_refused(attack: Attack) -> None:
    text = assertion(ACTING[0]).replace("title: text", "title: text, more: text")
    code, said = attack.play(text)
    assert (code, "nothing was touched" in said) == (11, True)
    assert attack.execute("select count(*) from pg_attribute where attname = 'more'") == [(0,)]


def test_an_expression_of_a_conversion_calls_nothing_that_acts(attack: Attack) -> None:
    for using in (
        "pg_sleep(0)::text::int",
        "pg_advisory_lock(1)::text::int",
        "length(set_config('a.b', title, false))",
    ):
        step = TASKS.replace("title: text", f'title: {{type: integer, convert: {{from: text, using: "{using}"}}}}')
        code, said = attack.check(BASE.replace(TASKS, step))
        assert (code, "it uses pg_catalog." in said) == (0, True), said


def test_a_superusers_query_calls_no_code_of_others(attack: Attack) -> None:
    attack.execute(WRITER)
    before = attack.state()
    asker = Asker(lambda: psycopg.connect(attack.url, autocommit=True))
    for query in OF_OTHERS:
        with pytest.raises(NotAsked, match="superuser is connected"):
            asker.ask(query)
    assert attack.state() == before


def test_forms_of_json_are_looked_into(attack: Attack, server: Postgres) -> None:
    if server.major < 17:
        pytest.skip("needs PostgreSQL 17")
    attack.execute(WRITER)
    before = attack.state()
    asker = Asker(lambda: psycopg.connect(attack.url, autocommit=True))
    assert asker.ask("select * from json_table('[1]', '$[*]' columns (a integer path '$')) where a = 2").rows == []
    for query in (
        "select * from json_table('[1]', '$[*]' columns (a public.trapped path '$'))",
        "select json_value('1', '$' returning public.trapped)",
        "select json_value('\"x\"', '$' returning boolean default (public.writer() = 1) on error)",
        "select json_exists(jsonb '1', '$' passing (public.writer() = 1) as x)",
        "select json_object('a': (public.writer() = 1))",
    ):
        with pytest.raises(NotAsked):
            asker.ask(query)
    assert attack.state() == before


def test_a_run_lets_a_superusers_query_call_what_a_superuser_owns(attack: Attack) -> None:
    attack.execute(
        WRITER + "create role nobody_else; create function public.theirs() returns int language plpgsql as"
        " 'begin return 1; end'; alter function public.theirs() owner to nobody_else"
    )
    try:
        asker = Asker(lambda: psycopg.connect(attack.url, autocommit=True), running=True)
        with pytest.raises(NotAsked, match="theirs"):
            asker.ask("select public.theirs()")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            asker.ask("select public.writer()")
    finally:
        attack.execute("drop function public.theirs(); drop role nobody_else")


def test_a_table_whose_index_calls_code_of_a_role_without_rights_is_not_read_by_a_superuser(attack: Attack) -> None:
    attack.execute(
        "create role mallory; grant create on schema public to mallory; set role mallory;"
        "create function public.evil(int) returns int language plpgsql immutable as 'begin return 1; end';"
        "create table public.bait(i int); create index on public.bait ((i + public.evil(1))); reset role"
    )
    try:
        asker = Asker(lambda: psycopg.connect(attack.url, autocommit=True), running=True)
        with pytest.raises(NotAsked, match="evil"):
            asker.ask("select count(*) from public.bait")
    finally:
        attack.execute("drop owned by mallory; drop role mallory")


@pytest.fixture
def owner(role_url: str) -> Iterator[Asker]:
    """Asks as a role that owns its database and is no superuser."""
    yield Asker(lambda: psycopg.connect(role_url, autocommit=True))


def test_other_roles_may_call_functions_but_none_of_the_servers_that_act(owner: Asker) -> None:
    with owner.opened() as connection:
        connection.execute(WRITER.encode())
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        owner.ask("select public.writer()")
    for query in ACTING:
        with pytest.raises((NotAsked, InputError)):
            owner.ask(query)
    with pytest.raises(NotAsked):
        owner.ask("select (s.x).pg_sleep from (select row(1) as x) s")


def test_read_only_is_not_to_be_turned(owner: Asker) -> None:
    for setting in ("transaction_read_only", "default_transaction_read_only"):
        with owner.transaction([]) as connection, pytest.raises(psycopg.Error):
            connection.execute("select set_config(%s, 'off', false)", [setting])
            connection.execute("create table pwned(i int)")


def test_what_one_question_leaves_is_not_there_for_the_next(owner: Asker) -> None:
    with owner.opened() as connection:
        connection.execute(
            "create function public.leave() returns text language sql as"
            " 'select pg_advisory_lock(99); select set_config(''a.b'', ''c'', false)'"
        )
    assert owner.ask("select public.leave()").rows == [("c",)]
    assert owner.ask("select current_setting('a.b', true)").rows in ([(None,)], [("",)])
    assert owner.ask("select count(*) from pg_locks where locktype = 'advisory' and objid = 99").rows == [(0,)]


def test_a_question_is_ended_in_time(owner: Asker) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        owner.ask("select count(*) from generate_series(1, 100000000) a, generate_series(1, 100000) b", seconds=0.05)


def test_a_question_returns_no_more_rows_than_somebody_may_read(owner: Asker) -> None:
    answer = owner.ask("select g, repeat('x', 1000) from generate_series(1, 2000000) as g", seconds=20)
    assert (answer.columns, len(answer.rows)) == (("g", "repeat"), 10_000)
    assert owner.ask("select 1 as one where false").rows == []
    assert owner.ask("select 2 as two").named() == [{"two": 2}]


def test_usual_questions_are_asked_as_a_superuser(attack: Attack) -> None:
    asker = Asker(lambda: psycopg.connect(attack.url, autocommit=True))
    for query in (
        "select id from tasks where title ~ '^x' and length(secret) > 1 order by lower(title) limit 1",
        "select max(id), string_agg(title, ',' order by id) filter (where id > 1) from public.tasks group by secret",
        "select extract(epoch from now() - interval '1 day'), date '2020-01-01', position('a' in 'b'), trim(' x ')",
        "with recursive t(n) as (values (1) union all select n + 1 from t where n < 3) select n from t window w as ()",
        "select count(*) from pg_stat_activity, pg_locks, pg_stat_replication, pg_settings, information_schema.columns",
        "select id from tasks tablesample system (10)",
        "select row_number() over (partition by title order by id), count(*) over w from tasks window w as (order by id)",
        "select x.a, jsonb_path_exists('{}', '$.a') from jsonb_to_recordset('[{\"a\": 1}]') as x(a int)",
        "values (1, gen_random_uuid())",
        "table tasks",
    ):
        asker.ask(query)


def test_what_the_list_names_has_no_effect(database: Any) -> None:
    for word in ("set_config", "nextval", "pg_sleep", "lo_create", "pg_notify", "query_to_xml", "pg_read_file"):
        assert word not in harmless()
    volatile = database.execute(
        "select proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace and provolatile = 'v'"
        " and proname ~ '^(lo_|pg_(advisory|try_advisory|read|ls_|replication_(origin_(create|drop|adv)|slot)|create|drop|stat_reset)|.*_to_xml)'"
    ).fetchall()
    assert not {name for (name,) in volatile} & harmless()


PLANNED = f"{BASE}    - name: P\n      table: {{name: planned, columns: {{id: {{type: bigint, primary_key: true}}}}}}\n"


def _add_a_statement(command: dict[str, Any]) -> None:
    command["sql"] += "; create role tampered superuser"


def _lift_a_limit(command: dict[str, Any]) -> None:
    command["wait"] = "long"


def _run_outside(command: dict[str, Any]) -> None:
    command["transactional"] = False


def _do_otherwise(command: dict[str, Any]) -> None:
    command["sql"] = command["sql"].replace("bigint", "integer")


@pytest.mark.parametrize("change", [_add_a_statement, _lift_a_limit, _run_outside, _do_otherwise])
def test_a_saved_plan_is_run_only_as_it_would_be_made_now(
    attack: Attack, change: Callable[[dict[str, Any]], None]
) -> None:
    file = attack.project / "plan.json"
    assert attack.check(PLANNED, "--save-plan", str(file))[0] == 0
    written = file.read_text()
    data = json.loads(written)
    change(data["groups"][0]["operations"][0]["commands"][0])
    file.write_text(json.dumps(data))
    code, said = attack.play(PLANNED, "--plan", str(file), "--no-backup")
    assert (code, "is not the one that is made now" in said) == (11, True)
    assert attack.execute("select 1 from pg_roles where rolname = 'tampered'") == []
    assert attack.execute("select to_regclass('public.planned')") == [(None,)]
    file.write_text(written)
    assert attack.play(PLANNED, "--plan", str(file), "--no-backup")[0] == 0


@pytest.mark.parametrize("place", ["payload", "added", "key"])
def test_a_saved_plan_with_more_in_it_is_refused(attack: Attack, place: str) -> None:
    file = attack.project / "plan.json"
    assert attack.check(PLANNED, "--save-plan", str(file))[0] == 0
    data = json.loads(file.read_text())
    operations = data["groups"][0]["operations"]
    if place == "payload":
        operations[0]["payload"]["backfill"] = {"table": ["public", "tasks"], "set": "title = 'x'"}
    elif place == "added":
        operations.append({**operations[0], "commands": [{**operations[0]["commands"][0], "sql": "drop table tasks"}]})
    else:
        operations[0]["key"] = ["table", ["public", "tasks"]]
    file.write_text(json.dumps(data))
    assert attack.play(PLANNED, "--plan", str(file), "--no-backup")[0] == 11
    assert attack.execute("select count(*) from tasks") == [(1,)]


# An untrusted playbook --------------------------------------------------------------------------------------------------

MARKED = """
- name: App
  hosts: prod
  invariants:
    - {name: I, query: "select 'mark-of-the-invariant' where false"}
  alerts:
    - {name: A, threshold: '> 1', severity: warning, query: "select 1 as value where 'mark-of-the-alert' = ''"}
  steps:
    - name: T
      table:
        name: tasks
        columns:
          id: {type: bigint, primary_key: true}
          title: {type: varchar(40), convert: {from: text, using: "concat(title, 'mark-of-the-conversion')"}}
          secret: {type: text, check: "secret <> 'mark-of-the-check'"}
    - name: A
      assert: {query: "select 'mark-of-the-assertion' where false"}
    - name: S
      seed: {table: tasks, key: [id], rows: [{id: 2, title: mark-of-the-seed}]}
    - name: P
      setting: {name: application_name, value: "mark-of-the-setting {{ env.DATABASE_NAME }}"}
"""


@pytest.fixture
def stranger(
    attack: Attack, server: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command on the marked playbook with environments from elsewhere; return code, output and what the server saw."""
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / "prod.yml").write_text('url: "{{ env.DATABASE_URL }}"\n')
    name = attack.execute("select current_database()")[0][0]
    monkeypatch.setenv("DATABASE_NAME", name)
    attack.execute(f"alter database {name} set log_statement = 'all'")
    assert server.log is not None
    log = server.log

    def play(*options: str, inventory: Path | None = folder, text: str = MARKED) -> tuple[int, str, str]:
        size = log.stat().st_size
        given = () if inventory is None else ("-i", str(inventory))
        code, said = attack.play(text, *given, *options)
        with log.open("rb") as file:
            file.seek(size)
            return code, said, file.read().decode(errors="replace")

    return play


def test_nothing_of_an_untrusted_playbook_reaches_the_target(
    stranger: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, seen = stranger("--check")
    assert code == 0
    assert not [one for one in ("invariant", "check", "assertion", "seed") if f"mark-of-the-{one}" not in seen]
    code, said, seen = stranger("--check", "--untrusted", "--env", "DATABASE_NAME")
    assert (code, "mark-of-" in seen) == (0, False), [line for line in seen.splitlines() if "mark-of-" in line]
    for what in ("the assertion 'A'", "the invariant 'I'", "the rows of table tasks"):
        assert f"not asked: {what}: nothing of an untrusted playbook is asked" in said
    monkeypatch.setenv("WGM_UNTRUSTED", "1")
    assert "mark-of-" not in stranger("--check", "--env", "DATABASE_NAME")[2]


def test_an_environment_that_trusts_no_playbook_lets_none_ask_or_run(
    stranger: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "trusted" / "prod.yml").write_text('url: "{{ env.DATABASE_URL }}"\npolicy: {trust: none}\n')
    code, _, seen = stranger("--check")
    assert (code, "mark-of-" in seen) == (0, False)
    code, said, seen = stranger("--no-backup")
    assert (code, "mark-of-" in seen, "does not trust" in said) == (11, False, True)


def test_an_untrusted_playbook_brings_no_environment_and_is_not_run(
    stranger: Callable[..., tuple[int, str, str]], attack: Attack, tmp_path: Path
) -> None:
    own = attack.project / "environments"
    link = tmp_path / "link"
    link.symlink_to(own)
    for inventory in (None, own, attack.project, link):
        code, said, seen = stranger("--check", "--untrusted", inventory=inventory)
        assert (code, seen) == (1, ""), said
        assert "-i DIR: a folder of environment files outside of the checkout" in said
    code, said, _ = stranger("--untrusted", "--no-backup")
    assert (code, "an untrusted playbook is only looked at" in said) == (1, True)


def test_an_untrusted_playbook_reads_only_the_variables_that_are_listed(
    stranger: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "let-nobody-see")
    code, said, _ = stranger("--check", "--untrusted", "--env", "TOKEN")
    assert (code, "DATABASE_NAME" in said) == (1, True)
    text = BASE.replace("title: text", "title: {type: text, default: \"'{{ env.TOKEN }}'\"}")
    code, said, _ = stranger("--check", "--untrusted", text=text)
    assert (code, "TOKEN" in said, "let-nobody-see" in said) == (1, True, False)
    assert stranger("--check", "--untrusted", "--env", "TOKEN", text=text)[0] == 0


def test_what_a_playbook_asks_is_asked_as_the_planner(attack: Attack, server: Postgres) -> None:
    name, password = server.create_role()
    database = attack.execute("select current_database()")[0][0]
    attack.execute(WRITER + f'grant select on all tables in schema public to "{name}"')
    environment = attack.project / "environments" / "prod.yml"
    environment.write_text(environment.read_text() + f"planner: {server.url(database, name, password)}\n")
    try:
        code, said = attack.check(assertion(f"select current_user where current_user <> '{name}'"))
        assert (code, password in said) == (0, False), said
        code, said = attack.check(assertion("select (select public.writer())"))
        assert (code, "read-only transaction" in said) == (1, True)
        assert attack.check(assertion("select 1 from pg_sleep(0)"))[0] == 0
    finally:
        attack.execute(f'drop owned by "{name}"')
        server.drop_role(name)


@pytest.mark.parametrize(
    "settings",
    [
        "archive_command: touch /tmp/wgm_attacked, archive_mode: true",
        "restore_command: 'true'",
        "ssl_passphrase_command: touch x",
        "shared_preload_libraries: /tmp/evil",
        "listen_addresses: '*'",
        "unix_socket_directories: /tmp",
        "ARCHIVE_COMMAND: x",
        '"work_mem = 1 archive_command": x',
        "local_preload_libraries: x",
        "dynamic_library_path: /tmp",
    ],
)
def test_an_environment_gives_the_embedded_server_no_setting_that_runs_or_opens_something(
    attack: Attack, settings: str
) -> None:
    (attack.project / "environments" / "prod.yml").write_text(
        f"embedded: {{settings: {{{settings}}}}}\n".replace("\\n", "\\\\n")
    )
    code, said = attack.check(BASE)
    assert (code, "is not given to the embedded server" in said) == (1, True), said
    assert not (attack.project / ".wgm" / "postgres").exists()


# Values, files and words -------------------------------------------------------------------------------------------------

MARKS = ("a\ue002b", "\ue0009\ue001c", "\ue000zz", "\ue0000\ue001", "\ue000\ue001\ue002", "\ue002\ue001\ue000")


def test_characters_of_the_private_use_area_are_stored_as_written(attack: Attack) -> None:
    rows = ", ".join(f"{{id: {number}, title: {json.dumps(text)}}}" for number, text in enumerate(MARKS, 10))
    text = f"{BASE}    - name: S\n      seed: {{table: tasks, key: [id], rows: [{rows}]}}\n"
    text += f'    - {{name: C, comment: {{"on": table tasks, text: {json.dumps(MARKS[1])}}}}}\n'
    code, said = attack.play(text, "--no-backup")
    assert code == 0, said
    assert attack.execute("select title from tasks where id >= 10 order by id") == [(text,) for text in MARKS]
    assert attack.execute("select obj_description('tasks'::regclass)") == [(MARKS[1],)]
    assert "changed=0 " in attack.play(text, "--no-backup")[1]


def test_a_pipe_where_rows_belong_does_not_hang(attack: Attack) -> None:
    for name in ("rows.csv", "steps.yml"):
        os.mkfifo(attack.project / name)
    for step in (
        "- {name: S, seed: {table: tasks, key: [id], file: rows.csv}}",
        "- import_steps: steps.yml",
    ):
        code, said = attack.check(f"{BASE}    {step}\n")
        assert (code, "is no regular file" in said) == (1, True), said


def test_a_url_in_the_place_of_a_playbook_is_not_echoed(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("postgresql://me:hush-hush@db/app", "host=db password=hush-hush", "postgres://me:hush%20hush@db/app"):
        for command in ([word], [word, "--check"], ["rollback", word], ["status", word]):
            assert run(command) == 1
            said = capsys.readouterr()
            assert "hush" not in said.out + said.err
            assert "a URL stands where a playbook belongs" in said.err


def test_the_way_back_of_a_step_without_a_log_is_not_shown(attack: Attack) -> None:
    text = f"""{BASE}    - name: Q
      no_log: true
      sql: {{up: "update tasks set title = 'quiet-up'", down: "update tasks set title = 'quiet-down'"}}
"""
    code, said = attack.play(text, "--no-backup", "-vv")
    assert (code, "quiet" in said) == (0, False), said
    secret.forget()
    code = run(["rollback", str(attack.project / "attack.yml"), "--no-backup", "--diff", "-vv"])
    told = attack.capsys.readouterr()
    assert (code, "quiet" in told.out + told.err) == (0, False), told.out + told.err
    assert attack.execute("select title from tasks") == [("quiet-down",)]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for i in range(99999) %}{% for j in range(9) %}{% endfor %}{% endfor %}select 1 as x", "100,000 passes"),
        (
            "{% set n = namespace(x='x' * 9000000) %}{% for i in range(9) %}{% set n.x = n.x ~ n.x %}{% endfor %}select 1 as x",
            "64 MB",
        ),
    ],
)
def test_a_template_that_eats_time_or_memory_is_refused(attack: Attack, template: str, words: str) -> None:
    folder = attack.project / "templates"
    folder.mkdir()
    (folder / "v.sql.j2").write_text(template)
    code, said = attack.check(f"{BASE}    - {{name: V, view: {{name: v, template: v.sql.j2}}}}\n")
    assert (code, words in said) == (1, True), said
