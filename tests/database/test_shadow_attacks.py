"""Planning is harmless, whoever wrote the playbook: what its code tries in the shadow has no effect anywhere.

In: playbooks whose functions try to write files, make roles, change settings and become somebody else, in each place
where PostgreSQL calls functions while objects are made; planned by a superuser. Out: nothing of it is there, on the
target's server or on that of the scratch databases.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, state
from psycopg import sql

from fix_postgres import Postgres
from wgm_play import embedded
from wgm_play.errors import WgmError

ROLE = "made_by_an_attack"
TRIES = [
    "copy (select 1) to program 'touch {file}'",
    "copy (select 1) to '{file}'",
    "create role {role} superuser login password 'x'",
    "alter database {database} set work_mem = '77MB'",
    "alter role all set work_mem = '77MB'",
    "alter role {owner} superuser",
    "set role {owner}; create role {role} superuser",
    "reset session authorization; reset role; create role {role} superuser",
    "select set_config('session_authorization', '{owner}', false), set_config('role', 'none', false)",
    "select lo_export(lo_from_bytea(0, 'x'), '{file}')",
    "select pg_catalog.pg_read_file('/etc/hostname'), pg_ls_dir('/')",
    "create extension dblink",
    "create extension file_fdw",
    "alter system set work_mem = '77MB'",
    "create function leak() returns int language internal as 'pg_backend_pid'",
    "create database {role}",
    "grant pg_execute_server_program to current_user",
    "create event trigger {role} on ddl_command_end execute function tries_et()",
]


def _body(values: dict[str, str], result: str) -> str:
    quoted = (text.format(**values).replace("'", "''") for text in TRIES)
    tried = "".join(f"begin execute '{one}'; exception when others then null; end;\n" for one in quoted)
    return f"begin\n{tried}{result}\nend"


def _function(values: dict[str, str], name: str, returns: str, result: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "function": {"name": name, "language": "plpgsql", "returns": returns, "body": _body(values, result), **more},
    }


def _steps(values: dict[str, str]) -> list[dict[str, Any]]:
    """Return the functions: one that tries, and one that says it is immutable and calls it."""
    immutable = {"name": "imm", "language": "plpgsql", "returns": "boolean", "volatility": "immutable"}
    return [
        _function(values, "tries", "boolean", "return true;"),
        _function(values, "tries_et", "event_trigger", "return;"),
        _function(values, "tries_row", "trigger", "return new;"),
        {"name": "imm", "function": {**immutable, "body": "begin return public.tries(); end"}},
    ]


T: dict[str, Any] = {"name": "t", "columns": {"id": {"type": "bigint", "primary_key": True}, "n": "int"}}


def _table(**columns: Any) -> dict[str, Any]:
    return {"name": "T", "table": {**T, "columns": {**T["columns"], **columns}}}


SEED = {"name": "S", "seed": {"table": "t", "key": ["id"], "rows": [{"id": 1}]}}
PLACES: dict[str, list[dict[str, Any]]] = {
    "event trigger at the end of a command": [
        {"name": "E", "event_trigger": {"name": "e", "event": "ddl_command_end", "function": "tries_et"}},
        _table(),
    ],
    "event trigger that always fires": [
        _table(),
        {
            "name": "E",
            "event_trigger": {"name": "e", "event": "ddl_command_start", "function": "tries_et", "enabled": "always"},
        },
        {"name": "F", "event_trigger": {"name": "f", "event": "sql_drop", "function": "tries_et"}},
        {"name": "P", "publication": {"name": "p", "all_tables": True}},
    ],
    "predicate of an index": [
        _table(),
        {"name": "I", "index": {"name": "i", "table": "t", "columns": ["n"], "where": "imm()"}},
    ],
    "expression of an index": [
        _table(),
        {"name": "I", "index": {"name": "i", "table": "t", "columns": [{"expression": "(imm())"}]}},
    ],
    "generated column": [_table(g={"type": "boolean", "generated": "imm()"})],
    "default that a seed takes": [_table(d={"type": "boolean", "default": "tries()"}), SEED],
    "check that a seed meets": [_table(d={"type": "boolean", "default": True, "check": "d = tries()"}), SEED],
    "domain's check": [
        {"name": "D", "domain": {"name": "d", "type": "int", "check": "tries() or value > 0"}},
        _table(d={"type": "d", "default": 1}),
        SEED,
    ],
    "trigger that a seed fires": [
        _table(),
        {
            "name": "R",
            "trigger": {"table": "t", "name": "r", "timing": "before", "events": ["insert"], "function": "tries_row"},
        },
        SEED,
    ],
    "materialized view": [_table(), {"name": "V", "materialized_view": {"name": "v", "query": "select tries() as x"}}],
    "more than a transaction holds": [
        _table(),
        {"name": "I", "index": {"name": "i", "table": "t", "columns": ["n"], "where": "imm()"}},
        *({"name": f"Q{number}", "sequence": {"name": f"q{number}"}} for number in range(210)),
    ],
}


@pytest.fixture
def witness() -> Iterator[Path]:
    """A file that every account could write, and that nobody shall."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # noqa: S103 - the servers run as another user
        yield Path(folder) / "witness"


def _traces(url: str) -> dict[str, list[Any]]:
    """Return what would tell of an attack on a server."""
    with psycopg.connect(url, autocommit=True) as session:
        asked = {
            "roles": f"select rolname from pg_roles where rolname = '{ROLE}'",
            "settings": "select setdatabase::text, setrole::text, setconfig::text from pg_db_role_setting",
            "databases": f"select datname from pg_database where datname ~ '^wgm_shadow|{ROLE}'",
            "logins": "select rolname from pg_roles where rolname ~ '^wgm_shadow'",
        }
        return {name: session.execute(text.encode()).fetchall() for name, text in asked.items()}


def _values(book: Project, witness: Path) -> dict[str, str]:
    with psycopg.connect(book.url) as session:
        owner, database = session.info.user, session.info.dbname
    return {"file": str(witness), "role": ROLE, "owner": owner, "database": database}


def _nothing_happened(book: Project, witness: Path, before: Any) -> None:
    assert not witness.exists()
    assert before.differences(state(book.url)) == []
    urls = [book.url, *(server.url for server in embedded.running_scratch())]
    for traces in map(_traces, urls):
        assert (traces["roles"], traces["settings"]) == ([], [])
        assert not any(ROLE in name for (name,) in traces["databases"])


@pytest.mark.parametrize("place", PLACES)
def test_what_the_code_of_a_playbook_tries_while_planning_has_no_effect(
    place: str, project: Path, database_url: str, witness: Path
) -> None:
    book = Project(project, database_url)
    before = state(book.url)
    book.write([*_steps(_values(book, witness)), *PLACES[place]])
    try:
        told = book.apply(check=True)
        assert told.operations
    except WgmError as error:  # a refusal is as good
        assert "internal error" not in str(error)
    _nothing_happened(book, witness, before)


def test_a_reader_plans_as_harmlessly(project: Path, server: Postgres, role_url: str, witness: Path) -> None:
    """The role may only read: planning is done on this machine, and its account is reached by nothing."""
    book = Project(project, role_url)
    before = state(book.url)
    book.write([*_steps(_values(book, witness)), *PLACES["predicate of an index"], *PLACES["materialized view"][1:]])
    book.apply(check=True)
    _nothing_happened(book, witness, before)


def test_a_role_that_may_run_programs_counts_as_a_superuser(
    project: Path, server: Postgres, role_url: str, witness: Path
) -> None:
    """It may make databases, so that the target's server could hold the shadow."""
    book = Project(project, role_url)
    with psycopg.connect(role_url) as session:
        role = session.info.user
    with server.connect() as admin:
        admin.execute(
            sql.SQL("ALTER ROLE {0} CREATEDB; GRANT pg_execute_server_program TO {0}").format(sql.Identifier(role))
        )
    before = state(book.url)
    book.write([*_steps(_values(book, witness)), *PLACES["predicate of an index"]])
    book.apply(check=True)
    _nothing_happened(book, witness, before)


def test_nothing_outlives_planning_on_either_server(project: Path, database_url: str) -> None:
    book = Project(project, database_url)
    book.write([_table()])
    book.apply(check=True)
    assert _traces(book.url)["databases"] == _traces(book.url)["logins"] == []


def test_functions_in_c_are_stand_ins_and_come_out_as_written(project: Path, database_url: str) -> None:
    """They are made on the target alone; the shadow says of them what the playbook says, and the plan names them."""
    book = Project(project, database_url)
    book.write(
        [
            {
                "name": "I",
                "function": {
                    "name": "plus",
                    "arguments": "a integer, b integer",
                    "returns": "integer",
                    "language": "internal",
                    "volatility": "immutable",
                    "strict": True,
                    "body": "int4pl",
                    "verbatim": True,
                },
            },
            {
                "name": "L",
                "function": {
                    "name": "leaks",
                    "arguments": "a integer",
                    "returns": "boolean",
                    "language": "sql",
                    "leakproof": True,
                    "body": "select a > 0",
                },
            },
        ]
    )
    first = book.apply()
    assert [operation.title for operation in first.operations] == [
        "create function plus(integer, integer)",
        "create function leaks(integer)",
    ]
    assert any("plus" in text and "internal" in text for text in first.plans[-1].unknown)
    assert book.apply().changed == 0
    with psycopg.connect(book.url) as session:
        assert session.execute("select plus(1, 2), leaks(1)").fetchone() == (3, True)


def test_a_library_that_a_function_names_is_not_loaded_while_planning(
    project: Path, database_url: str, witness: Path
) -> None:
    book = Project(project, database_url)
    book.write(
        [
            {
                "name": "C",
                "function": {
                    "name": "evil",
                    "returns": "integer",
                    "language": "c",
                    "template": "evil.sql.j2",
                },
            }
        ]
    )
    (project / "templates").mkdir()
    (project / "templates" / "evil.sql.j2").write_text(
        "CREATE FUNCTION evil() RETURNS integer LANGUAGE c AS '/tmp/no/such/library', 'evil'"
    )
    book.apply(check=True)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE EXTENSION citext; CREATE ROLE made_by_an_attack",
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f(); COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x'; CREATE ROLE made_by_an_attack",
        "DO $wgm$\nBEGIN\n    EXECUTE pg_catalog.format(\n        'COMMENT ON EXTENSION %I IS %L', 'x', pg_read_file('y'));\nEND\n$wgm$",
        "/* */ CREATE CAST (int AS text) WITH FUNCTION f(int); SELECT f()",
    ],
)
def test_the_superuser_of_a_scratch_server_takes_one_statement_of_its_list(text: str) -> None:
    from wgm_play.shadow.superuser import _parsed, listed

    with pytest.raises(WgmError):
        if not listed(text):
            raise WgmError("the role's own: it may not")
        _parsed(text)


def test_what_reaches_out_of_a_database_is_taken_from_an_extension(servers: Any, project: Path, witness: Path) -> None:
    """dblink and foreign data connect to other servers: not from a scratch database."""
    server = servers.get(15)
    with server.connect() as admin:
        there = {name for (name,) in admin.execute("select name from pg_available_extensions").fetchall()}
    if not {"dblink", "postgres_fdw"} <= there:
        pytest.skip("the server lacks dblink or postgres_fdw")
    name = server.create_database()
    book = Project(project, server.url(name))
    reach = (
        f"begin perform public.dblink_connect('host=127.0.0.1 port={server.port} dbname={name} user=postgres "
        f"password={server.password}'); perform public.dblink_exec('create table reached()'); return true; "
        "exception when insufficient_privilege then return true; end"
    )
    book.write(
        [
            {"name": "X", "extension": {"name": "dblink"}},
            {"name": "W", "extension": {"name": "postgres_fdw"}},
            {
                "name": "F",
                "function": {
                    "name": "reach",
                    "returns": "boolean",
                    "language": "plpgsql",
                    "body": reach,
                    "volatility": "immutable",
                },
            },
            {
                "name": "T",
                "table": {**T, "columns": {**T["columns"], "g": {"type": "boolean", "generated": "reach()"}}},
            },
            {"name": "I", "index": {"name": "i", "table": "t", "columns": ["n"], "where": "reach()"}},
            {"name": "M", "materialized_view": {"name": "m", "query": "select reach() as x"}},
        ]
    )
    try:
        book.apply(check=True)
        with psycopg.connect(book.url) as session:
            assert session.execute("select to_regclass('public.reached')").fetchone() == (None,)
    finally:
        server.drop_database(name)
