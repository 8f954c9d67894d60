"""PgBouncer's configuration: each setting with the reason for its value, and the function that it asks for passwords.

In: a play's `pool:`, where the database is, its sizes. Out: the text of `pgbouncer.ini` and of `auth_query.sql`: no password in either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.pgbouncer.sizing import SPARE_CLIENTS, Limits, Sizes
from wgm_play.quantities import format_duration
from wgm_play.render import render

if TYPE_CHECKING:
    from wgm_play.playbook.model import Pooling

# The first version that keeps prepared statements in transaction mode, and how many where nothing is said.
PREPARES, PREPARED = (1, 21), 200
RESERVE_AFTER = 5
USERS = "/etc/pgbouncer/userlist.txt"
# A client that waits is not given up while a run pauses the pool: so many times the pause.
_PAUSES = 3
_FUNCTION = (
    "login",
    "schema",
    "schema_closed",
    "passwords",
    "lookup",
    "lookup_closed",
    "lookup_owner",
    "schema_usage",
    "lookup_allowed",
)


@dataclass(frozen=True, slots=True)
class PooledDatabase:
    """A database as PgBouncer reaches it, the name it has there, and who may use the console. `pause` is seconds."""

    name: str
    database: str
    host: str
    port: str
    sslmode: str = ""
    authority: str = ""
    admins: tuple[str, ...] = ()
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolSetting:
    """One line of the configuration, written as a comment when it is `off`; `live` ones are compared with those of the console."""

    name: str
    value: str
    why: str
    live: bool = False
    off: bool = False


def settings(needs: Pooling, size: Sizes, place: PooledDatabase, version: tuple[int, int] | None) -> list[PoolSetting]:
    """Return the settings of the section [pgbouncer]."""
    return [*_who(needs, place), *_how(needs, size, version), *_waits(needs, place), *_server(place)]


def _who(needs: Pooling, place: PooledDatabase) -> Iterator[PoolSetting]:
    yield PoolSetting("listen_addr", needs.listen, "where the application reaches it; `listen:` of the play")
    yield PoolSetting("listen_port", str(needs.port), "")
    yield PoolSetting("auth_type", "scram-sha-256", "roles whose password is stored as md5 cannot log in: set it again")
    yield PoolSetting(
        "auth_file",
        USERS,
        'one line each for auth_user and the console\'s users: "user" "password", as it is typed: by a SCRAM secret PgBouncer cannot log in;'
        " mode 0600, never in version control",
    )
    yield PoolSetting(
        "auth_user", "pgbouncer", "asks the server for all other passwords, by the function of auth_query.sql"
    )
    yield PoolSetting(
        "auth_query", render("pool/auth_query.sql.j2").sql, "never superusers, never roles with REPLICATION"
    )
    yield PoolSetting(
        "admin_users", ", ".join(place.admins), "who may PAUSE and RESUME; in auth_file", off=not place.admins
    )


def _how(needs: Pooling, size: Sizes, version: tuple[int, int] | None) -> Iterator[PoolSetting]:
    by_transaction = needs.mode == "transaction"
    why = (
        "a connection of the server goes to the next client after each transaction: no SET (but SET LOCAL), LISTEN, WITH HOLD or"
        " advisory lock of a session outlives it"
        if by_transaction
        else "a connection of the server belongs to a client until it leaves"
    )
    yield PoolSetting("pool_mode", needs.mode, why)
    spare = f"{needs.clients} clients, {SPARE_CLIENTS} more for the console and for deployments that overlap"
    files = f"LimitNOFILE of its service must be above {size.clients + size.total}"
    yield PoolSetting("max_client_conn", str(size.clients), f"{spare}; {files}", live=True)
    reset = "not sent in transaction mode" if by_transaction else "what a client has set is gone for the next one"
    yield PoolSetting("server_reset_query", "DISCARD ALL", reset, live=not by_transaction)
    ignored = ", ".join(needs.ignore_startup_parameters)
    yield PoolSetting(
        "ignore_startup_parameters",
        ignored,
        "what drivers send at the start, as JDBC's; it has no effect: set what matters (search_path) by ALTER ROLE",
        live=True,
    )
    if by_transaction:
        yield prepared(needs, version)


def prepared(needs: Pooling, version: tuple[int, int] | None) -> PoolSetting:
    """Return the setting for prepared statements, switched off where this version has none, or may have none."""
    kept = PREPARED if needs.prepared_statements is None else needs.prepared_statements
    name, known = "max_prepared_statements", version is not None and version >= PREPARES
    if known:
        why = (
            "on each connection of the server; after a change of what SELECT * returns: RECONNECT"
            if kept
            else "drivers must not prepare"
        )
        return PoolSetting(name, str(kept), why, live=True)
    has = "its version is unknown" if version is None else f"this is {version[0]}.{version[1]}"
    return PoolSetting(
        name,
        str(kept),
        f"from PgBouncer 1.21 on; {has}: before, drivers must not prepare (JDBC prepareThreshold=0, psycopg prepare_threshold=None,"
        " asyncpg statement_cache_size=0, Prisma pgbouncer=true)",
        off=True,
    )


def _waits(needs: Pooling, place: PooledDatabase) -> Iterator[PoolSetting]:
    wait = max(needs.query_wait, _PAUSES * place.pause)
    longer = f"; {_PAUSES} times the deadline of a pause" if wait > needs.query_wait else ""
    yield PoolSetting(
        "query_wait_timeout",
        _seconds(wait),
        f"a client that got no connection for {format_duration(wait)} is told so{longer}; while the pool is paused too",
        live=True,
    )
    yield PoolSetting(
        "reserve_pool_timeout",
        str(RESERVE_AFTER),
        "seconds after which a client may have one of the reserve",
        live=True,
    )


def _seconds(seconds: float) -> str:
    return str(max(1, round(seconds)))


def _server(place: PooledDatabase) -> Iterator[PoolSetting]:
    yield PoolSetting(
        "server_tls_sslmode", place.sslmode or "prefer", "as the environment's URL says" if place.sslmode else ""
    )
    if place.authority:
        yield PoolSetting("server_tls_ca_file", place.authority, "who signed the server's certificate")


def database_line(size: Sizes, place: PooledDatabase) -> str:
    """Return the line of the section [databases]. Raise `InputError` for a name that PgBouncer cannot read."""
    parts = {
        "host": place.host,
        "port": place.port,
        "dbname": place.database,
        "pool_size": str(size.each),
        "reserve_pool": str(size.reserve),
        "max_db_connections": str(size.total),
    }
    said = " ".join(f"{name}={_value(value)}" for name, value in parts.items() if value)
    if not re.fullmatch(r"[\w.-]+", place.name, re.ASCII):
        # The manual tells of names in double quotes; PgBouncer does not load them (1.18).
        raise InputError(
            f"PgBouncer reads no database name like {place.name!r}",
            hint="give it another name there, of letters, digits and _: `pool: {database: shop}` in the environment",
        )
    return f"{place.name} = {said}"


def _value(text: str) -> str:
    return text if re.fullmatch(r"[\w.:/-]+", text, re.ASCII) else "'" + text.replace("'", "''") + "'"


def ini(
    needs: Pooling,
    limits: Limits,
    size: Sizes,
    place: PooledDatabase,
    version: tuple[int, int] | None,
    playbook: str,
    lacking: Sequence[str] = (),
) -> str:
    """Return pgbouncer.ini; `lacking` are variables that were not set, so that host and port are made up."""
    lines = [
        f"; Written by wgm-play pool {playbook} render: change `pool:` of the play, not this file.",
        "; userlist.txt is yours: see auth_file. Runs of wgm-play, pg_dump and streaming connect to PostgreSQL itself.",
        "",
        "[databases]",
        *([f"; {', '.join(lacking)} not set: put host and port right"] if lacking else []),
        *(f"; {line}" for line in reckoned(needs, limits, size)),
        database_line(size, place),
        "",
        "[pgbouncer]",
    ]
    for one in settings(needs, size, place, version):
        lines += [f"; {one.why}"] if one.why else []
        lines.append(f"{';' if one.off else ''}{one.name} = {one.value}".rstrip())
    return "\n".join(lines) + "\n"


def reckoned(needs: Pooling, limits: Limits, size: Sizes) -> Iterator[str]:
    """Yield why the pools are as large as they are."""
    source = "the server's" if limits.asked else "declared, the server was not asked"
    yield f"max_connections = {limits.connections} ({source}), {limits.reserved} of them for superusers, {needs.others} for others"
    if limits.database is not None:
        yield f"the database takes {limits.database} connections at most"
    for role, most in sorted(limits.roles.items()):
        yield f"the role {_line(role)} takes {most} connections at most, and so does its pool"
    if needs.connections is not None:
        yield f"the play gives the pool {needs.connections} of what is left"
    names = f": {', '.join(map(_line, needs.roles))}" if needs.roles else ", as each role that logs in has one"
    yield f"pools: {size.pools}{names}; {size.each} connections each, and {size.reserve} in reserve; {size.total} together"
    if needs.clients <= size.each:
        yield f"no pool is larger than the {needs.clients} clients: none of them ever waits"
    elif needs.mode == "session":
        yield f"in session mode a client keeps its connection: of {needs.clients} clients those above {size.total} wait until one leaves"
    else:
        yield f"{needs.clients} clients share them: enough while their transactions are short"


def _line(text: str) -> str:
    return " ".join(text.split())


def auth_query() -> str:
    """Return the statements that make the function by which PgBouncer asks for passwords."""
    told = (
        "-- Run as a superuser in each database that is pooled (psql -1 -f auth_query.sql); it may be run again.\n"
        "-- The function belongs to a role that cannot log in and may read six columns of pg_authid; only pgbouncer may call it.\n"
        "-- Then give pgbouncer its password (\\password pgbouncer), and write it into PgBouncer's auth_file.\n"
        '-- A play with `prune` leaves it alone by `manage: {exclude: ["pgbouncer.*"]}`.\n'
    )
    return told + "\n" + "".join(f"{render(f'pool/{name}.sql.j2').sql};\n\n" for name in _FUNCTION).rstrip() + "\n"
