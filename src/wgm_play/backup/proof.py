"""Prove a backup: restore it on a server of our own, as a role without rights, and compare.

In: a backup, a server of our own. Out: `Proof`. A dump holds code of whoever may create something in the database: it
runs in index expressions, checks, materialized views. So nothing of it is done by a superuser but what runs no code
(`_SUPERUSERS`), and none of it runs on the server that was backed up.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from wgm_play.backup import scratch, target
from wgm_play.backup.folder import Manifest
from wgm_play.backup.loading import DumpEntry, DumpLoader
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.reporter import Reporter
from wgm_play.shadow.stand_in import can_stand_in, stand_in

# What no comparison needs and a role without rights may not create.
_WORDS = (
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-security-labels",
    "--no-publications",
    "--no-subscriptions",
    "--no-tablespaces",
)
# A proof touches nothing else: event triggers stay away, and no user mapping lets a foreign table connect.
_LEFT_OUT = frozenset(["EXTENSION", "EVENT TRIGGER", "USER MAPPING"])
# What brings rows, and what they are rows of.
_ROWS_OF = {"TABLE DATA": "TABLE", "SEQUENCE SET": "SEQUENCE"}
# What superusers alone may make, and what calls nothing when it is made.
_SUPERUSERS = frozenset(["CAST", "OPERATOR CLASS", "OPERATOR FAMILY"])
# What a role without rights cannot make, or what needs another server, by the counts that then differ.
_BEYOND: Mapping[str, frozenset[str]] = {
    "FUNCTION": frozenset(["functions"]),
    "PROCEDURE": frozenset(["functions"]),
    "AGGREGATE": frozenset(["functions"]),
    "PROCEDURAL LANGUAGE": frozenset(["functions"]),
    "FOREIGN DATA WRAPPER": frozenset(),
    "SERVER": frozenset(),
    "FOREIGN TABLE": frozenset(["foreign tables", "columns", "defaults", "constraints", "triggers"]),
    "MATERIALIZED VIEW DATA": frozenset(),
    "ACCESS METHOD": frozenset(),
    "TRANSFORM": frozenset(),
    "TEXT SEARCH PARSER": frozenset(),
    "TEXT SEARCH TEMPLATE": frozenset(),
}
_NOT_ALLOWED = ("permission denied", "must be superuser", "only superuser", "user mapping not found", 'language "')
# Values of the type regrole name roles of the server, which no dump says.
_NO_ROLE = re.compile(r'role ".*" does not exist')
# What follows from something else that could not be made.
_FOLLOWS = "does not exist"
# A scratch database is larger than the rows in it by this much.
_EMPTY_SIZE = 16 * 1024 * 1024


@dataclass(slots=True)
class Proof:
    """What a proof found: objects by kind, rows by table, what is wrong, what could not be proved here."""

    counted: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    seconds: float = 0.0


def prove(manifest: Manifest, url: str, how: str, *, jobs: int, application: str, reporter: Reporter) -> Proof:
    """Restore a backup on the server of ours whose superuser is in `url`, and compare: its catalog, or all of it.

    Raise `Refused` where it cannot be tried, psycopg's errors where the server fails, `ProgramFailed`.
    """
    with target.connect(url, application) as admin:
        target.patience(admin)
        version = admin.info.server_version // 10000
        if version < manifest.backup.server_version // 10000:
            raise Refused(
                f"the backup cannot be proved: it is of PostgreSQL {manifest.backup.server_version // 10000}, "
                f"the newest server on this machine is {version}",
                hint="install a server of that version here, or set `backup.verify: none`",
            )
        if how == "restore":
            target.refuse_without_room(admin, manifest.facts.get("size", 0) + _EMPTY_SIZE, "to prove it")
        loader = DumpLoader(manifest, version, jobs, application, reporter)
        with _made(admin, manifest, url, application) as (own, connection):
            return Proving(manifest, loader, own, url, connection, how == "restore").run()


@contextmanager
def _made(admin: Any, manifest: Manifest, url: str, application: str) -> Iterator[tuple[str, Any]]:
    """Give a scratch database of a role without rights: its URL as that role, and a session in it."""
    role, password = scratch.name_for(admin, scratch.VERIFY), secrets.token_urlsafe(18)
    admin.execute(render("backup/proof_role.sql.j2", name=role, password=password).sql)
    try:
        with scratch.database(admin, scratch.VERIFY, manifest.facts, role) as name:
            admin.execute(render("backup/keep_out.sql.j2", name=name).sql)
            own = target.with_database(url, name, user=role, password=password)
            connection = target.connect(own, application)
            try:
                target.patience(connection)
                yield own, connection
            finally:
                connection.close()
    finally:
        admin.execute(render("backup/drop_role.sql.j2", name=role).sql)


def _stands_in(admin: Any, name: str, schema: str | None) -> bool:
    with admin.transaction():
        return stand_in(admin, name, schema)


@dataclass(slots=True)
class Proving:
    """One proof, or one copy: the backup, the scratch database as its owner (`place`) and as the superuser (`url`)."""

    manifest: Manifest
    loader: DumpLoader
    place: str
    url: str
    connection: Any
    data: bool
    proof: Proof = field(default_factory=Proof)
    lacking: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    def run(self) -> Proof:
        """Restore, and compare what is there with what was counted when the dump was taken."""
        entries = self.loader.entries()
        made = self._extensions(entries)
        chosen = [
            one for one in entries if one.kind not in _LEFT_OUT and not (one.kind == "SCHEMA" and one.name in made)
        ]
        chosen = self._without_rows_of_extensions(chosen)
        began = time.monotonic()
        failed = self._load(chosen)
        self.proof.seconds = time.monotonic() - began
        tolerated = self._judge(chosen, failed)
        self._compare(tolerated)
        return self.proof

    @property
    def _superuser(self) -> str:
        return target.with_database(self.url, self.connection.info.dbname)

    def _extensions(self, entries: Sequence[DumpEntry]) -> set[str]:
        """Make the dump's extensions, as the superuser, before anything of the dump is there; return their schemas."""
        import psycopg

        told = {name: schema for name, schema in self.manifest.facts.get("extensions", ())}
        schemas: set[str] = set()
        names = [one.name for one in entries if one.kind == "EXTENSION"]
        with target.connect(self._superuser, self.loader.application) as admin:
            for name in names:
                schema = told.get(name)
                try:
                    with admin.transaction():
                        if schema not in (None, "public", "pg_catalog"):
                            values = {"name": schema, "role": self.connection.info.user}
                            admin.execute(render("backup/proof_schema.sql.j2", **values).sql)
                        admin.execute(render("backup/proof_extension.sql.j2", name=name, schema=schema).sql)
                    schemas |= {schema} if schema else set()
                except psycopg.Error as error:
                    if not (can_stand_in(error) and _stands_in(admin, name, schema)):
                        self.lacking.append(name)
                    self.proof.unproved.append(f"extension {name!r}: {error.diag.message_primary}")
            admin.execute(render("backup/proof_rights.sql.j2", role=self.connection.info.user).sql)
        return schemas - {"public", "pg_catalog"}

    def _without_rows_of_extensions(self, entries: Sequence[DumpEntry]) -> list[DumpEntry]:
        """Leave out rows that extensions keep, where one of them is lacking: their tables are made by its script alone."""
        if not self.lacking:
            return list(entries)
        made = {(one.kind, one.name) for one in entries}
        kept = {
            one.number: one for one in entries if one.kind in _ROWS_OF and (_ROWS_OF[one.kind], one.name) not in made
        }
        self.unread |= {one.name for one in kept.values()}
        self.proof.unproved += [f"{one.kind.lower()} {one.name}: an extension's own" for one in kept.values()]
        return [one for one in entries if one.number not in kept]

    def _load(self, entries: Sequence[DumpEntry]) -> Mapping[int, str]:
        """Load as the role; let the superuser make what it may not, as long as that brings the rest on."""
        failed = self.loader.load(self.place, entries, _WORDS, data=self.data)
        while helped := [one for one in entries if one.number in failed and one.kind in _SUPERUSERS]:
            left = self.loader.load(self._superuser, helped, _WORDS, data=self.data)
            if len(left) == len(helped):
                break
            others = [one for one in entries if one.number in failed and (one.kind not in _SUPERUSERS)]
            failed = {**left, **self.loader.load(self.place, others, _WORDS, data=self.data)}
        return failed

    def _judge(self, entries: Sequence[DumpEntry], failed: Mapping[int, str]) -> frozenset[str]:
        """Tell what is wrong from what cannot be proved here; return the counts that cannot be compared."""
        tolerated: frozenset[str] = frozenset()
        for entry in (one for one in entries if one.number in failed):
            told = f"{entry.kind.lower()} {entry.name}: {failed[entry.number]}"
            if entry.kind == "TABLE DATA" and _NO_ROLE.search(failed[entry.number]):
                self.proof.unproved.append(told)
                self.unread.add(entry.name)
                continue
            words = (*_NOT_ALLOWED, *([_FOLLOWS] if self.proof.unproved else []))
            if entry.kind in _BEYOND and any(word in failed[entry.number].lower() for word in words):
                self.proof.unproved.append(told)
                tolerated |= _BEYOND[entry.kind]
            else:
                self.proof.problems.append(told)
        return tolerated

    def _compare(self, tolerated: frozenset[str]) -> None:
        wanted, proof = self.manifest.counted, self.proof
        proof.counted = target.counts(self.connection)
        known = [name for name in {*wanted, *proof.counted} if name not in tolerated]
        proof.problems += target.compared(
            "restored",
            {name: wanted[name] for name in known if name in wanted},
            {name: proof.counted[name] for name in known if name in proof.counted},
        )
        if self.data:
            proof.rows = target.rows(
                self.connection, self.manifest.with_rows(target.column(self.connection, "tables.sql.j2"))
            )
            if self.manifest.rows is not None:
                known_rows = {table: rows for table, rows in self.manifest.rows.items() if table not in self.unread}
                found = {table: rows for table, rows in proof.rows.items() if table not in self.unread}
                proof.problems += target.compared("rows", known_rows, found)
        if proof.problems and self.lacking:
            listed = ", ".join(self.lacking)
            proof.problems.append(
                f"this may be for want of {listed} here: install it for PostgreSQL {self.loader.version} on this machine, "
                "or set `backup.verify: none`"
            )
