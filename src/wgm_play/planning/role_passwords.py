"""Which passwords of roles are to be set: PostgreSQL is told a SCRAM verifier, never the password.

In: declarations of roles, a connection to the target. Out: verifiers of those whose password is to be set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.passwords import fits, verifier
from wgm_play.playbook.model import Declaration
from wgm_play.render import render
from wgm_play.secret import register
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg


def to_set(
    connection: psycopg.Connection[Any], declarations: Mapping[Key, Declaration], live: Catalog
) -> dict[Key, str]:
    """Return a verifier for each role whose password is another, or whose password is not known and that is new."""
    wanted = {
        key: reveal(one.attributes["password"])
        for key, one in declarations.items()
        if key.kind == "role" and not one.absent and "password" in one.attributes
    }
    if not wanted:
        return {}
    known = _verifiers(connection)
    made = {}
    for key, password in wanted.items():
        there = key in live.rows
        if there and (known is None or fits(known.get(key.name[0]) or "", password)):
            continue
        made[key] = verifier(password)
        register(made[key], f"VERIFIER_OF_{key.name[0]}".upper())
    return made


def _verifiers(connection: psycopg.Connection[Any]) -> dict[str, str] | None:
    """Return role -> verifier; None where this role may not read them."""
    row = connection.execute(render("role/may_read.sql.j2").sql).fetchone()
    if not row or not row[0]:
        return None
    return {name: found for name, found in connection.execute(render("role/verifiers.sql.j2").sql).fetchall() if found}
