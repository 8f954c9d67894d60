"""The alerts that come with the program: imported by name, changed where imported, and each able to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_postgres import Postgres
from wgm_play.alerts import AlertState, evaluate
from wgm_play.environment import Environment
from wgm_play.errors import InputError, Position
from wgm_play.playbook.alerts import library
from wgm_play.playbook.expand import load_playbook
from wgm_play.playbook.model import Alert

PLAY = "- name: All\n  hosts: production\n  alerts:\n"
# What no query tells.
BESIDE = {"BackupOld", "RestoreNotProved", "RunFailed", "RunHangs"}


def imported(folder: Path, entries: str) -> tuple[Alert, ...]:
    (folder / "environments").mkdir(exist_ok=True)
    (folder / "book.yml").write_text(PLAY + "".join(f"    {line}\n" for line in entries.strip().splitlines()))
    environment = Environment("production", "environments/production.yml", Position("environments/production.yml"))
    return load_playbook(folder / "book.yml", environment).plays[0].alerts


def test_the_library_is_imported_whole_by_set_and_by_name(tmp_path: Path) -> None:
    sets = library()
    whole = [one.name for one in imported(tmp_path, "- import_alerts: library")]
    assert whole == [name for key, names in sets.items() if key != "host" for name in names]
    assert all(one.summary and one.runbook for one in imported(tmp_path, "- import_alerts: library"))
    assert [one.name for one in imported(tmp_path, "- import_alerts: library/host")] == ["DiskAlmostFull"]
    (one,) = imported(tmp_path, "- import_alerts: library/InvalidIndex")
    assert (one.name, one.shipped, one.position.line) == ("InvalidIndex", True, 4)


def test_what_is_imported_is_changed_and_left_out_where_it_is_imported(tmp_path: Path) -> None:
    made = imported(
        tmp_path,
        """
- import_alerts: library/connections
  except: [PreparedTransactionForgotten, SessionsBlocked]
  change:
    LongTransaction: {threshold: "> 60", for: 1m, severity: critical, labels: {team: game}}
""",
    )
    assert [one.name for one in made] == ["ConnectionsNearLimit", "LongTransaction", "IdleInTransaction"]
    changed = made[1]
    assert (changed.threshold, changed.seconds, changed.severity, changed.labels) == (
        "> 60",
        60,
        "critical",
        {"team": "game"},
    )
    assert made[0].threshold == "> 85"


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ("- import_alerts: library/conections", "neither a set nor an alert 'conections'", "connections"),
        ("- {import_alerts: library, only: [InvalidIndx]}", "no alert 'InvalidIndx' is imported here", "InvalidIndex"),
        ("- {import_alerts: library/tables, change: {DeadRow: {for: 1m}}}", "no alert 'DeadRow'", "DeadRows"),
        ("- {import_alerts: library, change: {DeadRows: {query: select 1}}}", "unknown key 'query'", ""),
        ("- {name: A, threshold: '> 1'}", "the alert has no 'query'", "query"),
        ("- {name: A, query: select 1 as value, watch: backup, threshold: '> 1'}", "one of query, promql, watch", ""),
        ("- {name: A, promql: 'up{job=\"x\"', threshold: '> 1'}", "does not close", "promtool"),
        ("- {name: 'A b', query: select 1 as value, threshold: '> 1'}", "'name'", ""),
        ("- {name: A, query: select 1 as value, query_before: {new: x}, threshold: '> 1'}", "no major version", "17"),
    ],
)
def test_what_names_nothing_there_is_is_told_with_what_there_is(
    tmp_path: Path, entry: str, message: str, hint: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        imported(tmp_path, entry)
    assert hint in (raised.value.hint or "")
    assert raised.value.where is not None and raised.value.where.line == 4


@pytest.fixture
def whole(tmp_path: Path) -> list[Alert]:
    return [one for one in imported(tmp_path, "- import_alerts: library") if one.name not in BESIDE]


def states(connection: psycopg.Connection[Any], alerts: list[Alert]) -> dict[str, AlertState]:
    return {one.name: one for one in evaluate(connection, alerts)}


@pytest.mark.every_server
def test_each_of_the_library_sees_on_every_server(database: Any, whole: list[Alert]) -> None:
    database.execute("create table t (id serial primary key, a int references t); insert into t values (1, 1)")
    database.execute("analyze t")
    # A counter that stands high is unknown until it was recorded; on a server for tests others may have counted.
    blind = {one.name: one.error for one in states(database, whole).values() if one.state == "unknown"}
    assert {name for name in blind if "it is a counter" not in blind[name]} == set()


def test_a_role_that_may_not_see_is_told_so_and_is_never_well(
    server: Postgres, database: Any, whole: list[Alert]
) -> None:
    database.execute("create table wages (id serial primary key, of int references wages)")
    database.execute("insert into wages (of) values (1); analyze wages")
    name, password = server.create_role()
    try:
        with psycopg.connect(server.url(database.info.dbname, name, password), autocommit=True) as connection:
            found = states(connection, whole)
        blind = {one for one, state in found.items() if state.state == "unknown" and "counter" not in state.error}
        assert blind == {
            "ConnectionsNearLimit",
            "LongTransaction",
            "IdleInTransaction",
            "StandbyBehind",
            "SequencesRunOut",
            "IntegerKeysRunOut",
        } | ({"SessionsBlocked"} if server.major == 13 else set())
        assert "GRANT pg_monitor TO" in found["LongTransaction"].error
        assert f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}" in found["SequencesRunOut"].error
    finally:
        server.drop_role(name)


def test_a_search_path_of_the_database_does_not_give_the_library_other_functions(
    server: Postgres, database: Any, whole: list[Alert]
) -> None:
    database.execute("create schema evil")
    database.execute(
        "create function evil.round(numeric) returns numeric language plpgsql as 'begin raise exception ''mine''; end'"
    )
    database.execute(f'alter database "{database.info.dbname}" set search_path to evil, pg_catalog')
    with server.connect(database.info.dbname) as connection:
        assert "mine" not in {one.error for one in states(connection, whole).values()}


def test_two_tables_whose_joined_names_are_alike_are_two_series(database: Any, whole: list[Alert]) -> None:
    """Prometheus refuses a whole page in which two series are one."""
    for schema, table in (("a.b", "c"), ("a", "b.c")):
        database.execute(f'create schema "{schema}"; create table "{schema}"."{table}" (id int unique, a int)')
        database.execute(f'insert into "{schema}"."{table}" select n, 1 from generate_series(1, 2) n')
        database.execute(f'alter table "{schema}"."{table}" add constraint positive check (a > 0) not valid')
        with pytest.raises(psycopg.errors.UniqueViolation):
            database.execute(f'create unique index concurrently twice on "{schema}"."{table}" (a)')
    found = states(database, whole)
    assert [len(found[name].samples) for name in ("InvalidIndex", "UnvalidatedConstraint")] == [2, 2]
