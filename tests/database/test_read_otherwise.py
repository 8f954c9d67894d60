"""What a server describes in words that it reads otherwise is no difference: the live words go through the same parse.

In: a database with `extract('YEAR' FROM t)` wherever an expression may stand; it is described as `EXTRACT(YEAR FROM t)`, which is
read as `year`. Out: its playbook finds nothing to do there, changes what is edited alone, and a rollback ends in order.
"""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
from roundtrip import Heard, apply, inspect

from wgm_play import pipeline
from wgm_play.options import Options

YEAR = "extract('YEAR' FROM t)"
DATABASE = f"""
CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE public.visits (
    id integer PRIMARY KEY, t timestamp DEFAULT now(), n integer DEFAULT 1,
    year numeric GENERATED ALWAYS AS ({YEAR}) STORED, seen numeric DEFAULT extract('YEAR' FROM now()),
    CONSTRAINT recent CHECK ({YEAR} > 2000)
);
INSERT INTO public.visits (id, t) SELECT i, '2020-01-01' FROM generate_series(1, 20) AS i;
CREATE INDEX by_year ON public.visits ({YEAR}) WHERE {YEAR} > 2010;
CREATE TRIGGER old BEFORE UPDATE ON public.visits FOR EACH ROW WHEN (extract('YEAR' FROM old.t) > 2000) EXECUTE FUNCTION public.noted();
CREATE POLICY old ON public.visits USING ({YEAR} > 2000);
CREATE RULE old AS ON DELETE TO public.visits WHERE extract('YEAR' FROM old.t) > 2000 DO INSTEAD NOTHING;
CREATE VIEW public.years AS SELECT id, n, {YEAR} AS year FROM public.visits;
CREATE MATERIALIZED VIEW public.counted AS SELECT {YEAR} AS year, count(*) FROM public.visits GROUP BY 1;
"""


def test_words_that_the_server_reads_otherwise_are_no_difference(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(DATABASE.encode())
    playbook = inspect(database_url, tmp_path, one_file=True)
    assert apply(playbook, database_url) == 0
    text = playbook.read_text()
    edited, times = re.subn(r"(\bn\W+type: )integer", r"\1bigint", text)
    assert times == 1
    playbook.write_text(edited)
    assert apply(playbook, database_url) > 0
    assert apply(playbook, database_url) == 0
    pipeline.rollback(Options(str(playbook), url=database_url, no_backup=True), Heard())
    playbook.write_text(text)
    assert apply(playbook, database_url) == 0
