"""The shipped playbooks make the application's database, on an empty server and from today's production.

In: the playbooks of this project, a real server. Out: the runner is called as people call it; what it made is read
back by `assert_wasteland.py`, which knows nothing of the playbooks.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from assert_wasteland import CHECKS, run_check
from psycopg import sql
from wasteland_facts import COLUMNS, FOREIGN_KEYS, TABLES

import forking
from fix_postgres import Postgres
from wgm_play.document.load import load_file

PROJECT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RUN_SECONDS = 300
RECAP = re.compile(r"^\S+\s*: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+) +skipped=(\d+)", re.MULTILINE)
RECAP_WORDS = ("ok", "changed", "unreachable", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: exit code, both outputs, the numbers of the recap line."""

    code: int
    output: str
    recap: dict[str, int]


def play(environment: str, url: str, *more: str) -> Result:
    """Run a shipped playbook on the database at `url`."""
    done = forking.run(
        f"playbooks/{environment}.yml",
        "--url",
        url,
        "--no-backup",
        *more,
        folder=PROJECT,
        environ={**os.environ, "NO_COLOR": "1"},
        timeout=RUN_SECONDS,
    )
    output = done.stdout + done.stderr
    found = RECAP.search(output)
    return Result(
        done.returncode, output, dict(zip(RECAP_WORDS, map(int, found.groups()), strict=True)) if found else {}
    )


def test_production_runs_after_a_backup_that_is_young_enough(database_url: str, tmp_path: Path) -> None:
    for name in ("playbooks", "environments"):
        shutil.copytree(PROJECT / name, tmp_path / name)

    def command(*words: str) -> tuple[int, str]:
        environ = {**os.environ, "NO_COLOR": "1", "DATABASE_URL": database_url}
        done = forking.run(*words, folder=tmp_path, environ=environ, timeout=RUN_SECONDS)
        return done.returncode, done.stdout + done.stderr

    code, said = command("production.yml")
    assert (code, "there is no backup of this database" in said) == (11, True), said
    assert "wgm-play backup" in said
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regnamespace('wgm'), to_regclass('users')").fetchone() == (None, None)
    code, said = command("backup", "production.yml", "--if-due")
    assert code == 0, said
    code, said = command("production.yml")
    assert (code, "covers this run; bring it back with: wgm-play restore" in said) == (0, True), said
    environment = tmp_path / "environments/production.yml"
    environment.write_text(environment.read_text().replace("allow_no_backup: true", "allow_no_backup: false"))
    book = tmp_path / "playbooks/production.yml"
    book.write_text(book.read_text().replace("max_age: 24h", "max_age: 1s"))
    schema = tmp_path / "playbooks/schema/all.yml"
    schema.write_text(schema.read_text() + "\n- name: One more\n  table: {name: one_more, columns: {id: bigint}}\n")
    code, said = command("production.yml")
    assert (code, "old, allowed are 1s" in said) == (11, True), said
    code, said = command("production.yml", "--no-backup")
    assert (code, "does not allow --no-backup" in said) == (11, True), said
    environment.write_text(environment.read_text().replace("allow_no_backup: false", "allow_no_backup: true"))
    code, said = command("production.yml", "--no-backup")
    assert code == 0, said
    with psycopg.connect(database_url) as connection:
        query = "SELECT passed, content->>'why' FROM wgm.evidence WHERE kind = 'cover' ORDER BY id DESC LIMIT 1"
        assert connection.execute(query).fetchone() == (False, "--no-backup")


@pytest.fixture(scope="module", params=["production", "staging", "development"])
def finished(request: pytest.FixtureRequest, server: Postgres) -> Iterator[tuple[str, str]]:
    """An environment and the URL of a database that its playbook has finished."""
    name = server.create_database()
    result = play(request.param, server.url(name))
    try:
        assert result.code == 0, result.output
        yield request.param, server.url(name)
    finally:
        server.drop_database(name)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_playbook_makes_what_the_application_needs(
    finished: tuple[str, str], check: Callable[[psycopg.Connection[Any], str], None]
) -> None:
    environment, url = finished
    with psycopg.connect(url, autocommit=True) as connection:
        run_check(check, connection, environment)


def test_second_run_changes_nothing(finished: tuple[str, str]) -> None:
    result = play(*finished)
    assert (result.code, result.recap.get("changed")) == (0, 0), result.output


@pytest.mark.parametrize("environment", ["production", "development"])
def test_owner_without_superuser_gets_all_but_what_only_a_superuser_may(role_url: str, environment: str) -> None:
    first, second = play(environment, role_url), play(environment, role_url)
    assert first.code == 0, first.output
    assert first.recap["skipped"] > 0 and "log_min_duration_statement" in first.output
    assert (second.code, second.recap.get("changed")) == (0, 0), second.output
    with psycopg.connect(role_url, autocommit=True) as connection:
        for check in CHECKS:
            # An extension that is to be had but not trusted stays away.
            if check.__name__ != "query_statistics_are_there_where_the_server_has_them":
                run_check(check, connection, environment)


# From today's production ----------------------------------------------------------------------------------------

SESSIONS = 60
# Without the rows that production begins with.
OWN_ROWS = sql.SQL("SELECT to_jsonb(t) FROM public.{} AS t WHERE id::text NOT LIKE '550e8400%%' ORDER BY id")


def todays(url: str) -> None:
    """Make today's production database, with rows."""
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute((HERE / "today_production.sql").read_bytes())
        connection.execute((HERE / "fill_today_production.sql").read_bytes(), {"n": SESSIONS})


@dataclass(frozen=True, slots=True)
class Conversion:
    """A column that takes another type or other values: its names and types, the SQL there and back."""

    table: str
    old: str
    new: str
    old_type: str
    new_type: str
    using: str
    back: str


SQL = ("using", "back")


def conversions() -> list[Conversion]:
    """Return what the playbooks say of columns whose values change."""
    made = []
    for step in load_file(PROJECT / "playbooks/schema/000_from_drizzle.yml"):
        table = str(step["table"]["name"])
        for name, column in step["table"]["columns"].items():
            if "convert" not in column:
                continue
            convert, type_ = column["convert"], COLUMNS[table][name].split(" = ")[0].rstrip("?")
            words = (column.get("renamed_from", name), name, convert["from"], type_, *map(convert.get, SQL))
            made.append(Conversion(table, *map(str, words)))
    return made


def test_conversions_lead_there_and_back(database_url: str) -> None:
    todays(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'Europe/Paris'")
        for one in conversions():
            text = (
                f"WITH there AS (SELECT t.*, ({one.using})::{one.new_type} AS made FROM public.{one.table} AS t), "
                f'back AS (SELECT "{one.old}" AS before, ({one.back})::{one.old_type} AS after '
                f'FROM (SELECT "{one.old}", made AS "{one.new}" FROM there) AS t) '
                if one.old != one.new
                else f"WITH there AS (SELECT {one.old} AS before, ({one.using})::{one.new_type} AS {one.new} "
                f"FROM public.{one.table}), "
                f"back AS (SELECT before, ({one.back})::{one.old_type} AS after FROM there) "
            )
            found = connection.execute(
                (text + "SELECT count(*), count(*) FILTER (WHERE before IS DISTINCT FROM after) FROM back").encode()
            ).fetchone()
            assert found is not None and found[0] > 0 and found[1] == 0, one


def test_every_column_of_another_type_says_how_it_is_converted(database_url: str) -> None:
    todays(database_url)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    said = {(one.table, one.old) for one in conversions()}
    renamed = {("timeline_events", "is_completed"): "completion", ("timeline_events", "timestamp"): "occurred_at"}
    for table, column, type_ in rows:
        wanted = COLUMNS[table][renamed.get((table, column), column)].split(" = ")[0].rstrip("?")
        assert type_ == wanted or (table, column) in said, (table, column)
    assert said >= set(renamed)


def rows_as_declared(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """Return all rows of today's database as they must be after its adoption, computed apart from the playbooks."""
    made: dict[str, list[Any]] = {}
    instead = {
        ("timeline_events", "completion"): "CASE is_completed WHEN 'true' THEN 'completed' "
        "WHEN 'skipped' THEN 'skipped' ELSE 'pending' END",
        ("timeline_events", "occurred_at"): "\"timestamp\" || '+00'",
    }
    for table, columns in COLUMNS.items():
        parts = []
        for column, words in columns.items():
            type_, _, default = words.partition(" = ")
            value = instead.get((table, column), column)
            if type_.startswith("timestamp") and value == column:
                value = f"{column} || '+00'"
            missing = table == "users" and column in ("created_at", "updated_at")
            if (table, column) == ("session_players", "permissions"):
                default = "'{}'"
            value = "'-infinity'" if missing else value
            value = f"({value})::{type_.rstrip('?')}"
            filled = default and not missing and column != "id"
            parts.append(f"{f'coalesce({value}, {default})' if filled else value} AS {column}")
        statement = f"SELECT to_jsonb(t) FROM (SELECT {', '.join(parts)} FROM public.{table}) AS t ORDER BY id"
        made[table] = [row[0] for row in connection.execute(statement.encode())]
    return made


def test_todays_production_is_adopted_without_losing_a_row(server: Postgres, database_url: str) -> None:
    todays(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        wanted = rows_as_declared(connection)
    result = play("production", database_url)
    assert result.code == 0, result.output
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for table in TABLES:
            rows = connection.execute(
                sql.SQL(
                    "SELECT to_jsonb(t) FROM public.{} AS t WHERE id::text NOT LIKE '550e8400%%' ORDER BY id"
                ).format(sql.Identifier(table))
            ).fetchall()
            found = [
                {name: value for name, value in row.items() if not name.startswith("wgm_trash_")} for (row,) in rows
            ]
            if table == "users":
                for row in (*found, *wanted[table]):
                    del row["created_at"], row["updated_at"]
            assert found == wanted[table], table
        for check in CHECKS:
            run_check(check, connection, "production")
    again = play("production", database_url)
    assert (again.code, again.recap.get("changed")) == (0, 0), again.output


@pytest.mark.share(3)
@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("users", {"username": "x", "password": "-"}),
        ("users", {"id": "no uuid", "username": "plain", "password": "-"}),
        ("sessions", {"name": "Flight", "creator_mode": "sky"}),
        ("nodes", {"type": "npc", "name": ""}),
        ("timeline_events", {"name": "Maybe", "phase": "hook", "order_index": -1, "creator_mode": "road"}),
        ("player_characters", {"name": "Max", "character_class": "scout", "is_active": "perhaps"}),
        ("connections", {"type": "spatial", "from_node_id": None}),
    ],
)
def test_a_row_that_breaks_the_rules_is_found_before_anything_is_changed(
    database_url: str, table: str, row: dict[str, Any]
) -> None:
    todays(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("INSERT INTO public.{} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join([sql.Placeholder()] * len(row)),
            ),
            list(row.values()),
        )
        before = catalog_of(connection)
        result = play("production", database_url)
        assert result.code == 11, result.output
        assert table in result.output
        assert catalog_of(connection) == before


def catalog_of(connection: psycopg.Connection[Any]) -> list[Any]:
    """Return all columns and constraints of the database, ours and whatever a run might have left."""
    return connection.execute(
        """
        SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, (
            SELECT array_agg(pg_catalog.pg_get_constraintdef(k.oid) ORDER BY k.conname)
            FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid
        )
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE n.nspname NOT IN ('wgm', 'pg_catalog', 'information_schema', 'pg_toast')
        ORDER BY 1, 2, a.attnum
        """
    ).fetchall()


def test_todays_tables_are_all_known(database_url: str) -> None:
    todays(database_url)
    with psycopg.connect(database_url) as connection:
        keys = connection.execute(
            "SELECT k.conrelid::regclass::text, a.attname FROM pg_catalog.pg_constraint AS k "
            "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
            "WHERE k.contype = 'f'"
        ).fetchall()
    assert set(keys) == set(FOREIGN_KEYS)
