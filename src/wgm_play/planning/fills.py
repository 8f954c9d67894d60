"""Tables whose rows a plan fills, tried where there are no rows: a publication without an identity forbids every UPDATE.

In: the statements of a plan, the published tables. Out: the statement that meets the same refusal and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from wgm_play.catalog.model import Catalog, Key
from wgm_play.plan import Operation
from wgm_play.render import render
from wgm_play.sql import unquoted
from wgm_play.sqltext.scan import NAME

# What our templates send to fill a column.
_FILL = re.compile(rf"UPDATE (?:ONLY )?(?P<schema>{NAME})\.(?P<table>{NAME})\s+SET (?P<column>{NAME}) = ")


def filled(live: Catalog, statements: Iterable[str]) -> set[Key]:
    """Return the tables that statements fill, where tables are published: children of theirs may be."""
    found = {Key("table", table) for sql in statements if (table := _table(sql)) is not None}
    return found & live.rows.keys() if live.of("publication_table") else set()


def of_no_row(sql: str, tables: Collection[Key], operation: Operation) -> tuple[str, ...]:
    """Return the statements to try in place of one that fills one of these tables."""
    match, table = _FILL.match(sql), _table(sql)
    if match is None or table is None or Key("table", table) not in tables:
        return ()
    tried = render("shadow/fill_no_row.sql.j2", table=table, column=unquoted(match["column"])).sql
    if not operation.payload.get("backfill", {}).get("path"):
        return (tried,)
    return "SET search_path TO DEFAULT", tried, render("shadow/search_path.sql.j2", path="").sql


def _table(sql: str) -> tuple[str, str] | None:
    match = _FILL.match(sql)
    return (unquoted(match["schema"]), unquoted(match["table"])) if match is not None else None
