"""A role's password comes from the environment, reaches PostgreSQL as a verifier, and nobody else.

In: a playbook with `password:`. Out: one may connect with it; the ledger and the plan do not hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from laws import Project

from fix_postgres import Postgres

STEPS = [{"name": "App", "role": {"name": "case_app", "login": True, "password": "{{ env.CASE_PASSWORD }}"}}]
LEDGER = "SELECT coalesce(string_agg(s::text, ' '), '') FROM wgm.statement AS s"


def test_password_is_set_once_and_told_to_nobody(
    server: Postgres, new_database: Callable[..., str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Project(project, new_database())
    book.write(STEPS)
    database = book.url.rpartition("/")[2]
    try:
        for password in ("first of all", "another one"):
            monkeypatch.setenv("CASE_PASSWORD", password)
            told = book.apply()
            assert len(told.operations) == 1
            assert book.apply().operations == []
            with psycopg.connect(server.url(database, "case_app", password)) as connection:
                assert connection.info.user == "case_app"
            with psycopg.connect(book.url) as connection:
                kept = str(connection.execute(LEDGER).fetchall())
                assert password not in kept and "SCRAM-SHA-256$" not in kept
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE IF EXISTS case_app")
