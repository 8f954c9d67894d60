"""A scratch server that plans as production does: its catalog without rows, its statistics, files as long as its own.

In: statistics of a file, catalogs. Out: `Planning`, a database for each catalog, on which EXPLAIN gives production's plans. For EXPLAIN
alone: the files hold no rows, and EXPLAIN ANALYZE reads what is not there.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.backup import target
from wgm_play.backup.copying import SETTINGS, harmless
from wgm_play.embedded import apart
from wgm_play.embedded.programs import scratch_version
from wgm_play.environment import Policy
from wgm_play.errors import InputError, Refused
from wgm_play.planning.versions import make_live
from wgm_play.render import render
from wgm_play.server import connect_to
from wgm_play.stats.put import Laid, put

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Catalog
    from wgm_play.stats.file import Statistics

APPLICATION = "wgm-play plans"
# Nobody else works there, and what the planner is told must not be gathered anew.
_OWN_SETTINGS = {"autovacuum": "off", "shared_buffers": "32MB", "max_connections": "20"}


@dataclass(frozen=True, slots=True)
class Planning:
    """A database that plans by the statistics. `url` is of its owner, who can do nothing else; `notes` say what is otherwise there."""

    url: str
    admin: psycopg.Connection[Any]
    reading: psycopg.Connection[Any]
    laid: Laid
    notes: tuple[str, ...]


@dataclass(slots=True)
class PlanningServer:
    """The server: `version` is its major version."""

    statistics: Statistics
    version: int
    server: str
    data: Path
    stack: ExitStack
    notes: list[str] = field(default_factory=list)

    def lay(self, catalog: Catalog, name: str = "plans") -> Planning:
        """Make a database of a catalog, empty, and put the statistics into it."""
        import psycopg

        login, password = f"w{secrets.token_hex(6)}", secrets.token_urlsafe(18)
        notes = list(self.notes)
        with target.connect(target.with_database(self.server, "template1"), APPLICATION) as admin:
            admin.execute(render("backup/proof_role.sql.j2", name=login, password=password).sql)
            if not target.create(admin, name, self.statistics.document["server"], login):
                notes.append("this machine does not know the database's collation: texts are ordered by code point")
        own = target.with_database(self.server, name)
        url = target.with_database(self.server, name, user=login, password=password)
        admin = self.stack.enter_context(target.connect(own, APPLICATION))
        notes += _extensions(admin, catalog)
        with connect_to(url, policy=Policy(), application_name=APPLICATION) as connection:
            connection.execute(render("backup/patience.sql.j2", version=connection.info.server_version).sql)
            make_live(connection, catalog.only(key for key in catalog.rows if key.kind != "extension"))
        laid = put(admin, self.statistics, self.data)
        # As the application connects: names without a schema mean what they mean there.
        reading = self.stack.enter_context(psycopg.connect(url, autocommit=True, application_name=APPLICATION))
        return Planning(url, admin, reading, laid, (*notes, *laid.notes))


@contextmanager
def planning_server(statistics: Statistics) -> Iterator[PlanningServer]:
    """Give a scratch server for one block. Raise `Refused` where this machine has none."""
    wanted = statistics.server_version // 10000
    try:
        version = scratch_version(wanted)
    except InputError as error:
        raise Refused(error.message, hint=error.hint) from error
    given, notes = harmless(dict(statistics.document["settings"]))
    if version != wanted:
        notes.append(f"planned by PostgreSQL {version}: this machine has no server of {wanted}")
    with ExitStack() as stack, apart(version, SETTINGS | _OWN_SETTINGS | given) as server:
        inner = stack.enter_context(ExitStack())
        yield PlanningServer(statistics, version, server.url, server.data, inner, notes)
        inner.close()


def _extensions(admin: Any, catalog: Catalog) -> Iterator[str]:
    """Make the extensions; yield what to say of those that this machine lacks."""
    import psycopg

    for key in catalog.of("extension"):
        try:
            schema = catalog[key].schema
            if schema not in ("public", "pg_catalog"):
                admin.execute(render("backup/proof_schema.sql.j2", name=schema, role=admin.info.user).sql)
            admin.execute(render("backup/proof_extension.sql.j2", name=key.name[0], schema=schema).sql)
        except psycopg.Error:
            yield f"the scratch server lacks the extension {key.name[0]!r}: what needs it is not there"
