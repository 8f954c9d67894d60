"""Columns in the trash keep their type: what happens to the type is told by `--check`, or works.

In: an enum whose column became text, with the old values in the trash; steps. Out: `--check` and the run agree.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql, state

from wgm_play.errors import Refused

LIVE = "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (id int PRIMARY KEY, x e); INSERT INTO t VALUES (1, 'a'), (2, 'b');"


def _steps(values: list[str] | None, **columns: Any) -> list[dict[str, Any]]:
    step = {"enum": {"name": "e", "values": values}} if values else {"enum": {"name": "e"}, "state": "absent"}
    table = {"name": "t", "columns": {"id": {"type": "integer", "primary_key": True}, **columns}}
    return [{"name": "E", **step}, {"name": "T", "table": table}]


def _book(project: Path, url: str, online: str = "always", retention: str = "30d") -> Project:
    text = f"embedded: true\npolicy: {{online: {online}, allow_destructive: true, trash: {{retention: {retention}}}}}\n"
    return Project(project, url, text)


@pytest.mark.parametrize("how", ["online", "dropped"])
def test_a_type_that_the_trash_keeps_is_told_with_purge(
    how: str, project: Path, new_database: Callable[..., str]
) -> None:
    url = new_database()
    load_sql(url, LIVE)
    book = _book(project, url)
    columns: dict[str, Any] = {"x": {"type": "text"}} if how == "online" else {}
    book.write(_steps(["a", "b"], **columns))
    assert book.apply().changed > 0
    book = _book(project, url, retention="0d")
    book.write(_steps(None, **columns))
    before = state(url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert caught.value.exit_code == 11
    assert "public.t.wgm_trash_x_" in "\n".join(caught.value.details) and "wgm-play purge" in str(caught.value.hint)
    assert before.differences(state(url)) == []
    with psycopg.connect(url, autocommit=True) as connection:  # as purge does
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attname LIKE 'wgm_trash%'"
        ).fetchall():
            connection.execute(f"ALTER TABLE t DROP COLUMN {name}")
    assert book.apply().changed > 0
    assert book.apply().changed == 0


def test_an_enum_goes_to_the_trash_with_its_values(project: Path, new_database: Callable[..., str]) -> None:
    url = new_database()
    load_sql(url, LIVE)
    book = _book(project, url)
    book.write(_steps(["a", "b"], x={"type": "text"}))
    book.apply()
    book.write(_steps(None, x={"type": "text"}))
    book.apply(check=True)
    assert book.apply().changed > 0


def test_a_column_that_goes_to_the_trash_while_its_type_loses_a_value(
    project: Path, new_database: Callable[..., str]
) -> None:
    url = new_database()
    load_sql(url, LIVE.replace(", (2, 'b')", ""))
    book = _book(project, url)
    before = state(url)
    book.write(_steps(["a"]))
    book.apply(check=True)
    assert book.apply().changed > 0
    book.rollback()
    assert before.differences(state(url)) == []


@pytest.mark.parametrize(
    "live",
    ["CREATE TABLE u (x e)", "CREATE DOMAIN d AS e; CREATE TABLE u (x d[])", "CREATE VIEW u AS SELECT 'a'::e AS x"],
)
def test_whatever_lies_in_the_trash_is_named(live: str, project: Path, new_database: Callable[..., str]) -> None:
    url = new_database()
    load_sql(url, f"{LIVE} CREATE SCHEMA wgm_trash; {live}; ALTER TABLE u SET SCHEMA wgm_trash;")
    book = _book(project, url, online="auto", retention="0d")
    book.write(_steps(["b", "a"], x={"type": "e"}))
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert "wgm_trash.u" in "\n".join(caught.value.details)
