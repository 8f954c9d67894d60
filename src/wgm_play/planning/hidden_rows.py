"""Tables whose rows row level security may hide from the role that looks at them.

In: a connection. Out: these tables, and what is said of one of them. PostgreSQL itself sees all rows when it checks a
constraint or rewrites a table, but where it adds a foreign key between tables of a role, it looks as this role.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import ident

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class HiddenRows:
    """The live tables of which the connected role may see a part only; `own` are those among them that it owns."""

    tables: frozenset[Key]
    own: frozenset[Key]
    role: str

    @classmethod
    def read(cls, connection: psycopg.Connection[Any]) -> HiddenRows:
        """Ask the server."""
        rows = connection.execute(render("checks/hidden_tables.sql.j2").sql.encode()).fetchall()
        found = {Key("table", (schema, name)): bool(own) for schema, name, _, own in rows}
        role = next((str(role) for _, _, role, _ in rows), "")
        return cls(frozenset(found), frozenset(key for key, own in found.items() if own), role)

    @property
    def advice(self) -> str:
        """What lets the role see all rows."""
        return f"let an administrator run ALTER ROLE {ident(self.role)} BYPASSRLS, or run as a role that sees all rows"

    def told(self, looked_at: Iterable[Key]) -> list[str]:
        """Return one line for each of the tables looked at that may hide rows."""
        return [
            f"rows of {table} may be hidden from this role by row level security: {self.advice}"
            for table in sorted(self.tables.intersection(looked_at))
        ]
