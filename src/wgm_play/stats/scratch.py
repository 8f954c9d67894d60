"""A scratch server that plans as production does: its catalog without rows, its statistics, files as long as its own.

In: statistics of a file, catalogs. Out: `Planning`, a database for each catalog, on which EXPLAIN gives production's plans. For EXPLAIN
alone: the files hold no rows, and EXPLAIN ANALYZE reads what is not there.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.backup import target
from wgm_play.backup.copying import SETTINGS, harmless
from wgm_play.embedded import apart
from wgm_play.embedded.programs import scratch_version
from wgm_play.environment import Policy
from wgm_play.errors import InputError, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.planning.versions import make_live
from wgm_play.render import render
from wgm_play.server import connect_to
from wgm_play.stats.files import height, lengthen, raise_tree
from wgm_play.stats.put import Laid, put

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Catalog
    from wgm_play.stats.file import StatisticsFile

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
    statistics: StatisticsFile
    notes: tuple[str, ...]

    def type_name(self, oid: int) -> str:
        """Return the name of a type as SQL has it."""
        (name,) = self.admin.execute(render("stats/type_name.sql.j2", type=oid).sql).fetchone() or ("",)
        return str(name)

    def labels(self, oid: int) -> tuple[str, str]:
        """Return the first and the last label of an enum."""
        found = [row[0] for row in self.admin.execute(render("stats/labels.sql.j2", type=oid).sql).fetchall()]
        return found[0], found[-1]


@dataclass(slots=True)
class PlanningServer:
    """The server: `version` is its major version."""

    statistics: StatisticsFile
    version: int
    server: str
    data: Path
    stack: ExitStack
    notes: list[str] = field(default_factory=list)

    def lay(
        self,
        catalog: Catalog,
        name: str = "plans",
        statistics: StatisticsFile | None = None,
        *,
        path: str = "",
        indexes: Sequence[str] = (),
    ) -> Planning:
        """Make a database of a catalog, empty, and put the statistics into it: the server's own, or others.

        `indexes` are made as well, as far as they can be, with names looked for in `path`.
        """
        import psycopg

        statistics = statistics or self.statistics
        login, password = f"w{secrets.token_hex(6)}", secrets.token_urlsafe(18)
        notes, raw = list(self.notes), f"{name}_raw"
        with target.connect(target.with_database(self.server, "template1"), APPLICATION) as admin:
            admin.execute(render("backup/proof_role.sql.j2", name=login, password=password).sql)
            if not target.create(admin, raw, statistics.document["server"], login):
                notes.append("this machine does not know the database's collation: texts are ordered by code point")
        made = target.with_database(self.server, raw)
        with target.connect(made, APPLICATION) as admin:
            notes += _extensions(admin, catalog)
            url = target.with_database(made, raw, user=login, password=password)
            with connect_to(url, policy=Policy(), application_name=APPLICATION) as connection:
                connection.execute(render("backup/patience.sql.j2", version=connection.info.server_version).sql)
                make_live(connection, catalog.only(key for key in catalog.rows if key.kind != "extension"))
                _try(connection, path, indexes)
            laid = put(admin, statistics)
        self._copy(raw, name, login, laid)
        url = target.with_database(made, name, user=login, password=password)
        admin = self.stack.enter_context(target.connect(target.with_database(made, name), APPLICATION))
        admin.execute(render("stats/system.sql.j2").sql)
        # As the application connects: names without a schema mean what they mean there.
        reading = self.stack.enter_context(psycopg.connect(url, autocommit=True, application_name=APPLICATION))
        return Planning(url, admin, reading, laid, statistics, (*notes, *laid.notes))

    def _copy(self, raw: str, name: str, login: str, laid: Laid) -> None:
        """Copy the database, and make the files of the copy, of which the server has seen none, as long as production's."""
        with target.connect(target.with_database(self.server, "template1"), APPLICATION) as admin:
            version = admin.info.server_version
            admin.execute(
                render("stats/copy_database.sql.j2", name=name, original=raw, owner=login, version=version).sql
            )
            ((oid,),) = admin.execute(render("stats/database_oid.sql.j2", name=name).sql).fetchall()
            for file, length in laid.lengths.items():
                base, _, number = file.rpartition("/")
                if base.rpartition("/")[0] != "base":
                    continue  # in a tablespace, which a scratch server has not
                path = self.data / "base" / str(oid) / number
                lengthen(path, length.pages)
                if length.width is not None:
                    raise_tree(path, height(length.pages, length.width))
            admin.execute(render("backup/drop_database.sql.j2", name=raw).sql)


@contextmanager
def planning_server(statistics: StatisticsFile) -> Iterator[PlanningServer]:
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


def _try(connection: psycopg.Connection[Any], path: str, indexes: Sequence[str]) -> None:
    """Make indexes; those that cannot be (an expression that is not immutable) are left out."""
    import psycopg

    if not indexes:
        return
    connection.execute(render("analysis/set_path.sql.j2", path=path).sql.encode())
    for one in indexes:
        try:
            connection.execute(one.encode())
        except psycopg.Error:
            if connection.closed:
                raise


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
