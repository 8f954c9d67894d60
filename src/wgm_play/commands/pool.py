"""`pool`: PgBouncer's configuration written from what a play says, and the live one looked at.

In: options, or a play's work. Out: files; findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import server
from wgm_play.commands.alert_tools import database_of
from wgm_play.errors import InputError, Unreachable, WgmError, unset_names
from wgm_play.pgbouncer import files, look, sizing
from wgm_play.pgbouncer.console import console
from wgm_play.quantities import counted
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.environment import Environment
    from wgm_play.finding import Finding
    from wgm_play.options import Options
    from wgm_play.pgbouncer.files import PooledDatabase
    from wgm_play.playbook.model import Play, Pooling
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# Where PostgreSQL listens unless somebody says otherwise.
_PORT = "5432"


def render(options: Options, reporter: Reporter, output: str | None, database: str | None) -> int:
    """Write pgbouncer.ini and auth_query.sql into a folder, or show them; the server is asked where it can be."""
    from wgm_play.alerts.rendered import write_all

    work, lacking = _work(options, reporter)
    with work:
        needs = _needs(work.play)
        limits, place = _asked(work, needs, database, lacking)
        if limits.missing:
            reporter.warn(f"the server has no role {', '.join(limits.missing)}")
        size = sizing.sizes(needs, limits)
        version = needs.version or (None if lacking else _version(work.environment, reporter))
    if needs.mode == "transaction" and needs.prepared_statements and files.prepared(needs, version).off:
        reporter.warn(
            "PgBouncer keeps prepared statements from 1.21 on: max_prepared_statements is written as a comment"
        )
    if needs.mode == "session" and needs.clients > size.total:
        reporter.warn(
            f"in session mode {needs.clients - size.total} of {needs.clients} clients wait until another leaves"
        )
    made = {
        "pgbouncer.ini": files.ini(needs, limits, size, place, version, options.playbook, lacking),
        "auth_query.sql": files.auth_query(),
    }
    if output is None:
        for name, text in made.items():
            reporter.page(name, text)
        return 0
    folder = Path(output)
    changed = write_all(made, folder)
    told = ", ".join(name for name, other in changed.items() if other) or "all as they were"
    reporter.note(f"{folder}: {told} ({counted(size.total, 'connection')} for {needs.clients} clients)")
    reporter.data("files", {str(folder / name): other for name, other in changed.items()})
    return 0


def _work(options: Options, reporter: Reporter) -> tuple[PlaySession, list[str]]:
    """Return the work of the only play, and what it reads and is not set: then it asks nobody."""
    from wgm_play.run.opening import load_plays, said_unset, with_placeholders
    from wgm_play.run.work import PlaySession

    lacking: list[str] = []
    try:
        plays = load_plays(options)
    except InputError as error:
        if not unset_names(error):
            raise
        plays, lacking = with_placeholders(options)
        reporter.warn(said_unset(lacking))
    if len(plays) != 1:
        raise InputError(
            f"{options.playbook} has {len(plays)} plays; this command takes one", hint="name the environment with -l"
        )
    number, play, environment, playbook = plays[0]
    return PlaySession(options, reporter, environment, playbook, play, number), lacking


def _needs(play: Play) -> Pooling:
    if play.pool is None:
        raise InputError(
            f"the play {play.name!r} has no `pool:`",
            where=play.position,
            hint="add `pool: {mode: transaction, clients: 500}`; see wgm-play doc pool",
        )
    return play.pool


def _asked(
    work: PlaySession, needs: Pooling, database: str | None, lacking: list[str]
) -> tuple[sizing.Limits, PooledDatabase]:
    """Return the limits of the server, asked where it answers, and where it is."""
    from wgm_play.commands.inform import runs

    environment = work.environment
    if lacking:
        return sizing.declared(needs), _place(environment, database_of(environment, database))
    try:
        if not runs(work):
            raise Unreachable("the embedded server is not running")
        reading = work.reading
    except Unreachable as error:
        work.reporter.warn(f"{error.message}: max_connections is taken to be {needs.max_connections}")
        return sizing.declared(needs), _place(environment, database_of(environment, database))
    told = reading.info
    return sizing.asked(reading, needs.roles), _place(environment, told.dbname, told.host, str(told.port))


def _place(environment: Environment, database: str, host: str = "", port: str = "") -> PooledDatabase:
    """Return where the database is, as the environment says it where nobody answered."""
    from psycopg.conninfo import conninfo_to_dict

    said: dict[str, Any] = conninfo_to_dict(reveal(environment.url)) if environment.url is not None else {}
    if not host:
        # Of several hosts PgBouncer would take one after the other, standbys too.
        host = str(said.get("host") or said.get("hostaddr") or "127.0.0.1").split(",")[0]
        embedded = environment.embedded
        port = str(said.get("port") or (embedded.port if embedded is not None and embedded.port else _PORT)).split(",")[
            0
        ]
    pool = environment.pool
    admin = str(conninfo_to_dict(reveal(pool.admin)).get("user") or "") if pool is not None else ""
    return files.PooledDatabase(
        (pool.database if pool is not None else None) or database,
        database,
        host,
        port,
        str(said.get("sslmode") or ""),
        "" if said.get("sslrootcert") == "system" else str(said.get("sslrootcert") or ""),
        (admin,) if admin else (),
        pool.deadline if pool is not None else 0.0,
    )


def _version(environment: Environment, reporter: Reporter) -> tuple[int, int] | None:
    if environment.pool is None:
        return None
    try:
        with console(environment.pool) as asked:
            return asked.version()
    except Unreachable as error:
        reporter.note(f"{error.message}: its version is not known")
        return None


# Looking --------------------------------------------------------------------------------------------------------------


def findings(work: PlaySession) -> list[Finding]:
    """Return what is wrong with the live pooler; nothing where neither play nor environment speaks of one."""
    pool = work.environment.pool
    if pool is None:
        return [look.undeclared()] if work.play.pool is not None else []
    try:
        with console(pool) as asked:
            state = look.read(asked)
    except WgmError as error:
        return [look.unknown(f"the pool is not looked at: {error.message}", error.hint or "")]
    return list(_found(work, state))


def _found(work: PlaySession, state: look.PoolState) -> Iterator[Finding]:
    pool, needs, info = work.environment.pool, work.play.pool, work.reading.info
    if pool is None:
        return
    place = _place(work.environment, info.dbname, info.host, str(info.port))
    # psql asks for the password.
    yield from look.paused(state, server.shown_url(pool.admin).replace(":***@", "@"))
    yield from look.waiting(state)
    limits = sizing.asked(work.reading, needs.roles if needs is not None else ())
    yield from look.room(state, place.name, limits)
    if needs is None:
        return
    remedy = f"wgm-play pool {work.options.playbook} render --output DIR, then RELOAD in its console"
    try:
        size = sizing.sizes(needs, limits)
    except InputError as error:
        yield look.too_small(error, place.name)
        return
    written = files.settings(needs, size, place, state.version)
    yield from look.differing(state, place.name, written, size, needs.mode, remedy)
