"""Whose a backup is: one database of one server, marked with one environment.

In: a connection to the database, a backup. Out: `Identity`; why a backup is another's.
"""

from __future__ import annotations

from typing import Any

from wgm_play.backup.base import Backup
from wgm_play.backup.target import timeline_of
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render

RESTORED = "-restored-"


@dataclass(frozen=True, slots=True)
class Identity:
    """A database: its server's system identifier, its name, what it is marked with ("" where it is not marked).

    A copy of a server's files has the same identifier and names; its marker is what tells it from the original, and the
    timeline that it is on.
    """

    system: str
    database: str
    marker: str = ""
    timeline: int = 1


def of(connection: Any) -> Identity:
    """Return the identity of the connected database."""
    from wgm_play.ledger import Ledger

    marker = Ledger(connection).marker() or ""
    return Identity(system_of(connection), connection.info.dbname, marker, timeline_of(connection))


def system_of(connection: Any) -> str:
    """Return the system identifier of the connected server; its address where the role may not ask for it."""
    import psycopg

    try:
        # A transaction of the caller's, or one of its own, stays usable when the question is refused.
        with connection.transaction():
            row = connection.execute(render("backup/system.sql.j2").sql).fetchone()
            return str(row[0])
    except psycopg.errors.InsufficientPrivilege:
        return f"{connection.info.host}:{connection.info.port}"


def mark(connection: Any, backup: Backup) -> list[str]:
    """Mark a restored database as what it is, so that nothing takes it for the original; return notes.

    A database without a ledger has no marker, and needs none: nothing was ever applied to the original.
    """
    import psycopg

    from wgm_play.ledger import Ledger

    ledger = Ledger(connection)
    try:
        marker = ledger.marker()
        if marker is None:
            return []
        own = f"{marker.partition(RESTORED)[0]}{RESTORED}{backup.id}"
        ledger.set_marker(own)
    except psycopg.Error as error:
        return [f"its marker is that of the original, it could not be set: {error.diag.message_primary}"]
    return [
        f"it is marked as {own!r}; where it takes the place of the original, set `marker: {own}` in the environment"
    ]


def stranger(backup: Backup, mine: Identity) -> str:
    """Return why a backup is none of this database, "" where it is one."""
    if not backup.system:
        return "taken before backups said of which server they are"
    if backup.database != mine.database:
        return "another database" if backup.system == mine.system else "another server's database"
    if backup.system != mine.system:
        return "another server's"
    if backup.marker and mine.marker and backup.marker != mine.marker:
        return f"marked {backup.marker!r}"
    return ""
