"""What only a superuser may make: a step that is not required is skipped and says what an administrator must run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project
from psycopg import sql

from fix_postgres import Postgres
from wgm_play.errors import WgmError

TELL = {"name": "F", "function": {"name": "tell", "returns": "event_trigger", "body": "begin null; end"}}
STEPS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "event trigger": (
        [TELL, {"name": "E", "event_trigger": {"name": "e", "event": "ddl_command_end", "function": "tell"}}],
        "CREATE EVENT TRIGGER e",
    ),
    "foreign-data wrapper": ([{"name": "W", "foreign_data_wrapper": {"name": "w"}}], "CREATE FOREIGN DATA WRAPPER w"),
    "publication of all tables": (
        [{"name": "P", "publication": {"name": "p", "all_tables": True}}],
        "CREATE PUBLICATION p FOR ALL TABLES",
    ),
}


@pytest.fixture(params=["the target's server is the shadow", "the shadow is another server"])
def book(request: pytest.FixtureRequest, project: Path, server: Postgres, role_url: str) -> Project:
    if request.param == "the target's server is the shadow":
        with server.connect() as admin, psycopg.connect(role_url) as own:
            admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(own.info.user)))
    return Project(project, role_url)


@pytest.mark.parametrize("what", STEPS)
def test_a_step_that_is_not_required_is_skipped(book: Project, what: str) -> None:
    steps, statement = STEPS[what]
    book.write([*steps[:-1], {**steps[-1], "required": False}])
    told = book.apply()
    skipped = next(result for result in told.results if result.outcome == "skipped")
    assert skipped.administrator.startswith(statement)
    assert book.apply().changed == 0


@pytest.mark.parametrize("what", STEPS)
def test_a_required_step_fails_and_says_who_may(book: Project, what: str) -> None:
    book.write(STEPS[what][0])
    with pytest.raises(WgmError) as caught:
        book.apply()
    said = f"{caught.value} {caught.value.hint}"
    assert "superuser" in said or "permission denied" in said
