"""A file of statistics: read, held to its schema, and what it says of tables.

In: a path. Out: `StatisticsFile`. What is wrong with the file is an `InputError`; what is odd about it is told by `remarks`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import TableSize
from wgm_play.quantities import counted, format_duration
from wgm_play.stats.read import FORMAT, VERSION
from wgm_play.stats.values import FULL, hidden_name

AGAIN = "wgm-play stats PLAYBOOK --output"
# Tables grow: what is older than that is said.
OLD = timedelta(days=30)


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("stats.schema.json").read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class StatisticsFile:
    """What a file of statistics says. `shown` is how messages call the file."""

    document: Mapping[str, Any]
    shown: str
    _by_name: dict[tuple[str, str], Mapping[str, Any]] = field(
        init=False, compare=False, repr=False, default_factory=dict
    )

    @property
    def taken(self) -> datetime:
        """When they were taken."""
        return datetime.fromisoformat(self.document["taken"])

    @property
    def server_version(self) -> int:
        """The version of the server that they are of, as 150004."""
        version: int = self.document["server"]["version"]
        return version

    @property
    def values(self) -> str:
        """What is told of values: none, hashed or full."""
        told: str = self.document["values"]
        return told

    @property
    def tables(self) -> list[Mapping[str, Any]]:
        """The tables, with their columns and indexes."""
        found: list[Mapping[str, Any]] = self.document["tables"]
        return found

    def named(self, schema: str, name: str) -> tuple[tuple[str, str], ...]:
        """Return the names under which a relation may stand in the file."""
        plain = (schema, name)
        if self.values == FULL:
            return (plain,)
        return (plain, (schema, hidden_name(self.document.get("salt", ""), schema, name)))

    def find(self, schema: str, name: str) -> Mapping[str, Any] | None:
        """Return what is said of a table."""
        if not self._by_name:
            self._by_name.update({(one["schema"], one["name"]): one for one in self.tables})
        names = self.named(schema, name)
        return next((self._by_name[one] for one in names if one in self._by_name), None)

    def hold_to(self, tables: Iterable[tuple[str, ...]]) -> None:
        """Raise `InputError` where none of the tables is in the file: then it is of another database."""
        if said := self.foreign(tables):
            raise InputError(said, hint=f"{AGAIN} {self.shown}, with the playbook of this database")

    def foreign(self, tables: Iterable[tuple[str, ...]]) -> str:
        """Return what to say where none of the tables is in the file; nothing where one is."""
        named = [(name[0], name[1]) for name in tables]
        if not named or not self.tables or any(self.find(*name) for name in named):
            return ""
        whose = f"{self.document['database']!r} ({self.document['environment']})"
        return f"{self.shown} is of another database: {whose} has none of the {counted(len(named), 'table')} here"

    def sizes(self) -> dict[tuple[str, str], TableSize]:
        """Return rows and bytes of each table by schema and name; a partitioned table has those of its partitions."""
        found: dict[tuple[str, str], TableSize] = {}
        above = {(one["schema"], one["name"]): tuple(one["parent"]) for one in self.tables if "parent" in one}
        for one in self.tables:
            name: tuple[str, ...] | None = (one["schema"], one["name"])
            while name is not None:
                was = found.get((name[0], name[1]), TableSize())
                whole = one["kind"] == "partitioned table"  # its own row counts those of its partitions
                rows, held = 0 if whole else one.get("rows", 0), one.get("bytes", 0)
                found[name[0], name[1]] = TableSize(was.rows + rows, was.bytes + held)
                name = above.get((name[0], name[1]))
        return found

    def about(self) -> str:
        """Return one line: whose they are, and of when."""
        return f"statistics of {self.document['environment']} ({self.document['database']}), {self.taken:%Y-%m-%d %H:%M} UTC"

    def remarks(
        self, *, environment: str | None = None, database: str | None = None, now: datetime | None = None
    ) -> Iterator[str]:
        """Yield what is odd: another environment's or database's statistics, old ones."""
        for what, wanted in (("environment", environment), ("database", database)):
            if wanted is not None and self.document[what] != wanted:
                yield f"{self.shown} is of the {what} {self.document[what]!r}, not of {wanted!r}"
        age = (now or datetime.now(UTC)) - self.taken
        if age > OLD:
            yield f"{self.shown} is {format_duration(age.total_seconds())} old: {AGAIN} {self.shown} takes them anew"


def load(path: str | Path, where: Position | None = None) -> StatisticsFile:
    """Read a file. Raise `InputError` for what `wgm-play stats` did not write."""
    shown = str(path)
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{shown!r}: {error.strerror}", where=where, hint=f"{AGAIN} {shown}") from error
    except ValueError as error:
        raise InputError(f"{shown!r} is no JSON: {error}", where=Position(shown), hint=f"{AGAIN} {shown}") from error
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise InputError(f"{shown!r} holds no statistics", where=where, hint=f"{AGAIN} {shown}")
    if document.get("version") != VERSION:
        raise InputError(
            f"{shown!r} has version {document.get('version')!r} of the format, this program reads {VERSION}",
            where=where,
            hint=f"{AGAIN} {shown}, with the program that reads it",
        )
    _hold(document, shown)
    return StatisticsFile(document, shown)


def _hold(document: Mapping[str, Any], shown: str) -> None:
    """Hold a document to the schema. Raise `InputError` at the first thing that is otherwise."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(schema()).iter_errors(document)), None)
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise InputError(f"{shown!r}: {place}: {error.message[:200]}", where=Position(shown), hint=f"{AGAIN} {shown}")
    try:
        moment = datetime.fromisoformat(document["taken"])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(
            f"{shown!r}: taken is no time with an offset from UTC", where=Position(shown), hint=f"{AGAIN} {shown}"
        )
