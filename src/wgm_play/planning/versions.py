"""Compare like with like: a difference of expressions is believed when both were read by the same server.

PostgreSQL writes a view's query, a default or a check back in words that differ between versions, and some that the same
version would read otherwise (`extract('YEAR' FROM t)` is described as `EXTRACT(YEAR FROM t)`, which is read as `year`).
So live definitions are passed through the same shadow as the declared ones. In: a catalog, an empty scratch database.
Out: the catalog in the words of that server.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import closure
from wgm_play.catalog.kinds import ACCESS, AS_ROWS, KINDS, NAMING_ROLE
from wgm_play.catalog.model import Catalog, Key, Row, expressions_differ, field_of, with_fields
from wgm_play.shadow import alone, open_shadow, read, run_all, send
from wgm_play.shadow.rebuild import statements_for

if TYPE_CHECKING:
    import psycopg

    from wgm_play.connections import Connections

# Cluster-wide kinds are the same in all words, and are never made in a shadow.
_LEFT_OUT = ACCESS | AS_ROWS | NAMING_ROLE


def same_words(one: int, other: int) -> bool:
    """Tell whether two server versions (as 150004) write definitions in the same words; 0 is no server."""
    return not one or not other or one // 10000 == other // 10000


def said_otherwise(live: Catalog, other: Catalog) -> set[Key]:
    """Return the keys in whose expressions two catalogs differ."""
    return {
        key
        for key, row in other.rows.items()
        if KINDS[key.kind].expressions
        and (was := live.rows.get(key)) not in (None, row)
        and expressions_differ(key.kind, was, row)
    }


def with_expressions(kind: str, row: Row, said: Row) -> Row:
    """Return a row with the expressions of another one."""
    return with_fields(kind, row, **{name: field_of(kind, said, name) for name in KINDS[kind].expressions})


def restated(connection: psycopg.Connection[Any], catalog: Catalog, keys: Iterable[Key]) -> Catalog:
    """Return `catalog` with the rows of `keys`, and of what they need, in the words of the server behind `connection`.

    What cannot be made there (an extension that only the target has) keeps its row.
    """
    part = {key for key in closure(catalog, keys) if key.kind not in _LEFT_OUT}
    _make(connection, statements_for(catalog.only(part)))
    made = read(connection, edges=False)
    result = catalog.copy()
    for key in part:
        if key in made.rows and key.kind != "extension":
            result.rows[key] = made.rows[key]
    return result


def make_live(connection: psycopg.Connection[Any], live: Catalog) -> None:
    """Make a live catalog in an empty scratch database, as far as it can be made there."""
    _make(connection, statements_for(live.only(key for key in live.rows if key.kind not in _LEFT_OUT)))


def _make(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    import psycopg as library

    try:
        if not alone(connection, statements):
            with connection.transaction():
                run_all(connection, statements)
            return
    except library.Error as error:
        if error.sqlstate is None:
            raise
    for statement in statements:
        try:
            send(connection, statement)
        except library.Error as error:
            if error.sqlstate is None:
                raise


def unlike(connection: psycopg.Connection[Any], result: Catalog, wanted: Catalog, keys: Iterable[Key]) -> list[Key]:
    """Return those of `keys` in which `result`, in the words of the server behind `connection`, is not what is wanted."""
    said = restated(connection, wanted, [key for key in keys if key in wanted.rows])
    return [key for key in keys if result.rows.get(key) != said.rows.get(key)]


def really_differing(connections: Connections, after: Catalog, wanted: Catalog, keys: list[Key]) -> list[Key]:
    """Return those of `keys` in which two catalogs differ in more than the words in which a server describes them."""
    if not any(key in after.rows and key in wanted.rows for key in keys):
        return keys
    with open_shadow(connections.place()) as shadow:
        with shadow.database() as connection:
            result = restated(connection, after, [key for key in keys if key in after.rows])
        with shadow.database() as connection:
            return unlike(connection, result, wanted, keys)
