"""Read a live database for people: the catalog's own queries, with PostgreSQL's pretty printing and short names.

In: a connection. Out: the catalog as a playbook says it. Names of schema `public` come without it where no other schema
has an object of the same name, because that is how the steps are realised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from wgm_play.catalog import introspect
from wgm_play.catalog.graph import parts_of, reached, users
from wgm_play.catalog.kinds import IN_TABLE, INDEXES, ON_TABLE
from wgm_play.catalog.model import Catalog, Key, Row
from wgm_play.errors import WgmError
from wgm_play.inspect import nested
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


Connect = Callable[[], "psycopg.Connection[Any]"]

# What a second connection reads meanwhile: about half of the server's work.
_BESIDE = INDEXES | ON_TABLE | {"function"} | {"materialized_view"}
# Both connections have work for a processor each: processes beside them would take it from them. Rows are sorted in memory.
_READING = {"max_parallel_workers_per_gather": "0", "work_mem": "32MB"}


def read(connection: psycopg.Connection[Any], second: Connect | None = None) -> Catalog:
    """Read the catalog in one transaction; in half the time where `second` connects to the same database once more."""
    version = connection.info.server_version
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        short = connection.execute(render("inspect/same_names.sql.j2").sql).fetchone() is None
        path = "public" if short else ""
        settings = [
            render("checks/set_local.sql.j2", name=name, value=value).sql
            for name, value in {"search_path": path, **_READING}.items()
        ]
        for statement in settings:
            connection.execute(statement.encode())
        asked = introspect.asked(connection)
        texts = {name: pretty(text) for name, text in asked.items()}
        texts["unmodelled"] = query("unmodelled", version)
        found = _rows(connection, texts, settings, second)
        found = nested.kept(connection, found, {name: text for name, text in asked.items() if texts[name] != text})
        unmodelled = found.pop("unmodelled")
        using = connection.execute(render("inspect/needs_unmodelled.sql.j2").sql).fetchall() if unmodelled else []
    catalog = introspect.assemble([row for rows in found.values() for row in rows], version)
    catalog.unmodelled = tuple(f"{what} {name}" for what, name in unmodelled)
    catalog = _without_unmakeable(catalog)
    if not using:
        return catalog
    introspect.read_edges(connection, catalog)
    return _without(catalog, using)


_WHOLE_NEW_ROW = re.compile(r" BEFORE (?:.* )?FOR EACH ROW WHEN \(.*\bnew\.\*", re.DOTALL)


def _without_unmakeable(catalog: Catalog) -> Catalog:
    """Return a catalog without triggers that PostgreSQL holds and would not make again, which are named instead.

    A generated column may be added to a table whose trigger compares whole rows; the other way round it is refused, also
    by a restore of the database's dump.
    """
    generated = {key.name[:2] for key in catalog.of("column") if catalog[key].generated}
    gone = [
        key
        for key in catalog.of("trigger")
        if key.name[:2] in generated and _WHOLE_NEW_ROW.search(catalog[key].definition)
    ]
    if not gone:
        return catalog
    left = catalog.only(catalog.rows.keys() - set(gone))
    why = "its WHEN compares NEW.*, which PostgreSQL makes no BEFORE trigger of where a table has generated columns"
    said = (
        f"{key}: {why}; it is older than these, and no dump of it can be restored: name the columns" for key in gone
    )
    left.unmodelled = (*catalog.unmodelled, *said)
    return left


def _without(catalog: Catalog, using: Sequence[tuple[int, int, int, int, str]]) -> Catalog:
    """Return a catalog without what uses something that is not in it, and without what needs that: it is named instead.

    A step for it would be refused, and the whole playbook with it.
    """
    keys: dict[tuple[int, int], list[Key]] = {}
    for key, extra in catalog.extras.items():
        keys.setdefault((extra.class_oid, extra.oid), []).append(key)
    direct = {
        key: needs
        for class_oid, oid, root_class, root, needs in using
        if (root_class, root) not in keys
        for key in keys.get((class_oid, oid), ())
    }
    above = users(catalog)
    # A step of a table without one of its constraints or columns would remove it.
    gone = reached(
        direct, lambda key: [*above.get(key, ()), *([Key("table", key.name[:2])] if key.kind in IN_TABLE else [])]
    )
    gone &= catalog.rows.keys()
    parts = set(parts_of(catalog, gone))
    left = catalog.only(catalog.rows.keys() - gone - parts)
    said = (f"{key}: it needs {direct.get(key, 'what no step says')}" for key in sorted(gone - parts))
    left.unmodelled = (*catalog.unmodelled, *said)
    return left


def _rows(
    connection: psycopg.Connection[Any], texts: dict[str, str], settings: list[str], second: Connect | None
) -> dict[str, list[Row]]:
    """Run the queries on both connections at a time; on one where the other does not see the same."""
    if second is None:
        return introspect.fetch_each(connection, texts)
    beside = {name: text for name, text in texts.items() if name in _BESIDE}
    ours = {name: text for name, text in texts.items() if name not in _BESIDE}
    exported = render("inspect/export_snapshot.sql.j2").sql
    snapshot = str((connection.execute(exported).fetchone() or ("",))[0])
    start = [render("inspect/set_snapshot.sql.j2", snapshot=snapshot).sql, *settings]
    with ThreadPoolExecutor(2) as readers:
        theirs = readers.submit(_beside, second, start, beside)
        rows = readers.submit(introspect.fetch_each, connection, ours)
        _prepare()
        first = rows.result()
    return first | _read_beside(theirs, connection, beside)


def _prepare() -> None:
    """Load what will be needed while the server is at work."""
    from wgm_play.inspect import describe, document

    assert describe, document  # noqa: S101 - loaded, which is all


def _beside(second: Connect, start: list[str], texts: dict[str, str]) -> dict[str, list[Row]]:
    """Run queries on a connection of their own, in the snapshot of another's transaction."""
    with second() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for statement in start:
            connection.execute(statement.encode())
        return introspect.fetch_each(connection, texts)


def _read_beside(
    theirs: Future[dict[str, list[Row]]], connection: psycopg.Connection[Any], texts: dict[str, str]
) -> dict[str, list[Row]]:
    """Return what the second connection read; there may be none left, or a pooler leads it to another server."""
    import psycopg as library

    try:
        return theirs.result()
    except (library.Error, WgmError):
        return introspect.fetch_each(connection, texts)


def default_versions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the version that CREATE EXTENSION would install, by extension."""
    return {
        str(name): str(version)
        for name, version in connection.execute(render("inspect/extension_versions.sql.j2").sql).fetchall()
    }
