"""Faults while a backup is taken: a table that is kept, a server that ends its sessions, two at once, a server that is down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from backing_up import engine, leftovers

from wgm_play.backup import logical as logical_module
from wgm_play.errors import Refused


def ending(url: str, condition: str) -> Callable[[], None]:
    """Return what ends the sessions of a server that fulfil a condition, once there are any."""
    query = f"select pg_terminate_backend(pid) from pg_stat_activity where {condition}"

    def end() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            while not session.execute(query.encode()).fetchall():
                pass

    return end


def test_a_table_that_somebody_keeps_and_a_server_that_ends_the_dump_leave_no_backup(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = engine(filled, tmp_path / "backups", "none")
    with psycopg.connect(filled) as keeper:
        keeper.execute("lock table players")
        monkeypatch.setattr(logical_module, "LOCK_WAIT", "100ms")
        with pytest.raises(
            Refused, match="somebody kept a table from readers for 100ms; no backup was taken"
        ) as caught:
            dump.make("beside somebody's lock")
        assert any(f"players: pid {keeper.info.backend_pid}," in line for line in caught.value.details)
        monkeypatch.setattr(logical_module, "LOCK_WAIT", "60s")
        end = threading.Thread(target=ending(filled, "wait_event_type = 'Lock' and query ilike 'lock table%'"))
        end.start()
        with pytest.raises(Refused, match="terminating connection due to administrator command"):
            dump.make("while the server ends it")
        end.join()
    assert dump.list() == [] and leftovers(tmp_path / "backups") == []
