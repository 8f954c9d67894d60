"""Drills: every alert that is shipped fires when its condition comes about, and ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_alert_library import imported

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.alerts.drill import NotDrilled
from wgm_play.commands.alert_drill import DATABASE, SETTINGS, drilled, make, scratch
from wgm_play.embedded import Server
from wgm_play.environment import Embedded
from wgm_play.errors import Found
from wgm_play.options import Options
from wgm_play.playbook.alerts import library

NAMES = [name for key, names in library().items() if key != "host" for name in names]


@pytest.fixture(scope="module")
def place(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server for drills, of the version under test."""
    folder = tmp_path_factory.mktemp("drill")
    folder.chmod(0o755)
    embedded = Embedded(version=server.major, database=DATABASE, ephemeral=True, settings=SETTINGS)
    with scratch(embedded, folder) as made:
        yield made, folder


@pytest.mark.share(3)
@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_alert_fires_and_ends(place: tuple[Server, Path], tmp_path: Path, name: str) -> None:
    (alert,) = imported(tmp_path, f"- import_alerts: library/{name}")
    done = drilled(alert, *place)
    assert done.fired.state == "firing"
    assert done.fired.value is not None


@pytest.mark.parametrize(
    ("drill", "message"),
    [
        ("", "has no `drill:`"),
        ("drill: {provoke: [select 1], resolve: []}", "does not fire|is firing before"),
        ("drill: {provoke: [select gone], resolve: []}", 'column "gone" does not exist'),
        ("drill: {provoke: [{sql: select 1, fails: '23505'}], resolve: []}", "was to fail with 23505"),
        ("drill: {provoke: [create table t ()], resolve: []}", "does not end"),
    ],
)
def test_a_drill_that_shows_nothing_is_told(
    place: tuple[Server, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drill: str, message: str
) -> None:
    monkeypatch.setattr("wgm_play.alerts.drill.LONGEST_SECONDS", 0.3)
    (alert,) = imported(
        tmp_path,
        "- name: Own\n  query: select count(*) as value from pg_tables where tablename = 't'\n"
        f"  threshold: '> 0'\n  {drill}",
    )
    server, folder = place
    with pytest.raises(NotDrilled, match=message):
        drilled(alert, server, folder)


def test_a_drill_makes_what_is_declared_and_the_roles_that_it_names_and_leaves_the_real_place_alone(
    place: tuple[Server, Path], tmp_path: Path
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments/production.yml").write_text(
        "url: postgresql://nowhere\nplanner: postgresql://nowhere\npool: {admin: postgresql://nowhere/pgbouncer}\n"
        "deliver: {rules: rules.yml, reload: 'http://127.0.0.1:1/-/reload'}\npolicy: {alerts: {refuse: critical}}\n"
    )
    book = tmp_path / "book.yml"
    book.write_text(
        "- name: Shop\n  hosts: production\n"
        "  alerts: [{name: Never, query: select null as value, threshold: '> 1', severity: critical}]\n"
        "  after_changes: {for: 5m}\n  steps:\n"
        "    - {name: T, table: {name: drilled, columns: {a: int}}}\n"
        "    - {name: G, grant: {to: drill_web, privileges: [select], on: table drilled}}\n"
        "    - {name: S, setting: {name: statement_timeout, value: 30s, on: role drill_jobs in database}}\n"
    )
    make(Options(str(book)), place[0], pipeline._make)
    assert not (tmp_path / "rules.yml").exists()
    book.write_text(book.read_text() + "    - {name: V, view: {name: v, query: select gone from drilled}}\n")
    with pytest.raises(Found, match=r"what the alerts read cannot be made on a scratch server: .*gone") as caught:
        make(Options(str(book)), place[0], pipeline._make)
    assert caught.value.where and caught.value.where.line == 9
