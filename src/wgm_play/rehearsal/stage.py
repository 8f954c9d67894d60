"""The scratch server made ready: production's roles, what only a superuser may make, a login with production's rights.

In: a copy of a backup, production's catalog and plan. Out: the environment of the copy, and what is otherwise there. The login
is no superuser: where production's is one, it owns and may do whatever a role can that is none.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play import server_tools
from wgm_play.backup import target
from wgm_play.catalog.model import Catalog, Key
from wgm_play.environment import Environment
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.plan import Plan
from wgm_play.quantities import format_size
from wgm_play.render import render
from wgm_play.secret import Secret, mask, register
from wgm_play.sql import Sql, ident
from wgm_play.untrusted import environ_of

if TYPE_CHECKING:
    import psycopg

    from wgm_play.backup.base import ScratchServer
    from wgm_play.run.work import PlaySession

APPLICATION = "wgm-play rehearse"
# What this machine gives to memory settings, as a part of its own memory.
_SCALED = {"shared_buffers": 8, "maintenance_work_mem": 16, "work_mem": 64, "temp_buffers": 64}
_KILOBYTE = 1024


def settings_of(reading: psycopg.Connection[Any]) -> tuple[dict[str, str], list[str]]:
    """Return production's settings that change builds and plans, as text; and what to say of those that are scaled."""
    found: dict[str, str] = {}
    notes = []
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name, value, size in reading.execute(render("rehearsal/settings.sql.j2").sql).fetchall():
        most = memory // _SCALED[name] if name in _SCALED else None
        if most is not None and size is not None and size > most:
            found[name] = f"{most // _KILOBYTE}kB"
            notes.append(f"{name} is {format_size(most)} here, {format_size(size)} there")
        else:
            found[name] = value
    return found, notes


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a rehearsal runs: the environment of the copy, and a superuser's URL there."""

    environment: Environment
    admin: str
    login: str
    superuser: bool
    notes: tuple[str, ...]
    made: frozenset[Key] = frozenset()

    def join(self) -> None:
        """Let the login act as roles that a run made, as a superuser may: production's login is one."""
        if self.superuser:
            with target.connect(self.admin, APPLICATION) as admin:
                admin.execute(render("rehearsal/join_roles.sql.j2", login=self.login).sql)


def prepare(
    work: PlaySession,
    copy: ScratchServer,
    live: Catalog,
    plan: Plan,
    settings: Mapping[str, str],
    *,
    cluster: bool = False,
) -> Stage:
    """Make the copy ready for a rehearsal of a plan; that of a whole `cluster` has production's roles already."""
    login = server_tools.parameters(copy.url)["user"]
    superuser = is_superuser(work.reading)
    notes: list[str] = []
    with target.connect(copy.admin, APPLICATION) as admin:
        if not cluster:
            _roles(admin, live, login, superuser=superuser)
        made = dict(_extensions(admin, plan))
        notes += made.values()
        version = admin.info.server_version
        facts = work.reading.execute(
            render("rehearsal/database.sql.j2", version=work.reading.info.server_version).sql
        ).fetchone()
        values = dict(zip(("owner", "may_create", "may_replicate"), facts or ("", True, False), strict=True))
        if cluster and superuser:
            values["owner"] = login
        admin.execute(
            render(
                "rehearsal/rights.sql.j2",
                login=login,
                superuser=superuser,
                version=version,
                database=admin.info.dbname,
                **values,
            ).sql
        )
        marker = Ledger(admin).marker()
        # It was filled without waiting for a disk; what is measured waits as production does.
        admin.execute(render("rehearsal/durable.sql.j2", fsync=settings.get("fsync", "on")).sql)
        admin.execute(render("rehearsal/reload.sql.j2").sql)
        # From here on no superuser changes the catalog here.
        for name, action in copy.silenced:
            admin.execute(render("event_trigger/enable.sql.j2", name=ident(name), action=Sql(action)).sql)
    with target.connect(copy.url, APPLICATION) as connection, connection.transaction():
        Ledger(connection).ensure()  # what installing or upgrading it costs is not the run's
    if password := server_tools.parameters(copy.url).get("password"):
        register(password)
    environment = replace(
        work.environment,
        url=Secret(copy.url),
        embedded=None,
        service=None,
        planner=None,
        shadow=None,
        marker=marker or f"{work.environment.name}-rehearsal",
        policy=replace(
            work.environment.policy, require=(), hold_rolled_back=False, allow_no_backup=True, trust="playbook"
        ),
        promotion=None,
        freeze=(),
        # What a stranger's playbook may read of the process environment is what was listed.
        provided=environ_of(work.options, work.environment.provided),  # type: ignore[arg-type]
    )
    if superuser:
        notes.append(
            f"{work.reading.info.user!r} is a superuser there; here nobody is who runs this: what only superusers may do is refused"
        )
    return Stage(environment, copy.admin, login, superuser, tuple(notes), frozenset(made))


def is_superuser(reading: psycopg.Connection[Any]) -> bool:
    """Tell whether production's login is a superuser."""
    row = reading.execute(render("shadow/superuser.sql.j2").sql).fetchone()
    return bool(row and row[0])


def _roles(admin: Any, live: Catalog, login: str, *, superuser: bool) -> None:
    """Make production's roles with their attributes and memberships, without passwords; none is a superuser."""
    import psycopg

    ours = admin.info.user
    for key in live.of("role"):
        name = key.name[0]
        if name == ours or name.startswith("pg_"):
            continue
        values = {"name": name, "login": name == login, "role": live[key], "superuser": superuser and name == login}
        admin.execute(render("rehearsal/role.sql.j2", **values).sql)
        if superuser and name != login:
            admin.execute(render("rehearsal/member.sql.j2", role=name, member=login, admin=True).sql)
    if not superuser:
        for (name,) in admin.execute(render("rehearsal/memberships.sql.j2", member=login).sql).fetchall():
            admin.execute(render("rehearsal/no_member.sql.j2", role=name, member=login).sql)
    for key in live.of("membership"):
        role, member = key.name[0], key.name[1]
        if ours in (role, member):
            continue
        try:
            admin.execute(render("rehearsal/member.sql.j2", role=role, member=member, admin=live[key].admin).sql)
        except psycopg.Error:
            continue  # it is a member already, the other way round


def _extensions(admin: Any, plan: Plan) -> Iterator[tuple[Key, str]]:
    """Make the extensions of the plan that only superusers may make; yield each with what to say: they are not rehearsed."""
    import psycopg

    for operation in plan.operations:
        if operation.key.kind != "extension" or operation.verb != "create":
            continue
        name = operation.key.name[0]
        row = admin.execute(render("rehearsal/trusted.sql.j2", name=name).sql).fetchone()
        if row is not None and row[0]:
            continue
        try:
            for one in operation.commands:
                admin.execute(one.sql.encode())
            yield operation.key, f"the extension {name!r} was made beforehand: only a superuser may make it"
        except psycopg.Error as error:
            yield (
                operation.key,
                f"the extension {name!r} cannot be had here: {mask(str(error.diag.message_primary or error))}",
            )


def different_catalog(live: Catalog, found: Catalog, left_out: Collection[str]) -> list[Key]:
    """Return the objects that the copy has otherwise than production, without what belongs to a server."""
    same_words = live.version // 10000 == found.version // 10000
    return [
        key
        for key in sorted({*live.rows, *found.rows})
        if key.kind not in left_out
        and live.rows.get(key) != found.rows.get(key)
        and (same_words or key not in live.rows or key not in found.rows)
    ]


def factors(live: Mapping[Key, Any], own: Mapping[Key, Any]) -> dict[str, float]:
    """Return by how much each table of production is larger than the copy's, by its name."""
    return {
        key.label: live[key].bytes / own[key].bytes
        for key in live.keys() & own.keys()
        if own[key].bytes > 0 and live[key].bytes > 0
    }
