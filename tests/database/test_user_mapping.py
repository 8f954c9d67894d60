"""The password of a user mapping reaches the server and nothing else: no plan, no ledger, no catalog row, no message."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from laws import Project, state

from wgm_play import secret
from wgm_play.errors import WgmError

BASE = [
    {"name": "Wrapper", "foreign_data_wrapper": {"name": "w"}},
    {"name": "Server", "server": {"name": "s", "wrapper": "w", "type": "one"}},
]
MAPPING = {
    "name": "M",
    "user_mapping": {"server": "s", "user": "public", "options": {"user": "r", "password": "{{ env.ARCHIVE_WORD }}"}},
}
WORD, OTHER = "it's \\ quite secret", "another secret"


def options(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        row = connection.execute("select umoptions from pg_user_mapping").fetchone()
        return sorted(row[0]) if row else []


def everything_kept(url: str) -> str:
    """Return all that our schema holds, as text; snapshots are unpacked by the server's own reader elsewhere."""
    import gzip

    with psycopg.connect(url) as connection:
        found = []
        for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'wgm'").fetchall():
            for row in connection.execute(f'select * from wgm."{name}"').fetchall():
                found += [
                    gzip.decompress(value).decode()
                    if isinstance(value, bytes) and value[:2] == b"\x1f\x8b"
                    else str(value)
                    for value in row
                ]
        return "\n".join(found)


@pytest.fixture
def book(project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("ARCHIVE_WORD", WORD)
    made = Project(project, database_url)
    made.write([*BASE, MAPPING])
    return made


def test_the_password_reaches_the_server_and_is_kept_nowhere_else(book: Project) -> None:
    told = book.apply()
    assert options(book.url) == [f"password={WORD}", "user=r"]
    assert WORD not in everything_kept(book.url)
    assert WORD not in repr(state(book.url).catalog)
    assert all(WORD not in secret.placeholders(made.sql) for one in told.operations for made in one.commands)
    assert (book.apply().changed, book.apply().operations) == (0, [])


def test_another_password_is_another_state_and_cannot_be_taken_back(
    book: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.apply()
    monkeypatch.setenv("ARCHIVE_WORD", OTHER)
    assert [one.title for one in book.apply().operations] == ["alter user mapping of public on s"]
    assert options(book.url) == [f"password={OTHER}", "user=r"]
    with pytest.raises(WgmError, match="cannot be undone"):
        book.rollback()


def test_making_it_is_taken_back(book: Project) -> None:
    book.write(BASE)
    book.apply()
    start = state(book.url)
    book.write([*BASE, MAPPING])
    book.apply()
    book.rollback()
    assert start.differences(state(book.url)) == []


def test_one_that_no_step_declares_stops_a_plan_that_would_lose_its_password(book: Project) -> None:
    book.apply()
    book.write([BASE[0], {"name": "Server", "server": {"name": "s", "wrapper": "w", "type": "two"}}])
    with pytest.raises(WgmError, match="recorded nowhere"):
        book.apply()
    assert options(book.url) == [f"password={WORD}", "user=r"]


def test_a_declared_one_is_made_again_with_its_server(book: Project) -> None:
    book.apply()
    book.write([BASE[0], {"name": "Server", "server": {"name": "s", "wrapper": "w", "type": "two"}}, MAPPING])
    book.apply()
    assert options(book.url) == [f"password={WORD}", "user=r"]
