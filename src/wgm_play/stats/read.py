"""Read what the planner and a reviewer need of a database: sizes, traffic, planner statistics, settings, speed.

In: a connection of a role that may only read. Out: the document as `stats.schema.json` beside this file describes it. Where
values are left out, none of any row is in it.
"""

from __future__ import annotations

import ast
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wgm_play import __version__
from wgm_play.render import render
from wgm_play.stats.files import BLOCK
from wgm_play.stats.values import FULL, NONE, ValueDisclosure, tells_value

if TYPE_CHECKING:
    from psycopg import Connection

    Row = Mapping[str, Any]

FORMAT, VERSION = "wgm-play stats", 1
# The least of so many tries is how fast a server computes: the others waited for somebody.
_TRIES = 3
# What nobody but its owner is shown of an index.
_EXPRESSIONS = (
    "the statistics of an index's expressions are shown to the table's owner, and to members of pg_read_all_data"
)
_RANGES = "before PostgreSQL 17 what the planner knows of ranges is shown to nobody"
_LOCKED = "somebody holds a table for himself; their lengths are those that VACUUM noted"
_STANDBY = "this is a standby: it counts its own reading alone, and no writing; take the statistics of the primary"


def read(connection: Connection[Any], environment: str, values: str = NONE) -> dict[str, Any]:
    """Return the document. `values` is one of `values.LEVELS`."""
    told = ValueDisclosure(values, secrets.token_hex(8) if values != FULL else "")
    blocks = _blocks(connection)
    with connection.transaction(force_rollback=True):
        connection.execute(render("stats/begin.sql.j2").sql)
        found = {name: _rows(connection, name) for name in ("server", "settings", "relations", "columns", "extended")}
    (server,) = found["server"]
    for row in found["relations"]:
        row["blocks"] = (blocks or {}).get(row["oid"])
        if connection.info.server_version < 170000:
            row["hidden"] = list(dict.fromkeys((*(row["hidden"] or ()), *(row["ranges"] or ()))))
    unseen = [{"what": "lengths of files", "why": _LOCKED}] if blocks is None else []
    unseen += list(_unseen(found["relations"], found["extended"], server, connection.info.server_version))
    return {
        "format": FORMAT,
        "version": VERSION,
        "program": __version__,
        "taken": _time(server["taken"]),
        "environment": environment,
        "database": server["database"],
        "values": values,
        **({"salt": told.salt} if told.salt else {}),
        "server": {
            "version": connection.info.server_version,
            **{name: server[name] for name in ("block_size", "encoding", "collate", "ctype", "standby")},
        },
        "settings": {row["name"]: row["current_setting"] for row in found["settings"]},
        "speed": {
            "compute_seconds": round(_compute(connection), 5),
            "read_bytes_per_second": server["read_bytes_per_second"],
        },
        "wal": {"bytes_per_second": server["wal_bytes_per_second"], "since": _time(server["wal_since"])},
        "counted_since": _time(server["counted_since"]),
        "tables": _tables(found, told, standby=server["standby"]),
        "unseen": unseen,
    }


def _blocks(connection: Connection[Any]) -> dict[int, int] | None:
    """Return how long each file is; None where somebody holds a table for himself."""
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            connection.execute(render("stats/patience.sql.j2").sql)
            return dict(connection.execute(render("stats/blocks.sql.j2").sql).fetchall())
    except psycopg.errors.LockNotAvailable:
        return None


def _rows(connection: Connection[Any], name: str) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    statement = render(f"stats/{name}.sql.j2", version=connection.info.server_version)
    with connection.cursor(row_factory=dict_row) as cursor:
        found: list[dict[str, Any]] = cursor.execute(statement.sql.encode()).fetchall()
    return found


def _compute(connection: Connection[Any]) -> float:
    """Return how long the server takes for a piece of work that reads no table, in seconds."""
    text = render("rehearsal/calibrate.sql.j2").sql
    found = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        connection.execute(text).fetchall()
        found.append(time.perf_counter() - began)
    return min(found)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None


# Tables ---------------------------------------------------------------------------------------------------------

_KINDS = {"r": "table", "p": "partitioned table", "m": "materialized view"}
_TRAFFIC = ("scans", "inserted", "updated", "deleted", "hot", "live", "dead", "changed")


def _tables(found: Mapping[str, list[dict[str, Any]]], told: ValueDisclosure, *, standby: bool) -> list[dict[str, Any]]:
    by_oid = {row["oid"]: row for row in found["relations"]}
    columns: dict[int, list[dict[str, Any]]] = {}
    for row in found["columns"]:
        columns.setdefault(row["relation"], []).append(row)
    extended: dict[int, list[dict[str, Any]]] = {}
    for row in found["extended"]:
        extended.setdefault(row["relation"], []).append(row)
    indexes: dict[int, list[dict[str, Any]]] = {}
    for row in found["relations"]:
        if row["kind"] in "iI":
            indexes.setdefault(row["table_oid"], []).append(row)

    def name(row: Row) -> str:
        return told.name(row["schema"], row["name"], hidden=_hidden(by_oid.get(row["table_oid"]), by_oid))

    made = []
    for row in found["relations"]:
        if row["kind"] not in _KINDS:
            continue
        oid = row["oid"]
        parent = by_oid.get(row["parent"]) if row["parent"] else None
        one = {
            "schema": row["schema"],
            "name": name(row),
            "kind": _KINDS[row["kind"]],
            **({"parent": [parent["schema"], name(parent)]} if parent else {}),
            **_size(row),
            "analyzed": _time(row["analyzed"]),
            "traffic": None if standby else {key: row[key] for key in _TRAFFIC},
            **({"hidden": row["hidden"]} if row["hidden"] else {}),
            "columns": [_column(found, told) for found in columns.get(oid, ())],
            "indexes": sorted(
                (
                    {
                        "schema": index["schema"],
                        "name": name(index),
                        **_size(index),
                        "scans": None if standby else index["index_scans"],
                        **({"hidden": True} if index["expressions"] and not index["readable"] else {}),
                        "columns": [_column(found, told, index=True) for found in columns.get(index["oid"], ())],
                    }
                    for index in indexes.get(oid, ())
                ),
                key=lambda one: (one["schema"], one["name"]),
            ),
            "extended": [_extended(found, told, name, row) for found in extended.get(oid, ())],
        }
        made.append(one)
    return sorted(made, key=lambda one: (one["schema"], one["name"]))


def _hidden(row: Row | None, by_oid: Mapping[int, Row]) -> bool:
    """Tell whether the name of a table, or of one that it is a part of, may be a value of its rows."""
    while row is not None:
        if tells_value(row["name"], row["bound"]):
            return True
        row = by_oid.get(row["parent"]) if row["parent"] else None
    return False


def _size(row: Row) -> dict[str, Any]:
    row = {**row, "bytes": max(row["bytes"] or 0, (row["blocks"] or 0) * BLOCK)} if row["bytes"] is not None else row
    return {key: row[key] for key in ("rows", "pages", "blocks", "visible", "frozen", "bytes") if row[key] is not None}


def _column(row: Row, told: ValueDisclosure, *, index: bool = False) -> dict[str, Any]:
    """Return what the planner knows of a column; an expression of an index has its number instead of a name."""
    made: dict[str, Any] = {"number": row["number"]} if index else {"name": row["name"]}
    if row["inherited"]:
        made["inherited"] = True
    made |= {key: row[key] for key in ("null_frac", "avg_width", "n_distinct")}
    if row["correlation"] is not None:
        made["correlation"] = row["correlation"]
    if row["common_frequencies"] is not None:
        made["common"] = {"frequencies": row["common_frequencies"], **told.listed(row["common_values"])}
    made |= told.ordered(row["histogram"], "histogram")
    if row["element_frequencies"] is not None:
        made["elements"] = {"frequencies": row["element_frequencies"], **told.listed(row["element_values"])}
    if row["element_counts"] is not None:
        made["element_counts"] = row["element_counts"]
    if row["range_empty"] is not None:
        made["range_empty"] = row["range_empty"]
    made |= told.ordered(row["range_lengths"], "range_lengths")
    made |= told.ordered(row["range_bounds"], "range_bounds")
    return made


def _extended(row: Row, told: ValueDisclosure, name: Any, table: Row) -> dict[str, Any]:
    """Return what extended statistics say, by the names of columns; values that are common together are left out."""
    names = dict(zip(row["numbers"], row["columns"], strict=False))
    own = name({"schema": row["schema"], "name": row["name"], "table_oid": table["oid"]})
    made: dict[str, Any] = {"schema": row["schema"], "name": own, "columns": row["columns"], "kinds": row["kinds"]}
    if row["inherited"]:
        made["inherited"] = True
    if row["expressions"]:
        made["expressions"] = True
    if row["ndistinct"] is not None:
        made["ndistinct"] = [
            {"columns": _named(key, names), "n_distinct": value}
            for key, value in ast.literal_eval(row["ndistinct"]).items()
        ]
    if row["dependencies"] is not None:
        made["dependencies"] = [
            {
                "columns": _named(key.partition(" => ")[0], names),
                "on": _named(key.partition(" => ")[2], names)[0],
                "degree": value,
            }
            for key, value in ast.literal_eval(row["dependencies"]).items()
        ]
    if row["common_frequencies"] is not None:
        made["common_frequencies"] = row["common_frequencies"]
    return made


def _named(numbers: str, names: Mapping[int, str]) -> list[str | int]:
    """Return columns by name; what has none is an expression, by its number, which is negative."""
    return [names.get(int(number), int(number)) for number in numbers.split(", ")]


# What is not seen -----------------------------------------------------------------------------------------------


def _unseen(relations: Iterable[Row], extended: Iterable[Row], server: Row, version: int) -> Iterator[dict[str, str]]:
    """Yield what this role is not shown, and why."""
    if server["standby"]:
        yield {"what": "traffic", "why": _STANDBY}
    by_oid = {row["oid"]: row for row in relations}
    for row in by_oid.values():
        label = f"{row['schema']}.{row['name']}"
        if _hidden(by_oid.get(row["table_oid"]), by_oid):
            label = f"a partition of {_above(row, by_oid)}"
        if row["kind"] in _KINDS and row["policies"]:
            yield {"what": f"columns of {label}", "why": "row security holds for this role"}
        elif hidden := [one for one in row["hidden"] or () if version >= 170000 or one not in (row["ranges"] or ())]:
            yield {"what": f"columns of {label}: {', '.join(hidden)}", "why": "this role has no SELECT on them"}
        elif row["expressions"] and not row["readable"]:
            yield {"what": f"expressions of index {label}", "why": _EXPRESSIONS}
        if row["ranges"] and version < 170000:
            yield {"what": f"ranges of {label}: {', '.join(row['ranges'])}", "why": _RANGES}
    for row in extended:
        if not row["seen"]:
            yield {
                "what": f"extended statistics {row['schema']}.{row['name']}",
                "why": "not gathered yet (ANALYZE), or this role may not read all of its columns",
            }


def _above(row: Row, by_oid: Mapping[int, Row]) -> str:
    """Return the name of the first table above a partition whose name is told."""
    found = by_oid.get(row["table_oid"])
    while found is not None and _hidden(found, by_oid):
        found = by_oid.get(found["parent"]) if found["parent"] else None
    return f"{found['schema']}.{found['name']}" if found is not None else "a table"
