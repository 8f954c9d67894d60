"""What a server counts for itself is not in a dump's text; everything else is, line for line."""

from __future__ import annotations

from wgm_play.sqltext.dump import without_versions

DUMP = """CREATE TABLE public.t (
    a integer DEFAULT 'pg_attver=5, x'
);
ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=366272744);
ALTER TABLE ONLY public."pg_attver=1, t" ALTER COLUMN b SET (pg_attver=12, n_distinct=5);
ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=5, pg_attver=12);
ALTER TABLE ONLY public.t ALTER COLUMN d SET (n_distinct=5);
"""


def test_versions_of_columns_are_taken_out_of_a_dump() -> None:
    lines = without_versions(DUMP).split("\n")
    assert lines[:3] == DUMP.split("\n")[:3]
    assert lines[3:7] == [
        "",
        'ALTER TABLE ONLY public."pg_attver=1, t" ALTER COLUMN b SET (n_distinct=5);',
        "ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=5);",
        "ALTER TABLE ONLY public.t ALTER COLUMN d SET (n_distinct=5);",
    ]
    assert without_versions(lines[6]) == lines[6]
