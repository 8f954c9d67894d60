"""Collations of ICU, where the server was built with it: made, changed under a column and its index, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql, state

TABLE = {"name": "T", "table": {"name": "t", "columns": {"w": {"type": "text", "collation": "c", "unique": True}}}}


def collation(**more: Any) -> dict[str, Any]:
    return {"name": "C", "collation": {"name": "c", "provider": "icu", "locale": "de", **more}}


def test_an_icu_collation_is_changed_under_its_column(
    database: psycopg.Connection[Any], database_url: str, project: Path
) -> None:
    try:
        database.execute("create collation probe (provider = icu, locale = 'de')")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server was built without ICU")
    database.execute("drop collation probe")
    book = Project(project, database_url)
    book.write([collation(), TABLE])
    book.apply()
    load_sql(book.url, "insert into t values ('a'), ('B')")
    start = state(book.url)
    book.write([collation(locale="de-u-co-phonebk", deterministic=False), TABLE])
    assert [one.title for one in book.apply().operations] == [
        "drop unique t.t_w_key",
        "replace collation c",
        "add unique t.t_w_key",
    ]
    assert book.apply().changed == 0
    book.rollback()
    assert start.differences(state(book.url)) == []
