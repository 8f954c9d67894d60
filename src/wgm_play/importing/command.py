"""`wgm-play inspect --import FOLDER`: another tool's migrations as a playbook.

In: what the command line says. Out: the exit code; the first part that does not apply is an `InputError` at its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import server
from wgm_play.catalog.model import Key
from wgm_play.environment import Embedded, Policy
from wgm_play.errors import InputError, Unreachable
from wgm_play.importing.parts import SourcePart
from wgm_play.importing.placeholders import filled
from wgm_play.importing.psql import without_psql
from wgm_play.importing.tools import BOOKKEEPING, parts
from wgm_play.inspect.command import examine, refuse_existing, write
from wgm_play.inspect.options import Inspection
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.shadow import APPLICATION, Connect, ShadowServer, open_shadow

if TYPE_CHECKING:
    import psycopg

    from wgm_play.reporter import Reporter


def bring_in(options: Inspection, reporter: Reporter) -> int:
    """Run the migrations in a scratch database, and write the playbook of what they made."""
    folder = Path(options.folder or ".")
    refuse_existing(options)
    tool, found = parts(folder, options.tool)
    found = [one for part in found for one in without_psql(filled(part) if tool == "flyway" else part)]
    with _server(options.url, folder) as connect, open_shadow(ShadowServer(connect, own=True)) as shadow:
        row = shadow.admin.execute(render("shadow/may_create.sql.j2").sql).fetchone()
        _, may_create, in_recovery, _ = row or (False, False, False, False)
        if not may_create or in_recovery:
            raise Unreachable(
                "the server of --url does not let this role create a scratch database", hint="GRANT it CREATEDB"
            )
        with shadow.database() as connection:
            name = connection.info.dbname
            _prepare(connection)
            left_out = _run_all(connection, [part for part in found if part.sql], own=options.url is None)
            _forget_bookkeeping(connection)
            with_rows = _filled(connection)
            with shadow.connect(name, APPLICATION) as reading:
                said = examine(reading)
    for part in (*found, *left_out):
        if part.untold:
            reporter.warn(f"{part.file}:{part.line}: not in the playbook: {part.untold}")
    reporter.data("migrations", {"tool": tool, "files": list(dict.fromkeys(part.file for part in found))})
    write(said, folder.resolve().stem, options, reporter)
    if with_rows:
        reporter.warn(
            f"rows that the migrations write are not in the playbook ({', '.join(with_rows)}): "
            "give those that must always be there a `seed` step (wgm-play doc seed)"
        )
    return 0


@contextmanager
def _server(url: str | None, folder: Path) -> Iterator[Connect]:
    """Give a way to connect to the server that tries the migrations: without --url, an embedded one."""
    policy = Policy(statement_timeout=0, lock_timeout=0)
    if url is not None:
        yield _to(url, policy)
        return
    from wgm_play import embedded

    settings = Embedded(ephemeral=True)
    home = folder.resolve() if folder.is_dir() else folder.resolve().parent
    found = embedded.start(settings, home)
    try:
        yield _to(found.url, policy)
    finally:
        embedded.stop(settings, home)


def _to(url: str, policy: Policy) -> Connect:
    """Return how to connect to a server."""

    def connect(
        database: str | None, application_name: str, user: str | None = None, password: str | None = None
    ) -> psycopg.Connection[Any]:
        return server.connect_to(url, policy=policy, application_name=application_name, database=database)

    return connect


def _prepare(connection: psycopg.Connection[Any]) -> None:
    """Let names mean what they mean to the tool."""
    connection.execute(render("inspect/tool_session.sql.j2").sql)


_MISSING = frozenset(["42P01", "42704", "3F000"])  # a table, a type or a schema that another file makes


def _run_all(connection: psycopg.Connection[Any], found: Sequence[SourcePart], *, own: bool) -> list[SourcePart]:
    """Run parts in their order; one that may wait runs again after those that made what it needs. Return what was left out.

    On a server of our `own`, roles that a part names are made.
    """
    waiting = list(found)
    left_out: list[SourcePart] = []
    while waiting:
        still = []
        for part in waiting:
            if not part.waits:
                left_out += run(connection, part, own=own)
                continue
            try:
                with connection.transaction():
                    run(connection, part, own=own)
            except InputError as error:
                if getattr(error.__cause__, "sqlstate", None) not in _MISSING:
                    raise
                still.append((part, error))
        if len(still) == len(waiting):
            raise still[0][1]
        waiting = [part for part, _ in still]
    return left_out


# Statements about the server, or about a database by its name: run on somebody's server they would meet his databases.
_OF_SERVER = frozenset([
    "CreatedbStmt", "DropdbStmt", "AlterDatabaseStmt", "AlterDatabaseSetStmt", "AlterDatabaseRefreshCollStmt",
    "CreateTableSpaceStmt", "DropTableSpaceStmt", "AlterTableSpaceOptionsStmt", "AlterSystemStmt", "DropRoleStmt",
    "CreateSubscriptionStmt",
])  # fmt: skip
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_OF_EXTENSION = re.compile(r"(?:\s|--[^\n]*\n)*COMMENT\s+ON\s+EXTENSION\b", re.IGNORECASE)
_NEWER_SETTING = re.compile(r"(?:\s|--[^\n]*\n)*SET\s+(?:SESSION\s+|LOCAL\s+)?\w+\s*(?:=|TO)", re.IGNORECASE)


def _about_server(text: str) -> str | None:
    """Return the first words of a statement that is about the server; None where it is about the database that it runs in."""
    from pglast import parse_sql
    from pglast.parser import ParseError

    try:
        node: Any = parse_sql(text)[0].stmt
    except ParseError:
        return None
    targets = (getattr(node, name, None) for name in ("objtype", "objectType", "renameType"))
    named = any(getattr(one, "name", "") == "OBJECT_DATABASE" for one in targets)
    words = re.sub(r"--.*", "", text).split()
    return " ".join(words[:3]) if type(node).__name__ in _OF_SERVER or named else None


def run(connection: psycopg.Connection[Any], part: SourcePart, *, own: bool = False) -> list[SourcePart]:
    """Run the statements of one part, each by itself, as the tools do; return those that are left out."""
    import psycopg as library

    left_out: list[SourcePart] = []
    for start, end in statements(part):
        text = part.sql[start:end]
        line = part.line + part.sql.count("\n", 0, start)
        if words := _about_server(text):
            left_out.append(SourcePart(part.file, line, "", untold=f"{words} ... (of the server)"))
            continue
        try:
            _execute(connection, text, own=own)
        except library.Error as error:
            if error.sqlstate == "42501" and _OF_EXTENSION.match(text):
                left_out.append(
                    SourcePart(part.file, line, "", untold="the comment on an extension that is somebody else's")
                )
                continue
            if error.sqlstate == "42704" and _NEWER_SETTING.match(text):
                continue  # pg_dump of a newer version sets what this server does not know
            place = int(error.diag.statement_position or 1) - 1
            reason = mask(str(error.diag.message_primary or error))
            details = [mask(one) for one in (error.diag.message_detail,) if one]
            raise InputError(
                f"{part.file} does not apply: {reason}",
                where=part.place(start + place),
                details=details,
                hint=error.diag.message_hint or _hint(error.sqlstate),
            ) from error
    return left_out


def _execute(connection: psycopg.Connection[Any], text: str, *, own: bool) -> None:
    """Run a statement; on a server of our own with the roles that it names."""
    import psycopg as library

    for _ in range(ROLES_AT_MOST):
        try:
            connection.execute(text.encode(), prepare=False)
            return
        except library.Error as error:
            missing = _NO_ROLE.match(str(error.diag.message_primary or "")) if own else None
            if missing is None or connection.info.transaction_status:
                raise
            connection.execute(render("inspect/make_role.sql.j2", name=missing.group(1)).sql)
    connection.execute(text.encode(), prepare=False)


def _hint(sqlstate: str | None) -> str:
    if sqlstate == "42704":
        return "what it names must be there: let --url be a server that has it (roles, extensions)"
    if sqlstate in ("42P01", "42703", "42883", "3F000"):
        return "an earlier file should have made it: check the order of the files, or name the tool with --from"
    return "correct the file; nothing was written"


# Of one statement.
ROLES_AT_MOST = 20
_META = re.compile(r"^\\\w+.*$", re.MULTILINE)


def statements(part: SourcePart) -> list[tuple[int, int]]:
    """Return where each statement of a part begins and ends."""
    from pglast import split
    from pglast.parser import ParseError

    try:
        return [(one.start, one.stop) for one in split(part.sql, only_slices=True)]
    except ParseError as error:
        meta = _META.search(part.sql)
        if meta:
            raise InputError(
                f"{part.file} does not apply: {meta.group().split()[0]} is psql's own command",
                where=part.place(meta.start()),
                hint="take it out of the file: only SQL is read",
            ) from error
        # Newer than the parser: the server tells, where the words alone tell statements apart.
        found = [(one.start, one.stop) for one in split(part.sql, with_parser=False, only_slices=True)]
        if not _between(part.sql, found):
            return found
        place = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
        raise InputError(
            f"{part.file} does not apply: {error.args[0]}",
            where=part.place(place),
            hint="correct the file; nothing was written",
        ) from error


def _between(text: str, found: Sequence[tuple[int, int]]) -> str:
    """Return what of a text is in no statement, without comments and semicolons."""
    ends = [0, *(end for _, end in found)]
    left = " ".join(
        text[end:start] for end, start in zip(ends, [*(start for start, _ in found), len(text)], strict=True)
    )
    return re.sub(r"--[^\n]*|/\*.*?\*/|[\s;]", "", left, flags=re.DOTALL)


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the tables into which the migrations wrote rows."""
    tables = connection.execute(render("inspect/user_tables.sql.j2").sql).fetchall()
    return [
        Key("table", tuple(name)).label
        for name in tables
        if connection.execute(render("inspect/holds_rows.sql.j2", name=name).sql).fetchone() == (True,)
    ]


def _forget_bookkeeping(connection: psycopg.Connection[Any]) -> None:
    """End what a file left open, and remove the tables in which tools keep what they ran."""
    if connection.info.transaction_status:
        connection.execute("COMMIT")
    names = connection.execute(render("inspect/bookkeeping.sql.j2", names=list(BOOKKEEPING)).sql).fetchall()
    for schema, table in names:
        connection.execute(render("inspect/drop_bookkeeping.sql.j2", name=(schema, table)).sql)
    connection.execute(render("inspect/drop_drizzle.sql.j2").sql) if any(
        schema == "drizzle" for schema, _ in names
    ) else None
