"""The tablespaces of the target's server, where a scratch database lies on another one.

In: a session on the target. Out: their names; a server of our own gets those that it lacks, inside its data folder.
They stay there for other commands: no file of anybody lies in them.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

# Tablespaces inside the data folder, without a folder of their own, came with this version.
_IN_PLACE = 150000


@dataclass(frozen=True, slots=True)
class Tablespaces:
    """The names of a server's own tablespaces; `default` is the database's where that is one of them."""

    names: frozenset[str] = frozenset()
    default: str | None = None


NO_SPACES = Tablespaces()


def tablespaces_of(connection: psycopg.Connection[Any]) -> Tablespaces:
    """Return the tablespaces of the server behind a connection."""
    rows = connection.execute(render("shadow/tablespaces.sql.j2").sql).fetchall()
    return Tablespaces(frozenset(name for name, _ in rows), next((name for name, default in rows if default), None))


def there(admin: psycopg.Connection[Any]) -> frozenset[str]:
    """Return the tablespaces in which a session may make a database."""
    return frozenset(name for (name,) in admin.execute(render("shadow/own_tablespaces.sql.j2").sql).fetchall())


def make_missing(admin: psycopg.Connection[Any], spaces: Tablespaces, *, ours: bool) -> None:
    """Make the tablespaces that a scratch server lacks; an older one that is not `ours` gets none.

    Roles without rights may use them all: `pg_default` too, where it is not the database's own.
    """
    import psycopg as library

    if not spaces.names:
        return
    missing = sorted(spaces.names - there(admin))
    in_place = admin.info.server_version >= _IN_PLACE
    if missing and in_place:
        admin.execute(render("shadow/in_place.sql.j2").sql)
    for name in missing if in_place or ours else ():
        location = "" if in_place else str(_folder(admin, name))
        with suppress(library.errors.DuplicateObject, library.errors.UniqueViolation):  # another command made it
            admin.execute(render("shadow/tablespace.sql.j2", name=name, location=location).sql)
    for (name,) in admin.execute(render("shadow/not_given.sql.j2", names=sorted(spaces.names)).sql).fetchall():
        with suppress(library.errors.InternalError):  # another command gives it just now
            admin.execute(render("shadow/give_tablespace.sql.j2", name=name).sql)


def _folder(admin: psycopg.Connection[Any], name: str) -> Path:
    """Make an empty folder for a tablespace, which goes with the data of the server."""
    row = admin.execute("SHOW data_directory").fetchone()
    data = Path(str(row[0] if row else ""))
    owner = data.stat()
    made = data / "wgm_tablespaces" / hashlib.sha256(name.encode()).hexdigest()[:16]
    for folder in (made.parent, made):
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, owner.st_uid, owner.st_gid)
    return made
