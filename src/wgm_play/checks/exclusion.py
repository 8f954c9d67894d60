"""Rows that an exclusion constraint forbids to stand beside one another.

In: a FROM item, the parsed constraint. Out: the SELECT of the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wgm_play.render import Statement, render
from wgm_play.sql import Sql, ident

# More rows are compared each with each only where one of the operators is an equality.
_MOST_ROWS = 20_000


def element(one: Any) -> Sql:
    """Return a column or an expression of an index as it is compared: under the collation of the index."""
    from pglast.stream import RawStream

    made = str(ident(str(one.name))) if one.name else f"({RawStream()(one.expr)})"
    if one.collation:
        made += f" COLLATE {ident(tuple(str(part.sval) for part in one.collation))}"
    return Sql(made)


def may_compare(node: Any, rows: float) -> bool:
    """Tell whether the rows of a table can be compared in a time that somebody waits for."""
    return rows <= _MOST_ROWS or any(operator[-1].sval == "=" for _, operator in node.exclusions)


def rows_in_conflict(relation: Sql, node: Any, key_columns: Sequence[str], limit: int | None) -> Statement:
    """Build the SELECT of the pairs of rows that an exclusion constraint forbids."""
    from pglast.stream import RawStream

    computed = [Sql(f"{ident(name)} AS wgm_key_{number}") for number, name in enumerate(key_columns)]
    shown = [Sql(f"wgm_one.wgm_key_{number} AS {ident(name)}") for number, name in enumerate(key_columns)]
    shown += [Sql(f"wgm_other.wgm_key_{number} AS {ident('other ' + name)}") for number, name in enumerate(key_columns)]
    pairs = []
    for number, (one, operator) in enumerate(node.exclusions):
        sign = ".".join((*(str(ident(part.sval)) for part in operator[:-1]), operator[-1].sval))
        name = f"wgm_element_{number}"
        computed.append(Sql(f"{element(one)} AS {name}"))
        pairs.append(Sql(f"wgm_one.{name} OPERATOR({sign}) wgm_other.{name}"))
        if not key_columns:
            shown.append(Sql(f"wgm_one.{name}"))
    where = Sql(f"({RawStream()(node.where_clause)})") if node.where_clause else None
    return render(
        "checks/breaking_exclusion.sql.j2",
        relation=relation,
        where=where,
        limit=limit,
        computed=computed,
        shown=shown,
        pairs=pairs,
    )
