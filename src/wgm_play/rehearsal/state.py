"""What a database holds, in the ways in which before and after are compared: catalog, pg_dump, sequences, checksums of rows.

In: a URL of a scratch server. Out: `DatabaseState`; `differences` in words. What is ours (`wgm`, `wgm_trash`, columns in the trash) is
left out.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play import server_tools
from wgm_play.backup.loading import program
from wgm_play.catalog import introspect
from wgm_play.catalog.model import Catalog, Key, told_fields
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.server import connect_to
from wgm_play.sql import Sql, ident
from wgm_play.sqltext.dump import without_versions

if TYPE_CHECKING:
    from wgm_play.environment import Policy

APPLICATION = "wgm-play compare"
_OWN_SCHEMAS = ("wgm", "wgm_trash")
_TRASHED = "wgm_trash_"
_NOISE = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")
_TRASH_LINE = re.compile(
    r'^\s+"?wgm_trash_|ALTER COLUMN "?wgm_trash_|^(COMMENT|SECURITY LABEL FOR \S+) ON COLUMN .*\."?wgm_trash_'
)
# As many differences of one kind as people read.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class RowChecksums:
    """The rows of one table: how many, and a checksum of each column."""

    count: int
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What a database holds."""

    catalog: Catalog
    dump: tuple[str, ...]
    sequences: Mapping[str, tuple[Any, ...]]
    rows: Mapping[tuple[str, str], RowChecksums]


def read(url: str, policy: Policy) -> DatabaseState:
    """Read what the database at `url` holds."""
    with connect_to(url, policy=policy, application_name=APPLICATION, read_only=True) as connection:
        connection.execute(render("backup/patience.sql.j2", version=connection.info.server_version).sql)
        catalog = introspect.read(connection, edges=False)
        sequences = {
            name: tuple(connection.execute(render("rehearsal/sequence.sql.j2", name=Sql(name)).sql).fetchone() or ())
            for (name,) in connection.execute(render("rehearsal/sequences.sql.j2").sql).fetchall()
        }
        rows = dict(_rows(connection))
        version = connection.info.server_version // 10000
    return DatabaseState(catalog, tuple(_dump(url, version)), sequences, rows)


def _rows(connection: Any) -> Iterator[tuple[tuple[str, str], RowChecksums]]:
    for schema, name, columns in connection.execute(render("rehearsal/tables.sql.j2").sql).fetchall():
        kept = [column for column in columns if not column.startswith(_TRASHED)]
        text = render(
            "rehearsal/checksums.sql.j2", table=ident((schema, name)), columns=[ident(column) for column in kept]
        ).sql
        count, *sums = connection.execute(text).fetchone()
        yield (schema, name), RowChecksums(count, dict(zip(kept, map(str, sums), strict=True)))


def _dump(url: str, version: int) -> list[str]:
    """Return the statements with which pg_dump writes the catalog, sorted."""
    place, environ = server_tools.arguments(url, APPLICATION)
    words = [
        "--schema-only",
        "--no-password",
        *(f"--exclude-schema={one}" for one in _OWN_SCHEMAS),
        f"--dbname={place}",
    ]
    with tempfile.TemporaryFile() as out:
        server_tools.run(program("pg_dump", version), words, environ, out=out)
        out.seek(0)
        text = without_versions(out.read().decode(errors="replace"))
    made: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        if not line.strip() or (not lines and line.startswith(_NOISE)) or _TRASH_LINE.search(line):
            continue
        lines.append(line.rstrip(",") if not line.endswith(";") else line)
        if line.endswith(";"):
            # The order of columns is compared by itself: an online form has changed it.
            made.append("\n".join(sorted(lines) if lines[0].startswith("CREATE TABLE") else lines))
            lines = []
    return sorted([*made, *lines])


def catalog_differences(before: Catalog, after: Catalog) -> list[str]:
    """Return what one catalog has otherwise than the other, an object each."""
    return [
        _said(key, before, after)
        for key in sorted({*before.rows, *after.rows})
        # Memberships are ours: the login acts as roles that production's superuser needs not be in.
        if key.kind != "membership" and before.rows.get(key) != after.rows.get(key)
    ]


def _said(key: Key, before: Catalog, after: Catalog) -> str:
    if key not in after.rows:
        return f"{key} is gone"
    if key not in before.rows:
        return f"{key} is there, and was not"
    return f"{key}: {told_fields(before[key], after[key])}"


def dump_differences(before: DatabaseState, after: DatabaseState) -> list[str]:
    """Return what pg_dump writes otherwise."""
    was, now = Counter(before.dump), Counter(after.dump)
    return [
        *(f"pg_dump wrote before: {_line(one)}" for one in sorted((was - now).elements())),
        *(f"pg_dump writes after: {_line(one)}" for one in sorted((now - was).elements())),
    ]


def order_differences(before: DatabaseState, after: DatabaseState) -> list[str]:
    """Return the tables whose columns are in another order."""
    found = []
    for table in sorted(before.rows.keys() & after.rows.keys()):
        was, now = before.rows[table].columns, after.rows[table].columns
        if [one for one in was if one in now] != [one for one in now if one in was]:
            found.append(f"{Key('table', table).label} has its columns in another order: {', '.join(now)}")
    return found


def _line(statement: str) -> str:
    return " ".join(statement.split())


def sequence_differences(before: DatabaseState, after: DatabaseState) -> list[str]:
    """Return the sequences that both have and that stand elsewhere."""
    return [
        f"sequence {name} stood at {before.sequences[name][0]}, stands at {after.sequences[name][0]}"
        for name in sorted(before.sequences.keys() & after.sequences.keys())
        if before.sequences[name] != after.sequences[name]
    ]


def row_differences(
    before: DatabaseState, after: DatabaseState, declared: Declared
) -> Iterator[tuple[tuple[str, str], str, str]]:
    """Yield (table, column, what) for rows that are otherwise, without what was declared to change.

    A table or column that only one of them has is the catalog's affair.
    """
    for table in sorted(before.rows.keys() & after.rows.keys()):
        was, now = before.rows[table], after.rows[table]
        if declared.whole(table):
            continue
        if was.count != now.count:
            yield table, "", f"had {was.count:,} rows, has {now.count:,}"
            continue
        for column in was.columns:
            if column in now.columns and was.columns[column] != now.columns[column] and not declared.one(table, column):
                yield table, column, "has other values"


@dataclass(frozen=True, slots=True)
class Declared:
    """What was declared to change: columns of tables, whole tables, or anything (`all`)."""

    columns: frozenset[tuple[tuple[str, str], str]] = frozenset()
    tables: frozenset[tuple[str, str]] = frozenset()
    all: bool = False

    def whole(self, table: tuple[str, str]) -> bool:
        """Tell whether any row of a table may change."""
        return self.all or table in self.tables

    def one(self, table: tuple[str, str], column: str) -> bool:
        """Tell whether the values of a column may change."""
        return (table, column) in self.columns


def shown(lines: Sequence[str]) -> tuple[str, ...]:
    """Return as many lines as people read."""
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], *([f"and {more} more"] if more > 0 else ()))
