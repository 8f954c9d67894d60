"""Databases that a backup is read from or restored into: connect, create, look at, drop.

In: connection strings. Out: connections, facts, counts; errors say which database, never its password.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wgm_play import far_dates
from wgm_play.errors import Refused, Unreachable
from wgm_play.pooler import recognise
from wgm_play.quantities import format_size
from wgm_play.render import render
from wgm_play.server_tools import parameters
from wgm_play.sql import Sql
from wgm_play.sqltext.scan import LISTED

CONNECT_SECONDS = 10
# Counted with the rows of tables, whose names all have a dot.
LARGE_OBJECTS = "large objects"
# Between the postmaster's first breath and what the server says of it.
STARTING_SECONDS = 5
# The server versions that have a locale provider, by its letter in pg_database.
PROVIDERS = {"c": 0, "i": 150000, "b": 170000}
# Databases that one may connect to in order to create another (manual: "createdb").
MAINTENANCE = ("postgres", "template1")
# Settings whose value is a list of names, each quoted by itself (pg_dump: variable_is_guc_list_quote).
_LISTS = frozenset(
    (
        "search_path",
        "temp_tablespaces",
        "local_preload_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
        "unix_socket_directories",
    )
)


def with_database(url: str, database: str, **others: str) -> str:
    """Return a connection string to another database of the same server, `others` (user, password) changed too."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**{**parameters(url), **others, "dbname": database})


def timeline_of(connection: Any) -> int:
    """Return the timeline that the connected server is on; 1 where the role may not ask for it."""
    import psycopg

    try:
        with connection.transaction():
            row = connection.execute(render("backup/timeline.sql.j2").sql).fetchone()
            return int(row[0])
    except psycopg.errors.InsufficientPrivilege:
        return 1


def option(value: str) -> str:
    """Return a value as it is written in the `options` of a connection string."""
    return re.sub(r"([\\ ])", r"\\\1", value)


def connect(url: str, application: str, *, autocommit: bool = True) -> Any:
    """Connect, or raise `Unreachable`, or `InputError` for a URL that names no possible server."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    from wgm_play.server import misspelt, unreachable

    # A database in SQL_ASCII would give bytes instead of text.
    ours = {"application_name": application, "client_encoding": "UTF8"}
    given = {"connect_timeout": str(CONNECT_SECONDS), **parameters(url), **ours}
    connection = None
    try:
        connection = psycopg.connect(make_conninfo(**given), autocommit=True)
        recognise(connection, lambda: psycopg.connect(make_conninfo(**given), autocommit=True), CONNECT_SECONDS)
        connection.autocommit = autocommit
        far_dates.as_text(connection)
        return connection
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        if connection is not None:  # the server went just then
            connection.close()
        if wrong := misspelt(error):
            raise wrong from error
        raise unreachable(error, given) from error


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


@contextmanager
def beside(url: str, application: str) -> Iterator[Any]:
    """Connect to another database of a server than the one that `url` names. Raise `Unreachable`."""
    connection = _beside(url, application)
    if connection is None:
        raise Unreachable(
            f"none of the databases {', '.join(MAINTENANCE)} can be reached: a database is not renamed by a session in it",
            hint="let the role connect to one of them",
        )
    with connection:
        yield connection


def _beside(url: str, application: str) -> Any:
    """Return a connection to a maintenance database of the server of `url`, None where there is none."""
    own = parameters(url).get("dbname")
    for maintenance in MAINTENANCE:
        if maintenance == own:
            continue
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
        text = render("backup/facts.sql.j2", version=connection.info.server_version).sql
        return dict(cursor.execute(text).fetchone() or {})


def counts(connection: Any) -> dict[str, int]:
    """Return the number of objects by kind."""
    return {kind: number for kind, number in connection.execute(render("backup/counts.sql.j2").sql) if number}


def refuse_without_room(connection: Any, needed: int, purpose: str) -> None:
    """Refuse where the server's disk, if it is this machine's and this user may look at it, has too little room."""
    import psycopg

    if connection.info.hostaddr not in ("127.0.0.1", "::1") and not connection.info.host.startswith("/"):
        return
    try:
        folder, started = connection.execute(render("backup/data_directory.sql.j2").sql).fetchone()
        free = shutil.disk_usage(folder).free
        same = abs(int((Path(folder) / "postmaster.pid").read_text().split("\n")[2]) - started) < STARTING_SECONDS
    except (psycopg.Error, OSError, ValueError, IndexError):
        return
    if same and free < needed:
        raise Refused(
            f"there is too little room {purpose}: {format_size(needed)} are needed, {format_size(free)} are free "
            f"below {folder!r}, nothing was touched",
            hint="free space there, or choose another server",
        )


def patience(connection: Any) -> None:
    """Let the session wait as long as it takes, whatever timeouts its role has."""
    connection.execute(render("backup/patience.sql.j2", version=connection.info.server_version).sql)


def rows(connection: Any, tables: Sequence[str], hidden: list[str] | None = None) -> dict[str, int]:
    """Return the exact number of rows of each table (names as SQL); a table that is missing is left out.

    Those that a policy hides from this role go to `hidden`, where it is given.
    """
    import psycopg

    found: dict[str, int] = {}
    for table in tables:
        try:
            found[table] = one(connection, "rows.sql.j2", table=Sql(table))
        except psycopg.errors.UndefinedTable:
            if not connection.autocommit:
                raise
        except psycopg.errors.InsufficientPrivilege:
            if hidden is None:
                raise
            hidden.append(table)
    objects = one(connection, "large_objects.sql.j2")
    return {**found, LARGE_OBJECTS: objects} if objects else found


def compared(what: str, wanted: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Return the differences between two counts, one line each."""
    return [
        f"{name}: {found.get(name, 0):,} {what}, expected {wanted.get(name, 0):,}"
        for name in sorted({*wanted, *found})
        if found.get(name, 0) != wanted.get(name, 0) or (name in wanted) != (name in found)
    ]


def create(connection: Any, name: str, told: Mapping[str, Any], owner: str | None = None) -> bool:
    """Create an empty database like the one that was backed up; return whether it has the same locale."""
    import psycopg

    version = connection.info.server_version

    def statement(**locale: Any) -> str:
        values: dict[str, Any] = {"collate": None, "ctype": None, "provider": "c", "locale": None, **locale}
        return render(
            "backup/create_database.sql.j2",
            name=name,
            owner=owner,
            encoding=told["encoding"],
            version=version,
            **values,
        ).sql

    locale = {key: told.get(key) for key in ("collate", "ctype", "provider", "locale")}
    locale["provider"] = locale["provider"] or "c"
    if version >= PROVIDERS.get(str(locale["provider"]), 0):
        try:
            connection.execute(statement(**locale))
            return True
        except (
            psycopg.errors.WrongObjectType,
            psycopg.errors.InvalidParameterValue,
            psycopg.errors.FeatureNotSupported,
        ):
            pass  # this server does not know the locale (22023 or 42809, by version) or has no ICU
    # C goes with every encoding.
    connection.execute(statement())
    return False


def drop(url: str, name: str, application: str) -> None:
    """Drop a database of the server at `url` with the sessions in it."""
    with connect(url, application) as connection:
        patience(connection)
        connection.execute(render("backup/drop_database.sql.j2", name=name).sql)


def apply_settings(connection: Any, settings: Sequence[str]) -> list[str]:
    """Set the settings of the database that was backed up; return notes about those that this role may not set."""
    import psycopg

    notes = []
    for setting in settings:
        name, _, value = setting.partition("=")
        parts = [a.replace('""', '"') or b for a, b in LISTED.findall(value)] if name in _LISTS else [value]
        statement = render("backup/setting.sql.j2", database=connection.info.dbname, name=name.split("."), values=parts)
        try:
            connection.execute(statement.sql)
        except psycopg.Error as error:
            notes.append(f"not set: {statement.sql} ({error.diag.message_primary})")
    return notes
