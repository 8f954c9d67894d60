"""What `lint --fix` writes runs statement by statement, and makes the same database as what it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_postgres import Postgres
from wgm_play.importing.tools import file_parts
from wgm_play.lint.command import LintOptions, lint
from wgm_play.lint.reading import ParsedStatement, read

BASE = """
CREATE TABLE p (id bigint PRIMARY KEY);
CREATE TABLE t (id bigint PRIMARY KEY, a int, "B c" int, p bigint, u int);
CREATE INDEX t_old_idx ON t (u);
INSERT INTO p VALUES (1);
INSERT INTO t SELECT n, n, n, 1, n FROM generate_series(1, 100) n;
CREATE TABLE m (id bigint, at int, PRIMARY KEY (id, at)) PARTITION BY LIST (at);
CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1);
"""
CHANGE = """
CREATE INDEX IF NOT EXISTS t_a_idx ON t (a) WHERE a > 5;
CREATE UNIQUE INDEX ON public.t (lower("B c"::text));
DROP INDEX t_old_idx;
REINDEX TABLE t;
REINDEX INDEX public.t_pkey;
ALTER TABLE t ADD CHECK (a > 0 AND "B c" IN (SELECT_LIST)), ADD COLUMN z int, ADD CONSTRAINT t_p_fkey FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE;
ALTER TABLE t ADD CONSTRAINT "T u" UNIQUE (a, "B c");
ALTER TABLE t ADD UNIQUE (u);
ALTER TABLE ONLY public.t ALTER COLUMN "B c" SET NOT NULL; -- behind it
ALTER TABLE m DETACH PARTITION m1;
""".replace("IN (SELECT_LIST)", "> -1")
# DETACH CONCURRENTLY leaves a check that says what the bound said (manual: "ALTER TABLE").
CATALOG = """
SELECT 'constraint', conname::text, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
WHERE conrelid IN ('t'::regclass, 'm1'::regclass) AND conname <> 'm1_at_check'
UNION ALL
SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid::text FROM pg_index WHERE indrelid = 't'::regclass
UNION ALL
SELECT 'column', attname::text, attnotnull::text, '' FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0
ORDER BY 1, 2, 3
"""


def made(url: str, path: Path) -> list[Any]:
    """Run a file as psql would; return what the catalog has then."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BASE)
        for part in file_parts(path):
            for one in read(part):
                assert isinstance(one, ParsedStatement)
                connection.execute(one.text.encode())
        return connection.execute(CATALOG).fetchall()


@pytest.mark.pg(">= 14")
def test_the_safe_form_makes_the_same_database(tmp_path: Path, database_url: str, server: Postgres) -> None:
    path = tmp_path / "change.sql"
    path.write_text(CHANGE, encoding="utf-8")
    before = made(database_url, path)
    fixed: dict[str, list[str]] = {}
    left, _ = lint(LintOptions([str(path)], fix=True), fixed)
    assert fixed == {str(path): ["I01", "I01", "I05", "I07", "I07", "K01", "K02", "K04", "K04", "C06", "P02"]}
    assert [one.code for one in left if one.severity == "error"] == []
    other = server.create_database()
    try:
        assert made(server.url(other), path) == before
    finally:
        server.drop_database(other)
