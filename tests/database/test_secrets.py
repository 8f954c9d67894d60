"""What came from the environment, or stands in a `no_log` step, is in no ledger, plan or output, and still takes effect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project

from wgm_play import secret
from wgm_play.errors import Refused

TABLE = {"name": "T", "table": {"name": "t", "columns": {"id": {"type": "integer", "primary_key": True}, "w": "text"}}}


@pytest.fixture
def book(project: Path, database_url: str) -> Project:
    made = Project(project, database_url)
    made.write([TABLE])
    made.apply()
    return made


def test_a_down_with_a_secret_is_kept_without_it_and_run_with_it(
    book: Project, database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD_WORD", "s3cr3t-word")
    down = "update t set w = '{{ env.OLD_WORD }}'"
    book.write([TABLE, {"name": "S", "sql": {"text": "insert into t values (1, 'new')", "down": down}}])
    book.apply()
    assert database.execute("select down from wgm.sql_once").fetchone() == ("update t set w = '${env.OLD_WORD}'",)
    monkeypatch.delenv("OLD_WORD")
    book.write([TABLE])
    secret.forget()  # as another process
    with pytest.raises(Refused, match="reads the environment variable OLD_WORD, which is not set"):
        book.rollback()
    monkeypatch.setenv("OLD_WORD", "s3cr3t-word")
    book.rollback()
    assert database.execute("select w from t").fetchone() == ("s3cr3t-word",)


def test_a_plan_holds_names_for_secrets_in_rows_too(
    book: Project, database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEW_WORD", "s3cr3t-word")
    rows = [{"id": 1, "w": "{{ env.NEW_WORD }}"}]
    book.write([TABLE, {"name": "R", "seed": {"table": "t", "key": ["id"], "rows": rows}}])
    file = tmp_path / "plan.json"
    book.apply(check=True, save_plan=str(file))
    assert "s3cr3t" not in file.read_text()
    assert json.loads(file.read_text())["groups"][0]["operations"][0]["payload"]["row_changes"][0]["after"] == {
        "id": 1,
        "w": "${env.NEW_WORD}",
    }
    book.apply(plan=str(file))
    assert database.execute("select w from t").fetchone() == ("s3cr3t-word",)
    book.rollback()
    assert database.execute("select w from t").fetchone() is None


@pytest.mark.parametrize("no_log", [False, True])
def test_the_ledger_names_the_secrets_of_rows(
    book: Project, database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, no_log: bool
) -> None:
    def write(word: str) -> None:
        rows = [{"id": 1, "w": word}]
        book.write([TABLE, {"name": "R", "no_log": no_log, "seed": {"table": "t", "key": ["id"], "rows": rows}}])
        book.apply()

    monkeypatch.setenv("NEW_WORD", "s3cr3t-'word")
    write("plain ${env.HOME}")
    write("{{ env.NEW_WORD }}")
    ledger = str(database.execute("select before, after from wgm.row_change").fetchall())
    assert "s3cr3t" not in ledger
    assert "${env.NEW_WORD}" in ledger
    book.write([TABLE])
    book.rollback()
    assert database.execute("select w from t").fetchone() == ("plain ${env.HOME}",)


def test_a_secret_that_has_no_name_is_not_kept(book: Project, database: psycopg.Connection[Any]) -> None:
    def write(word: str, no_log: bool) -> None:
        rows = [{"id": 1, "w": word}]
        book.write([TABLE, {"name": "R", "no_log": no_log, "seed": {"table": "t", "key": ["id"], "rows": rows}}])
        book.apply()

    write("public", no_log=False)
    write("s3cr3t-word", no_log=True)
    assert "s3cr3t" not in str(database.execute("select before, after from wgm.row_change").fetchall())
    book.write([TABLE])
    book.rollback()
    assert database.execute("select w from t").fetchone() == ("public",)


def test_a_rollback_leaves_what_a_seed_did_not_write(book: Project, database: psycopg.Connection[Any]) -> None:
    table = {
        "name": "T",
        "table": {"name": "t", "columns": {**TABLE["table"]["columns"], "hits": "integer", "kept": "text"}},
    }
    for word in ("old", "new"):
        rows = [{"id": 1, "w": word, "kept": "same"}]
        book.write([table, {"name": "R", "seed": {"table": "t", "key": ["id"], "rows": rows}}])
        book.apply()
    database.execute("update t set hits = 7, kept = 'by the application'")
    book.rollback()
    assert database.execute("select w, hits, kept from t").fetchone() == ("old", 7, "by the application")


def test_the_text_of_a_sql_step_with_no_log_is_nowhere(book: Project, database: psycopg.Connection[Any]) -> None:
    text = "insert into t values (1, 's3cr3t-word'); insert into t values (2, 's3cr3t-too')"
    book.write([TABLE, {"name": "S", "no_log": True, "sql": {"text": text, "irreversible": True}}])
    book.apply()
    for table in ("wgm.statement", "wgm.sql_once", "wgm.operation"):
        found = database.execute(f"select count(*) from {table} t where t::text like '%s3cr3t%'").fetchone()
        assert found == (0,), table
    for word in ("s3cr3t-word", "s3cr3t-too"):
        assert "s3cr3t" not in secret.mask(f"insert into t values ({1 if word.endswith('word') else 2}, '{word}')")
    assert database.execute("select count(*) from t").fetchone() == (2,)
