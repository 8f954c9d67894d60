"""Frozen databases: where somebody made transactions read only by default, nothing is overridden.

In: a connection of ours. Out: `FrozenDatabase`, which says who did it and what lifts it, or None; `IsFrozen` for a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.errors import Position, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import quoted

if TYPE_CHECKING:
    from psycopg import Connection

SETTING = "default_transaction_read_only"


class IsFrozen(Refused):
    """The database is frozen: nothing was touched."""


@dataclass(frozen=True, slots=True)
class FrozenDatabase:
    """Where `default_transaction_read_only = on` comes from: pg_settings' `source`, and what takes it back."""

    database: str
    by: str
    lift: str

    def __str__(self) -> str:
        return f"the database {self.database!r} is frozen: {SETTING} = on, set by {self.by}"

    def refusal(self, where: Position | None = None) -> IsFrozen:
        """Return the error for a change of it."""
        hint = f"it is not overridden; once whoever froze it agrees: {self.lift}"
        return IsFrozen(f"{self}; nothing was touched", where=where, hint=hint)


def frozen(connection: Connection[Any]) -> FrozenDatabase | None:
    """Return by whom the database is frozen for this session's role, None where it is not."""
    row = connection.execute(render("server/frozen.sql.j2").sql).fetchone()
    if row is None:
        return None
    source, file, database, role = row
    return FrozenDatabase(database, *_said(source, file, quoted(database), quoted(role)))


def _said(source: str, file: str | None, database: str, role: str) -> tuple[str, str]:
    of = {
        "database": f"DATABASE {database}",
        "user": f"ROLE {role}",
        "global": "ROLE ALL",
        "database user": f"ROLE {role} IN DATABASE {database}",
    }.get(source)
    if of is not None:
        return f"ALTER {of} (pg_db_role_setting)", f"ALTER {of} RESET {SETTING}"
    if source == "client":
        return "the options of the connection", f"take {SETTING} out of the URL's options, or of PGOPTIONS"
    system = f"ALTER SYSTEM RESET {SETTING}; SELECT pg_reload_conf()"
    if file is not None and not file.endswith("postgresql.auto.conf"):
        return file, f"take it out of {file}, then SELECT pg_reload_conf()"
    if file is not None:
        return "ALTER SYSTEM (postgresql.auto.conf)", system
    return f"the {source} (postgresql.conf, or ALTER SYSTEM in postgresql.auto.conf)", system
