"""Connections: an environment to a session whose settings we know.

In: an `Environment`. Out: `Target` (where it is, and how people write that) and psycopg connections; every way in which
a server can be out of reach becomes `Unreachable`, without its password.
"""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import far_dates, plain_templates, pooler
from wgm_play.environment import ENCODED, Environment, Policy, parameters_of
from wgm_play.errors import InputError, Locked, Position, Refused, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.secret import mask, register
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from psycopg import Connection

    from wgm_play.embedded import Server

OLDEST = 13

# A session that holds locks while its runner hangs must end: longer than any pause between two of our statements.
IDLE_SECONDS = 300.0
# A server that vanished is noticed after about a minute, not after the two hours of the kernel's default.
KEEPALIVES = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}

# What a role or a database may have set otherwise, and what would change how we read and what we send.
SESSION = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    "jit": "off",
    "row_security": "on",
    "array_nulls": "on",
    "xmloption": "content",
    "xmlbinary": "base64",
    "backslash_quote": "safe_encoding",
    "escape_string_warning": "on",
    "client_min_messages": "notice",
    "check_function_bodies": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    "createrole_self_grant": "",
    "restrict_nonsystem_relation_kind": "",
    "plan_cache_mode": "auto",
    "exit_on_error": "off",
    # The run lock's session is idle while the work is done, and a backfill is as long as it is.
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where an environment's database is. `url` is what libpq takes; print `shown`, never `url`.

    `shown` holds the password only of an embedded server: it is for the application of the same machine.
    """

    url: str
    shown: str
    server: Server | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        return self.server.notes if self.server else ()


def target(environment: Environment, project: Path) -> Target:
    """Return where the database is, starting the embedded server where it does not run."""
    if environment.embedded is not None:
        from wgm_play import embedded

        try:
            server = embedded.start(environment.embedded, project)
        except (InputError, Unreachable) as error:
            error.where = error.where or environment.position
            raise
        return Target(server.url, server.url, server)
    if environment.service is not None:
        from psycopg.conninfo import make_conninfo

        return Target(make_conninfo("", service=environment.service), f"service={environment.service}")
    if environment.url is None:
        raise InputError(f"{environment.path} does not say where the database is", where=environment.position)
    return Target(reveal(environment.url), shown_url(environment.url))


def without_password(place: Target) -> str:
    """Return where a database is, with `***` for the password also of an embedded server."""
    return place.shown if place.server is None else shown_url(place.url)


def shown_url(url: str) -> str:
    """Return a URL or libpq's key words for people: with `***` for the password."""
    from urllib.parse import quote

    parts = parameters_of(reveal(url), None)
    user = quote(str(parts.get("user", "")), safe="") + (":***" if parts.get("password") else "")
    host = str(parts.get("host") or parts.get("hostaddr") or "")
    host = quote(host, safe="") if host.startswith("/") else f"[{host}]" if ":" in host else host
    port = f":{parts['port']}" if parts.get("port") else ""
    database = quote(str(parts.get("dbname", "")), safe="")
    return f"postgresql://{user + '@' if user else ''}{host}{port}/{database}"


def connect(
    environment: Environment,
    *,
    application_name: str,
    project: Path,
    read_only: bool = False,
    autocommit: bool = True,
    database: str | None = None,
) -> Connection[Any]:
    """Connect to the environment's database, or to `database` on its server. Raise `Unreachable` or `Refused`."""
    import psycopg

    place = target(environment, project)

    def attempt() -> Connection[Any]:
        return connect_to(
            place.url,
            policy=environment.policy,
            application_name=application_name,
            read_only=read_only,
            autocommit=autocommit,
            database=database,
            where=environment.position,
        )

    try:
        return attempt()
    except Unreachable as error:
        # The database or the user of an embedded server was dropped, or the environment names another since.
        if place.server is None or database is not None or not isinstance(error.__cause__, psycopg.OperationalError):
            raise
        if environment.embedded is None or not _MISSING.search(error.message):
            raise
        from wgm_play import embedded

        embedded.ensure(place.server, environment.embedded)
        return attempt()


def connect_to(
    url: str,
    *,
    policy: Policy,
    application_name: str,
    read_only: bool = False,
    autocommit: bool = True,
    database: str | None = None,
    where: Position | None = None,
) -> Connection[Any]:
    """Connect to a URL with our session settings. Raise `Unreachable` or `Refused`."""
    import psycopg

    given = parameters_of(reveal(url), where)
    ours: dict[str, str] = {key: value for key, value in KEEPALIVES.items() if key not in given}
    ours |= {"application_name": application_name, "client_encoding": "UTF8"}
    if "connect_timeout" not in given:
        ours["connect_timeout"] = str(max(2, round(policy.connect_timeout)))
    if database is not None:
        ours["dbname"] = database

    def opened() -> Connection[Any]:
        return _connection_class().connect(reveal(url), autocommit=True, **ours)  # type: ignore[arg-type]

    try:
        connection = opened()
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise misspelt(error, where) or unreachable(error, given | ours, where) from error
    try:
        _check_version(connection, where)
        settings = session_settings(policy, read_only=read_only)
        # All settings in one round trip: as startup options they would be refused by poolers.
        if not (told := _set(connection, settings))[0]:
            pooler.keep_session(connection, opened, policy.connect_timeout, where)
            told = _set(connection, settings)
        if told[2] == "on" and not read_only:
            _refuse_frozen(connection, where)
        connection.autocommit = autocommit
        connection.only_reads = read_only  # type: ignore[attr-defined]
    except psycopg.OperationalError as error:
        connection.close()
        raise unreachable(error, given | ours, where) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_frozen(connection: Connection[Any], where: Position | None) -> None:
    from wgm_play.frozen import frozen

    if (found := frozen(connection)) is not None:
        raise found.refusal(where)


def _set(connection: Connection[Any], settings: dict[str, str]) -> Any:
    """Make the settings of a session; return whether it was a session of ours, and what it told."""
    import psycopg

    statement = plain_templates.text("server/session.sql", connection.info.server_version)
    values = [pooler.backend_pid(connection), [*settings], [*settings.values()]]
    return psycopg.RawCursor(connection).execute(statement.encode(), values).fetchone()


@functools.cache
def _connection_class() -> type[Connection[Any]]:
    """Return the class of our connections: behind a pooler nothing of ours stays in the session that it hands on."""
    import psycopg

    class Ours(psycopg.Connection[Any]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            far_dates.as_text(self)

        def wait(self, *arguments: Any, **options: Any) -> Any:
            try:
                return super().wait(*arguments, **options)
            except psycopg.errors.LockNotAvailable as error:
                if getattr(self, "only_reads", False):
                    error.holders = holders(self)  # type: ignore[attr-defined]
                raise

        def close(self) -> None:
            if not self.closed and pooler.pooled(self):
                from wgm_play.render import render

                with suppress(psycopg.Error):
                    self.rollback()
                    self.autocommit = True
                    self.execute(render("server/leave.sql.j2").sql)
            super().close()

    return Ours


def kept_from_readers(failure: Exception, bound: str) -> Locked:
    """Return the error of a read that somebody's lock kept waiting as long as `bound` allows."""
    return Locked(
        f"another session keeps a table for itself, and reading waited as long as {bound} allows; nothing was being changed",
        details=getattr(failure, "holders", ()),
        hint="try again when it has ended, or end it: SELECT pg_terminate_backend(PID)",
    )


def holders(connection: Connection[Any]) -> list[str]:
    """Return who keeps tables of this database for himself, for a session that has waited for one."""
    import psycopg

    from wgm_play.render import render

    statement = render("server/lock_holders.sql.j2").sql.encode()
    try:
        # By another connection: this one is locked while its statement is on its way.
        with psycopg.connect(connection.info.dsn, password=connection.info.password, autocommit=True) as other:
            rows = other.execute(statement).fetchall()
    except psycopg.Error:
        return []
    found = []
    for table, pid, application, user, client, state, since, query in rows:
        if not pid:
            found.append(f"{table}: a prepared transaction (see pg_prepared_xacts)")
            continue
        words = [f"pid {pid}", application and f"application {application!r}", user and f"user {user!r}"]
        words += [client and f"from {client}", state, since and f"since {since}"]
        words += [query and f"query: {' '.join(mask(query).split())[:120]}"]
        found.append(f"{table}: {', '.join(word for word in words if word)}")
    return found


def _check_version(connection: Connection[Any], where: Position | None) -> None:
    version = connection.info.server_version
    if version < OLDEST * 10000:
        shown = f"{version // 10000}" if version >= 100000 else f"{version // 10000}.{version // 100 % 100}"
        raise Refused(
            f"the server is PostgreSQL {shown}, which is not supported",
            where=where,
            hint=f"upgrade it to PostgreSQL {OLDEST} or later",
        )


def session_settings(policy: Policy, *, read_only: bool = False) -> dict[str, str]:
    """Return the settings of a session, by name; times in milliseconds."""
    given = SESSION | {
        "lock_timeout": _milliseconds(policy.lock_timeout),
        "statement_timeout": _milliseconds(policy.statement_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(IDLE_SECONDS),
    }
    # Never off: whoever made it the default has frozen the database.
    return given | {"default_transaction_read_only": "on"} if read_only else given


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


# What libpq (psycopg, for connect_timeout) refuses in a URL before it asks any server.
_MISSPELT = re.compile(
    r"""invalid\ (?:port\ number|integer\ value|"?\w+"?\ value)\b.* | bad\ value\ for\ \w+:.*
      | could\ not\ (?:match\ \d+\ |parse\ network\ address).*""",
    re.VERBOSE,
)


def misspelt(error: Exception, where: Position | None = None) -> InputError | None:
    """Return the error for a URL that names no possible server, None where a server was asked."""
    found = _MISSPELT.search(mask(str(error)))
    if found is None:
        return None
    told = found.group()
    hint = "a port is a number from 1 to 65535" if "port" in told else "correct it in the URL"
    return InputError(f"this is no PostgreSQL URL: {told}", where=where, hint=hint)


_MISSING = re.compile(r"no database|wrong password")

# What a run has open at once: it reads, holds the run lock, changes, and makes a scratch database.
NEEDED = "a run needs 5 connections at once, and a backup before it 2 and one for each of its jobs"

# What libpq and the server say (in English; other languages get the general words), what we say, what to type next.
# Groups: the name that the message quotes.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (r"password authentication failed for user \"(.*?)\"", "wrong password for user {0!r}",
     f"check the password of {{where}}: in a URL {ENCODED}"),
    (r"(?:password|SASL) authentication failed", "wrong password for user {user!r}",
     f"check the password of {{where}}: in a URL {ENCODED}"),
    (r"no password supplied", "user {user!r} needs a password", "add the password to {where}, or to ~/.pgpass"),
    (r"role \"(.*?)\" does not exist", "there is no user {0!r}", "check the user of {where}"),
    (r"role \"(.*?)\" is not permitted to log in", "user {0!r} may not log in", 'ALTER ROLE "{0}" LOGIN'),
    (r"database \"(.*?)\" does not exist", "there is no database {0!r}", 'CREATE DATABASE "{0}", or check {where}'),
    (
        r"permission denied for database \"(.*?)\"",
        "user {user!r} may not connect to database {0!r}",
        'GRANT CONNECT ON DATABASE "{0}" TO "{user}"',
    ),
    (r"no pg_hba\.conf entry", "the server lets this user or machine not in", "add a line to its pg_hba.conf"),
    (r"pg_hba\.conf rejects", "the server lets this user or machine not in", "change its pg_hba.conf"),
    (r"Connection refused", "nothing listens there", "start the server, or check host and port of {where}"),
    (r"could not translate host name|failed to resolve host|Name or service not known|\[Errno -\d\]",
     "there is no such host", f"check the host of {{where}}: in a URL {ENCODED}"),
    (r"timeout expired|timed out", "no answer in time",
     "check host, port and firewall, or raise policy: connect_timeout:"),
    (r"too many connections for (role|database) (\".*?\")", "no connection left for {0} {1}",
     f"{NEEDED}: ALTER {{0}} {{1}} CONNECTION LIMIT, or end idle sessions"),
    (r"too many clients|remaining connection slots", "it has no connection left",
     f"{NEEDED}: end idle sessions, or raise max_connections"),
    (r"query_wait_timeout|no more connections allowed", "the pooler has no connection left",
     f"{NEEDED}: raise its pool_size, or connect to PostgreSQL itself"),
    (r"unsupported startup parameter", "the pooler takes no options", "take options out of {where}, or of PGOPTIONS"),
    (r"is starting up|not yet accepting", "it is starting up", "try again"),
    (r"is shutting down", "it is shutting down", "try again when it runs"),
    (r"in recovery mode", "it recovers from a crash", "try again"),
    (r"not currently accepting connections", "the database accepts no connections",
     "ALTER DATABASE ... ALLOW_CONNECTIONS true"),
    (r"definition of service \"(.*?)\" not found", "there is no service {0!r}", "add [{0}] to ~/.pg_service.conf"),
    (r"does not support SSL|SSL was required", "what answers there speaks no SSL",
     "turn ssl on at the server, and see that nothing else answers in its place: an sslmode that asks for less would "
     "give the password to whoever does"),
    (r"certificate", "its certificate is not accepted", "name the authority that signed it in sslrootcert of {where}"),
    (r"No such file or directory", "nothing listens there", "start the server, or check host and port of {where}"),
)  # fmt: skip


def unreachable(error: Exception, parts: dict[str, Any], where: Position | None = None) -> Unreachable:
    """Return the error for a connection that failed: what, why, what to do; never the password."""
    if parts.get("password"):
        register(str(parts["password"]))
    said = mask(str(error).strip())
    place = f"{parts.get('host') or parts.get('hostaddr') or 'the local server'}" + (
        f":{parts['port']}" if parts.get("port") else ""
    )
    if "service" in parts:
        place = f"service {parts['service']}"
    words = {"user": parts.get("user", "?"), "where": where.file if where is not None else "the URL"}
    for pattern, what, hint in _CAUSES:
        found = re.search(pattern, said)
        if found:
            reason, advice = what.format(*found.groups(), **words), hint.format(*found.groups(), **words)
            break
    else:
        reason, advice = said.split("\n")[-1], f"check {words['where']}"
    return Unreachable(
        f"cannot connect to PostgreSQL at {place}: {reason}", where=where, hint=advice, details=said.split("\n")
    )
