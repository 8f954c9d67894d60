"""A logical backup, back on a server of its own: rows and objects by a role without rights, then what needs no code to run.

In: a backup's manifest. Out: `ScratchServer`, for one block. The server can touch nothing else: it is new, listens on loopback
alone, archives nothing, replicates nothing, loads no library but those that only measure; subscriptions and user
mappings are left out; event triggers are disabled. Its superuser runs nothing that the dump's owners wrote.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play import server_tools
from wgm_play.backup import identity, proof, target
from wgm_play.backup.base import ScratchServer
from wgm_play.backup.loading import DumpEntry, DumpLoader, program
from wgm_play.embedded import apart
from wgm_play.embedded.programs import scratch_version
from wgm_play.errors import InputError, Refused, Unreachable
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.server_settings import LIBRARIES, refused
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    from wgm_play.backup.folder import Manifest
    from wgm_play.reporter import Reporter

# Nothing of it outlives the block; what it writes to WAL is as it would be on the original.
SETTINGS = {
    "wal_level": "replica",
    "archive_mode": "off",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "8GB",
    "max_locks_per_transaction": "256",
    "fsync": "off",
    "synchronous_commit": "off",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}
# Nothing needs to be on a disk while rows are loaded.
LOADING = {"fsync": "off"}
# What a copy has beside objects and rows; none of it calls what somebody wrote. Event triggers come last.
_BESIDE = ("ACL", "DEFAULT ACL", "COMMENT", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA")
_EVENT_TRIGGERS = ("EVENT TRIGGER",)
_OWNER = re.compile(r"ALTER [A-Z ]+ .* OWNER TO .*\Z", re.DOTALL)
_RESTRICT = re.compile(r"^\\(?:un)?restrict .*$", re.MULTILINE)
# Larger than the rows by this much: an empty server, and the WAL of loading.
_ROOM = 256 * 1024 * 1024


@contextmanager
def copied(
    manifest: Manifest, settings: Mapping[str, str], *, jobs: int, application: str, reporter: Reporter
) -> Iterator[ScratchServer]:
    """Give a copy of a logical backup. Raise `Refused` where none can be made, psycopg's errors, `ProgramFailed`."""
    major = manifest.backup.server_version // 10000
    try:
        version = scratch_version(major)
    except InputError as error:
        raise Refused(error.message, hint=error.hint) from error
    if version < major:
        raise Refused(
            f"the backup is of PostgreSQL {major}, the newest server on this machine is {version}",
            hint=f"install PostgreSQL {major} here",
        )
    given, left_out = harmless(settings)
    room = 2 * int(manifest.facts.get("size", 0)) + _ROOM
    with ExitStack() as stack:
        try:
            server = stack.enter_context(apart(version, SETTINGS | given | LOADING, room, in_memory=not settings))
            made = _Copying(manifest, server.url, version, jobs, application, reporter).make()
        except (InputError, Unreachable) as error:
            raise Refused(
                f"there is no server for a copy of the backup: {error.message}", hint=error.hint, details=error.details
            ) from error
        yield replace(made, notes=(*made.notes, *left_out))


def harmless(settings: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the settings that a copy's server gets, and what to say of the others."""
    given = {name: value for name, value in settings.items() if name not in SETTINGS or name == "wal_level"}
    libraries = [one.strip() for one in given.pop("shared_preload_libraries", "").split(",") if one.strip()]
    notes = [f"the library {one!r} is not loaded on the scratch server" for one in libraries if one not in LIBRARIES]
    unfit = refused(given)
    notes += [f"the setting {name} is not given to the scratch server" for name in unfit]
    return {name: value for name, value in given.items() if name not in unfit}, notes


def silence(admin: Any) -> list[tuple[str, str]]:
    """Disable event triggers, so that none acts on what a superuser does; return each with what enables it as it was."""
    found = admin.execute(render("backup/event_triggers.sql.j2").sql).fetchall()
    for name, _ in found:
        admin.execute(render("event_trigger/enable.sql.j2", name=ident(name), action=Sql("DISABLE")).sql)
    return [(name, action) for name, action in found]


class _Copying:
    """One copy: the backup, the superuser's URL on the new server."""

    def __init__(
        self, manifest: Manifest, url: str, version: int, jobs: int, application: str, reporter: Reporter
    ) -> None:
        self.manifest, self.url, self.version, self.application = manifest, url, version, application
        self.loader = DumpLoader(manifest, version, jobs, application, reporter)
        self.notes: list[str] = [manifest.told_excluded] if manifest.excluded else []
        self.silenced: list[tuple[str, str]] = []

    def make(self) -> ScratchServer:
        """Bring the backup back; return what there is."""
        name, role = self.manifest.facts["database"], self.manifest.facts["role"]
        place = self._place(name, role)
        with target.connect(place, self.application) as connection:
            target.patience(connection)
            proving = proof.Proving(self.manifest, self.loader, place, self.url, connection, data=True)
            found = proving.run()
        admin = target.with_database(self.url, name)
        self._beside(admin, found)
        with target.connect(place, self.application) as connection:
            identity.mark(connection, self.manifest.backup)
        return ScratchServer(
            url=place,
            admin=admin,
            major=self.version,
            seconds=found.seconds,
            rows=found.rows,
            reached=f"the state of {self.manifest.backup.started:%Y-%m-%d %H:%M:%S} UTC",
            problems=tuple(found.problems),
            unproved=tuple(found.unproved),
            notes=tuple(self.notes),
            silenced=tuple(self.silenced),
        )

    def _place(self, name: str, role: str) -> str:
        """Make the database, its owner and the other roles; return its URL for the owner."""
        password = secrets.token_urlsafe(18)
        facts = self.manifest.facts
        others = {*facts["roles"], *facts.get("owners", ()), *facts.get("server_roles", ())} - {
            role,
            server_tools.parameters(self.url)["user"],
        }
        with target.connect(target.with_database(self.url, "template1"), self.application) as admin:
            admin.execute(render("backup/drop_database.sql.j2", name="postgres").sql)
            admin.execute(render("backup/proof_role.sql.j2", name=role, password=password).sql)
            for other in sorted(one for one in others if not one.startswith("pg_")):
                admin.execute(render("backup/copy_role.sql.j2", name=other, role=role).sql)
            if not target.create(admin, name, facts, role):
                self.notes.append(f"the server does not know the locale {facts['collate']!r}: C is used")
            admin.execute(render("backup/keep_out.sql.j2", name=name).sql)
        return target.with_database(self.url, name, user=role, password=password)

    def _beside(self, admin: str, found: proof.Proof) -> None:
        """Bring back owners, privileges, comments, publications and settings; event triggers, which never fire."""
        entries = self.loader.entries()
        with target.connect(admin, self.application) as connection:
            target.patience(connection)
            self._owners(connection)
            self._load(admin, [one for one in entries if one.kind in _BESIDE], found)
            self._settings(connection)
            self._load(admin, [one for one in entries if one.kind in _EVENT_TRIGGERS], found)
            self.silenced = silence(connection)
            connection.execute(render("backup/analyze.sql.j2").sql)

    def _load(self, admin: str, entries: Sequence[DumpEntry], found: proof.Proof) -> None:
        failed = self.loader.load(admin, entries, ())
        for entry in (one for one in entries if one.number in failed):
            found.unproved.append(f"{entry.kind.lower()} {entry.name}: {failed[entry.number]}")

    def _owners(self, connection: Any) -> None:
        """Give objects back to their owners; what is not here (of an extension that is lacking) has none."""
        import psycopg

        for text in self._owner_statements():
            with suppress(psycopg.Error):
                connection.execute(text)

    def _owner_statements(self) -> list[bytes]:
        """Return the statements of the dump that say who owns what, and nothing else of it."""
        from pglast import ast, parse_sql, split

        words = ["--schema-only", "--no-privileges", "--no-comments", "--file=-"]
        _, environ = server_tools.arguments("", self.application)
        with tempfile.TemporaryFile() as out:
            server_tools.run(
                program("pg_restore", max(self.version, self.manifest.tool)),
                [*words, self.loader.folder],
                environ,
                out=out,
            )
            out.seek(0)
            text = _RESTRICT.sub("", out.read().decode(errors="surrogateescape"))
        found = []
        for statement in split(text, with_parser=False):
            if _OWNER.match(statement):
                parsed = parse_sql(statement)[0].stmt
                whole = isinstance(parsed, ast.AlterTableStmt) and len(parsed.cmds or ()) == 1
                if whole or isinstance(parsed, ast.AlterOwnerStmt):
                    found.append(statement.encode(errors="surrogateescape"))
        return found

    def _settings(self, connection: Any) -> None:
        """Set what the database has set by itself, but for what would load or reach something."""
        said = [one.partition("=") for one in self.manifest.facts["settings"]]
        unfit = refused({name: value for name, _, value in said})
        kept = [f"{name}={value}" for name, _, value in said if name not in unfit]
        self.notes += [f"the setting {name} of the database is left out" for name in unfit]
        self.notes += [mask(note) for note in target.apply_settings(connection, kept)]
