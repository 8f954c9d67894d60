"""Jobs of pg_cron: declared, changed, taken away and back; a server that has pg_cron is planned for, proved and rehearsed.

In: a server of Debian's that was started with the library. Out: tests that are skipped where it is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql
from roundtrip import inspect

import fix_postgres
from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import WgmError
from wgm_play.options import Options
from wgm_play.reporter import Reporter

CRON = {"name": "Cron", "extension": {"name": "pg_cron"}}
TABLE = {"name": "T", "table": {"name": "t", "columns": {"id": {"type": "bigint", "primary_key": True}}}}
DATABASE = "jobs"


@pytest.fixture(scope="module")
def cron() -> Iterator[Postgres]:
    """A server that pg_cron runs on."""
    major = next((one for one in (15, 16, 17) if fix_postgres.programs(one)), 0)
    if not Path(f"/usr/share/postgresql/{major}/extension/pg_cron.control").exists():
        pytest.skip("pg_cron is not installed (apt install postgresql-15-cron)")
    settings = {"shared_preload_libraries": "pg_cron", "cron.database_name": DATABASE, "cron.host": ""}
    life = fix_postgres.started(major, **settings)
    yield next(life)
    next(life, None)


@pytest.fixture
def book(cron: Postgres, project: Path) -> Iterator[Project]:
    """A project for the one database that pg_cron may be in, made anew."""
    with psycopg.connect(cron.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {DATABASE}")  # type: ignore[call-overload]
        yield Project(project, cron.url(DATABASE))
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")  # type: ignore[call-overload]


def job(
    name: str = "nightly", schedule: str = "0 3 * * *", command: str = "delete from t", **more: Any
) -> dict[str, Any]:
    return {"name": f"J {name}", "cron_job": {"name": name, "schedule": schedule, "command": command, **more}}


def jobs(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT jobname, schedule, command, database, active FROM cron.job ORDER BY 1"
        ).fetchall()


def test_a_job_is_scheduled_changed_and_taken_back_with_its_number(book: Project) -> None:
    book.write([CRON, TABLE, job(), job("weekly", "0 4 * * 1", "vacuum t", database="postgres", active=False)])
    first = book.apply()
    assert [one.title for one in first.operations][-2:] == ["schedule cron job nightly", "schedule cron job weekly"]
    before = jobs(book.url)
    assert before == [
        ("nightly", "0 3 * * *", "delete from t", DATABASE, True),
        ("weekly", "0 4 * * 1", "vacuum t", "postgres", False),
    ]
    assert book.apply().changed == 0
    book.write(
        [
            CRON,
            TABLE,
            job(schedule="5  3 * * *", command="select 1"),
            {"name": "W", "cron_job": {"name": "weekly"}, "state": "absent"},
        ]
    )
    assert {one.title for one in book.apply(allow_destructive=True).operations} == {
        "change schedule, command of cron job nightly",
        "unschedule cron job weekly",
    }
    assert jobs(book.url) == [("nightly", "5 3 * * *", "select 1", DATABASE, True)]
    book.rollback()
    assert jobs(book.url) == before
    book.rollback()
    with psycopg.connect(book.url) as connection:
        assert connection.execute("SELECT to_regclass('cron.job')").fetchone() == (None,)


def test_what_somebody_does_to_a_job_is_seen_and_put_right(book: Project) -> None:
    book.write([CRON, TABLE, job()])
    book.apply()
    load_sql(
        book.url,
        "SELECT cron.alter_job(jobid, active => false) FROM cron.job; SELECT cron.schedule('other', '* * * * *', 'select 1')",
    )
    assert [one.title for one in book.apply().operations] == ["change active of cron job nightly"]
    assert [row[0] for row in jobs(book.url)] == ["nightly", "other"]


def test_a_job_is_read_into_a_playbook_and_other_roles_jobs_are_named(book: Project, project: Path) -> None:
    book.write([CRON, TABLE, job(command="delete from t where id < 3; select 1")])
    book.apply()
    load_sql(
        book.url,
        "CREATE ROLE cron_other; SELECT cron.schedule('theirs', '* * * * *', 'select 1');"
        " UPDATE cron.job SET username = 'cron_other' WHERE jobname = 'theirs'; SELECT cron.schedule('* * * * *', 'select 2')",
    )
    (project / "read").mkdir()
    text = inspect(book.url, project / "read", one_file=True).read_text()
    assert "cron_job: {name: nightly" in text
    assert "theirs of role cron_other" in text
    load_sql(book.url, "DELETE FROM cron.job WHERE username = 'cron_other'; DROP ROLE cron_other")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([TABLE, job()], "needs the extension 'pg_cron'"),
        ([CRON, job(command="delet from t")], "the command of cron job nightly: syntax error"),
        ([CRON, job(schedule="at night")], "five fields"),
    ],
)
def test_a_job_that_cannot_be_is_refused_at_its_line(book: Project, steps: list[Any], said: str) -> None:
    book.write(steps)
    with pytest.raises(WgmError) as caught:
        book.apply()
    told = [caught.value, *getattr(caught.value, "errors", ())]
    assert any(said in str(one) + str(one.hint) and one.where is not None for one in told)


def test_functions_and_views_that_name_pg_cron_are_planned(book: Project) -> None:
    body = "BEGIN RETURN cron.schedule('x', '* * * * *', 'select 1'); END"
    function = {"name": "F", "function": {"name": "plan_it", "returns": "bigint", "language": "plpgsql", "body": body}}
    view = {"name": "V", "view": {"name": "jobs", "query": "SELECT jobid, jobname FROM cron.job"}}
    book.write([CRON, function, view])
    assert book.apply().changed == 3
    assert book.apply_anew().changed == 0


def test_a_backup_of_a_database_with_jobs_is_proved_and_a_change_of_one_rehearsed(book: Project, project: Path) -> None:
    policy = {"method": "logical", "directory": "backups", "verify": "restore", "before_changes": "new"}
    book.write([CRON, TABLE, job()], {"backup": policy})
    book.apply(no_backup=False)
    book.write([CRON, TABLE, job("later")], {"backup": policy})
    assert book.apply(no_backup=False).changed == 1
    pipeline.backup(Options(str(project / "playbook.yml"), url=book.url), Reporter())
    book.write([CRON, TABLE, job(schedule="5 3 * * *"), job("later")], {"backup": policy})
    pipeline.rehearse(Options(str(project / "playbook.yml"), url=book.url), Reporter())
    assert [row[:2] for row in jobs(book.url)] == [("later", "0 3 * * *"), ("nightly", "0 3 * * *")]
