"""The fixtures themselves: the server is of the version asked for, databases are fresh, roles are no superusers."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

import leftover
from fix_postgres import Postgres, fits
from wgm_play import embedded
from wgm_play.environment import Embedded


def test_a_database_is_empty_and_on_the_server_asked_for(server: Postgres, database: psycopg.Connection) -> None:
    assert database.info.server_version // 10000 == server.major
    assert database.execute("select count(*) from pg_class where relnamespace = 'public'::regnamespace").fetchone() == (
        0,
    )


def test_the_role_owns_its_database_and_is_no_superuser(role_url: str) -> None:
    with psycopg.connect(role_url) as connection:
        row = connection.execute(
            "select rolsuper, datdba = r.oid from pg_roles r, pg_database where rolname = current_user"
            " and datname = current_database()"
        ).fetchone()
    assert row == (False, True)


@pytest.mark.every_server
def test_every_server_answers(server: Postgres, database: psycopg.Connection) -> None:
    assert database.execute("show server_version_num").fetchone()[0].startswith(str(server.major))


@pytest.mark.pg("<17")
def test_a_mark_chooses_a_server_that_fits(server: Postgres) -> None:
    assert server.major < 17


@pytest.mark.parametrize(("spec", "majors"), [(">=15", {15, 18}), ("<15", {14}), ("15", {15}), (">=14,<18", {14, 15})])
def test_a_spec_names_versions(spec: str, majors: set[int]) -> None:
    assert {major for major in (14, 15, 18) if fits(major, spec)} == majors


def test_a_server_that_a_command_leaves_in_a_folder_is_found_and_stopped(tmp_path: Path) -> None:
    place = tmp_path / "below" / "shop"
    place.mkdir(parents=True)
    kept = Embedded(data=".wgm/postgres")
    server = embedded.start(kept, place)
    assert leftover.of_project(place) == leftover.below(tmp_path) == {server.data.resolve()}
    leftover.stop(leftover.below(tmp_path))
    assert leftover.below(tmp_path) == leftover.of_project(place) == set()
    assert embedded.running(kept, place) == []
