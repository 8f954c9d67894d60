"""The columns that a table may have, dropped ones included: 1600 (manual: "PostgreSQL Limits").

In: a plan's groups, a connection to the target. Out: `Refused` where the plan would run against the limit half-way: the
shadow has no dropped columns, so it cannot tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wgm_play.errors import Refused
from wgm_play.plan import Group
from wgm_play.render import render
from wgm_play.sqltext.scan import NAME

if TYPE_CHECKING:
    import psycopg

MOST = 1600
_ADDS = re.compile(rf"ALTER TABLE ({NAME}(?:\.{NAME})*) ADD COLUMN ")


def refuse(connection: psycopg.Connection[Any], groups: Iterable[Group]) -> None:
    """Raise `Refused` where a table cannot take as many new columns, helpers of online forms among them."""
    added = Counter(
        found.group(1)
        for group in groups
        for operation in group.operations
        for command in operation.commands
        if (found := _ADDS.match(command.sql))
    )
    if not added:
        return
    sql = render("checks/column_numbers.sql.j2", tables=list(added)).sql
    for name, used, dropped in connection.execute(sql.encode()).fetchall():
        if used + added[name] > MOST:
            raise Refused(
                f"{name} has used {used} of {MOST} columns, {dropped} of them dropped, and the plan adds {added[name]} (C17)",
                hint=f"`VACUUM FULL {name}` does not free them; make a new table, copy the rows, and rename both",
            )
