"""What a server writes into the options of a column for itself is nobody's declaration (15.20: `pg_attver=…` in each column).

In: relations of each kind that has columns, their options as such a server writes them. Out: their playbook is the one without them,
finds nothing to do there, and a change and its rollback leave them alone.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from roundtrip import Heard, apply, inspect

from wgm_play import pipeline
from wgm_play.options import Options

DATABASE = """
CREATE TABLE public.things (id integer PRIMARY KEY, name text, size integer);
ALTER TABLE public.things ALTER size SET (n_distinct = 5);
CREATE TABLE public.child (more text) INHERITS (public.things);
CREATE TABLE public.days (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE public.days_2026 PARTITION OF public.days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TYPE public.pair AS (a integer, b text);
CREATE VIEW public.names AS SELECT id, name FROM public.things;
CREATE MATERIALIZED VIEW public.counted AS SELECT size, count(*) FROM public.things GROUP BY 1;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE public.far (id integer, name text) SERVER nowhere;
INSERT INTO public.things SELECT i, 'n' || i, i % 7 FROM generate_series(1, 50) AS i;
"""
OWN = "SELECT array_agg(o) FROM unnest(attoptions) AS o WHERE o NOT LIKE 'pg\\_attver=%'"
COLUMNS = """attnum > 0 AND NOT attisdropped
    AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i')"""
WITHOUT = f"UPDATE pg_attribute SET attoptions = ({OWN}) WHERE {COLUMNS}"
VERSIONS = (
    f"UPDATE pg_attribute SET attoptions = ARRAY['pg_attver=' || (4711 + attrelid::int)] || ({OWN}) WHERE {COLUMNS}"
)


def test_options_of_the_server_s_own_are_no_difference(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(DATABASE.encode())
        connection.execute(WITHOUT.encode())
        without = inspect(database_url, tmp_path / "without", one_file=True)
        connection.execute(VERSIONS.encode())
        playbook = inspect(database_url, tmp_path / "with", one_file=True)
        assert playbook.read_text() == without.read_text()
        assert "n_distinct" in playbook.read_text()
        assert apply(playbook, database_url) == 0
        text = playbook.read_text()
        changed = text.replace("name: text", "name: varchar(40)", 1).replace("size: integer", "size: bigint", 1)
        playbook.write_text(changed)
        if changed != text:
            assert apply(playbook, database_url) > 0
            connection.execute(VERSIONS.encode())
            assert apply(playbook, database_url) == 0
        pipeline.rollback(Options(str(playbook), url=database_url, no_backup=True), Heard())
        playbook.write_text(text)
        assert apply(playbook, database_url) == 0
