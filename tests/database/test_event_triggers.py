"""Event triggers of a provider act on what a run makes, or refuse it: the run converges, and says what they did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from laws import Project, load_sql

from wgm_play.errors import WgmError

ACTS = """
CREATE FUNCTION auto_rls() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE TABLE' AND schema_name = 'public'
  LOOP EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.object_identity); END LOOP;
END $$;
CREATE EVENT TRIGGER auto_rls ON ddl_command_end WHEN tag IN ('CREATE TABLE') EXECUTE FUNCTION auto_rls();
"""
RAISES = """
CREATE FUNCTION no_drop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not here''; END';
CREATE EVENT TRIGGER no_drop ON ddl_command_start WHEN tag IN ('CREATE INDEX') EXECUTE FUNCTION no_drop();
"""
TABLE = {"name": "T", "table": {"name": "t", "columns": {"id": {"type": "integer", "primary_key": True}}}}


def test_row_security_that_is_switched_on_for_new_tables(project: Path, new_database: Callable[..., str]) -> None:
    book = Project(project, new_database())
    load_sql(book.url, ACTS)
    book.write([TABLE])
    first = book.apply()
    assert any("row level security of t is on" in one for one in first.said)
    assert any("event trigger auto_rls is in no step" in one for one in first.plans[-1].warnings)
    assert book.apply().changed == 0
    with psycopg.connect(book.url) as connection:
        assert connection.execute("SELECT relrowsecurity FROM pg_class WHERE relname = 't'").fetchone() == (True,)
    book.rollback()
    assert book.apply(check=True).plans[-1].operations


def test_one_that_raises_is_announced_and_told(project: Path, new_database: Callable[..., str]) -> None:
    book = Project(project, new_database())
    load_sql(book.url, RAISES)
    book.write([TABLE, {"name": "I", "index": {"name": "t_i", "table": "t", "columns": ["id"]}}])
    (plan,) = book.apply(check=True).plans
    assert any("event trigger no_drop" in one for one in plan.warnings)
    with pytest.raises(WgmError) as caught:
        book.apply()
    assert "not here" in str(caught.value) + "".join(caught.value.details)
    load_sql(book.url, "ALTER EVENT TRIGGER no_drop DISABLE")
    book.apply()
    assert book.apply().changed == 0
