"""Fixtures for the tests of backups.

In: the fixtures of `tests/conftest.py`. Out: `filled`, `fresh_url`, `shop`, `room`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backing_up import CONTENT, Shop
from clusters import room_of

from fix_postgres import Postgres


@pytest.fixture
def filled(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(CONTENT)
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set search_path to "$user", public, "Odd ""schema"')
        connection.execute(f"alter database \"{name}\" set log_min_duration_statement to '123ms'")
    return database_url


@pytest.fixture
def fresh_url(server: Postgres) -> Iterator[str]:
    """The URL of a database that does not exist yet; dropped after the test."""
    name = f"restored_{os.getpid()}_{time.monotonic_ns()}"
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.write()
    return made


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that every account can reach."""
    yield from room_of()
