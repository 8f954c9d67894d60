"""The statement of an index as the server writes it (pg_get_indexdef), under another name or on another table.

In: a statement. Out: the same with other names. Names are read as PostgreSQL quotes them, whatever stands between quotes.
"""

from __future__ import annotations

import re

from wgm_play.sql import Sql, ident
from wgm_play.sqltext.scan import NAME

_HEAD = re.compile(rf"CREATE (?P<unique>UNIQUE )?INDEX (?P<name>{NAME}) ON (?:ONLY )?{NAME}(?:\.{NAME})? USING ")


def under_name(definition: str, name: str) -> str:
    """Return the statement for another name."""
    found = _head(definition)
    return f"{definition[: found.start('name')]}{ident(name)}{definition[found.end('name') :]}"


def on_table(definition: str, name: str, table: tuple[str, ...], words: str = "", concurrently: str = "") -> Sql:
    """Return the statement for another name and table; `words` stand before the table: ONLY."""
    found = _head(definition)
    rest = definition[found.end() - len(" USING ") :]
    return Sql(f"CREATE {found['unique'] or ''}INDEX {concurrently}{ident(name)} ON {words}{ident(table)}{rest}")


def _head(definition: str) -> re.Match[str]:
    found = _HEAD.match(definition)
    assert found is not None  # noqa: S101 - it is what pg_get_indexdef says
    return found
