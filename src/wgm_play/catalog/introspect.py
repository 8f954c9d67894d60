"""Read a database's catalog: one statement per kind, whatever the number of objects.

In: a connection whose search_path is empty, so that every name comes back qualified. Out: a `Catalog`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from wgm_play.catalog import NAME_PARTS, access
from wgm_play.catalog.graph import container, parent_columns
from wgm_play.catalog.kinds import QUERIES
from wgm_play.catalog.model import CLASSES, Catalog, Extra, Key, Row
from wgm_play.catalog.normal_form import normal_row
from wgm_play.render import query, render
from wgm_play.sql import Sql

if TYPE_CHECKING:
    import psycopg

# The columns after the compared ones: oid, class oid, owner, privileges, number (see `Extra`).
_EXTRA = 5


def queries(version: int) -> dict[str, str]:
    """Return the text of every catalog query for a server version."""
    return {name: query(name, version) for name in QUERIES}


# Read for what is to be done or said, not for whether anything is.
UNASKED = ("present", "edges", "extension_members", "unmodelled", "sizes")


def mark_text(connection: psycopg.Connection[Any]) -> str:
    """Return the statement that makes digests on the server: of which kinds there are, and of each that there is."""
    texts = [query("present", connection.info.server_version), *asked(connection).values()]
    return render("catalog/mark.sql.j2", queries=[Sql(text) for text in texts]).sql


def asked(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the texts of those queries that may find something: to plan a query takes longer than to find nothing."""
    version = connection.info.server_version
    present = dict(connection.execute(query("present", version), prepare=True).fetchall())
    return {name: text for name, text in queries(version).items() if present.get(name, True)}


def fetch(connection: psycopg.Connection[Any], texts: dict[str, str]) -> list[Row]:
    """Return the rows of all the queries."""
    return [row for rows in fetch_each(connection, texts).values() for row in rows]


def fetch_each(connection: psycopg.Connection[Any], texts: dict[str, str]) -> dict[str, list[Row]]:
    """Run the queries in one round trip where libpq can, and return the rows of each by its name.

    They are prepared: where the same session reads again, their plans are there.
    """
    with connection.pipeline():
        cursors = {name: connection.execute(text, prepare=True) for name, text in texts.items()}
        return {name: cursor.fetchall() for name, cursor in cursors.items()}


def fingerprint(rows: list[Row]) -> str:
    """Return the SHA-256 of what the queries returned, without oids: equal where nothing changed."""
    made = hashlib.sha256()
    for row in rows:
        made.update(repr((row[:-_EXTRA], row[-3], row[-2])).encode())
    return made.hexdigest()


def assemble(rows: list[Row], version: int) -> Catalog:
    """Make a catalog of the rows."""
    made: dict[Key, Row] = {}
    extras: dict[Key, Extra] = {}
    bare: list[tuple[Key, Extra]] = []
    labels: list[Row] = []
    for row in rows:
        kind = row[0]
        if kind == "security_label":
            labels.append(row[1:-_EXTRA])
            continue
        parts = 1 + NAME_PARTS[kind]
        key = Key(kind, row[1:parts])
        if kind not in CLASSES:  # it has no row of its own, only privileges
            bare.append((key, Extra(*row[-_EXTRA:])))
            continue
        made[key] = normal_row(kind, row[parts:-_EXTRA])
        oid, class_oid, owner, acl, number = row[-_EXTRA:]
        extras[key] = Extra(oid, class_oid, owner, None if acl is None else tuple(acl), number)
    catalog = Catalog(made, extras, version=version)
    access.add(catalog, bare)
    access.add_labels(catalog, labels)
    return catalog


def read(connection: psycopg.Connection[Any], *, edges: bool = True, kinds: Collection[str] | None = None) -> Catalog:
    """Read the whole catalog, or `kinds` of it; `edges` reads the dependencies and what is not modelled too."""
    version = connection.info.server_version
    texts = asked(connection)
    if kinds is not None:
        names = {"function" if kind == "procedure" else kind for kind in kinds}
        texts = {name: text for name, text in texts.items() if name in names}
    catalog = assemble(fetch(connection, texts), version)
    if edges:
        read_edges(connection, catalog)
    return catalog


def read_edges(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """Fill in who depends on whom, and what the server holds that is not modelled."""
    version = catalog.version
    keys = {_address(key, extra): key for key, extra in catalog.extras.items()}
    with connection.pipeline():
        edge_cursor = connection.execute(query("edges", version), prepare=True)
        member_cursor = connection.execute(query("extension_members", version), prepare=True)
        unmodelled_cursor = connection.execute(query("unmodelled", version), prepare=True)
        found = edge_cursor.fetchall()
        members = {(catalog_oid, oid): extension for catalog_oid, oid, extension in member_cursor.fetchall()}
        catalog.unmodelled = tuple(f"{what} {name}" for what, name in unmodelled_cursor.fetchall())
    extensions = {extra.oid: key for key, extra in catalog.extras.items() if key.kind == "extension"}

    def resolve(class_oid: int, oid: int, sub: int) -> Key | None:
        key = keys.get((class_oid, oid, sub)) or keys.get((class_oid, oid, 0))
        return key or extensions.get(members.get((class_oid, oid), 0))

    pairs = set()
    for class_oid, oid, sub, ref_class, ref_oid, ref_sub in found:
        dependent, referenced = resolve(class_oid, oid, sub), resolve(ref_class, ref_oid, ref_sub)
        if dependent and referenced and dependent != referenced:
            pairs.add((dependent, referenced))
    for key in catalog.rows:
        parent = container(catalog, key)
        if parent is not None and parent != key and parent in catalog.rows:
            pairs.add((key, parent))
        if key.kind == "column" and catalog.value(key, "inherited"):
            pairs.update((key, above) for above in parent_columns(catalog, key))
    catalog.edges = frozenset(pairs)


def _address(key: Key, extra: Extra) -> tuple[int, int, int]:
    return (extra.class_oid, extra.oid, extra.number if key.kind == "column" else 0)
