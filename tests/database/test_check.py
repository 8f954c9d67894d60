"""`check` of what is well says nothing: the shipped playbooks, and ten schemas as people build them.

In: playbooks just applied, with a backup taken. Out: nothing at or above a warning; what is ill is said in every format.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import load_sql

from fix_postgres import as_freshly_made
from wgm_play import pipeline
from wgm_play.asking.ask import Asker
from wgm_play.errors import Found, InputError, WgmError
from wgm_play.finding import INFO
from wgm_play.health.looking import look
from wgm_play.options import Options
from wgm_play.reporter import Reporter

ROOT = Path(__file__).parents[2]
PLAY = """
- name: Ten schemas
  hosts: production
  backup: {method: logical, verify: none, before_changes: young, max_age: 24h}
  steps:
    - import_steps: healthy.yml
"""


@dataclass(slots=True)
class Heard(Reporter):
    """Keeps the findings."""

    found: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def data(self, name: str, value: Any) -> None:
        if name == "findings":
            self.found = value

    def page(self, name: str, text: str) -> None:
        self.said.append(text)


def checked(options: Options) -> list[dict[str, Any]]:
    """Return what `check` finds."""
    heard = Heard()
    with suppress(Found):
        pipeline.check(options, heard)
    return heard.found


def loud(found: list[dict[str, Any]]) -> list[str]:
    return [f"{one['code']} {one['message']}" for one in found if one["severity"] != "info" and not one["acknowledged"]]


@pytest.mark.share(2)
@pytest.mark.every_server
@pytest.mark.parametrize("environment", ["production", "staging", "development"])
def test_a_shipped_playbook_just_applied_is_well(environment: str, database_url: str, tmp_path: Path) -> None:
    for folder in ("environments", "playbooks", "templates/wasteland"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    options = Options(str(tmp_path / "playbooks" / f"{environment}.yml"), url=database_url)
    pipeline.apply(Options(options.playbook, url=database_url, no_backup=True), Reporter())
    if environment != "development":  # which declares none
        pipeline.backup(options, Reporter())
    as_freshly_made(database_url)
    assert loud(checked(options)) == []


@pytest.fixture
def healthy(tmp_path: Path, database_url: str) -> Options:
    """The ten schemas, applied, with a backup."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text("url: postgresql://nowhere\n")
    shutil.copy(ROOT / "tests" / "samples" / "healthy.yml", tmp_path)
    (tmp_path / "book.yml").write_text(PLAY)
    options = Options(str(tmp_path / "book.yml"), url=database_url)
    pipeline.apply(Options(options.playbook, url=database_url, no_backup=True), Reporter())
    pipeline.backup(options, Reporter())
    return options


@pytest.mark.every_server
def test_ten_schemas_are_well_also_with_rows_and_when_looked_at_deeply(healthy: Options, database: Any) -> None:
    for statement in ROWS:
        database.execute(statement)
    assert loud(checked(Options(healthy.playbook, url=healthy.url, deep=True))) == []
    assert [one for one in checked(healthy) if one["code"] in ("drift", "pending")] == []


ROWS = (
    "insert into shop.customers (email) select g || '@x' from generate_series(1, 500) g",
    "insert into shop.orders (customer_id, net) select g, g from generate_series(1, 500) g",
    "insert into blog.posts (title) select 'a ' || g from generate_series(1, 100) g",
    "insert into measures.values select '2026-01-01'::timestamptz + g * interval '1 hour', g, g from generate_series(1, 500) g",
    "insert into audit.things (name) select 'n' || g from generate_series(1, 100) g",
    "insert into people.persons (name, city, zip) select g, g % 7, g % 7 from generate_series(1, 500) g",
    "analyze",
)


# Said of the server that tests share, whoever looks.
OF_THE_SERVER = frozenset(
    ["settings", "setting_files", "pending_restart", "server_version", "connections", "wraparound", "replication_slots"]
)
# What the schemas of applications are ill with in truth, as they were written.
ILL = {
    "events": {("autovacuum_off", "es.events_2024")},
    "geometry": {("unvalidated_constraints", "public.visits")},
    "gitlab": {("unvalidated_constraints", "public.projects")},
    "keycloak": {("disabled_triggers", "public.offline_user_session")},
    "modern": {("unvalidated_constraints", "app.account"), ("unvalidated_constraints", "app.event")},
    "nineties": {("public_writes", "public.policy"), ("public_writes", "public.pol_seq")},
    "phoenix": {("unvalidated_constraints", "oban.oban_jobs")},
    "postgrest": {
        ("definer_search_path", "auth.check_request()"),
        ("definer_search_path", "api_v1.login(email text, pass text, OUT token auth.jwt_token)"),
    },
    "rails": {("unvalidated_constraints", "public.comments"), ("disabled_triggers", "public.accounts")},
    "survey": {("disabled_triggers", "survey.station"), ("published_without_identity", "import.doubtful")},
    "telemetry": {
        ("autovacuum_off", "ts_parts.point_2024_01"),
        ("unvalidated_constraints", "ts_parts.point_2024_01"),
    },
    "tenants": {("definer_search_path", "app_private.log()")},
}


@pytest.mark.share(7)
@pytest.mark.every_server
@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "tests" / "applications").glob("*.sql")))
def test_of_the_schemas_of_applications_only_what_is_ill_is_said(name: str, database: Any, database_url: str) -> None:
    text = (ROOT / "tests" / "applications" / f"{name}.sql").read_text(encoding="utf-8")
    there = {name for (name,) in database.execute("SELECT name FROM pg_available_extensions")}
    if missing := set(re.findall(r"\bCREATE EXTENSION (?:IF NOT EXISTS )?\"?([\w-]+)", text)) - there:
        pytest.skip(f"this server has no {', '.join(sorted(missing))}")
    if database.info.server_version < 150000:
        pytest.skip("before 15 everybody may create in the schema public, which is said")
    least = re.match(r"-- PostgreSQL (\d+)", text)
    if least and database.info.server_version // 10000 < int(least.group(1)):
        pytest.skip(f"needs PostgreSQL {least.group(1)}")
    load_sql(database_url, text)
    database.execute("analyze")
    asker = Asker(lambda: psycopg.connect(database_url, autocommit=True))
    found = [one for one in look(database, asker) if one.code not in OF_THE_SERVER]
    assert {(one.code, one.object) for one in found if one.severity != INFO} == ILL.get(name, set())


TAKEN = """
  acknowledge:
    - {check: drift, object: "*", reason: known, until: 2099-01-01}
    - {check: duplicate_indexes, object: shop.twin, reason: known, until: 2099-01-01}
    - {check: disabled_triggers, object: people.persons.nothing, reason: no, until: 2099-01-01}
    - {check: disabled_triggers, reason: past, until: 2020-01-01}
"""


def test_what_is_ill_is_said_in_every_format_and_acknowledged_until_a_day(
    healthy: Options, database: Any, tmp_path: Path
) -> None:
    database.execute("create index twin on shop.orders (customer_id, id desc) where state = 'open'")
    database.execute("alter table people.persons disable trigger all")
    database.execute("alter table people.persons add column odd int")
    reports = tuple(f"{form}:{tmp_path / form}" for form in ("json", "junit", "nagios", "text"))
    with pytest.raises(Found) as caught:
        pipeline.check(Options(healthy.playbook, url=healthy.url, reports=reports), Heard())
    assert sorted(one.partition(":")[0] for one in caught.value.details) == [
        "disabled_triggers",
        "drift",
        "duplicate_indexes",
    ]
    told = json.loads((tmp_path / "json").read_text())
    assert (told["command"], told["failed"], told["counts"]["warning"]) == ("check", True, 3)
    assert (tmp_path / "nagios").read_text().startswith("WGM WARNING - production: 3 warnings")
    assert '<failure type="warning"' in (tmp_path / "junit").read_text()
    Path(healthy.playbook).write_text(PLAY.replace("  steps:", f"{TAKEN}  steps:"))
    heard = Heard()
    with pytest.raises(Found, match="1 finding"):
        pipeline.check(healthy, heard)
    found = {one["code"]: one for one in heard.found}
    assert found["duplicate_indexes"]["acknowledged"] == "known (until 2099-01-01)"
    assert found["disabled_triggers"]["evidence"][-1] == "was acknowledged until 2020-01-01 (past)"
    assert (found["acknowledge"]["object"], found["acknowledge"]["line"]) == (
        "people.persons.nothing",
        9,
    )  # its place in the file


def test_a_role_that_may_only_read_sees_what_is_wrong_and_is_told_what_it_does_not(
    healthy: Options, database: Any, server: Any
) -> None:
    name, password = server.create_role()
    try:
        database.execute("create index twin on shop.orders (customer_id, id desc) where state = 'open'")
        found = checked(Options(healthy.playbook, url=server.url(database.info.dbname, name, password), deep=True))
        codes = {one["code"] for one in found}
        assert {"duplicate_indexes", "unseen_tables", "unseen_sessions", "unseen_settings"} <= codes
        drift = next(one for one in found if one["code"] == "drift")
        assert (drift["severity"], drift["attribute"]) == ("info", "unknown")
    finally:
        server.drop_role(name)


def test_of_much_advice_a_few_lines_are_shown_and_all_with_v(healthy: Options, database: Any) -> None:
    for number in range(8):
        database.execute(f"create table public.loose{number} (a int)")
    short, whole = Heard(), Heard()
    pipeline.check(healthy, short)
    pipeline.check(Options(healthy.playbook, url=healthy.url, verbosity=1), whole)
    assert "info [no_primary_key] and 3 more like these (-v shows all)" in short.said[0]
    assert short.said[0].count("[no_primary_key]") == 6
    assert whole.said[0].count("[no_primary_key]") == 8
    assert short.said[0].splitlines()[-1] == whole.said[0].splitlines()[-1]


def test_a_part_of_it_is_looked_at_alone(healthy: Options, database: Any) -> None:
    database.execute("create index twin on shop.orders (customer_id, id desc) where state = 'open'")
    database.execute("alter table people.persons add column odd int")
    database.execute("comment on table shop.orders is 'by hand'")
    Path(healthy.playbook).write_text(PLAY.replace("  steps:", f"{TAKEN}  steps:"))

    def codes(*parts: str) -> set[str]:
        return {one["code"] for one in checked(Options(healthy.playbook, url=healthy.url, only=parts))}

    assert codes("drift") == {"drift"}
    alone = Options(healthy.playbook, url=healthy.url, only=("drift",))
    assert checked(alone) == [one for one in checked(healthy) if one["code"] == "drift"]
    whole = Path(healthy.playbook).read_text()
    Path(healthy.playbook).write_text(
        f"{whole}    - {{name: Too long, index: {{name: {'i' * 70}, table: shop.orders, columns: [id]}}}}\n"
    )
    with pytest.raises(WgmError, match=r"i{70}"):
        pipeline.check(alone, Heard())
    Path(healthy.playbook).write_text(whole)
    assert "duplicate_indexes" in codes("health", "backups")
    assert not {"drift", "acknowledge"} & codes("health", "alerts", "backups")
    with pytest.raises(InputError, match="there is no part 'drifts'"):
        pipeline.check(Options(healthy.playbook, url=healthy.url, only=("drifts",)), Heard())
