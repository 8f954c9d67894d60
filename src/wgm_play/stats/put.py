"""Put statistics into a scratch database: sizes into pg_class, what is known of columns into pg_statistic, lengths into files.

In: a superuser's connection, statistics, the server's data folder. Out: the database plans by them; notes of what could not be put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import psycopg

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.stats import scratch_relations
from wgm_play.stats.extended import put_extended
from wgm_play.stats.files import BLOCK
from wgm_play.stats.scratch_relations import ScratchAttribute, ScratchRelation, Type
from wgm_play.stats.values import HASHED

if TYPE_CHECKING:
    from wgm_play.stats.file import StatisticsFile

    Connection = psycopg.Connection[Any]

# Kinds of pg_statistic's slots (source: pg_statistic.h).
_COMMON, _HISTOGRAM, _CORRELATION, _ELEMENTS, _ELEMENT_COUNTS, _RANGE_LENGTHS, _RANGE_BOUNDS = range(1, 8)
_SLOTS = 5
# Statements that are sent together.
BATCH = 500
_TEXT, _FLOAT8 = 25, 701
_TEXT_EQUAL, _FLOAT8_LESS = 98, 672
_DEFAULT_COLLATION = 100
# Of a page, what an index fills; what an entry has beside its values.
_FILLED, _ENTRY = 0.9, 16


@dataclass(frozen=True, slots=True)
class StatisticsSlot:
    """One kind of knowledge of a column."""

    kind: int = 0
    operator: int = 0
    collation: int = 0
    numbers: Sequence[float] | None = None
    values: Sequence[str] | None = None
    type: int = 0

    @property
    def listed_numbers(self) -> str | None:
        """The numbers as the text of an array."""
        return None if self.numbers is None else array_text(map(repr, self.numbers))

    @property
    def listed_values(self) -> str | None:
        """The values as the text of an array."""
        return None if self.values is None else array_text(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class KnownStatistics:
    """A column that the file says something of: where it lies in the scratch database, and what is said."""

    relation: ScratchRelation
    attribute: ScratchAttribute
    said: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.relation.schema}.{self.relation.name}: {self.attribute.expression or self.attribute.name}"


@dataclass(frozen=True, slots=True)
class Length:
    """How many pages a file is to have; how wide the keys of a B-tree are, None for another file."""

    pages: int
    width: int | None = None


@dataclass(slots=True)
class Laid:
    """What was put into a database: the columns that something is known of, the types there, and what to say of it."""

    known: list[KnownStatistics] = field(default_factory=list)
    unknown: list[tuple[ScratchRelation, ScratchAttribute]] = field(default_factory=list)
    tables: dict[int, ScratchRelation] = field(default_factory=dict)
    indexes: dict[int, list[ScratchRelation]] = field(default_factory=dict)
    types: dict[int, Type] = field(default_factory=dict)
    parents: dict[int, list[int]] = field(default_factory=dict)
    extended: list[tuple[int, str, tuple[str, ...], bool]] = field(default_factory=list)
    lengths: dict[str, Length] = field(default_factory=dict)
    waiting: list[tuple[str, KnownStatistics | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def array_text(texts: Iterable[str]) -> str:
    """Return texts as the text of an array (manual: "Array Input and Output Syntax")."""
    return "{" + ",".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in texts) + "}"


def put(connection: Connection, statistics: StatisticsFile) -> Laid:
    """Put all statistics into the database behind `connection`; `Laid.lengths` is how long its files are to be."""
    found = scratch_relations.relations(connection)
    result = Laid(tables={one.oid: one for one in found if one.table is None})
    for one in found:
        if one.table is not None:
            result.indexes.setdefault(one.table, []).append(one)
    result.types = scratch_relations.types(connection, (each.type for one in found for each in one.attributes))
    for child, parent in connection.execute(render("stats/parents.sql.j2").sql).fetchall():
        result.parents.setdefault(child, []).append(parent)
    connection.execute(render("stats/system.sql.j2").sql)
    with connection.transaction():
        for table in result.tables.values():
            said = statistics.find(table.schema, table.name)
            if said is None:
                continue
            _table(connection.info.server_version, table, said, statistics, result)
            if len(result.waiting) >= BATCH:
                _send(connection, result)
        _send(connection, result)
        result.extended = list(put_extended(connection, statistics, result.tables))
    return result


def _send(connection: Connection, result: Laid) -> None:
    """Send the statements that wait: each by itself would wait for the server each time."""
    try:
        with connection.transaction():
            connection.execute(";\n".join(text for text, _ in result.waiting).encode(), prepare=False)
    except psycopg.Error:
        for text, known in result.waiting:
            _send_one(connection, text, known, result)
    result.waiting.clear()


def _send_one(connection: Connection, text: str, known: KnownStatistics | None, result: Laid) -> None:
    """Send one statement; what a column's type refuses is of another type than the column has here."""
    try:
        with connection.transaction():
            connection.execute(text.encode(), prepare=False)
    except psycopg.Error:
        if known is None:
            raise
        result.known.remove(known)
        result.unknown.append((known.relation, known.attribute))
        result.notes.append(f"the statistics of {known.label} do not fit its type: they are left out")


def _table(
    version: int, table: ScratchRelation, said: Mapping[str, Any], statistics: StatisticsFile, result: Laid
) -> None:
    _size(version, table, said, result)
    by_name = {one.name: one for one in table.attributes}
    hashed = statistics.values == HASHED
    known = [
        KnownStatistics(table, by_name[one["name"]], _undigested(one, hashed))
        for one in said["columns"]
        if one["name"] in by_name
    ]
    result.unknown += [(table, by_name[name]) for name in said.get("hidden", ()) if name in by_name]
    indexes = {(one["schema"], one["name"]): one for one in said["indexes"]}
    for index in result.indexes.get(table.oid, ()):
        width = _width(index, table, said) if index.method == "btree" else None
        own = next((indexes[name] for name in statistics.named(index.schema, index.name) if name in indexes), None)
        if own is None:
            _size(version, index, _guessed(index, table, said), result, width)
            result.notes.append(f"the index {index.schema}.{index.name} is not there: its size is guessed")
            continue
        _size(version, index, own, result, width)
        numbered = {one.number: one for one in index.attributes}
        known += [
            KnownStatistics(index, numbered[one["number"]], _undigested(one, hashed))
            for one in own["columns"]
            if one["number"] in numbered
        ]
        if own.get("hidden"):
            result.unknown += [(index, one) for one in index.attributes if one.expression is not None]
    result.waiting += [(_inserting(one, one.said, result.types), one) for one in known]
    result.known += known


def _undigested(said: Mapping[str, Any], hashed: bool) -> Mapping[str, Any]:
    """Return what is said of a column with digests called so: they are no values of its type."""
    if not hashed:
        return said
    made = dict(said)
    for name in ("common", "elements"):
        if name in made:
            made[name] = {{"values": "digests"}.get(key, key): value for key, value in made[name].items()}
    return made


def _width(index: ScratchRelation, table: ScratchRelation, said: Mapping[str, Any]) -> int:
    """Return how wide the entries of an index are, in bytes."""
    widths = {one["name"]: one["avg_width"] for one in said["columns"]}
    names = {one.number: one.name for one in table.attributes}
    return sum(widths.get(names.get(number, ""), 8) for number in index.key)


def _guessed(index: ScratchRelation, table: ScratchRelation, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the size that an index would have: an entry for each row of the table."""
    rows, width = said.get("rows", 0), _width(index, table, said)
    pages = 1 if index.method == "brin" else int(rows * (width + _ENTRY) / (BLOCK * _FILLED)) + 1
    return {"rows": rows, "pages": pages, "visible": 0}


def _size(
    version: int, relation: ScratchRelation, said: Mapping[str, Any], result: Laid, width: int | None = None
) -> None:
    pages = said.get("pages", 0)
    statement = render(
        "stats/size.sql.j2",
        oid=relation.oid,
        pages=pages,
        rows=said.get("rows", -1.0),
        visible=said.get("visible", 0),
        frozen=said.get("frozen", 0),
        version=version,
    )
    result.waiting.append((statement.sql, None))
    if relation.file is not None and (blocks := said.get("blocks", pages)):
        result.lengths[relation.file] = Length(blocks, width)


def write(
    connection: Connection, known: KnownStatistics, types: Mapping[int, Type], said: Mapping[str, Any] | None = None
) -> None:
    """Write what is known of a column; with `said` something else is supposed of it."""
    forgetting = render("stats/forget.sql.j2", **_place(known)).sql
    inserting = _inserting(known, known.said if said is None else said, types)
    connection.execute(f"{forgetting};\n{inserting}".encode(), prepare=False)


def _place(known: KnownStatistics) -> dict[str, Any]:
    inherited = bool(known.said.get("inherited"))
    return {"relation": known.relation.oid, "number": known.attribute.number, "inherited": inherited}


def _inserting(known: KnownStatistics, said: Mapping[str, Any], types: Mapping[int, Type]) -> str:
    slots = list(_slots(known.attribute, said, types))[:_SLOTS]
    return render(
        "stats/put.sql.j2",
        **_place(known),
        null_frac=said["null_frac"],
        width=said["avg_width"],
        distinct=said["n_distinct"],
        slots=[*slots, *[StatisticsSlot()] * (_SLOTS - len(slots))],
    ).sql


def _slots(attribute: ScratchAttribute, said: Mapping[str, Any], types: Mapping[int, Type]) -> Iterator[StatisticsSlot]:
    kind = types[attribute.type]
    own: dict[str, Any] = {"type": attribute.type, "collation": attribute.collation}
    if (common := said.get("common")) is not None and kind.equal:
        # Without values the planner knows how often the common ones are, and takes none for them.
        yield StatisticsSlot(_COMMON, kind.equal, numbers=common["frequencies"], values=common.get("values", []), **own)
    if said.get("histogram") is not None and kind.lower:
        yield StatisticsSlot(_HISTOGRAM, kind.lower, values=said["histogram"], **own)
    if "correlation" in said and kind.lower:
        yield StatisticsSlot(_CORRELATION, kind.lower, attribute.collation, numbers=[said["correlation"]])
    yield from _of_elements(attribute, said, kind, types)
    yield from _of_ranges(said, kind)


def _of_elements(
    attribute: ScratchAttribute, said: Mapping[str, Any], kind: Type, types: Mapping[int, Type]
) -> Iterator[StatisticsSlot]:
    elements = said.get("elements")
    if elements is None:
        return
    words = kind.name == "tsvector"
    element = _TEXT if words else kind.element
    equal = _TEXT_EQUAL if words else types[element].equal if element in types else 0
    collation = _DEFAULT_COLLATION if words else attribute.collation
    if not equal:
        return
    yield StatisticsSlot(
        _ELEMENTS, equal, collation, numbers=elements["frequencies"], values=elements.get("values", []), type=element
    )
    if said.get("element_counts") is not None:
        yield StatisticsSlot(_ELEMENT_COUNTS, equal, collation, numbers=said["element_counts"])


def _of_ranges(said: Mapping[str, Any], kind: Type) -> Iterator[StatisticsSlot]:
    if said.get("range_bounds") is not None:
        yield StatisticsSlot(_RANGE_BOUNDS, values=said["range_bounds"], type=kind.range)
    if said.get("range_lengths") is not None:
        yield StatisticsSlot(
            _RANGE_LENGTHS,
            _FLOAT8_LESS,
            numbers=[said.get("range_empty", 0.0)],
            values=said["range_lengths"],
            type=_FLOAT8,
        )
