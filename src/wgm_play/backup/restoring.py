"""Bring a backup into a database: under another name until all of it is there and was compared.

In: a backup, the URL of a database that is empty or does not exist, or of the one that it is to take the place of. Out:
`RestoreResult`, or `Refused` and nothing is left.

A dump holds code of whoever owned something in the database, and loading it runs that code with the rights of the role
that loads: never those of a superuser, unless every owner is one or is trusted by name.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from wgm_play import server_tools
from wgm_play.backup import exchange, folder, identity, scratch, target
from wgm_play.backup.folder import Manifest
from wgm_play.backup.loading import DumpEntry, DumpLoader
from wgm_play.errors import Refused, Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.reporter import Reporter
from wgm_play.secret import mask
from wgm_play.sql import ident

# What a role that is no superuser may not restore, and what its rows do not need.
_SUPERUSERS = ("EVENT TRIGGER", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION")
INCOMPLETE = "_incomplete"
# How long a session that was closed may take to leave a database, so that it can be renamed.
LEAVING_SECONDS = 10.0


@dataclass(slots=True)
class RestoreResult:
    """What a restore brought: into which database, whether it was made, counts, notes, what differs."""

    database: str
    created: bool
    counted: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    kept: str = ""


def restore(
    manifest: Manifest,
    into: str,
    *,
    jobs: int,
    application: str,
    reporter: Reporter,
    trusted: Collection[str],
    in_place: bool = False,
    mask_rows: Callable[[Any], list[str]] | None = None,
) -> RestoreResult:
    """Restore into the database at the URL `into`. Raise `Refused` or `Unreachable`: see the module."""
    restoring = _Restoring(manifest, into, jobs, application, reporter, trusted, in_place, mask_rows)
    if in_place:
        with target.beside(into, application) as admin:
            return restoring.take_the_place(admin)
    try:
        connection = target.connect(into, application)
    except Unreachable as unreachable:
        with target.there_or_beside(into, application) as admin:
            return restoring.make(admin, unreachable)
    with connection:
        if mask_rows is not None:
            raise Refused(
                f"the database {connection.info.dbname!r} is there: somebody could look before the rows are masked",
                hint="name a database that does not exist yet: --into NEW_NAME",
            )
        return restoring.fill_empty(connection)


@dataclass(frozen=True, slots=True)
class _Restoring:
    manifest: Manifest
    into: str
    jobs: int
    application: str
    reporter: Reporter
    trusted: Collection[str]
    in_place: bool
    mask_rows: Callable[[Any], list[str]] | None = None

    def take_the_place(self, admin: Any) -> RestoreResult:
        """Make the database beside the one that is there, then exchange their names in one moment."""
        name = server_tools.parameters(self.into).get("dbname", "")
        target.patience(admin)
        if not target.one(admin, "exists.sql.j2", name=name):
            raise Refused(f"there is no database {name!r} to take the place of", hint=f"--into {name} makes it")
        self._refuse(admin)
        with self._working(admin, name) as (working, same):
            found = self._fill(target.with_database(self.into, working), name, created=True)
            if not same:
                found.notes.append(f"the server does not know the locale {self._locale!r}: C is used")
            if found.problems:
                self._rename(admin, working, name, found)
                raise self._differs(name + INCOMPLETE, found)
            found.notes += exchange.take_over(admin, name, working)
            found.kept = exchange.exchange(admin, self.into, self.application, name, working)
        return found

    def make(self, admin: Any, unreachable: Unreachable) -> RestoreResult:
        """Make the database beside `admin`'s, under a name of ours until it is complete."""
        name = server_tools.parameters(self.into).get("dbname", "")
        target.patience(admin)
        if not name or target.one(admin, "exists.sql.j2", name=name):
            raise unreachable
        self._refuse(admin)
        with self._working(admin, name) as (working, same):
            found = self._fill(target.with_database(self.into, working), name, created=True)
            if not same:
                found.notes.append(f"the server does not know the locale {self._locale!r}: C is used")
            if self.mask_rows is not None:
                self._refuse_unmasked(found)
                admin.execute(render("backup/mask/open.sql.j2", name=working).sql)
            kept = self._rename(admin, working, name, found)
        if found.problems:
            raise self._differs(kept, found)
        return found

    def fill_empty(self, connection: Any) -> RestoreResult:
        """Fill a database that is there. Raise `Refused` where it holds something."""
        holds = target.column(connection, "occupied.sql.j2")
        name = connection.info.dbname
        if holds:
            raise Refused(
                f"the database {name!r} is not empty, nothing was touched",
                hint="name a database that does not exist yet: --into NEW_NAME",
                details=["it holds " + ", ".join(holds) + (" and more" if len(holds) == 5 else "")],
            )
        self._refuse(connection)
        scratch.sweep(connection)
        try:
            found = self._fill(self.into, name, created=False)
        except Refused as error:
            error.hint = f"{name!r} holds a part of it: drop it, or what is in it, before you try again"
            raise
        if found.problems:
            raise self._differs(name, found)
        return found

    @property
    def _locale(self) -> str:
        return str(self.manifest.facts.get("locale") or self.manifest.facts["collate"])

    def _refuse(self, admin: Any) -> None:
        """Refuse what would run code of others as superuser, and what has no room."""
        facts = target.facts(admin)
        owners = self.manifest.facts.get("owners", self.manifest.facts["roles"])
        if facts["superuser"] and owners:
            others = target.column(admin, "not_superusers.sql.j2", roles=owners)
            self._refuse_owners(facts["role"], [name for name in others if name not in self.trusted])
        target.refuse_without_room(
            admin, self.manifest.facts.get("size", 0), f"for the backup {self.manifest.backup.id}"
        )

    def _refuse_owners(self, role: str, others: Sequence[str]) -> None:
        if others:
            named = ", ".join(map(repr, others))
            raise Refused(
                f"{role!r} is a superuser, and the backup holds objects of {named}: their code would run as superuser; "
                "nothing was touched",
                hint="restore as a role that is no superuser: --into postgresql://ROLE@HOST/NAME",
                details=[
                    "or trust them in the environment, as on a server that holds nothing else: "
                    f"policy: {{trusted_owners: [{', '.join(others)}]}}",
                ],
            )

    @contextmanager
    def _working(self, admin: Any, name: str) -> Iterator[tuple[str, bool]]:
        """Make a database under a name of ours; whatever goes wrong drops it."""
        import psycopg

        scratch.sweep(admin)
        working = scratch.name_for(admin, scratch.RESTORE)
        try:
            same = target.create(admin, working, self.manifest.facts)
            if self.mask_rows is not None:
                admin.execute(render("backup/mask/close.sql.j2", name=working).sql)
        except psycopg.Error as error:
            raise self._not_created(admin, name, str(error.diag.message_primary)) from error
        try:
            yield working, same
        except BaseException:
            admin.execute(render("backup/drop_database.sql.j2", name=working).sql)
            raise

    def _not_created(self, admin: Any, name: str, why: str) -> Refused:
        role = ident(admin.info.user)
        if self.in_place:
            return Refused(
                f"no database can be made beside {name!r}, which keeps its place: {why}; nothing was touched",
                hint=f"ask an administrator for: ALTER ROLE {role} CREATEDB",
            )
        return Refused(
            f"the database {name!r} does not exist and cannot be created: {why}",
            hint=f"ask an administrator for: CREATE DATABASE {ident(name)} OWNER {role} TEMPLATE template0",
        )

    def _rename(self, admin: Any, working: str, name: str, found: RestoreResult) -> str:
        """Give the database its name at last, another where it is not all of the backup; return it."""
        import psycopg

        wanted = name + INCOMPLETE if found.problems else name
        until = time.monotonic() + LEAVING_SECONDS
        while True:
            try:
                admin.execute(render("backup/rename_database.sql.j2", name=working, wanted=wanted).sql)
                return wanted
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            except psycopg.errors.DuplicateDatabase as error:
                raise Refused(
                    f"the database {wanted!r} was made by somebody else meanwhile, nothing of the restore is left",
                    hint="name another database: --into NEW_NAME",
                ) from error

    def _fill(self, place: str, name: str, *, created: bool) -> RestoreResult:
        """Load all of the backup into an empty database and compare. Raise `Refused` where that breaks off."""
        import psycopg

        found = RestoreResult(name, created)
        try:
            with target.connect(place, self.application) as connection:
                target.patience(connection)
                self._load(connection, place, found)
                self._compare(connection, found)
                found.notes += target.apply_settings(connection, self.manifest.facts["settings"])
                if self.mask_rows is not None and not found.problems:
                    found.notes += self.mask_rows(connection)
                if not self.in_place:
                    found.notes += identity.mark(connection, self.manifest.backup)
                connection.execute(render("backup/analyze.sql.j2").sql)
        except server_tools.ProgramFailed as error:
            told = [line for line in error.said if line != error.reason]
            raise self._broken_off(name, error.reason, told) from error
        except psycopg.Error as error:
            raise self._broken_off(name, mask(str(error)).strip()) from error
        return found

    def _refuse_unmasked(self, found: RestoreResult) -> None:
        """Let nobody have a copy that differs: it is not masked."""
        if found.problems:
            error = self._differs(found.database, found)
            error.hint = "nothing of it is left, because its rows are not masked: look at a copy without --masked"
            raise error

    def _broken_off(self, name: str, why: str, details: Sequence[str] = ()) -> Refused:
        return Refused(
            f"the restore of {self.manifest.backup.database!r} into {name!r} was broken off: {why}",
            hint="nothing of it is left: put right what is named, then restore again",
            details=details,
        )

    def _load(self, connection: Any, place: str, found: RestoreResult) -> None:
        words, notes = _ownership(connection, self.manifest)
        found.notes += notes
        version = connection.info.server_version // 10000
        loader = DumpLoader(self.manifest, version, self.jobs, self.application, self.reporter)
        superuser = target.facts(connection)["superuser"]
        entries = [entry for entry in loader.entries() if superuser or not _for_superusers(entry)]
        failed = loader.load(place, entries, words)
        for entry in (one for one in entries if one.number in failed):
            told = f"{entry.kind.lower()} {entry.name}: {failed[entry.number]}"
            # What needs an extension fails by itself.
            (found.notes if entry.kind == "EXTENSION" else found.problems).append(told)

    def _compare(self, connection: Any, found: RestoreResult) -> None:
        found.counted = target.counts(connection)
        found.problems += target.compared("restored", self.manifest.counted, found.counted)
        hidden: list[str] = []
        there = self.manifest.with_rows(target.column(connection, "tables.sql.j2"))
        found.rows = target.rows(connection, there, hidden)
        if self.manifest.excluded:
            found.notes.append(self.manifest.told_excluded)
        found.notes += [f"{table}: its rows are hidden from this role and were not counted" for table in hidden]
        if self.manifest.rows is not None:
            seen = {table: number for table, number in self.manifest.rows.items() if table not in hidden}
            found.problems += target.compared("rows", seen, found.rows)

    def _differs(self, name: str, found: RestoreResult) -> Refused:
        backup = self.manifest.backup
        return Refused(
            f"the backup {backup.id} of {backup.database!r} came back into {name!r} with differences",
            hint=f"look at {name!r}, then drop it and restore again",
            details=[*found.problems[: server_tools.SHOWN_ERRORS], *found.notes],
        )


def _ownership(connection: Any, manifest: Manifest) -> tuple[list[str], list[str]]:
    """Return the words for pg_restore about owners and privileges, and what to tell of them.

    Owners are given back only by a superuser, on a server that has all roles: data without its old owner are
    better than no data.
    """
    roles = manifest.facts["roles"]
    missing = target.column(connection, "roles_missing.sql.j2", roles=roles) if roles else []
    facts = target.facts(connection)
    if missing:
        told = f"the server has no role {', '.join(map(repr, missing))}: objects belong to {facts['role']!r}, "
        notes = [told + "privileges were left out"]
        if folder.GLOBALS in manifest.files:
            beside = Path(manifest.backup.path) / folder.DUMP / folder.GLOBALS
            notes.append(
                f"psql --file={shlex.quote(str(beside))} makes the roles, as a superuser and without passwords: then restore again"
            )
        return ["--no-owner", "--no-privileges"], notes
    if not facts["superuser"]:
        return ["--no-owner"], [f"{facts['role']!r} is no superuser: all objects belong to it"]
    return [], []


def _for_superusers(entry: DumpEntry) -> bool:
    """Tell whether an entry is one that only superusers may restore."""
    return entry.kind in _SUPERUSERS or (entry.kind == "COMMENT" and " COMMENT - EXTENSION " in entry.line)
