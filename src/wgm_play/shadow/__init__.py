"""The shadow: a scratch database in which declared state is realised and plans are proved; dropped afterwards.

In: a `ShadowServer`, the server that holds it. Out: connections to fresh, empty databases there. On a server of our own they
belong to a role that was made for this command and has no rights; what only a superuser may make is made by another
session (see `superuser`).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from wgm_play.catalog import introspect
from wgm_play.errors import WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.pooler import backend_pid
from wgm_play.render import render
from wgm_play.shadow.superuser import Superuser, listed, makes_range
from wgm_play.shadow.tablespaces import NO_SPACES, Tablespaces, make_missing, there
from wgm_play.sql import Sql, quoted
from wgm_play.sqltext.scan import LISTED
from wgm_play.user_folder import OURS, forget, left_behind, working

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Catalog, Key

APPLICATION = "wgm-play shadow"
# Seconds that a closed session may take to leave its scratch database before it is made to.
LEAVING = 0.05

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
# encoding, collation, character type, provider, locale of a database
Locale = tuple[str, str, str, str, str | None]
# What every server has, whatever its machine knows: names sort by code point.
_PLAIN: tuple[str, str, str | None] = ("C", "C", None)


class Connect(Protocol):
    """Opens a session with our settings: of a database (None is the server's own), as another user where one is given."""

    def __call__(
        self, database: str | None, application_name: str, user: str | None = None, password: str | None = None
    ) -> psycopg.Connection[Any]: ...


@dataclass(frozen=True, slots=True)
class ShadowServer:
    """The server for scratch databases. `own` tells that it is the target's, `ours` that we started it.

    `locale` is that of the target's database, where another server must imitate it; `path` the search_path of its
    sessions; `spaces` are the tablespaces of the target's server; `shown` is how messages call the server, `mark` how
    commands know it again.
    """

    connect: Connect
    own: bool
    ours: bool = False
    locale: Locale | None = None
    shown: str = "the target's server"
    mark: str = ""
    path: tuple[str, ...] = ("public",)
    spaces: Tablespaces = NO_SPACES


@dataclass(slots=True)
class Shadow:
    """A server that holds scratch databases. `own` tells whether it is the target's own server.

    `role` owns them where the session that makes them is a superuser's and need not be.
    """

    connect: Connect
    own: bool
    admin: psycopg.Connection[Any]
    version: int
    place: ShadowServer
    role: str | None = None
    names: list[str] = field(default_factory=list)
    spaces: frozenset[str] = frozenset()
    _password: str = ""
    _superusers: dict[str, Superuser] = field(default_factory=dict)
    _spare: psycopg.Connection[Any] | None = None
    _imitated: Locale | None = None

    @property
    def confined(self) -> bool:
        """Whether scratch databases belong to a role without rights."""
        return self.role is not None

    @contextmanager
    def database(self, *, rolled_back: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """Give a connection to a fresh database for a `with` block.

        Where all of the block is `rolled_back`, in one transaction, the database is as fresh for the next block.
        """
        connection = self._spare or self._fresh()
        self._spare = None
        kept = False
        try:
            if rolled_back:
                with connection.transaction(force_rollback=True):
                    yield connection
                if self._spare is None:  # blocks may be nested
                    self._spare, kept = connection, True
            else:
                yield connection
        finally:
            if not kept:
                name = connection.info.dbname
                connection.close()
                self.drop(name)

    def _fresh(self) -> psycopg.Connection[Any]:
        """Make a database and connect to it."""
        name = f"wgm_shadow_{backend_pid(self.admin)}_{secrets.token_hex(4)}"
        self._create(name)
        self.names.append(name)
        connection = self.connect(name, APPLICATION) if self.role is None else self._as_role(name, self.role)
        _PATHS[connection] = ", ".join(map(quoted, self.place.path))
        connection.execute(
            "SET synchronous_commit = off; SET check_function_bodies = off; SET lock_timeout = 0; SET statement_timeout = 0"
        )
        return connection

    def _create(self, name: str) -> None:
        """Make a database like the target's; where this machine does not know its locale, in one that every server has."""
        import psycopg as library

        wanted = self._imitated or self.place.locale or self._locale()
        try:
            self.admin.execute(self._creating(name, wanted))
        except library.Error as error:
            if self.place.locale is None or error.sqlstate is None or self._imitated is not None:
                raise
            wanted = (wanted[0], *_PLAIN[:2], "c", _PLAIN[2])
            self.admin.execute(self._creating(name, wanted))
        self._imitated = wanted if self.place.locale is not None else None

    def _creating(self, name: str, wanted: Locale) -> str:
        encoding, collate, ctype, provider, locale = wanted
        values: dict[str, Any] = {
            "encoding": encoding,
            "collate": collate,
            "ctype": ctype,
            "provider": None,
            "locale": None,
            "owner": self.role,
            "copied": self.place.ours and self.version >= 150000,
            "tablespace": self.place.spaces.default if self.place.spaces.default in self.spaces else None,
        }
        if self.version >= 150000:
            values |= {"provider": Sql(_PROVIDERS[provider]), "locale": locale}
            values["locale_word"] = Sql("BUILTIN_LOCALE" if provider == "b" else "ICU_LOCALE")
        return render("shadow/create.sql.j2", name=name, **values).sql

    def _as_role(self, name: str, role: str) -> psycopg.Connection[Any]:
        """Connect to a database as the role that owns it; its superuser is another session, opened when it is needed."""
        self.admin.execute(render("shadow/keep_out.sql.j2", name=name).sql)
        superuser = Superuser(lambda: self._of_superuser(name), role)
        if self.version < 150000:
            superuser.session.execute(render("shadow/give_public.sql.j2", role=role).sql)
        self._superusers[name] = superuser
        connection = self.connect(name, APPLICATION, role, self._password)
        _SUPERUSERS[connection] = superuser
        return connection

    def _of_superuser(self, name: str) -> psycopg.Connection[Any]:
        session = self.connect(name, APPLICATION)
        session.execute("SET check_function_bodies = off; SET lock_timeout = '10s'; SET synchronous_commit = off")
        return session

    def make_role(self) -> None:
        """Make the role that owns the scratch databases of this command, and can do nothing else."""
        from wgm_play.passwords import verifier

        self.role = f"wgm_shadow_{backend_pid(self.admin)}_{secrets.token_hex(4)}"
        self._password = secrets.token_urlsafe(18)
        hashed = verifier(self._password, iterations=1)  # it is long and random: a slow hash would only cost time
        self.admin.execute(render("shadow/create_role.sql.j2", name=self.role, password=hashed).sql)

    def close(self) -> None:
        """Drop what is left of the scratch databases, and end the session."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        for name in list(self.names):
            self.drop(name)
        if self.role is not None:
            self.admin.execute(render("shadow/drop_role.sql.j2", name=self.role).sql)
        self.admin.close()

    def _locale(self) -> Locale:
        return locale_of(self.admin)

    def drop(self, name: str) -> None:
        """Drop a scratch database.

        A session that was closed takes some milliseconds to go; DROP DATABASE would look for it again only after 100.
        """
        superuser = self._superusers.pop(name, None)
        if superuser is not None:
            superuser.close()
        until = time.monotonic() + LEAVING
        while time.monotonic() < until:
            row = self.admin.execute(render("shadow/sessions.sql.j2", name=name).sql).fetchone()
            if not (row and row[0]):
                break
            time.sleep(LEAVING / 50)
        self.admin.execute(render("shadow/drop.sql.j2", name=name).sql)
        if name in self.names:
            self.names.remove(name)
        for role in superuser.roles if superuser is not None else ():
            _drop_role(self.admin, role)

    def sweep(self) -> None:
        """Drop scratch databases whose runner is gone, and on a server of our own their roles."""
        sweep(self.admin, roles=self.place.ours)


def sweep(admin: psycopg.Connection[Any], *, roles: bool) -> None:
    """Drop scratch databases, and their `roles`, whose command is gone.

    Another command may sweep, or make one, at the same moment, and the session of one that was killed may still live
    for a moment: what cannot go now goes with the next sweep.
    """
    for (name,) in admin.execute(render("shadow/leftovers.sql.j2").sql).fetchall():
        admin.execute(render("shadow/drop.sql.j2", name=name).sql)
    if roles:
        for (name,) in admin.execute(render("shadow/leftover_roles.sql.j2").sql).fetchall():
            _drop_role(admin, name)


def nothing_remains(admin: psycopg.Connection[Any], *, ours: bool) -> bool:
    """Tell whether a sweep took all there is, so that the marks of killed commands need not be kept."""
    return admin.execute(render("shadow/remaining.sql.j2", ours=ours).sql).fetchone() is None


def _drop_role(admin: psycopg.Connection[Any], name: str) -> None:
    """Drop a role of scratch databases, unless another command's names it too, or drops it just now."""
    import psycopg as library

    with suppress(library.errors.DependentObjectsStillExist, library.errors.InternalError_):
        admin.execute(render("shadow/drop_role.sql.j2", name=name).sql)


def path_of(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Return the schemas in the search_path that a session of this role has in this database, without ours."""
    row = connection.execute(render("shadow/default_path.sql.j2").sql).fetchone()
    path, user = row or ("", "public")
    found = LISTED.findall(str(path))
    names = [quoted_name.replace('""', '"') or plain.lower() for quoted_name, plain in found]
    return tuple(str(user) if name == "$user" else name for name in names)


def in_use(url: str) -> bool:
    """Tell whether a command works on a server for scratch databases."""
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True) as session:
            return bool(session.execute(render("shadow/in_use.sql.j2").sql).fetchone())
    except psycopg.Error:
        return False


def locale_of(connection: psycopg.Connection[Any]) -> Locale:
    """Return the locale of the database behind a connection."""
    row = connection.execute(render("shadow/locale.sql.j2", version=connection.info.server_version).sql).fetchone()
    assert row is not None  # noqa: S101 - the database that we are connected to exists
    encoding, collate, ctype, provider, locale = row
    return (encoding, collate, ctype, provider, locale)


@contextmanager
def open_shadow(place: ShadowServer) -> Iterator[Shadow]:
    """Open the shadow on a server."""
    with working(OURS if place.ours else place.mark):
        admin = place.connect(None, APPLICATION)
        shadow = Shadow(place.connect, place.own, admin, admin.info.server_version, place)
        try:
            shadow.sweep()
            if left_behind() and nothing_remains(admin, ours=place.ours):
                forget(OURS if place.ours else place.mark)
            if not place.own and _is_superuser(admin):
                shadow.make_role()
                make_missing(admin, place.spaces, ours=place.ours)
            shadow.spaces = there(admin) if place.spaces.default else frozenset()
            yield shadow
        finally:
            shadow.close()


def sweep_after_kills(mark: str, connect: Connect) -> None:
    """Drop what killed commands left on our own servers, and on the target's, whose `mark` is theirs."""
    for file, where in left_behind():
        if where not in (OURS, mark):
            continue
        try:
            if where == OURS:
                gone = _sweep_ours()
            else:
                with connect(None, APPLICATION) as admin:
                    sweep(admin, roles=False)
                    gone = nothing_remains(admin, ours=False)
        except (psycopg_error(), WgmError):
            continue  # it is out of reach now: the next command tries again
        if gone:
            file.unlink(missing_ok=True)


def _sweep_ours() -> bool:
    import psycopg

    from wgm_play import embedded

    embedded.sweep()
    gone = True
    for server in embedded.running_scratch():
        with psycopg.connect(server.url, autocommit=True, application_name=APPLICATION) as admin:
            sweep(admin, roles=True)
            gone = nothing_remains(admin, ours=True) and gone
    return gone


def psycopg_error() -> type[Exception]:
    """Return what psycopg raises: it is imported late."""
    import psycopg

    return psycopg.Error


def _is_superuser(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(render("shadow/superuser.sql.j2").sql).fetchone()
    return bool(row and row[0])


# The superuser's session beside that of the role, for each scratch database of a server of our own.
_SUPERUSERS: WeakKeyDictionary[psycopg.Connection[Any], Superuser] = WeakKeyDictionary()


def _superuser(connection: psycopg.Connection[Any]) -> Superuser | None:
    return _SUPERUSERS.get(connection)


def read(connection: psycopg.Connection[Any], *, edges: bool = True, kinds: Collection[str] | None = None) -> Catalog:
    """Read the catalog of a scratch database: as it is said, where something in it stands in for another."""
    catalog = introspect.read(connection, edges=edges, kinds=kinds)
    superuser = _superuser(connection)
    if superuser is not None:
        superuser.told(catalog)
        for key, extra in catalog.extras.items():
            if extra.owner == superuser.role:  # it is there for this command alone
                catalog.extras[key] = extra._replace(owner=None)
    return catalog


def send(connection: psycopg.Connection[Any], statement: str) -> None:
    """Run one statement in a scratch database, by the superuser where it is on the list of what only he may do."""
    superuser = _superuser(connection) if listed(statement) else None
    if superuser is not None and connection.info.transaction_status.name == "IDLE":
        row = connection.execute("SHOW search_path").fetchone()
        superuser.do(statement, row[0] if row else "")
        return
    connection.execute(as_here(connection, statement).encode(), prepare=False)
    _give_constructors(connection, [statement])


def make_named(connection: psycopg.Connection[Any], texts: Iterable[str], catalogs: Iterable[Collection[Key]]) -> None:
    """Make the roles that SQL names in quotes, where the server knows none of the target's."""
    superuser = _superuser(connection)
    if superuser is None:
        return
    names = {key.name[0] for keys in catalogs for key in keys if key.kind == "role"}
    quoted_names = set(_IN_QUOTES.findall("\n".join(texts))) if names else set()
    superuser.make_roles(sorted(name for name in names if name in quoted_names or quoted(name) in quoted_names))


# A literal that is one name, as of 'app'::regrole; and the role that a function is set to.
_IN_QUOTES = re.compile(r"""'("[^'"]+"|[^'"\n]{1,63})'""")


def confined(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a scratch database belongs to a role without rights."""
    return _superuser(connection) is not None


def alone(connection: psycopg.Connection[Any], statements: Iterable[str]) -> bool:
    """Tell whether some of the statements are the superuser's: then each is committed before the next."""
    return _superuser(connection) is not None and any(map(listed, statements))


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


# The search_path that a session of the target has, for each scratch database.
_PATHS: WeakKeyDictionary[psycopg.Connection[Any], str] = WeakKeyDictionary()
_DEFAULT_PATH = re.compile(r"SET (LOCAL )?search_path TO DEFAULT\Z")


def as_here(connection: psycopg.Connection[Any], statement: str) -> str:
    """Return a statement for a scratch database: the default search_path is the target's."""
    found = _DEFAULT_PATH.match(statement)
    if found is None:
        return statement
    return render("shadow/local_path.sql.j2" if found[1] else "shadow/search_path.sql.j2", path=_PATHS[connection]).sql


@contextmanager
def on_path(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Let unqualified names mean what they mean in the target's database for a `with` block."""
    connection.execute(as_here(connection, "SET search_path TO DEFAULT"))
    try:
        yield
    finally:
        if not connection.broken and connection.info.transaction_status.name != "INERROR":
            connection.execute(render("shadow/search_path.sql.j2", path="").sql)


def run_all(connection: psycopg.Connection[Any], statements: Iterable[str]) -> None:
    """Run statements in few round trips and transactions of bounded size; the first error is raised."""
    batch: list[str] = []
    confined_here = confined(connection)
    for statement in statements:
        if confined_here and listed(statement):
            _run(connection, batch) if batch else None
            batch = []
            send(connection, statement)
            continue
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
    _give_constructors(connection, batch)


def _give_constructors(connection: psycopg.Connection[Any], statements: Iterable[str]) -> None:
    superuser = _superuser(connection)
    idle = connection.info.transaction_status.name == "IDLE"
    if superuser is not None and idle and any(map(makes_range, statements)):
        superuser.give_constructors()


def start_over(connection: psycopg.Connection[Any]) -> None:
    """Empty the scratch database: the batches before the failed one were committed."""
    # What goes with something else (a cast with its extension) is gone when its turn comes.
    for kind, name in connection.execute(render("shadow/made.sql.j2").sql.encode()).fetchall():
        send(connection, render("shadow/remove.sql.j2", kind=Sql(kind), name=Sql(name)).sql)
    if connection.execute("SELECT 1 WHERE pg_catalog.to_regnamespace('public') IS NULL").fetchone():
        for statement in ("public", "public_comment"):
            connection.execute(render(f"shadow/{statement}.sql.j2").sql.encode())
