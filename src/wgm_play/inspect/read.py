"""Read a live database for people: the catalog's own queries, with PostgreSQL's pretty printing and short names.

In: a connection. Out: the catalog as a playbook says it. Names of schema `public` come without it where no other schema
has an object of the same name, because that is how the steps are realised.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wgm_play.catalog import introspect
from wgm_play.catalog.model import Catalog
from wgm_play.render import query, render

if TYPE_CHECKING:
    import psycopg

# What the deparser writes with fewer brackets when it is asked for (manual: "System Catalog Information Functions").
_PLAIN_CALL = re.compile(r"pg_get_(viewdef|constraintdef|triggerdef|ruledef)\((\w+\.\w+)\)")
_INDEX_CALL = re.compile(r"pg_get_indexdef\((\w+\.\w+)\)")
_EXPRESSION_CALL = re.compile(r"pg_get_expr\((\w+\.\w+), (\w+\.\w+|0)\)")


def pretty(text: str) -> str:
    """Return a catalog query that asks for pretty printing."""
    text = _PLAIN_CALL.sub(r"pg_get_\1(\2, true)", text)
    text = _INDEX_CALL.sub(r"pg_get_indexdef(\1, 0, true)", text)
    return _EXPRESSION_CALL.sub(r"pg_get_expr(\1, \2, true)", text)


def read(connection: psycopg.Connection[Any]) -> Catalog:
    """Read the catalog in one transaction."""
    version = connection.info.server_version
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        short = connection.execute(render("inspect/same_names.sql.j2").sql).fetchone() is None
        path = render("checks/set_local.sql.j2", name="search_path", value="public" if short else "")
        connection.execute(path.sql.encode())
        texts = {name: pretty(text) for name, text in introspect.queries(version).items()}
        catalog = introspect.assemble(introspect.fetch(connection, texts), version)
        catalog.unmodelled = tuple(
            f"{what} {name}" for what, name in connection.execute(query("unmodelled", version)).fetchall()
        )
    return catalog


def default_versions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the version that CREATE EXTENSION would install, by extension."""
    return {
        str(name): str(version)
        for name, version in connection.execute(render("inspect/extension_versions.sql.j2").sql).fetchall()
    }
