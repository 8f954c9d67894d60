"""Two databases of one server exchange their names: what was restored takes the place of what is there.

In: a session beside both, their names. Out: the name under which the old one is kept; notes on what does not move along.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from wgm_play.backup import target
from wgm_play.errors import Refused, Unreachable
from wgm_play.render import render
from wgm_play.sql import shortened

# RENAME waits 5 seconds for the sessions of a database, and lets no new one in meanwhile.
_PAUSE_SECONDS = 0.05
_TRIES = 3


def take_over(admin: Any, name: str, working: str) -> list[str]:
    """Give a database what another one has beside its objects: owner, privileges, limit, comment; return notes."""
    import psycopg

    notes: list[str] = []
    for statement in target.column(admin, "of_database.sql.j2", name=name, working=working):
        try:
            admin.execute(statement.encode())
        except psycopg.Error as error:
            notes.append(f"not taken over from the database that was there: {error.diag.message_primary}")
    return notes + target.column(admin, "stays_with.sql.j2", name=name)


def exchange(admin: Any, url: str, application: str, name: str, working: str) -> str:
    """Rename `name` away and `working` to `name` in one transaction; return the name of the old one. Raise `Refused`."""
    import psycopg

    kept = _kept_name(name)
    for attempt in range(_TRIES):
        try:
            with _sessions_end(url, application, admin.info.dbname, name), admin.transaction():
                admin.execute(render("backup/rename_database.sql.j2", name=name, wanted=kept).sql)
                admin.execute(render("backup/rename_database.sql.j2", name=working, wanted=name).sql)
            return kept
        except psycopg.errors.ObjectInUse as error:
            if attempt == _TRIES - 1:
                raise Refused(
                    f"the database {name!r} is in use and cannot give its name away: {error.diag.message_detail}; "
                    "nothing was touched",
                    hint="end these sessions and prepared transactions, or let the role do so: GRANT pg_signal_backend",
                ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise Refused(
                f"the database {name!r} may not be renamed: {error.diag.message_primary}; nothing was touched",
                hint="run as its owner, with CREATEDB; or --into NAME, and let an administrator rename both",
            ) from error
    raise AssertionError  # the last try returns or raises


def _kept_name(name: str) -> str:
    """Return how the old database is called: NAME_before_TIME, within the length of a name."""
    ending = f"_before_{datetime.now(UTC):%Y%m%dT%H%M%S}".lower()
    return shortened(name, ending)


@contextmanager
def _sessions_end(url: str, application: str, maintenance: str, name: str) -> Iterator[None]:
    """End the sessions of a database for as long as the block takes: new ones wait for the rename."""
    over = threading.Event()

    def end() -> None:
        with suppress(Unreachable), target.connect(target.with_database(url, maintenance), application) as other:
            while not over.wait(_PAUSE_SECONDS):
                _end_once(other, name)

    ending = threading.Thread(target=end, name="ending sessions", daemon=True)
    ending.start()
    try:
        yield
    finally:
        over.set()
        ending.join()


def _end_once(other: Any, name: str) -> None:
    import psycopg

    with suppress(psycopg.Error):  # it may not end those of a superuser: the rename says who is left
        other.execute(render("backup/end_sessions.sql.j2", name=name).sql)
