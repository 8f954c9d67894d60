"""Extended statistics: what is known of several columns together, put into a scratch database.

In: what the file says of them. Out: rows of pg_statistic_ext_data; those that cannot be put there are named. Values that are common
together, and what is known of expressions, are not put there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.render import render
from wgm_play.sql import Sql

if TYPE_CHECKING:
    import psycopg

    from wgm_play.stats.file import StatisticsFile
    from wgm_play.stats.scratch_relations import ScratchRelation

    Connection = psycopg.Connection[Any]

# The first numbers of both (source: statistics.h), and the version that follows.
_NDISTINCT, _DEPENDENCIES, _VERSION = 0xA352BFA4, 0xB4549A2C, 1
_TYPES = ("pg_catalog.pg_ndistinct", "pg_catalog.pg_dependencies")
COMMON = "m"


def put_extended(
    connection: Connection, statistics: StatisticsFile, tables: Mapping[int, ScratchRelation]
) -> Iterator[tuple[int, str, tuple[str, ...], bool]]:
    """Put extended statistics into a database; yield what is lacking: table, name, columns, whether it is common values alone."""
    rows = connection.execute(render("stats/extended_there.sql.j2").sql).fetchall()
    there = {(schema, name): (oid, table) for oid, schema, name, table in rows}
    said = [
        (tables[number], oid, f"{schema}.{name}", one)
        for table in statistics.tables
        for one in table.get("extended", ())
        for schema, name in _found(statistics, one, there)
        for oid, number in [there[schema, name]]
        if number in tables
    ]
    if not said:
        return
    for kind in _TYPES:
        connection.execute(render("stats/make_cast.sql.j2", type=Sql(kind)).sql)
    try:
        for table, oid, name, one in said:
            yield from _put(connection, table, oid, name, one)
    finally:
        for kind in _TYPES:
            connection.execute(render("stats/drop_cast.sql.j2", type=Sql(kind)).sql)


def _found(
    statistics: StatisticsFile, one: Mapping[str, Any], there: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    wanted = (one["schema"], one["name"])
    return [name for name in there if wanted in statistics.named(*name)][:1]


def _put(
    connection: Connection, table: ScratchRelation, oid: int, name: str, said: Mapping[str, Any]
) -> Iterator[tuple[int, str, tuple[str, ...], bool]]:
    numbers = {one.name: one.number for one in table.attributes}
    kinds = set(said["kinds"])
    lacking = {kind for kind, key in (("d", "ndistinct"), ("f", "dependencies")) if kind in kinds and key not in said}
    if said.get("expressions") or any(column not in numbers for column in said["columns"]):
        yield table.oid, name, tuple(said["columns"]), False
        return
    inherited = bool(said.get("inherited"))
    version = connection.info.server_version
    values: dict[str, Any] = {"ndistinct": _ndistinct(said, numbers), "dependencies": _dependencies(said, numbers)}
    for template in ("forget_extended", "put_extended"):
        statement = render(f"stats/{template}.sql.j2", oid=oid, inherited=inherited, version=version, **values)
        connection.execute(statement.sql.encode())
    if lacking or COMMON in kinds:
        yield table.oid, name, tuple(said["columns"]), not lacking


def _ndistinct(said: Mapping[str, Any], numbers: Mapping[str, int]) -> str | None:
    if "ndistinct" not in said:
        return None
    items = said["ndistinct"]
    made = struct.pack("<III", _NDISTINCT, _VERSION, len(items))
    for one in items:
        found = _numbers(one["columns"], numbers)
        made += struct.pack("<di", one["n_distinct"], len(found)) + struct.pack(f"<{len(found)}h", *found)
    return made.hex()


def _dependencies(said: Mapping[str, Any], numbers: Mapping[str, int]) -> str | None:
    if "dependencies" not in said:
        return None
    items = said["dependencies"]
    made = struct.pack("<III", _DEPENDENCIES, _VERSION, len(items))
    for one in items:
        found = [*_numbers(one["columns"], numbers), numbers[one["on"]]]
        made += struct.pack("<dh", one["degree"], len(found)) + struct.pack(f"<{len(found)}h", *found)
    return made.hex()


def _numbers(columns: Sequence[str], numbers: Mapping[str, int]) -> list[int]:
    return sorted(numbers[one] for one in columns)
