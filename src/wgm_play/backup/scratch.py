"""Databases of ours on a server: named by the session that made them, swept away when that is gone.

In: a session that may create databases. Out: names, connections; nothing is left behind but by a kill, and what a kill
leaves, the next command drops.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from wgm_play.backup import target
from wgm_play.render import render

VERIFY, RESTORE = "wgm_verify", "wgm_restore"


def name_for(admin: Any, prefix: str) -> str:
    """Return a name for a database that lives as long as the session `admin`: it says whose it is."""
    return f"{prefix}_{admin.info.backend_pid}_{secrets.token_hex(3)}"


def sweep(admin: Any) -> list[str]:
    """Drop databases and roles of verifications and restores that died; return the names of the databases."""
    import psycopg

    target.patience(admin)
    gone = []
    for name in target.column(admin, "leftovers.sql.j2"):
        with suppress(psycopg.Error):
            admin.execute(render("backup/drop_database.sql.j2", name=name).sql)
            gone.append(name)
    for name in target.column(admin, "leftover_roles.sql.j2"):
        with suppress(psycopg.Error):
            admin.execute(render("backup/drop_role.sql.j2", name=name).sql)
    return gone


@contextmanager
def database(admin: Any, prefix: str, told: Mapping[str, Any], owner: str | None = None) -> Iterator[str]:
    """Make an empty database like the one that `told` describes; give its name; drop it afterwards.

    Raise psycopg's errors where the role may not create one.
    """
    sweep(admin)
    name = name_for(admin, prefix)
    target.create(admin, name, told, owner)
    try:
        yield name
    finally:
        admin.execute(render("backup/drop_database.sql.j2", name=name).sql)
