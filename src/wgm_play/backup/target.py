"""Databases that a backup is read from or restored into: connect, create, look at, drop.

In: connection strings. Out: connections, facts, counts; errors say which database, never its password.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from wgm_play.backup.process import parameters
from wgm_play.errors import Refused, Unreachable
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.sql import Sql

CONNECT_SECONDS = 10
SCRATCH = "wgm_verify"
# Counted with the rows of tables, whose names all have a dot.
LARGE_OBJECTS = "large objects"
# A scratch database younger than this may belong to a verification that is about to connect to it.
LEFTOVER_SECONDS = 60
# Databases that one may connect to in order to create another (manual: "createdb").
MAINTENANCE = ("postgres", "template1")
# Settings whose value is a list of names, each quoted by itself (pg_dump: variable_is_guc_list_quote).
_LISTS = frozenset(
    ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries",
     "shared_preload_libraries", "unix_socket_directories")
)  # fmt: skip
_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^,\s]+)')


def with_database(url: str, database: str) -> str:
    """Return a connection string to another database of the same server."""
    from psycopg.conninfo import make_conninfo

    given = {key: value for key, value in parameters(url).items() if key != "dbname"}
    return make_conninfo(**given, dbname=database)


def connect(url: str, application: str, *, autocommit: bool = True) -> Any:
    """Connect, or raise `Unreachable`, or `InputError` for a URL that names no possible server."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    from wgm_play.server import misspelt

    given = {"connect_timeout": str(CONNECT_SECONDS), **parameters(url), "application_name": application}
    try:
        return psycopg.connect(make_conninfo(**given), autocommit=autocommit)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        if wrong := misspelt(error):
            raise wrong from error
        place = given.get("dbname") or given.get("service") or "the database"
        raise Unreachable(
            f"{place!r} cannot be reached: {mask(str(error)).strip().splitlines()[-1]}",
            hint="see that the server runs, and that host, port, user and password are right",
        ) from error


@contextmanager
def there_or_beside(url: str, application: str) -> Iterator[Any]:
    """Connect to a database, or where that cannot be (it was dropped) to another of its server."""
    try:
        connection = connect(url, application)
    except Unreachable:
        beside = _beside(url, application)
        if beside is None:
            raise
        connection = beside
    with connection:
        yield connection


def _beside(url: str, application: str) -> Any:
    """Return a connection to a maintenance database of the server of `url`, None where there is none."""
    for maintenance in MAINTENANCE:
        with suppress(Unreachable):
            return connect(with_database(url, maintenance), application)
    return None


def one(connection: Any, template: str, **values: Any) -> Any:
    """Return the first value of a template's first row."""
    row = connection.execute(render(f"backup/{template}", **values).sql).fetchone()
    return row[0] if row else None


def column(connection: Any, template: str, **values: Any) -> list[Any]:
    """Return the first column of a template's rows."""
    return [row[0] for row in connection.execute(render(f"backup/{template}", **values).sql)]


def facts(connection: Any) -> dict[str, Any]:
    """Return what a restore must know of the connected database."""
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return dict(cursor.execute(render("backup/facts.sql.j2").sql).fetchone() or {})


def counts(connection: Any) -> dict[str, int]:
    """Return the number of objects by kind."""
    return {kind: number for kind, number in connection.execute(render("backup/counts.sql.j2").sql) if number}


def patience(connection: Any) -> None:
    """Let the session wait as long as it takes, whatever timeouts its role has."""
    connection.execute(render("backup/patience.sql.j2", version=connection.info.server_version).sql)


def rows(connection: Any, tables: Sequence[str]) -> dict[str, int]:
    """Return the exact number of rows of each table (names as SQL); a table that is missing is left out."""
    import psycopg

    found: dict[str, int] = {}
    for table in tables:
        try:
            found[table] = one(connection, "rows.sql.j2", table=Sql(table))
        except psycopg.errors.UndefinedTable:
            if not connection.autocommit:
                raise
    objects = one(connection, "large_objects.sql.j2")
    return {**found, LARGE_OBJECTS: objects} if objects else found


def compared(what: str, wanted: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Return the differences between two counts, one line each."""
    return [
        f"{name}: {found.get(name, 0):,} {what}, expected {wanted.get(name, 0):,}"
        for name in sorted({*wanted, *found})
        if found.get(name, 0) != wanted.get(name, 0) or (name in wanted) != (name in found)
    ]


def create(connection: Any, name: str, told: Mapping[str, Any]) -> bool:
    """Create an empty database like the one that was backed up; return whether it has the same locale."""
    import psycopg

    def statement(collate: str | None) -> str:
        return render(
            "backup/create_database.sql.j2", name=name, encoding=told["encoding"], collate=collate, ctype=told["ctype"]
        ).sql

    try:
        connection.execute(statement(told["collate"]))
    except (psycopg.errors.WrongObjectType, psycopg.errors.InvalidParameterValue):
        # This server does not know the locale (22023 or 42809, by version).
        connection.execute(statement(None))
        return False
    return True


def drop(url: str, name: str, application: str) -> None:
    """Drop a database of the server at `url` with the sessions in it."""
    with connect(url, application) as connection:
        patience(connection)
        connection.execute(render("backup/drop_database.sql.j2", name=name).sql)


def scratch_name() -> str:
    """Return a name for a scratch database that says when it was made."""
    return f"{SCRATCH}_{int(time.time())}_{secrets.token_hex(3)}"


@contextmanager
def scratch(url: str, told: Mapping[str, Any], application: str) -> Iterator[tuple[str, Any]]:
    """Make a scratch database on the server of `url`; give its URL and a connection to it; drop it afterwards.

    The connection stays open meanwhile: it marks the database as in use. Raise psycopg's errors where the role may
    not create one.
    """
    name = scratch_name()
    with connect(url, application) as admin:
        patience(admin)
        _sweep(admin)
        create(admin, name, told)
    place = with_database(url, name)
    try:
        connection = connect(place, application)
        try:
            patience(connection)
            yield place, connection
        finally:
            connection.close()
    finally:
        drop(url, name, application)


def _sweep(admin: Any) -> None:
    """Drop scratch databases of verifications that died."""
    import psycopg

    pattern = rf"^{SCRATCH}_\d+_[0-9a-f]+$"
    for name in column(admin, "leftovers.sql.j2", pattern=pattern, age=LEFTOVER_SECONDS):
        with suppress(psycopg.Error):
            admin.execute(render("backup/drop_database.sql.j2", name=name).sql)


def ensure(url: str, told: Mapping[str, Any], application: str) -> tuple[bool, list[str]]:
    """Make sure that the database of `url` exists and is empty; return whether it was created, and notes.

    Raise `Refused` where it holds something, `Unreachable` where it can be neither reached nor created.
    """
    name = parameters(url).get("dbname", "")
    try:
        connection = connect(url, application)
    except Unreachable as error:
        same = _create_missing(url, name, told, application, error)
        return True, [] if same else [f"the server does not know the locale {told['collate']!r}: its own is used"]
    with connection:
        holds = column(connection, "occupied.sql.j2")
        where = connection.info.dbname
    if holds:
        raise Refused(
            f"the database {where!r} is not empty, nothing was touched",
            hint="name a database that does not exist yet: --into NEW_NAME",
            details=["it holds " + ", ".join(holds) + (" and more" if len(holds) == 5 else "")],
        )
    return False, []


def _create_missing(url: str, name: str, told: Mapping[str, Any], application: str, unreachable: Unreachable) -> bool:
    """Create the database of `url` where that is why it cannot be reached; return whether its locale is the same."""
    import psycopg

    admin = _beside(url, application)
    if admin is None:
        raise unreachable
    with admin:
        patience(admin)
        if not name or one(admin, "exists.sql.j2", name=name):
            raise unreachable
        try:
            return create(admin, name, told)
        except psycopg.Error as error:
            raise Refused(
                f"the database {name!r} does not exist and cannot be created: {error.diag.message_primary}",
                hint=f"ask an administrator for: CREATE DATABASE {name} TEMPLATE template0",
            ) from error


def apply_settings(connection: Any, settings: Sequence[str]) -> list[str]:
    """Set the settings of the database that was backed up; return notes about those that this role may not set."""
    import psycopg

    notes = []
    for setting in settings:
        name, _, value = setting.partition("=")
        parts = [a.replace('""', '"') or b for a, b in _ITEM.findall(value)] if name in _LISTS else [value]
        statement = render("backup/setting.sql.j2", database=connection.info.dbname, name=name.split("."), values=parts)
        try:
            connection.execute(statement.sql)
        except psycopg.Error as error:
            notes.append(f"not set: {statement.sql} ({error.diag.message_primary})")
    return notes
