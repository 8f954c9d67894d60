"""What the preflight sees on a real server, and what it refuses."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from wgm_play.errors import Refused
from wgm_play.execute import preflight

Connection = psycopg.Connection[Any]


def test_a_long_transaction_and_a_prepared_one_are_named(
    database_url: str, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "LONG", 0.05)
    with psycopg.connect(database_url, application_name="report") as other:
        other.execute("SELECT pg_sleep(0.1)")
        found = preflight.look(database)
    assert any("report" in warning and "open for" in warning for warning in found.warnings)
    assert not found.refusals


def test_a_dump_is_named(database_url: str, database: Connection) -> None:
    with psycopg.connect(database_url, application_name="pg_dump") as other:
        other.execute("SELECT 1")
        assert any("a dump runs" in warning for warning in preflight.look(database).warnings)


def test_an_inactive_slot_is_named(database: Connection) -> None:
    database.execute("SELECT pg_create_physical_replication_slot('wgm_test_slot')")
    try:
        assert any("wgm_test_slot" in warning for warning in preflight.look(database).warnings)
    finally:
        database.execute("SELECT pg_drop_replication_slot('wgm_test_slot')")


def test_own_sessions_are_own_sessions(database_url: str, database: Connection) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        assert not preflight.pooled(database, other)


def test_sessions_that_change_hands_are_refused(database: Connection) -> None:
    """A pooler in transaction mode, played by one server session that both connections share."""
    assert preflight.pooled(database, database)
    with pytest.raises(Refused, match="pooler"):
        preflight.look(database, database).raise_refusals()
