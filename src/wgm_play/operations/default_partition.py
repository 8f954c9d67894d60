"""Rows of a default partition that belong to a partition which is made beside it: PostgreSQL refuses to make it then.

In: the bound and the partition key as the catalog has them. Out: the condition that is true of rows within the bound.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.graph import children
from wgm_play.catalog.model import Catalog, Key
from wgm_play.sql import Sql, ident


def default_beside(current: Catalog, parent: Key) -> Key | None:
    """Return the live default partition of a table."""
    return next((key for key in children(current).get(parent, ()) if current.value(key, "bound") == "DEFAULT"), None)


def made_beside(current: Catalog, wanted: Catalog) -> list[tuple[Key, Key, Sql]]:
    """Return (default partition, new partition, the condition of the rows that belong to the new one)."""
    found: list[tuple[Key, Key, Sql]] = []
    for key in wanted.of("table"):
        row = wanted[key]
        if key in current.rows or row.bound is None or row.bound == "DEFAULT":
            continue
        parent = Key("table", tuple(row.parents[0]))
        if parent not in current.rows:
            continue
        default = default_beside(current, parent)
        condition = within(str(current[parent].partition_by), str(row.bound)) if default else None
        if default and condition:
            found.append((default, key, condition))
    return found


def within(partition_by: str, bound: str) -> Sql | None:
    """Return the condition of the rows that a bound takes (manual: CREATE TABLE); None for one by hash."""
    from pglast import parse_sql
    from pglast.stream import RawStream

    made: Any = parse_sql(f"CREATE TABLE t PARTITION OF p {bound} PARTITION BY {partition_by}")[0].stmt
    keys = [f"({RawStream()(one.expr)})" if one.expr else str(ident(str(one.name))) for one in made.partspec.partParams]
    said = made.partbound
    if said.listdatums:
        return Sql(_in_list(keys[0], [RawStream()(one) for one in said.listdatums]))
    if not said.lowerdatums:
        return None
    lower, upper = ([_Datum(one) for one in datums] for datums in (said.lowerdatums, said.upperdatums))
    filled = [f"{key} IS NOT NULL" for key in keys if len(keys) > 1]
    return Sql(
        " AND ".join([*filled, *_beyond(keys, lower, ">="), *_beyond(keys, upper, "<")]) or f"{keys[0]} IS NOT NULL"
    )


class _Datum:
    """One value of a bound: SQL, or the end of all values (-1, 1)."""

    def __init__(self, node: Any) -> None:
        from pglast.stream import RawStream

        named = node.fields[0].sval.lower() if type(node).__name__ == "ColumnRef" else ""
        self.end = {"minvalue": -1, "maxvalue": 1}.get(named, 0)
        self.sql = "" if self.end else RawStream()(node)


def _in_list(key: str, values: list[str]) -> str:
    real = [value for value in values if value.upper() != "NULL"]
    parts = [f"{key} IN ({', '.join(real)})"] if real else []
    return " OR ".join([*parts, *([f"{key} IS NULL"] if len(real) < len(values) else [])])


def _beyond(keys: list[str], datums: list[_Datum], strict: str) -> list[str]:
    """Return the comparison with one bound: values behind MINVALUE or MAXVALUE do not count."""
    number = next((place for place, one in enumerate(datums) if one.end), len(datums))
    if not number:
        return []
    sign = strict
    if number < len(datums):
        above = datums[number].end > 0
        sign = (">" if above else ">=") if strict == ">=" else ("<=" if above else "<")
    values = [one.sql for one in datums[:number]]
    if number == 1:
        return [f"{keys[0]} {sign} {values[0]}"]
    return [f"({', '.join(keys[:number])}) {sign} ({', '.join(values)})"]
