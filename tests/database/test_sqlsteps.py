"""Imperative SQL: statements are told apart, refused with what to use instead, and analysed without being run."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from wgm_play.checks.sqlsteps import analyse_query, analyse_sql, check_alert_query, prepare_sql, problems_of
from wgm_play.errors import Position
from wgm_play.sql import Sql

HERE = Position("play.yml", 7, 9)


@pytest.fixture
def schema(database: Connection[Any]) -> Connection[Any]:
    database.execute("CREATE TABLE users (id int PRIMARY KEY, username text, at timestamptz)")
    database.execute("CREATE PROCEDURE note(msg text) LANGUAGE plpgsql AS 'BEGIN NULL; END'")
    database.execute("INSERT INTO users VALUES (1, 'a', now())")
    return database


CLASSES = [
    ("SELECT 1", "data", None),
    ("VALUES (1)", "data", None),
    ("UPDATE users SET username = 'x' WHERE id = 1", "data", None),
    ("WITH a AS (SELECT 1) DELETE FROM users WHERE id = 1", "data", None),
    ("CALL note('x')", "data", None),
    ("DO $$ BEGIN NULL; END $$", "data", None),
    ("REFRESH MATERIALIZED VIEW v", "data", None),
    ("ANALYZE users", "data", None),
    ("REINDEX TABLE users", "data", None),
    ("CREATE TEMP TABLE t (a int)", "data", None),
    ("CREATE TEMP TABLE t AS SELECT 1", "data", None),
    ("CREATE TABLE t (a int)", "ddl", "table"),
    ("CREATE TABLE t AS SELECT 1", "ddl", "table"),
    ("SELECT 1 INTO t", "ddl", "table"),
    ("ALTER TABLE t ADD a int", "ddl", "table"),
    ("ALTER TABLE t RENAME a TO b", "ddl", "table"),
    ("ALTER TABLE t RENAME TO b", "ddl", "table"),
    ("DROP TABLE t", "ddl", "table"),
    ("CREATE UNIQUE INDEX ON t (a)", "ddl", "index"),
    ("CREATE INDEX CONCURRENTLY ON t (a)", "ddl", "index"),
    ("DROP INDEX i", "ddl", "index"),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", "ddl", "view"),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1", "ddl", "materialized_view"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "ddl", "function"),
    ("CREATE TYPE e AS ENUM ('a')", "ddl", "enum"),
    ("COMMENT ON TABLE t IS 'x'", "ddl", "comment"),
    ("CREATE SCHEMA s", "ddl", "schema"),
    ("ALTER ROLE r SET work_mem = '4MB'", "ddl", "setting"),
    ("CREATE ROLE r", "cluster", None),
    ("CREATE DATABASE d", "cluster", None),
    ("ALTER SYSTEM SET work_mem = '4MB'", "cluster", None),
    ("BEGIN", "transaction", None),
    ("COMMIT", "transaction", None),
    ("SAVEPOINT s", "transaction", None),
    ("VACUUM users", "own_transaction", None),
    ("REINDEX INDEX CONCURRENTLY i", "own_transaction", None),
]


@pytest.mark.parametrize(("sql", "klass", "kind"), CLASSES, ids=[sql for sql, _, _ in CLASSES])
def test_each_statement_has_its_class(sql: str, klass: str, kind: str | None) -> None:
    [part] = analyse_sql(sql, HERE)
    assert (part.klass, part.kind) == (klass, kind)
    assert (part.problem is None) == (klass == "data")


def test_a_refusal_names_the_kind_to_use_and_the_place() -> None:
    [problem] = problems_of(analyse_sql("CREATE INDEX i ON t (a)", HERE))
    assert problem.message == "CREATE INDEX is declared with the kind `index`"
    assert problem.where == HERE


def test_transactions_are_the_runners() -> None:
    assert "the runner owns transactions" in problems_of(analyse_sql("COMMIT", HERE))[0].message


def test_what_needs_no_transaction_block_is_accepted_where_there_is_none() -> None:
    assert "transaction: false" in (problems_of(analyse_sql("VACUUM users", HERE))[0].hint or "")
    assert problems_of(analyse_sql("VACUUM users", HERE, transaction=False)) == []
    assert len(problems_of(analyse_sql("VACUUM users; SELECT 1", HERE, transaction=False))) == 1


def test_offsets_are_exact_with_comments_and_other_scripts() -> None:
    text = "-- größe;\nSELECT 'ü;' ; /* ; */\n  UPDATE users SET username = '日本' WHERE id = 1 -- end\n;"
    parts = analyse_sql(text, HERE)
    assert [part.text for part in parts] == ["SELECT 'ü;'", "UPDATE users SET username = '日本' WHERE id = 1"]
    assert [text[part.start : part.end] for part in parts] == [part.text for part in parts]


def test_update_and_delete_without_where_are_warned_of() -> None:
    warnings = [part.warning for part in analyse_sql("UPDATE users SET id = 1; DELETE FROM a.b; SELECT 1", HERE)]
    assert [bool(warning) for warning in warnings] == [True, True, False]
    assert "a.b" in str(warnings[1])


def test_each_syntax_error_is_found_at_its_place() -> None:
    text = "SELEC 1;\nSELECT 2;\nDELETE users;"
    parts = analyse_sql(text, HERE, locate=lambda offset: Position("play.yml", 7 + text.count("\n", 0, offset), 1))
    assert [part.klass for part in parts] == [None, "data", None]
    assert [problem.where for problem in problems_of(parts)] == [Position("play.yml", 7, 1), Position("play.yml", 9, 1)]
    assert "syntax error" in problems_of(parts)[0].message


@pytest.mark.parametrize("text", ["", "  -- nothing\n", ";;"])
def test_a_text_without_a_statement_is_refused(text: str) -> None:
    assert len(problems_of(analyse_sql(text, HERE))) == 1


def test_an_unclosed_string_is_one_problem() -> None:
    [problem] = problems_of(analyse_sql("SELECT 'abc", HERE))
    assert "unterminated" in problem.message


def test_the_server_finds_what_is_missing_and_runs_nothing(schema: Connection[Any]) -> None:
    text = (
        "DELETE FROM users WHERE id = 1;\nUPDATE users SET usernam = 'x' WHERE id = 1;\nINSERT INTO nope VALUES (1);\n"
        "CALL note(1, 2);\nCALL note('x')"
    )
    parts = analyse_sql(text, HERE, locate=lambda offset: Position("p.yml", text.count("\n", 0, offset) + 1, 1))
    found = prepare_sql(schema, parts)
    assert [problem.where and problem.where.line for problem in found] == [2, 3, 4]
    assert "usernam" in found[0].message
    assert schema.execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert schema.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_a_temporary_table_of_the_same_step_is_known(schema: Connection[Any]) -> None:
    parts = analyse_sql("CREATE TEMP TABLE mine (a int); INSERT INTO mine VALUES (1); SELECT * FROM pg_temp.mine", HERE)
    assert prepare_sql(schema, parts) == []


def test_a_do_block_is_checked_like_a_function(schema: Connection[Any]) -> None:
    text = "SELECT 1;\nDO $$\nDECLARE r record;\nBEGIN\n"
    text += "  FOR r IN SELECT * FROM users LOOP\n    DELETE FROM nope;\nEND LOOP; END $$"
    parts = analyse_sql(text, HERE, locate=lambda offset: Position("p.yml", text.count("\n", 0, offset) + 1, 1))
    [problem] = prepare_sql(schema, parts)
    assert problem.where == Position("p.yml", 6, 1)
    assert "nope" in problem.message


def test_a_query_has_its_columns_with_types(schema: Connection[Any]) -> None:
    shape = analyse_query(schema, "SELECT count(*) AS value, username, 1::numeric(5,2) AS n FROM users GROUP BY 2")
    assert shape.problem is None
    assert [(column.name, column.type) for column in shape.columns] == [
        ("value", "bigint"),
        ("username", "text"),
        ("n", "numeric(5,2)"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM users RETURNING id AS value",
        "WITH gone AS (DELETE FROM users RETURNING id) SELECT count(*) AS value FROM gone",
        "SELECT 1 AS value; SELECT 2 AS value",
        "SELECT id AS value FROM users FOR UPDATE",
        "SELECT 1 AS value INTO t",
        "SELECT nope AS value FROM users",
        "SELECT count(*) FROM users",
        "SELECT username AS value FROM users",
        "SELECT now() - at AS value FROM users",
        "SELEC 1",
    ],
)
def test_an_alert_that_cannot_be_evaluated_is_refused(schema: Connection[Any], query: str) -> None:
    problem = check_alert_query(schema, Sql(query, HERE))
    assert problem is not None
    assert problem.where is not None and problem.where.file == "play.yml"
    assert schema.execute("SELECT count(*) FROM users").fetchone() == (1,)


@pytest.mark.parametrize("kind", ["count(*)", "1.5", "2::smallint", "3::float8", "random()"])
def test_an_alert_with_a_number_is_accepted(schema: Connection[Any], kind: str) -> None:
    assert check_alert_query(schema, Sql(f"SELECT {kind} AS value FROM users", HERE)) is None


def test_a_callers_transaction_stays_usable(schema: Connection[Any]) -> None:
    with schema.transaction():
        assert analyse_query(schema, "SELECT nope").problem
        assert schema.execute("SELECT 1").fetchone() == (1,)
