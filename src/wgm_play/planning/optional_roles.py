"""Roles that may stay away: with `required: false` they are skipped where this role may make none, and what is for them.

In: the connection, declarations, the live catalog. Out: what is left of the declarations; `Skips` has the others, each with
what an administrator runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wgm_play.catalog.access import PUBLIC
from wgm_play.catalog.kinds import CLUSTER
from wgm_play.catalog.model import Catalog, Key
from wgm_play.planning.privileges import Skips
from wgm_play.playbook.model import Declaration, Declarations
from wgm_play.render import render
from wgm_play.sql import ident

if TYPE_CHECKING:
    import psycopg


def without_unmade_roles(
    connection: psycopg.Connection[Any], folded: Declarations, live: Catalog, skips: Skips
) -> Declarations:
    """Skip optional roles that this role may not make, optional memberships that it may not grant, and what needs them."""
    optional = {
        key: one
        for key, one in folded.declarations.items()
        if key.kind in (CLUSTER | {"grant"}) and not one.required and not one.absent and key not in live.rows
    }
    if not optional:
        return folded
    statement = render("role/may_make.sql.j2", version=connection.info.server_version)
    makes, grants, admin_of = connection.execute(statement.sql).fetchone() or (False, False, [])
    missing: set[str] = set()
    for key, declaration in optional.items():
        if key.kind == "role" and not makes:
            missing.add(key.name[0])
            skips.add(declaration, f"this role may not create {key}", f"CREATE ROLE {ident(key.name[0])}")
    for key, declaration in optional.items():
        if key.kind != "role":
            _part(key, declaration, missing, skips, makes=makes, grants=grants, live=live, admin_of=admin_of)
    return skips.remaining(folded)


def _part(
    key: Key,
    declaration: Declaration,
    missing: set[str],
    skips: Skips,
    *,
    makes: bool,
    grants: bool,
    live: Catalog,
    admin_of: list[str],
) -> None:
    names = key.name if key.kind == "membership" else key.name[-1:]
    gone = next((name for name in names if name in missing and name != PUBLIC), None)
    granted = ""
    if key.kind == "membership":
        group, member = key.name
        new = makes and Key("role", (group,)) not in live.rows and not group.startswith("pg_")
        granted = "" if grants or new or group in admin_of else f"GRANT {ident(group)} TO {ident(member)}"
    if gone is not None:  # who makes the role may as well let it into a group that we may not let anybody into
        again = f"-- run the playbook again when there is role {ident(gone)}"
        skips.add(declaration, f"there is no role {gone!r}", granted or again)
    elif granted:
        skips.add(declaration, f"this role may not grant {key.name[0]!r}", granted)
