"""What an owner has taken from himself stays taken: on the database it is read from, and on one that is made anew.

In: objects of each kind with privileges, whose owner lacks some. Out: nothing to do on the source, equal dumps of both, and an owner
whom a step gives what he lacked loses it again by a rollback.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from roundtrip import Heard, apply, dump, inspect, programs_with_dump

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.options import Options

OBJECTS = """
CREATE TABLE public.free_a (i integer); CREATE TABLE public.free_b (i integer); CREATE TABLE public.free_c (i integer);
CREATE VIEW public.free_v AS SELECT 1 AS one; CREATE VIEW public.free_w AS SELECT 1 AS one; CREATE SEQUENCE public.free_s;
CREATE TABLE public.t (i integer, j integer); CREATE TABLE public.u (i integer); CREATE TABLE public.o (i integer);
CREATE VIEW public.v AS SELECT 1 AS one; CREATE SEQUENCE public.s; CREATE SCHEMA own; CREATE TYPE own.mood AS ENUM ('a');
CREATE FUNCTION own.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""
OWNED = {
    "TABLE public.t": "REVOKE DELETE, TRUNCATE ON public.t FROM {0}; GRANT SELECT (i) ON public.t TO {0}",
    "TABLE public.u": "REVOKE ALL ON public.u FROM {0}; GRANT UPDATE (i) ON public.u TO {0}",
    "VIEW public.v": "REVOKE ALL ON public.v FROM {0}; GRANT SELECT ON public.v TO {0}",
    "SEQUENCE public.s": "REVOKE UPDATE ON SEQUENCE public.s FROM {0}",
    "SCHEMA own": "REVOKE CREATE ON SCHEMA own FROM {0}",
    "TYPE own.mood": "REVOKE USAGE ON TYPE own.mood FROM {0}",
    "FUNCTION own.f()": "REVOKE ALL ON FUNCTION own.f() FROM {0}",
}
FOR_LATER = "ALTER DEFAULT PRIVILEGES FOR ROLE {0} REVOKE DELETE ON TABLES FROM {0}"


@pytest.fixture
def modest(server: Postgres) -> str:
    return server.create_role("NOLOGIN")[0]


def test_what_an_owner_lacks_stays_so(
    modest: str, database_url: str, new_database: Callable[..., str], tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(OBJECTS.encode())
        for thing, revoked in OWNED.items():
            connection.execute(f"ALTER {thing} OWNER TO {modest}; {revoked.format(modest)}".encode())
        connection.execute(
            "ALTER TABLE public.o OWNER TO pg_database_owner; REVOKE DELETE ON public.o FROM pg_database_owner"
        )
        # Where only columns have a list, the owner has what he always has.
        connection.execute("GRANT SELECT (one) ON public.free_v TO PUBLIC; GRANT SELECT (i) ON public.free_a TO PUBLIC")
        connection.execute(FOR_LATER.format(modest).encode())
        playbook = inspect(database_url, tmp_path, one_file=True)
        assert apply(playbook, database_url) == 0
        anew = new_database()
        assert apply(playbook, anew) > 0
        assert apply(playbook, anew) == 0
        programs = programs_with_dump()
        assert programs is not None
        assert dump(anew, programs) == dump(database_url, programs)
        text = playbook.read_text()
        assert text.count("postgres") == 0
        lacks = text.index("privileges: [select]", text.index(f"Privileges of {modest} on view v"))
        playbook.write_text(text[:lacks] + "privileges: [delete, select]" + text[lacks + len("privileges: [select]") :])
        assert apply(playbook, database_url) == 1
        had = "SELECT relacl::text FROM pg_class WHERE relname = 'v'"
        assert connection.execute(had).fetchone() == (f"{{{modest}=rd/{modest}}}",)
        pipeline.rollback(Options(str(playbook), url=database_url, no_backup=True), Heard())
        assert connection.execute(had).fetchone() == (f"{{{modest}=r/{modest}}}",)
