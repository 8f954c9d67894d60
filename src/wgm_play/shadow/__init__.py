"""The shadow: a scratch database in which declared state is realised and plans are proved; dropped afterwards.

In: a target's connection. Out: connections to fresh, empty databases of the same server where it allows that, else of
the server that the environment names, else of the embedded one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wgm_play.errors import WgmError
from wgm_play.render import render
from wgm_play.sql import Sql, quoted

if TYPE_CHECKING:
    import psycopg

APPLICATION = "wgm-play shadow"
# Seconds that a closed session may take to leave its scratch database before it is made to.
LEAVING = 0.05

# (database or None for the server's own, application_name) -> connection with our session settings
Connect = Callable[[str | None, str], "psycopg.Connection[Any]"]

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


@dataclass(slots=True)
class Shadow:
    """A server that holds scratch databases. `own` tells whether it is the target's own server."""

    connect: Connect
    own: bool
    admin: psycopg.Connection[Any]
    version: int
    names: list[str] = field(default_factory=list)
    _spare: psycopg.Connection[Any] | None = None

    @contextmanager
    def database(self, *, rolled_back: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """Give a connection to a fresh database for a `with` block.

        Where all of the block is `rolled_back`, in one transaction, the database is as fresh for the next block.
        """
        connection = self._spare or self._fresh()
        self._spare = None
        try:
            if rolled_back:
                with connection.transaction(force_rollback=True):
                    yield connection
                self._spare = connection
            else:
                yield connection
        finally:
            if self._spare is None:
                name = connection.info.dbname
                connection.close()
                self.drop(name)

    def _fresh(self) -> psycopg.Connection[Any]:
        """Make a database and connect to it."""
        name = f"wgm_shadow_{self.admin.info.backend_pid}_{secrets.token_hex(4)}"
        encoding, collate, ctype, provider, locale = self._locale()
        values: dict[str, Any] = {
            "encoding": encoding,
            "collate": collate,
            "ctype": ctype,
            "provider": None,
            "locale": None,
        }
        if self.version >= 150000:
            values |= {"provider": Sql(_PROVIDERS[provider]), "locale": locale}
            values["locale_word"] = Sql("BUILTIN_LOCALE" if provider == "b" else "ICU_LOCALE")
        self.admin.execute(render("shadow/create.sql.j2", name=name, **values).sql)
        self.names.append(name)
        connection = self.connect(name, APPLICATION)
        connection.execute(
            "SET synchronous_commit = off; SET check_function_bodies = off; SET lock_timeout = 0; SET statement_timeout = 0"
        )
        return connection

    def close(self) -> None:
        """Drop what is left of the scratch databases, and end the session."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        for name in list(self.names):
            self.drop(name)
        self.admin.close()

    def _locale(self) -> tuple[str, str, str, str, str | None]:
        row = self.admin.execute(render("shadow/locale.sql.j2", version=self.version).sql).fetchone()
        assert row is not None  # noqa: S101 - the database that we are connected to exists
        return (row[0], row[1], row[2], row[3], row[4])

    def drop(self, name: str) -> None:
        """Drop a scratch database.

        A session that was closed takes some milliseconds to go; DROP DATABASE would look for it again only after 100.
        """
        until = time.monotonic() + LEAVING
        while time.monotonic() < until:
            row = self.admin.execute(render("shadow/sessions.sql.j2", name=name).sql).fetchone()
            if not (row and row[0]):
                break
            time.sleep(LEAVING / 50)
        self.admin.execute(render("shadow/drop.sql.j2", name=name).sql)
        if name in self.names:
            self.names.remove(name)

    def sweep(self) -> None:
        """Drop scratch databases whose runner is gone."""
        for (name,) in self.admin.execute(render("shadow/leftovers.sql.j2").sql).fetchall():
            self.admin.execute(render("shadow/drop.sql.j2", name=name).sql)


@contextmanager
def open_shadow(connect: Connect, elsewhere: Callable[[], Connect | None]) -> Iterator[Shadow]:
    """Open the shadow on the target's server, or on the one that `elsewhere` gives where the target's forbids it."""
    admin = connect(None, APPLICATION)
    row = admin.execute(render("shadow/may_create.sql.j2").sql).fetchone()
    own = bool(row and row[0] and not row[1])
    used: Connect = connect
    if not own:
        admin.close()
        other = elsewhere()
        if other is None:
            raise WgmError(
                "the target's server does not let this role create a scratch database, and there is no other server",
                hint="GRANT it CREATEDB, set `shadow:` in the environment, or pip install 'wgm-play[embedded]'",
            )
        used = other
        admin = used(None, APPLICATION)
    shadow = Shadow(used, own, admin, admin.info.server_version)
    try:
        shadow.sweep()
        yield shadow
    finally:
        shadow.close()


@contextmanager
def names_of(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> Iterator[None]:
    """Let unqualified names mean those of `schemas` for a `with` block: so people write them in playbooks."""
    listed = list(dict.fromkeys([*schemas, "public"]))
    connection.execute(render("shadow/search_path.sql.j2", path=", ".join(map(quoted, listed))).sql)
    try:
        yield
    finally:
        # An aborted transaction takes the setting back itself, and a statement in it would hide what aborted it.
        if not connection.broken and connection.info.transaction_status.name != "INERROR":
            connection.execute(render("shadow/search_path.sql.j2", path="").sql)


def run_all(connection: psycopg.Connection[Any], statements: Iterable[str]) -> None:
    """Run statements in few round trips and transactions of bounded size; the first error is raised."""
    batch: list[str] = []
    for statement in statements:
        batch.append(statement)
        if len(batch) >= BATCH:
            _run(connection, batch)
            batch = []
    if batch:
        _run(connection, batch)


# A transaction of this many statements stays far below the lock table of a default server.
BATCH = 200


def _run(connection: psycopg.Connection[Any], batch: list[str]) -> None:
    with connection.transaction():
        connection.execute(";\n".join(batch).encode(), prepare=False)


def start_over(connection: psycopg.Connection[Any]) -> None:
    """Empty the scratch database: the batches before the failed one were committed."""
    # What goes with something else (a cast with its extension) is gone when its turn comes.
    for kind, name in connection.execute(render("shadow/made.sql.j2").sql.encode()).fetchall():
        connection.execute(render("shadow/remove.sql.j2", kind=Sql(kind), name=Sql(name)).sql.encode())
    if connection.execute("SELECT 1 WHERE pg_catalog.to_regnamespace('public') IS NULL").fetchone():
        for statement in ("public", "public_comment"):
            connection.execute(render(f"shadow/{statement}.sql.j2").sql.encode())
