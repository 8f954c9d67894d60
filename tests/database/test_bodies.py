"""Function bodies: good ones give no error, broken ones give an error on the right line. In: a fresh database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project
from psycopg import Connection

from wgm_play import pipeline
from wgm_play.checks.bodies import BodyIssue, FunctionRef, check_bodies
from wgm_play.errors import InputError
from wgm_play.options import Options

SCHEMA = """
CREATE SCHEMA app;
CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), username text NOT NULL, age int, feels mood,
                    updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE sessions (id uuid PRIMARY KEY, user_id uuid REFERENCES users, name text, duration int, data jsonb,
                       updated_at timestamptz);
CREATE TABLE app.events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb, at timestamptz);
CREATE TABLE other.only_there (k int PRIMARY KEY, v text);
CREATE VIEW user_names AS SELECT id, username FROM users;
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b';
CREATE PROCEDURE note(msg text) LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', msg; END';
CREATE PROCEDURE give(IN a int, INOUT b int) LANGUAGE plpgsql AS 'BEGIN b := a; END';
"""


def refs(connection: Connection[Any], names: Iterable[str] | None = None) -> list[FunctionRef]:
    rows = connection.execute(
        "SELECT n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), p.oid::int8 FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname IN ('public', 'app', 'other') ORDER BY p.oid"
    ).fetchall()
    return [FunctionRef(*row) for row in rows if names is None or row[1] in names]


@pytest.fixture
def schema(database: Connection[Any]) -> Connection[Any]:
    database.execute(SCHEMA)
    return database


def issues(connection: Connection[Any], *statements: str, names: Iterable[str] = ("f",)) -> list[BodyIssue]:
    connection.execute("SET check_function_bodies = off")
    for statement in statements:
        connection.execute(statement)
    connection.execute("SET check_function_bodies = on")
    return check_bodies(connection, refs(connection, names))


def function(body: str, arguments: str = "", returns: str = "void", options: str = "") -> str:
    return f"CREATE FUNCTION f({arguments}) RETURNS {returns} LANGUAGE plpgsql {options} AS $f$\n{body}\n$f$"


TOUCH = "CREATE TRIGGER t_{0} BEFORE INSERT OR UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION f()"

GOOD = {
    "assignment": ("DECLARE n int := 3; BEGIN n := n + 1; END",),
    "select into": ("DECLARE n text; BEGIN SELECT username INTO STRICT n FROM users WHERE id = p; END", "p uuid"),
    "positional": ("BEGIN PERFORM 1 FROM users WHERE id = $1 AND age > $2; END", "uuid, int"),
    "own name": ("BEGIN DELETE FROM users WHERE id = f.p; END", "p uuid"),
    "into before from": ("DECLARE a text; b int; BEGIN SELECT username, age INTO a, b FROM users; END",),
    "types like columns": (
        "DECLARE a users.username%TYPE; b a%TYPE; r users%ROWTYPE; c users.age%TYPE;\nBEGIN\n"
        "SELECT * INTO r FROM users; a := r.username; c := r.age + 1; b := upper(a); r.age := 4;\nEND",
    ),
    "record of a loop": (
        "DECLARE r record; BEGIN FOR r IN SELECT u.id, u.username AS nm FROM users u LOOP\n"
        "UPDATE sessions SET name = r.nm WHERE user_id = r.id; END LOOP; END",
    ),
    "nested records": (
        "DECLARE r record; s record; BEGIN FOR r IN SELECT id FROM users LOOP FOR s IN SELECT * FROM sessions"
        " WHERE user_id = r.id LOOP RAISE NOTICE '% %', s.name, r.id; END LOOP; END LOOP; END",
    ),
    "record from insert returning": (
        "DECLARE r record; BEGIN INSERT INTO users (username) VALUES ('x') RETURNING id, age INTO r;"
        " RAISE NOTICE '%', r.age; END",
    ),
    "shadowing": (
        "<<around>> DECLARE n int := 1; BEGIN\nDECLARE n text := 'x'; BEGIN PERFORM upper(n), around.n + 1; END;\n"
        "n := n + 1; END",
    ),
    "integer loop": (
        "BEGIN FOR i IN REVERSE 10..1 BY 2 LOOP PERFORM add(i, 1); CONTINUE WHEN i = 3; EXIT WHEN i > 5; END LOOP; END",
    ),
    "while, case, if": (
        "DECLARE n int := 1; BEGIN <<lp>> WHILE n < 3 LOOP n := n + 1; IF n = 2 THEN CONTINUE lp; ELSIF n > 7 THEN"
        " EXIT lp; ELSE NULL; END IF; CASE n WHEN 1, 2 THEN NULL; ELSE n := 9; END CASE;"
        " CASE WHEN n > 1 THEN NULL; ELSE NULL; END CASE; END LOOP lp; END",
    ),
    "cursors": (
        "DECLARE c CURSOR (k int) FOR SELECT username, age FROM users WHERE age = k; d refcursor; r record;"
        " q record; BEGIN\n"
        "OPEN c(3); FETCH c INTO r; RAISE NOTICE '%', r.username; CLOSE c;\n"
        "FOR z IN c(k := 4) LOOP PERFORM z.age + 1; END LOOP;\n"
        "OPEN d FOR SELECT id FROM sessions; FETCH NEXT FROM d INTO q; PERFORM q.id; CLOSE d; END",
    ),
    "table result": (
        "BEGIN RETURN QUERY SELECT u.id, u.username FROM users u; id := NULL; RETURN NEXT; END",
        "",
        "TABLE (id uuid, nm text)",
    ),
    "exception": (
        "BEGIN INSERT INTO users (username) VALUES ('x'); EXCEPTION WHEN unique_violation OR not_null_violation THEN"
        " RAISE WARNING '% %', SQLERRM, SQLSTATE USING HINT = 'h'; WHEN OTHERS THEN RAISE; END",
    ),
    "found and diagnostics": (
        "DECLARE n int; BEGIN UPDATE users SET age = 1; IF NOT FOUND THEN RETURN; END IF;"
        " GET DIAGNOSTICS n = ROW_COUNT; ASSERT n > 0, 'none'; END",
    ),
    "arrays": (
        "DECLARE a int[] := '{1,2}'; x int; BEGIN a[1] := 5; FOREACH x IN ARRAY a LOOP PERFORM add(x, a[2]);"
        " END LOOP; END",
    ),
    "calls": ("DECLARE n int := 1; BEGIN CALL note('x'); CALL give(3, n); END",),
    "upsert": (
        "BEGIN INSERT INTO users AS u (id, username) VALUES (p_id, p_name) ON CONFLICT (id) DO UPDATE SET username ="
        " EXCLUDED.username WHERE u.age > 3; END",
        "p_id uuid, p_name text",
    ),
    "with": (
        "BEGIN WITH gone AS (DELETE FROM sessions WHERE updated_at < now() - keep RETURNING *) INSERT INTO app.events"
        " (body) SELECT to_jsonb(gone) FROM gone; END",
        "keep interval",
    ),
    "order by a result column": (
        "BEGIN PERFORM u.username AS nm FROM users u ORDER BY nm; END",
        "nm text",
    ),
    "missing table that is handled": ("BEGIN PERFORM 1 FROM nowhere; EXCEPTION WHEN undefined_table THEN NULL; END",),
    "own search path": (
        "BEGIN PERFORM v FROM only_there; END",
        "",
        "void",
        "SET search_path = other, pg_temp",
    ),
    "temporary table": (
        "BEGIN CREATE TEMP TABLE IF NOT EXISTS mine (a int); INSERT INTO mine SELECT age FROM users; END",
    ),
    "alias": ("DECLARE x ALIAS FOR $1; BEGIN PERFORM x + 1; END", "int"),
    "column preferred": (
        "#variable_conflict use_column\nBEGIN UPDATE users SET age = age + 1 WHERE username = 'x'; END",
        "username text, age int",
    ),
    "polymorphic": ("BEGIN RETURN x; END", "x anyelement", "anyelement"),
    "case expression in sql": (
        "DECLARE n int; BEGIN SELECT CASE WHEN age > 1 THEN 1 ELSE 2 END INTO n FROM users; n := (CASE n WHEN 1 THEN"
        " 2 END); END",
    ),
    "not ascii": ("DECLARE größe int := 1; BEGIN RAISE NOTICE 'ü %', größe; PERFORM 'ß', größe FROM users; END",),
    "quoted": ('DECLARE "My Var" int := 1; BEGIN PERFORM "My Var" + 1, 1 AS "x"; END',),
    "transactions": ("BEGIN COMMIT; ROLLBACK AND CHAIN; END",),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_body_gives_no_error(schema: Connection[Any], case: str) -> None:
    found = issues(schema, function(*GOOD[case]))
    assert [issue for issue in found if issue.level == "error"] == []


CERTAIN = sorted(GOOD.keys() - {"polymorphic", "temporary table", "missing table that is handled"})


@pytest.mark.parametrize("case", CERTAIN)
def test_a_good_static_body_is_checked_wholly(schema: Connection[Any], case: str) -> None:
    assert issues(schema, function(*GOOD[case])) == []


# What people write in every dialect of their own: none of it may be called an error.
ASSORTED: list[tuple[str, ...]] = [
    (
        "DECLARE r users; BEGIN SELECT u.* INTO r FROM users u LIMIT 1; RETURN r; END",
        "",
        "users",
    ),
    (
        "BEGIN RETURN QUERY EXECUTE format('select %L::text', p) USING p; END",
        "p text",
        "SETOF text",
    ),
    (
        "DECLARE v jsonb := '{}'; k text; BEGIN FOR k IN SELECT jsonb_object_keys(v) LOOP v := v || "
        "jsonb_build_object(k, v->>k); END LOOP; RETURN v; END",
        "",
        "jsonb",
    ),
    (
        "DECLARE r record; n int; BEGIN SELECT count(*) AS c, max(age) m INTO r FROM users; n := r.c; IF "
        "r.m > 3 THEN RETURN; END IF; r := ROW(1,2); END",
    ),
    ("BEGIN LOCK TABLE users IN SHARE MODE; TRUNCATE sessions; EXECUTE 'select 1'; END",),
    (
        "DECLARE n int; BEGIN n = 3; IF n = 1 THEN NULL; ELSEIF n = 2 THEN NULL; END IF; LOOP EXIT; END "
        "LOOP; RAISE; END",
    ),
    (
        "DECLARE a int; b int; BEGIN INSERT INTO users(username) VALUES ('x') ON CONFLICT DO NOTHING "
        "RETURNING age, age INTO a, b; IF NOT FOUND THEN RAISE EXCEPTION 'n' USING ERRCODE = 'P0001', "
        "DETAIL = 'x' || a; END IF; END",
    ),
    (
        "BEGIN PERFORM pg_notify('x', json_build_object('a', p)::text); PERFORM set_config('a.b', p, true); END",
        "p text",
    ),
    (
        "DECLARE i int := 0; BEGIN FOR i IN 1..array_length(p,1) LOOP RAISE NOTICE '%', p[i]; END LOOP; "
        "FOR i IN 1 .. 3 LOOP NULL; END LOOP; END",
        "p text[]",
    ),
    (
        "DECLARE x users.age%TYPE = 3; y public.users.username%TYPE; z app.events%ROWTYPE; BEGIN SELECT "
        "* FROM app.events e WHERE e.id = x INTO z; y := z.body->>'a'; END",
    ),
    (
        "DECLARE _sql text; rec record; BEGIN _sql := 'x'; FOR rec IN EXECUTE _sql LOOP RAISE NOTICE "
        "'%', rec.foo; END LOOP; END",
    ),
    (
        "BEGIN CREATE TABLE IF NOT EXISTS zed (a int); ALTER TABLE zed ADD b int; DROP TABLE zed; CREATE "
        "INDEX ON users (age); END",
    ),
    (
        "BEGIN RETURN (SELECT count(*) FROM users) + COALESCE(p, 0); END",
        "p bigint DEFAULT 3",
        "bigint",
    ),
    (
        "BEGIN IF p IS NULL THEN RETURN NULL; END IF; RETURN CASE WHEN p > 3 THEN 'a' ELSE 'b' END; END",
        "p int",
        "text",
    ),
    (
        "DECLARE v_count integer; BEGIN WITH d AS (DELETE FROM sessions WHERE duration < p RETURNING 1) "
        "SELECT count(*) INTO v_count FROM d; RETURN v_count; END",
        "p int",
        "int",
    ),
    (
        "DECLARE c CONSTANT int NOT NULL := 4; s text COLLATE \"C\" DEFAULT 'a'; BEGIN PERFORM c, s; GET "
        "STACKED DIAGNOSTICS s = MESSAGE_TEXT; END",
    ),
    (
        "BEGIN id := 1; nm := 'x'; END",
        "OUT id int, OUT nm text",
        "record",
    ),
    (
        "BEGIN FOR r_id, r_nm IN SELECT u.id, u.username FROM users u LOOP RETURN NEXT; END LOOP; END",
        "OUT r_id uuid, OUT r_nm text",
        "SETOF record",
    ),
    (
        "DECLARE cur refcursor; BEGIN OPEN cur FOR EXECUTE 'select 1'; RETURN cur; END",
        "",
        "refcursor",
    ),
    (
        "BEGIN PERFORM * FROM generate_series(1, p) AS g(i) WHERE i > p; ASSERT p > 0; END",
        "p int",
    ),
    ("BEGIN <<a>> BEGIN EXIT a; END a; <<b>> FOR i IN 1..2 LOOP CONTINUE b WHEN i = 1; END LOOP b; END",),
    (
        "BEGIN RETURN NEXT p; RETURN NEXT p + 1; RETURN; END",
        "p int",
        "SETOF int",
    ),
    (
        "DECLARE r RECORD; BEGIN FOR r IN (SELECT id, name FROM sessions) UNION ALL SELECT id, username "
        "FROM users LOOP RAISE NOTICE '%', r.name; END LOOP; END",
    ),
    (
        "DECLARE r RECORD; BEGIN FOR r IN EXPLAIN SELECT 1 LOOP NULL; END LOOP; FOR r IN SHOW ALL LOOP "
        "RAISE NOTICE '%', r.name; END LOOP; END",
    ),
    (
        "DECLARE a users; BEGIN a.age := 3; a := ROW(NULL,'x',3,NULL,now()); UPDATE users SET (username, "
        "age) = (a.username, a.age) WHERE id = a.id; INSERT INTO users SELECT a.*; INSERT INTO users "
        "VALUES (a.*); END",
    ),
    ("DECLARE v int; BEGIN v := count(*) FROM users WHERE age > 3; IF count(*) > 0 FROM users THEN NULL; END IF; END",),
]


@pytest.mark.parametrize("case", ASSORTED, ids=range(len(ASSORTED)))
def test_an_unusual_body_gives_no_error(schema: Connection[Any], case: tuple[str, ...]) -> None:
    schema.execute(function(*case))
    found = check_bodies(schema, refs(schema, ["f"]))
    assert [issue for issue in found if issue.level == "error"] == []


@pytest.mark.pg(">=14")
def test_a_field_of_an_element_is_assigned_to(schema: Connection[Any]) -> None:
    schema.execute(
        function("DECLARE a users[]; i int := 1; BEGIN a[1].age := 3; PERFORM a[i].username; PERFORM (a[1]).age; END")
    )
    found = check_bodies(schema, refs(schema, ["f"]))
    assert [issue for issue in found if issue.level == "error"] == []


BROKEN: dict[str, tuple[tuple[str, ...], int, str]] = {
    "missing table": (("BEGIN\n  DELETE FROM audit_log\n   WHERE at < now();\nEND",), 3, "audit_log"),
    "missing column": (
        ("DECLARE n text;\nBEGIN\n  NULL;\n  SELECT tablename INTO n FROM pg_stat_user_tables;\nEND",),
        5,
        "tablename",
    ),
    "column on a later line": (("BEGIN\n  PERFORM id,\n    nmae\n  FROM users;\nEND",), 4, "nmae"),
    "arguments of a function": (("BEGIN\n  PERFORM add(1);\nEND",), 3, "add(integer)"),
    "condition": (("BEGIN\n  IF EXISTS (SELECT 1 FROM nope) THEN\n NULL;\n END IF;\nEND",), 3, "nope"),
    "assignment": (("DECLARE n int;\nBEGIN\n  n := (SELECT max(agee) FROM users);\nEND",), 4, "agee"),
    "field of a row": (
        ("DECLARE r users%ROWTYPE;\nBEGIN\n  SELECT * INTO r FROM users;\n  PERFORM r.usrname;\nEND",),
        5,
        "usrname",
    ),
    "field of a loop's record": (
        ("DECLARE r record;\nBEGIN\n  FOR r IN SELECT id FROM users LOOP\n    PERFORM r.name;\n  END LOOP;\nEND",),
        5,
        "name",
    ),
    "loop query": (("DECLARE r record;\nBEGIN\n  FOR r IN SELECT idd FROM users LOOP NULL; END LOOP;\nEND",), 4, "idd"),
    "in a nested block": (("BEGIN\n  BEGIN\n    UPDATE users SET agge = 1;\n  END;\nEND",), 4, "agge"),
    "in a handler": (("BEGIN\n NULL;\nEXCEPTION WHEN OTHERS THEN\n INSERT INTO errors VALUES (1);\nEND",), 5, "errors"),
    "default": (("DECLARE\n  n int := (SELECT count(*) FROM nope);\nBEGIN\n NULL;\nEND",), 3, "nope"),
    "cursor": (("DECLARE\n  c CURSOR FOR SELECT nope FROM users;\nBEGIN\n OPEN c;\nEND",), 3, "nope"),
    "return query": (("BEGIN\n  RETURN QUERY SELECT u.nope FROM users u;\nEND", "", "SETOF text"), 3, "nope"),
    "return": (("BEGIN\n  RETURN nope(1);\nEND", "", "int"), 3, "nope"),
    "raise": (("BEGIN\n  RAISE NOTICE '%', nope(1);\nEND",), 3, "nope"),
    "using of execute": (("BEGIN\n  EXECUTE 'SELECT $1' USING nope(1);\nEND",), 3, "nope"),
    "insert columns": (("BEGIN\n  INSERT INTO users (username, nope) VALUES ('a', 1);\nEND",), 3, "nope"),
    "types that do not go together": (("BEGIN\n  PERFORM 1 FROM users WHERE id = p;\nEND", "p int"), 3, "operator"),
    "enum value": (("BEGIN\n  UPDATE users SET feels = 'ugly';\nEND",), 3, "ugly"),
    "procedure": (("BEGIN\n  CALL note(1, 2);\nEND",), 3, "note"),
    "path without the schema": (
        ("BEGIN\n  PERFORM 1 FROM users;\nEND", "", "void", "SET search_path = other"),
        3,
        "users",
    ),
    "name of a variable and a column": (
        ("BEGIN\n  UPDATE users SET age = 1 WHERE username = username;\nEND", "username text"),
        3,
        "ambiguous",
    ),
    "after not ascii": (("BEGIN\n  RAISE NOTICE 'äöü';\n  DELETE FROM nope;\nEND",), 4, "nope"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_body_gives_an_error_on_its_line(schema: Connection[Any], case: str) -> None:
    written, line, word = BROKEN[case]
    found = [issue for issue in issues(schema, function(*written)) if issue.level == "error"]
    assert [(issue.line, word in issue.message) for issue in found] == [(line, True)]
    assert found[0].function.name == "f" and found[0].statement


def test_new_and_old_have_the_columns_of_every_table(schema: Connection[Any]) -> None:
    body = function("BEGIN\n  NEW.updated_at := now();\n  RETURN NEW;\nEND", returns="trigger")
    assert issues(schema, body, TOUCH.format("users"), TOUCH.format("sessions")) == []


def test_a_column_that_one_table_lacks_names_that_table(schema: Connection[Any]) -> None:
    body = function(
        "BEGIN\n  IF OLD IS NULL THEN\n  NEW.usernam := 'x'; END IF;\n  RETURN NEW;\nEND", returns="trigger"
    )
    found = issues(schema, body, TOUCH.format("users"), TOUCH.format("sessions"))
    assert [(one.line, one.level) for one in found] == [(4, "error")]
    assert 'record "new" has no field "usernam"' in found[0].message
    assert "public.sessions, public.users" in found[0].message

    schema.execute("ALTER TABLE sessions ADD usernam text")
    [one] = check_bodies(schema, refs(schema, ["f"]))
    assert "public.users" in one.message and "public.sessions" not in one.message
    assert one.level == "error"


def test_a_hint_names_the_nearest_column_and_table(schema: Connection[Any]) -> None:
    body = function("BEGIN\n  NEW.usernam := 'x';\n  DELETE FROM sesions;\n  RETURN NEW;\nEND", returns="trigger")
    column, table = issues(schema, body, TOUCH.format("users"))
    assert column.hint and "username" in column.hint
    assert table.hint and "sessions" in table.hint


def test_a_branch_by_table_name_is_not_an_error(schema: Connection[Any]) -> None:
    body = function(
        "BEGIN IF TG_TABLE_NAME = 'users' THEN NEW.username := lower(NEW.username); END IF; RETURN NEW; END",
        returns="trigger",
    )
    found = issues(schema, body, TOUCH.format("users"), TOUCH.format("sessions"))
    assert {one.level for one in found} == {"unchecked"}


def test_an_audit_trigger_takes_the_whole_row(schema: Connection[Any]) -> None:
    body = function(
        "DECLARE doc jsonb; BEGIN doc := to_jsonb(NEW); INSERT INTO app.events (body, at) VALUES (jsonb_build_object("
        "'op', TG_OP, 'table', TG_TABLE_NAME, 'old', to_jsonb(OLD), 'arg', TG_ARGV[0]), now());"
        " IF (OLD.*) IS DISTINCT FROM (NEW.*) THEN RETURN NEW; END IF; RETURN NULL; END",
        returns="trigger",
    )
    assert issues(schema, body, TOUCH.format("users")) == []


def test_transition_tables_are_known(schema: Connection[Any]) -> None:
    body = function(
        "BEGIN\n  INSERT INTO app.events (body)\n SELECT to_jsonb(n) FROM fresh n;\n  PERFORM nope FROM"
        " fresh;\n  RETURN NULL; END",
        returns="trigger",
    )
    trigger = (
        "CREATE TRIGGER a AFTER INSERT ON users REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION f()"
    )
    found = issues(schema, body, trigger)
    assert [(one.line, one.level, "nope" in one.message) for one in found] == [(5, "error", True)]


def test_a_trigger_function_without_trigger_is_unchecked_where_it_reads_rows(schema: Connection[Any]) -> None:
    body = function("BEGIN\n  NEW.nope := 1; RETURN NEW; END", returns="trigger")
    assert {one.level for one in issues(schema, body)} == {"unchecked"}


def test_an_event_trigger_function_is_checked(schema: Connection[Any]) -> None:
    body = function("BEGIN\n  RAISE NOTICE '% %', TG_EVENT, TG_TAG;\n  DELETE FROM nope;\nEND", returns="event_trigger")
    found = issues(schema, body)
    assert [(one.line, one.level) for one in found] == [(4, "error")]


def test_dynamic_sql_is_named_with_its_line(schema: Connection[Any]) -> None:
    body = function("BEGIN\n  EXECUTE format('DROP TABLE %I', p);\n  RETURN;\nEND", "p text")
    found = issues(schema, body)
    assert [(one.line, one.level) for one in found] == [(3, "unchecked")]
    assert "dynamic" in found[0].message and "format" in found[0].statement


def test_what_the_body_creates_itself_is_unchecked(schema: Connection[Any]) -> None:
    static = function("BEGIN\n CREATE TEMP TABLE mine (a int);\n INSERT INTO mine VALUES (1);\nEND")
    assert [(one.line, one.level) for one in issues(schema, static)] == [(4, "unchecked")]
    schema.execute("DROP FUNCTION f")
    dynamic = function("BEGIN\n EXECUTE 'CREATE TEMP TABLE mine (a int)';\n INSERT INTO mine VALUES (1);\nEND")
    assert {one.level for one in issues(schema, dynamic)} == {"unchecked"}


def test_a_table_that_the_body_looks_for_first_is_unchecked(schema: Connection[Any]) -> None:
    body = function("BEGIN\n IF to_regclass('public.extra') IS NOT NULL THEN DELETE FROM extra; END IF;\nEND")
    assert {one.level for one in issues(schema, body)} == {"unchecked"}


def test_sql_functions_are_checked_by_statement(schema: Connection[Any]) -> None:
    head = "(p uuid) RETURNS text LANGUAGE sql AS "
    good = f"CREATE FUNCTION good{head}'SELECT username FROM users WHERE id = p AND id = $1'"
    bad = f"CREATE FUNCTION f{head}$$\nDELETE FROM users WHERE id = p;\nSELECT nope\nFROM users $$"
    found = issues(schema, good, bad, names=["good", "f"])
    assert [(one.function.name, one.line, one.level) for one in found] == [("f", 3, "error")]
    assert found[0].statement.startswith("SELECT nope")


def test_a_sql_function_honours_its_own_path(schema: Connection[Any]) -> None:
    sql = "CREATE FUNCTION f() RETURNS text LANGUAGE sql SET search_path = other AS 'SELECT v FROM only_there'"
    assert issues(schema, sql) == []


@pytest.mark.pg(">=14")
def test_a_parsed_body_needs_no_check(schema: Connection[Any]) -> None:
    assert issues(schema, "CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM users; END") == []


def test_nothing_is_executed_or_left_behind(schema: Connection[Any]) -> None:
    body = function("DECLARE r record; BEGIN FOR r IN DELETE FROM users RETURNING id LOOP NULL; END LOOP; END")
    schema.execute("INSERT INTO users (username) VALUES ('stays')")
    before = schema.execute("SELECT count(*) FROM pg_class").fetchone()
    assert issues(schema, body) == []
    assert schema.execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert schema.execute("SELECT count(*) FROM pg_class").fetchone() == before
    assert schema.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    functions = schema.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()").fetchone()
    assert functions == (0,)


def test_it_works_within_a_transaction_of_the_caller(schema: Connection[Any]) -> None:
    schema.execute(function("BEGIN DELETE FROM nope; END"))
    with schema.transaction():
        schema.execute("INSERT INTO users (username) VALUES ('stays')")
        assert [one.level for one in check_bodies(schema, refs(schema, ["f"]))] == ["error"]
    assert schema.execute("SELECT count(*) FROM users").fetchone() == (1,)


def test_a_role_that_only_owns_the_database_can_check(role_url: str) -> None:
    with psycopg.connect(role_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS app")
        connection.execute("CREATE TABLE app.users (id int)")
        connection.execute(
            "CREATE FUNCTION app.f(p int) RETURNS void LANGUAGE plpgsql AS 'BEGIN DELETE FROM nope; END'"
        )
        found = check_bodies(connection, refs(connection, ["f"]))
        assert [(one.level, one.sqlstate) for one in found] == [("error", "42P01")]


DYNAMIC = {"name": "dynamic", "returns": "void", "body": "begin\n  execute 'select ' || current_user;\nend\n"}
NOT_THERE = {"name": "broken", "returns": "void", "body": "begin\n  perform nothing from not_there;\nend\n"}


def planned(project: Path, url: str, *functions: dict[str, Any]) -> list[str]:
    """Return what the plan of some functions calls unknown."""
    book = Project(project, url, "embedded: true\n")
    book.write([{"name": one["name"], "function": one} for one in functions])
    listener = Listener()
    pipeline.apply(Options(str(book.folder / "playbook.yml"), url=url, check=True), listener)
    return list(listener.plans[-1].unknown)


def test_the_plan_names_what_of_a_body_cannot_be_checked(project: Path, database_url: str) -> None:
    for _ in range(2):  # also where the declared catalog is known from the first time
        said = planned(project, database_url, DYNAMIC)
        assert said == ["not checked: function public.dynamic, line 3: dynamic SQL is unchecked"]


def test_a_body_with_an_error_is_refused_unless_it_is_not_to_be_checked(project: Path, database_url: str) -> None:
    with pytest.raises(InputError, match="not_there") as refused:
        planned(project, database_url, NOT_THERE)
    assert "check_body: false" in (refused.value.hint or "")
    said = planned(project, database_url, {**NOT_THERE, "check_body": False})
    assert said == ["not checked: function public.broken: check_body is false"]


def test_a_renamed_value_that_a_body_still_has_is_told_with_the_function(project: Path, new_database: Any) -> None:
    book = Project(project, new_database())
    with psycopg.connect(book.url, autocommit=True) as connection:
        connection.execute("create type mood as enum ('good', 'bad')")
        for name, text in (("left", "'bad'::mood"), ("edited", "'bad'::mood"), ("other", "'badly'")):
            connection.execute(
                f"create function {name}() returns text language sql as $$ select {text}::text $$".encode()
            )
    values = [{"name": "good"}, {"name": "poor", "renamed_from": "bad"}]
    edited = {"name": "edited", "returns": "text", "language": "sql", "body": " select 'poor'::mood::text "}
    book.write([{"name": "M", "enum": {"name": "mood", "values": values}}, {"name": "F", "function": edited}])
    renamed = next(one for one in book.apply(check=True).operations if one.verb == "rename")
    (told,) = renamed.hazards
    assert told.what.endswith("; still in the text of function left()"), told.what
