"""What a subscriber is sent while a change is under way: the stream of a publication, read as PostgreSQL sends it.

In: a publication, a superuser's URL. Out: the names of all columns that were sent; the rows as a subscriber has them that
follows every ALTER, compared with those of the publisher. The stream is that of logical replication (pgoutput, version 1:
"Logical Replication Message Formats"); no table of a second database has to keep up with the changed ones.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]
# A row's values by the name of their column, as text.
Values = dict[str, str | None]

OURS = re.compile(r"wgm_(new|old|trash)_")
PUBLISHED = """
SELECT c.oid, p.schemaname, p.tablename FROM pg_publication_tables AS p
JOIN pg_namespace AS n ON n.nspname = p.schemaname JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE p.pubname = %s
"""
KEY = """
SELECT a.attname FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s AND i.indisprimary ORDER BY a.attname
"""
# Values of types that a change may alter are not compared: they look otherwise on both sides.
COLUMNS = """
SELECT a.attname, a.attnum, a.atttypid::oid FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND t.typnamespace = 'pg_catalog'::regnamespace
"""
CHANGES = (
    "SELECT data FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)"
)


@dataclass(slots=True)
class Copy:
    """A table as the subscriber has it: the columns that tell rows apart, columns with place and type, rows by key."""

    key: tuple[str, ...]
    columns: dict[str, tuple[int, int]]
    rows: dict[tuple[str | None, ...], Values]


@dataclass(slots=True)
class Subscriber:
    """Follows a publication from now on."""

    url: str
    publication: str
    slot: str
    copies: dict[int, Copy] = field(default_factory=dict)

    def begin(self) -> None:
        """Make the slot and copy the tables; nobody writes meanwhile."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self.slot])
            self.copies = self._read(connection)

    def end(self) -> list[str]:
        """Read what was sent, drop the slot; return what is wrong with it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            try:
                # What was committed without waiting for the disk is not decoded before it is there.
                connection.execute("SET synchronous_commit = on")
                connection.execute("SELECT pg_logical_emit_message(true, 'end', '')")
                answer = connection.execute(CHANGES, [self.slot, self.publication], binary=True)
                sent, found = self._replay([bytes(row[0]) for row in answer])
            except psycopg.Error as error:
                return [f"the subscriber stops: {error}"]
            finally:
                connection.execute("SELECT pg_drop_replication_slot(%s)", [self.slot])
            ours = sorted(name for name in sent if OURS.match(name))
            wrong = [f"the subscriber is sent our columns {', '.join(ours)}"] if ours else []
            return wrong + found + self._compared(self._read(connection))

    def _read(self, connection: Connection) -> dict[int, Copy]:
        found = {}
        for oid, schema, name in connection.execute(PUBLISHED, [self.publication]).fetchall():
            key = tuple(row[0] for row in connection.execute(KEY, [oid]))
            columns = {column: (place, kind) for column, place, kind in connection.execute(COLUMNS, [oid])}
            chosen = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
            answer = connection.execute(
                sql.SQL("SELECT {} FROM ONLY {}").format(chosen, sql.Identifier(schema, name))
            ).fetchall()
            rows = [dict(zip(columns, row, strict=True)) for row in answer]
            found[oid] = Copy(key, columns, {tuple(row.get(column) for column in key): row for row in rows})
        return found

    def _replay(self, messages: list[bytes]) -> tuple[set[str], list[str]]:
        """Do to the copies what the messages say; return the names of all columns, and what cannot be done."""
        names: dict[int, list[str]] = {}
        wrong = []
        for message in messages:
            kind, rest = message[:1], message[1:]
            if kind == b"R":
                oid, columns = _relation(rest)
                names[oid] = columns
            elif kind == b"T":
                number = struct.unpack_from("!I", rest)[0]
                for oid in struct.unpack_from(f"!{number}I", rest, 5):
                    if oid in self.copies:
                        self.copies[oid].rows.clear()
            elif kind in b"IUD":
                oid = struct.unpack_from("!I", rest)[0]
                if oid in self.copies and (text := _done(self.copies[oid], names[oid], kind, rest[4:])):
                    wrong.append(text)
        return {name for columns in names.values() for name in columns}, wrong[:3]

    def _compared(self, there: dict[int, Copy]) -> list[str]:
        """Return the rows that differ, in columns that the change left as they were."""
        wrong = []
        for oid, here in self.copies.items():
            now = there.get(oid)
            if now is None or now.key != here.key or not now.key or {*now.key, *here.key} - {*here.columns}:
                continue
            same = [name for name, known in here.columns.items() if now.columns.get(name) == known]
            ours, theirs = (
                {key: {name: row.get(name) for name in same} for key, row in one.rows.items()} for one in (here, now)
            )
            odd = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
            wrong += [f"the subscriber has {ours.get(key)} for {theirs.get(key)} of {oid}" for key in odd[:2]]
        return wrong


def _relation(rest: bytes) -> tuple[int, list[str]]:
    """Return the OID and the columns of a Relation message."""
    oid = struct.unpack_from("!I", rest)[0]
    words = rest[4:].split(b"\0", 2)  # schema, table, then: replica identity, number of columns, columns
    number, body = struct.unpack_from("!H", words[2], 1)[0], words[2][3:]
    columns = []
    for _ in range(number):
        name, body = body[1:].split(b"\0", 1)
        columns.append(name.decode())
        body = body[8:]
    return oid, columns


def _done(copy: Copy, names: list[str], kind: bytes, rest: bytes) -> str:
    """Do one INSERT, UPDATE or DELETE to a copy; return what is wrong."""
    old: Values | None = None
    if rest[:1] in b"KO":
        old, rest = _tuple(rest[1:], names)
    new = _tuple(rest[1:], names)[0] if rest[:1] == b"N" else None
    told = old or new or {}
    if any(name not in told or name not in copy.columns for name in copy.key):
        return ""  # the change takes the key away, renames it or alters its type, and the tables are not compared
    key = tuple(told[name] for name in copy.key)
    before = copy.rows.get(key) if kind != b"I" else {}
    if before is None:
        return f"the subscriber has no row {key}"
    if kind != b"I":
        del copy.rows[key]
    if new is not None:
        made = before | new
        copy.rows[tuple(made[name] for name in copy.key)] = made
    return ""


def _tuple(rest: bytes, names: list[str]) -> tuple[Values, bytes]:
    """Return the values of a TupleData, without what is unchanged and not sent again, and what follows."""
    number, rest = struct.unpack_from("!H", rest)[0], rest[2:]
    found: Values = {}
    for place in range(number):
        kind, rest = rest[:1], rest[1:]
        if kind == b"n":
            found[names[place]] = None
        elif kind == b"t":
            size = struct.unpack_from("!I", rest)[0]
            found[names[place]] = rest[4 : 4 + size].decode()
            rest = rest[4 + size :]
    return found, rest


@contextmanager
def following(url: str, publication: str, slot: str) -> Iterator[Subscriber]:
    """Yield a subscriber that has begun; its slot is gone at the end in any case."""
    one = Subscriber(url, publication, slot)
    one.begin()
    try:
        yield one
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [slot]
            )
