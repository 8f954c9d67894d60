"""The connections of one command: to the target, to scratch databases, to the server that stands in for the shadow.

In: an environment. Out: psycopg connections; an ephemeral server lives as long as this object.
"""

from __future__ import annotations

import time
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import server
from wgm_play.environment import TARGET, Environment
from wgm_play.errors import InputError, Refused, Unreachable, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.shadow import Connect, ShadowServer, locale_of, path_of, sweep_after_kills
from wgm_play.shadow.tablespaces import tablespaces_of
from wgm_play.sql import reveal
from wgm_play.user_folder import left_behind

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from wgm_play.standby import StandbyWatch

READER = "wgm-play read"
ASKER = "wgm-play ask"
# How long a server of our own may take to go, and to be there again.
START_SECONDS = 15.0


@dataclass(slots=True)
class Connections:
    """Opens connections for one environment."""

    environment: Environment
    project: Path
    target: server.Target
    trusted: bool = True
    standby: StandbyWatch | None = None
    started: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, environment: Environment, project: Path, *, trusted: bool = True) -> Connections:
        """Find the target, starting the embedded server where it does not run."""
        made = cls(environment, project, server.target(environment, project), trusted)
        if left_behind():
            sweep_after_kills(made.mark, made.on_target)
        return made

    @property
    def mark(self) -> str:
        """What tells this target's server from others, without its password."""
        return f"target {self.target.shown if self.target.server is None else self.target.server.data}"

    def tell_waits(self, tell: Callable[[str], None]) -> StandbyWatch:
        """Let `tell` hear when what changes the target waits for a synchronous standby; return what to stop."""
        from wgm_play.standby import StandbyWatch as Watch

        self.standby = Watch(self.read_only, tell)
        return self.standby

    def read_only(self) -> psycopg.Connection[Any]:
        """Connect to the target in a session that may only read."""
        return server.connect(self.environment, application_name=READER, project=self.project, read_only=True)

    def asking(self) -> psycopg.Connection[Any]:
        """Connect to the target for one text of a playbook: as the planner, where the environment has one."""
        planner = self.environment.planner
        if planner is not None:
            return server.connect_to(
                planner,
                policy=self.environment.policy,
                application_name=ASKER,
                read_only=True,
                where=self.environment.position,
            )
        return server.connect(self.environment, application_name=ASKER, project=self.project, read_only=True)

    def writing(self, application_name: str) -> psycopg.Connection[Any]:
        """Connect to the target to change it."""
        return self._watched(server.connect(self.environment, application_name=application_name, project=self.project))

    def _watched(self, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
        return connection if self.standby is None else self.standby.watch(connection)

    def on_target(
        self, database: str | None, application_name: str, user: str | None = None, password: str | None = None
    ) -> psycopg.Connection[Any]:
        """Connect to a database of the target's server."""
        return self._watched(
            server.connect(self.environment, application_name=application_name, project=self.project, database=database)
        )

    def place(self, reading: psycopg.Connection[Any] | None = None) -> ShadowServer:
        """Return the server that holds the shadow; `reading` is a session on the target, where there is one.

        The target's own server holds it where its role is no superuser, so that a playbook's code can do no more there
        than the person who runs it lets a run do; or where the environment says so by name.
        """
        session = reading or self.read_only()
        try:
            return self._place(session, path_of(session))
        finally:
            if reading is None:
                session.close()

    def _place(self, session: psycopg.Connection[Any], path: tuple[str, ...]) -> ShadowServer:
        shadow = self.environment.shadow
        if shadow == TARGET:
            if not self.trusted:
                raise Refused(
                    "`shadow: target` would run an untrusted playbook's code on the target's server; nothing was touched",
                    where=self.environment.position,
                    hint="give the URL of a scratch server, or leave `shadow:` out: then it is one of our own",
                )
            return ShadowServer(self.on_target, own=True, path=path, spaces=tablespaces_of(session), mark=self.mark)
        if shadow is not None:
            return ShadowServer(
                self._at(shadow),
                own=False,
                shown="the server of `shadow:`",
                path=path,
                spaces=tablespaces_of(session),
                mark=f"shadow {server.shown_url(shadow)}",
            )
        row = session.execute(render("shadow/may_create.sql.j2").sql).fetchone()
        superuser, may_create, standby, may_place = row or (False, False, False, False)
        if may_create and not superuser and not standby and may_place and self.trusted:
            return ShadowServer(self.on_target, own=True, path=path, spaces=tablespaces_of(session), mark=self.mark)
        return self._ours(session, path)

    def _ours(self, session: psycopg.Connection[Any], path: tuple[str, ...]) -> ShadowServer:
        """Return the place on a server of our own that is like the target."""
        place = self.scratch(session.info.server_version // 10000)
        return replace(place, locale=locale_of(session), path=path, spaces=tablespaces_of(session))

    def scratch(self, major: int) -> ShadowServer:
        """Return the place on a server of our own: of this major version where this machine has one, else the embedded one's."""
        from wgm_play import embedded

        try:
            found = embedded.start_scratch(major)
            if found.started:
                self.started.append(
                    f"a server for scratch databases was started: pid {found.pid}, PostgreSQL {found.version}"
                )
        except InputError as error:
            raise WgmError(
                "there is no server for scratch databases: the target's must not hold them",
                hint="install PostgreSQL on this machine, pip install 'wgm-play[embedded]', or set `shadow:` in the environment:"
                " a URL, or `target`",
            ) from error
        shown = f"the scratch server (PostgreSQL {found.version})"
        return ShadowServer(self._at_ours(found.url, major), own=False, ours=True, shown=shown)

    def _at_ours(self, url: str, major: int) -> Connect:
        """Return how to connect to a server of our own; another command may stop it just when we find it."""
        current = self._at(url)

        def connect(
            database: str | None, application_name: str, user: str | None = None, password: str | None = None
        ) -> psycopg.Connection[Any]:
            nonlocal current
            try:
                return current(database, application_name, user, password)
            except Unreachable:
                if database is not None:
                    raise
                current, connection = self._started_again(major, application_name)
                return connection

        return connect

    def _started_again(self, major: int, application_name: str) -> tuple[Connect, psycopg.Connection[Any]]:
        """Return how to connect to a server that another command stopped, and a connection: it may be going just now."""
        from wgm_play import embedded

        until = time.monotonic() + START_SECONDS
        while True:
            connect = self._at(embedded.start_scratch(major).url)
            try:
                return connect, connect(None, application_name)
            except Unreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _at(self, url: str) -> Connect:
        """Return how to connect to a server by its URL."""

        def connect(
            database: str | None, application_name: str, user: str | None = None, password: str | None = None
        ) -> psycopg.Connection[Any]:
            return server.connect_to(
                url if user is None else as_user(url, user, password or ""),
                policy=self.environment.policy,
                application_name=application_name,
                database=database,
            )

        return connect


def as_user(url: str, user: str, password: str) -> str:
    """Return a URL for another user."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(reveal(url), user=user, password=password)
