"""What queries cost and how they are planned: before a change, after it, by what the server counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, load_sql
from test_stats import filled, secret

import fix_postgres
from wgm_play import pipeline
from wgm_play.analysis.statements import Count
from wgm_play.errors import Found, InputError, Refused
from wgm_play.finding import Finding
from wgm_play.options import Options, ReportOptions
from wgm_play.stats.read import read
from wgm_play.stats.writing import written

TASKS = {"id": {"type": "int", "primary_key": True}, "user_id": "int", "title": "text", "due": "date"}
INDEX = {"name": "Tasks of a user", "index": {"name": "tasks_user_idx", "table": "tasks", "columns": ["user_id"]}}
QUERY = {"name": "Tasks of a user", "sql": "select title from tasks where user_id = :user", "values": {"user": 7}}
ROWS = """insert into tasks select i, i % 2000, 't' || i, date '2026-01-01' + i % 100 from generate_series(1, 30000) as i;
analyze tasks"""


@dataclass(slots=True)
class Heard(Listener):
    """Keeps tables and findings too."""

    rows: list[Any] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    def table(self, title: str, columns: Any, rows: Any) -> None:
        self.rows += list(rows)

    def data(self, name: str, value: Any) -> None:
        self.told[name] = value


@dataclass(slots=True)
class Book(Project):
    """A project whose playbook is analyzed."""

    def declare(self, *more: Any, without: bool = False, **play: Any) -> None:
        """Write the playbook: with the index, or `without` it."""
        index = {**INDEX, "state": "absent"} if without else INDEX
        steps = [{"name": "Tasks", "table": {"name": "tasks", "columns": TASKS}}, index, *more]
        self.write(steps, {"queries": [QUERY], **play})

    def analyze(self, **given: Any) -> tuple[list[Finding], Heard]:
        """Return what is found, and what was said."""
        import wgm_play.commands.analyze as command
        from wgm_play.run.opening import open_plays

        heard = Heard()
        untrusted = given.pop("untrusted", False)
        options = Options(str(self.folder / self.playbook), url=given.pop("url", self.url), check=True)
        options.untrusted, options.inventory = untrusted, given.pop("inventory", None)
        [work] = open_plays(options, heard)
        with work:
            return command.look(work, heard, **{"top": 10, "record": False, **given}), heard


def codes(found: list[Finding]) -> list[str]:
    return [one.code for one in found]


def only(found: list[Finding], code: str) -> Finding:
    [one] = [one for one in found if one.code == code]
    return one


@pytest.fixture
def book(project: Path, database_url: str) -> Book:
    made = Book(project, database_url)
    made.declare()
    made.apply()
    load_sql(made.url, ROWS)
    return made


# Plans ----------------------------------------------------------------------------------------------------------


def test_a_change_that_makes_a_query_slow_is_found_before_it_is_made(book: Book) -> None:
    book.declare(without=True)
    found, _ = book.analyze()
    one = only(found, "slower_plan")
    assert one.severity == "error"
    assert "'Tasks of a user'" in one.message and "Seq Scan on public.tasks" in one.message
    told = "\n".join(one.evidence)
    assert "using tasks_user_idx" in told and "query: select title from tasks where user_id = $1" in told
    assert "the change: drop index tasks_user_idx" in told
    assert one.where is not None and one.where.line


def test_the_gate_refuses_it_with_the_query_both_plans_and_the_change(book: Book) -> None:
    book.declare(without=True, gate="plans")
    with pytest.raises(Refused, match="1 query gets a slower plan; nothing was touched") as caught:
        book.apply()
    told = "\n".join(caught.value.details)
    for part in (
        "'Tasks of a user'",
        "before:",
        "tasks_user_idx",
        "after:",
        "Seq Scan on public.tasks",
        "the change: drop",
    ):
        assert part in told, told
    assert "slower plan" in "\n".join(book.apply(check=True).said)
    with psycopg.connect(book.url) as connection:
        assert connection.execute("select to_regclass('tasks_user_idx') is not null").fetchone() == (True,)


def test_what_somebody_took_on_passes_the_gate_and_is_told_after_the_run_by_analyze(book: Book) -> None:
    taken = {"check": "slower_plan", "object": "Tasks of a user", "reason": "nobody asks", "until": "2099-01-01"}
    book.declare(without=True, gate="plans", acknowledge=[taken])
    assert book.apply().changed
    found, _ = book.analyze()
    one = only(found, "slower_plan")
    assert one.acknowledged.startswith("nobody asks") and "since the run 2" in one.message
    book.declare(without=True, gate="plans")
    one = only(book.analyze()[0], "slower_plan")
    assert (one.acknowledged, one.severity) == ("", "warning")
    assert "the change: drop index tasks_user_idx" in one.evidence[-1]
    assert not book.apply().changed  # there is nothing to judge


def test_what_only_the_target_shows_is_told_after_the_run(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wgm_play.run.plan_gate.refuse", lambda *_: None)
    book.declare(without=True, gate="plans")
    with pytest.raises(Found, match="all is done, but queries have slower plans now") as caught:
        book.apply()
    assert "after the run, the query 'Tasks of a user'" in caught.value.details[0]
    assert not book.apply().changed


@pytest.mark.parametrize("what", ["renamed", "another index", "small"])
def test_what_costs_no_more_is_no_finding(book: Book, what: str) -> None:
    query = QUERY
    if what == "renamed":
        book.write(
            [
                {"name": "Tasks", "table": {"name": "jobs", "renamed_from": "tasks", "columns": TASKS}},
                {"name": "I", "index": {"name": "tasks_user_idx", "table": "jobs", "columns": ["user_id"]}},
            ],
            {"queries": [{**query, "sql": "select title from jobs where user_id = :user"}], "gate": "plans"},
        )
    elif what == "another index":
        wider = {"name": "W", "index": {"name": "tasks_wide_idx", "table": "tasks", "columns": ["user_id", "due"]}}
        book.declare(wider, without=True, gate="plans")
    else:
        load_sql(
            book.url,
            "create table kept as select * from tasks limit 300; truncate tasks; insert into tasks table kept; drop table kept; analyze tasks",
        )
        book.declare(without=True, gate="plans")
    assert book.apply().changed


def test_a_type_that_the_query_no_longer_fits_is_found(book: Book) -> None:
    columns = {**TASKS, "user_id": {"type": "numeric"}}
    query = {"name": "Cast", "sql": "select title from tasks where user_id::int = $1"}
    book.write(
        [{"name": "Tasks", "table": {"name": "tasks", "columns": columns}}, INDEX],
        {"queries": [query], "gate": "plans"},
    )
    with pytest.raises(Refused) as caught:
        book.apply()
    assert "the change: " in "\n".join(caught.value.details)


@pytest.mark.parametrize("values", ["none", "full"])
def test_a_server_without_rows_plans_by_the_statistics_of_a_file(
    book: Book, new_database: Callable[..., str], tmp_path: Path, values: str
) -> None:
    with psycopg.connect(book.url) as connection:
        document = read(connection, "production", values)
    (tmp_path / "stats.json").write_text(written(document))
    bare = Book(book.folder, new_database())
    bare.apply()
    found, heard = bare.analyze(file=str(tmp_path / "stats.json"))
    assert "tasks_user_idx" in heard.rows[0][-1] and "slower_plan" not in codes(found)
    bare.declare(without=True)
    found, heard = bare.analyze(file=str(tmp_path / "stats.json"))
    assert "Seq Scan on public.tasks" in only(found, "slower_plan").message
    [told] = [one for one in heard.said if one.startswith("judged by statistics of production")]
    unsure = any("depends on what was left out" in line for one in found for line in one.evidence)
    assert told.endswith(f": {int(not unsure)} of 1 plan certain") and not (unsure and values == "full")
    other = {
        **document,
        "database": "elsewhere",
        "tables": [{**one, "name": f"x{one['name']}"} for one in document["tables"]],
    }
    (tmp_path / "stats.json").write_text(written(other))
    with pytest.raises(InputError, match="is of another database: 'elsewhere'"):
        bare.analyze(file=str(tmp_path / "stats.json"))
    (tmp_path / "stats.json").write_text("{}")
    with pytest.raises(InputError, match="holds no statistics"):
        bare.analyze(file=str(tmp_path / "stats.json"))


# What is not seen -----------------------------------------------------------------------------------------------


def test_what_cannot_be_seen_is_named(book: Book) -> None:
    found, heard = book.analyze()
    unseen = only(found, "statements_unseen")
    assert "which queries cost most is not known" in unseen.message
    assert unseen.remedy == "- {name: What queries cost, extension: {name: pg_stat_statements}}"
    assert heard.rows[0][0] == "Tasks of a user" and "tasks_user_idx" in heard.rows[0][-1]
    book.declare(queries=[])
    assert "no_queries" in codes(book.analyze()[0])


def test_a_query_that_cannot_be_planned_says_why(book: Book) -> None:
    load_sql(book.url, "create role wgm_poor login password 'poor-9'")
    name = book.url.rpartition("/")[2]
    try:
        with psycopg.connect(book.url) as own:
            url = f"postgresql://wgm_poor:poor-9@{own.info.host}:{own.info.port}/{name}"
        one = only(book.analyze(url=url)[0], "query_unplanned")
        assert one.severity == "warning" and "permission denied for table tasks" in one.message
    finally:
        load_sql(book.url, "drop role wgm_poor")


def test_nothing_of_an_untrusted_playbook_reaches_the_target(book: Book, tmp_path: Path) -> None:
    (tmp_path / "development.yml").write_text(f"url: {book.url}\n")
    book.declare(without=True)
    found, _ = book.analyze(untrusted=True, inventory=str(tmp_path), url=None)
    assert "nothing of an untrusted playbook is asked" in only(found, "query_unplanned").message
    assert only(found, "slower_plan")  # on a server of our own


def test_functions_that_planning_would_call_are_not_called(book: Book) -> None:
    load_sql(
        book.url,
        "create function tell() returns int immutable language plpgsql as"
        " $$ begin raise exception 'called'; end $$; create role wgm_stranger; alter function tell() owner to wgm_stranger",
    )
    try:
        book.declare(
            queries=[
                {"name": "Tell", "sql": "select tell() from tasks"},
                {"name": "New", "sql": "insert into tasks (id, title) values ($1, gen_random_uuid()::text)"},
            ]
        )
        found, _ = book.analyze()
        one = only(found, "query_unplanned")
        assert one.object == "Tell" and "not asked: it uses function tell()" in one.message
    finally:
        load_sql(book.url, "drop function tell(); drop role wgm_stranger")


# Counts ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counting() -> Iterator[fix_postgres.Postgres]:
    """A server that counts statements."""
    major = next((one for one in fix_postgres.available() if _counts(one)), None)
    if major is None:
        pytest.skip("no server here has pg_stat_statements")
    yield from fix_postgres.started(major, shared_preload_libraries="pg_stat_statements")


def _counts(major: int) -> bool:
    folder = fix_postgres.programs(major)
    control = "extension/pg_stat_statements.control"
    return folder is not None and any(
        (base / control).exists()
        for base in (
            Path(f"/usr/share/postgresql/{major}"),
            folder.parent / "share/postgresql",
            folder.parent / "share",
        )
    )


@pytest.fixture
def counted(project: Path, counting: fix_postgres.Postgres) -> Iterator[Book]:
    with counting.connect() as admin:
        admin.execute("drop database if exists counted")
        admin.execute("create database counted")
    book = Book(project, counting.url("counted"))
    load_sql(book.url, "create extension pg_stat_statements; select pg_stat_statements_reset()")
    book.declare()
    book.apply()
    load_sql(book.url, ROWS)
    yield book
    with counting.connect() as admin:
        admin.execute("drop database counted with (force)")


def send(url: str, text: str, times: int = 1) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(times):
            connection.execute(text)


def test_the_dearest_statements_are_shown_and_judged_without_being_declared(counted: Book) -> None:
    send(counted.url, "select count(*) from tasks where user_id = 5", 20)
    send(counted.url, "select title from tasks where user_id = 7 /* trace 4711 */", 3)
    send(counted.url, "select title from tasks where due > date '2026-03-01' limit 1")
    found, heard = counted.analyze()
    assert "statements_unseen" not in codes(found)
    by_name = {row[0]: row for row in heard.rows}
    assert by_name["select count(*) from tasks where user_id = $1"][1] == 20
    assert by_name["Tasks of a user"][1] == 3  # what is declared has its counts, by its text
    assert "Seq Scan" in by_name["select title from tasks where due > date $1 limit $2"][-1]
    counted.declare(without=True, queries=[], gate="plans")
    with pytest.raises(Refused) as caught:
        counted.apply()
    assert "select count(*) from tasks where user_id = $1" in "\n".join(caught.value.details)


def test_no_value_of_a_row_or_a_comment_is_told(counted: Book) -> None:
    """A thousand secrets: in rows, statistics, bounds of partitions, texts of statements and their comments."""
    with psycopg.connect(counted.url, autocommit=True) as database, filled(database):
        for number in range(0, 1000, 50):
            word = secret(number)
            database.execute(
                f"select id from people where name = '{word}' /* by {word}@example.org */ -- {word}".encode()
            )
            database.execute(f"select count(*) from parts where tenant in ('{word}', '{secret(number + 1)}')".encode())
            database.execute(f"do $$ begin perform '{word}'; end $$".encode())
    counted.declare(queries=[QUERY, {"name": "Names", "sql": "select id from people where name = $1"}])
    found, heard = counted.analyze(record=True)
    told = repr((found, heard.rows, heard.told, heard.said))
    assert "select id from people where name = $1" in told
    assert re.findall(r"(?<!parts_)(?<!ranges_)s3cr3t\w*", told) == []
    with psycopg.connect(counted.url) as connection:
        kept = str(connection.execute("select string_agg(r::text, '') from wgm.query_record r").fetchone())
    assert "example.org" not in kept and "@" not in told


def test_a_statement_that_the_server_forgot_meanwhile_is_counted_anew() -> None:
    earlier = Count("k", "select 1", calls=10, milliseconds=500.0, rows=10, pages=900)
    anew = Count("k", "select 1", calls=40, milliseconds=60.0, rows=40, pages=30)
    assert anew.less(earlier) == anew
    more = Count("k", "select 1", calls=12, milliseconds=510.0, rows=10, pages=901)
    assert more.less(earlier) == Count("k", "select 1", calls=2, milliseconds=10.0, rows=0, pages=1)


def test_counts_are_told_since_the_last_record_and_nothing_is_reset(counted: Book) -> None:
    send(counted.url, "select 1 from tasks where id = 1", 5)
    _, heard = counted.analyze(record=True)
    assert any(one.startswith("recorded: ") for one in heard.said)
    send(counted.url, "select 1 from tasks where id = 2", 2)
    _, heard = counted.analyze()
    rows = {row[0]: row[1] for row in heard.rows}
    assert rows["select $1 from tasks where id = $2"] == 2
    assert any("(the last record)" in one for one in heard.said)
    send(counted.url, "select pg_stat_statements_reset()")
    send(counted.url, "select 1 from tasks where id = 3", 4)
    _, heard = counted.analyze()
    assert {row[0]: row[1] for row in heard.rows}["select $1 from tasks where id = $2"] == 4


def test_a_query_that_takes_longer_since_the_run_is_told(counted: Book) -> None:
    load_sql(
        counted.url,
        "create function slow(a int) returns int language plpgsql as $$ begin perform pg_sleep(a / 1000.0); return a; end $$",
    )
    send(counted.url, "select slow(1)", 10)
    counted.declare({"name": "More", "table": {"name": "more", "columns": {"a": "int"}}})
    counted.apply()
    send(counted.url, "select slow(30)", 10)
    one = only(counted.analyze()[0], "slower_query")
    assert "since the run 2, a call of 'select slow($1)' takes" in one.message
    assert "the change: create table more" in one.evidence[-1]


def test_a_role_that_sees_its_own_statements_alone_is_told_so(counted: Book) -> None:
    load_sql(
        counted.url,
        "create role watcher login password 'watch-9'; grant select on all tables in schema public to watcher",
    )
    try:
        send(counted.url, "select 1 from tasks")
        with psycopg.connect(counted.url) as own:
            url = f"postgresql://watcher:watch-9@{own.info.host}:{own.info.port}/counted"
        one = only(counted.analyze(url=url)[0], "statements_unseen")
        assert "the statements of other roles are not seen" in one.message
        assert one.remedy == "GRANT pg_read_all_stats TO watcher;"
    finally:
        load_sql(counted.url, "drop owned by watcher; drop role watcher")


def test_old_records_go_and_the_ledger_stays_append_only(counted: Book) -> None:
    counted.analyze(record=True)
    load_sql(counted.url, "set wgm.maintenance = on; update wgm.query_record set at = at - interval '91 days'")
    counted.analyze(record=True)
    with psycopg.connect(counted.url) as connection:
        assert connection.execute("select count(*) from wgm.query_record").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from wgm.query_record")


# The command ----------------------------------------------------------------------------------------------------


def test_findings_go_into_reports_and_make_the_exit_code(book: Book, tmp_path: Path) -> None:
    book.declare(without=True)
    options = Options(str(book.folder / book.playbook), url=book.url)
    told = ReportOptions((f"junit:{tmp_path}/a.xml", f"json:{tmp_path}/a.json"), "error")
    with pytest.raises(Found, match="1 finding at or above 'error'"):
        pipeline.analyze(options, Heard(), told=told)
    assert "slower_plan" in (tmp_path / "a.xml").read_text()
    with pytest.raises(InputError, match="no such format"):
        pipeline.analyze(options, Heard(), told=ReportOptions(("yaml:x",), "error"))
