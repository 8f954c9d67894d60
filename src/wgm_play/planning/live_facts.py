"""What is known of the server beside its catalog, asked once for a plan: sizes, helpers, triggers that act, names in the trash.

In: a connection that may only read. Out: the values of `Facts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.environment import Policy
from wgm_play.operations.base import Facts, TableSize
from wgm_play.operations.online import acting
from wgm_play.operations.online.leftover import Helper
from wgm_play.operations.trash import NEEDED
from wgm_play.planning.rename import Renamed
from wgm_play.render import query

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


def facts(
    connection: Connection, policy: Policy, current: Catalog, tables: Mapping[Key, TableSize], *, trash: bool
) -> Facts:
    """Read what is known of the server beside its catalog; `tables` are the sizes that count."""
    rights = connection.execute(query("rights", connection.info.server_version)).fetchone()
    role, login, superuser, may_replicate, tablespace = rights or ("", "", False, False, "pg_default")
    return Facts(
        policy,
        connection.info.server_version,
        tables,
        trash=trash and policy.trash_retention > 0,
        trash_names=trash_names(connection),
        attached=attached_keys(connection, current),
        helpers=helpers(connection),
        role=role,
        login=login,
        superuser=superuser,
        may_replicate=may_replicate,
        database=connection.info.dbname,
        tablespace=tablespace,
    )


def under_new_names(connection: Connection, found: Facts, renamed: Renamed) -> Facts:
    """Return the facts under the names that the plan gives."""
    return replace(found, sizes=renamed.sizes(found.sizes), acting=acting_on(connection, renamed.pairs))


def of_what_goes(connection: Connection, found: Facts, current: Catalog, wanted: Catalog) -> Facts:
    """Return the facts about objects that go or change: the trash, sequences of identity columns, views without data."""
    found = replace(
        found,
        identity_sequences=identity_sequences(connection, current, wanted),
        unfilled=unfilled(connection, current),
    )
    changed = any(row != wanted.rows.get(key) for key, row in current.rows.items() if key.kind in NEEDED)
    if not (found.trash_names and changed):
        return found
    return replace(found, trash_needs=trash_needs(connection))


def sizes(connection: Connection) -> Mapping[Key, TableSize]:
    """Return how large the tables are."""
    rows = connection.execute(query("sizes", connection.info.server_version)).fetchall()
    return {Key("table", (schema, name)): TableSize(tuples, size) for schema, name, tuples, size in rows}


def attached_keys(connection: Connection, current: Catalog) -> Mapping[Key, tuple[Key, ...]]:
    """Return the keys of partitions whose index is attached to an index of the parent, by that index."""
    found: dict[Key, tuple[Key, ...]] = {}
    if any(current.value(key, "partition_by") for key in current.of("table")):
        for schema, name, *key in connection.execute(query("attached_keys", current.version)).fetchall():
            index = Key("index", (schema, name))
            found[index] = (*found.get(index, ()), Key("constraint", tuple(key)))
    return found


def acting_on(connection: Connection, pairs: Mapping[Key, Key]) -> tuple[acting.Actor, ...]:
    """Return the triggers and rules of the live tables, under the names that the plan gives the tables; `pairs` are new -> old."""
    rows = connection.execute(query("acting", connection.info.server_version)).fetchall()
    names = {old.name: new.name for new, old in pairs.items() if old.kind == "table"}
    return acting.read(
        (kind, *names.get((schema, table), (schema, table)), *rest) for kind, schema, table, *rest in rows
    )


def helpers(connection: Connection) -> dict[Helper, bool]:
    """Return what online forms left, and whether each is whole."""
    rows = connection.execute(query("helpers", connection.info.server_version)).fetchall()
    return {Helper(*names): whole for *names, whole in rows}


def trash_names(connection: Connection) -> frozenset[str]:
    """Return the names that are taken in the trash."""
    return frozenset(
        name for (name,) in connection.execute(query("trash_names", connection.info.server_version)).fetchall()
    )


def identity_sequences(connection: Connection, current: Catalog, wanted: Catalog) -> dict[Key, str]:
    """Return the names of the sequences behind identity columns; asked for where such a column goes."""
    if all(key in wanted.rows or not current[key].identity for key in current.of("column")):
        return {}
    rows = connection.execute(query("identity_sequences", connection.info.server_version)).fetchall()
    return {Key("column", tuple(column)): sequence for *column, sequence in rows}


def unfilled(connection: Connection, current: Catalog) -> frozenset[Key]:
    """Return the live materialized views that hold no data."""
    if not any(current.of("materialized_view")):
        return frozenset()
    rows = connection.execute(query("unfilled", connection.info.server_version)).fetchall()
    return frozenset(Key("materialized_view", (schema, name)) for schema, name in rows)


def trash_needs(connection: Connection) -> dict[tuple[int, int], str]:
    """Return what the trash depends on, by class and oid, and what depends on it there."""
    rows = connection.execute(query("trash_needs", connection.info.server_version)).fetchall()
    return {(class_oid, oid): user for class_oid, oid, user in rows}


def columns_of_extensions(connection: Connection) -> Iterator[tuple[Key, Key]]:
    """Yield the columns whose type an extension has, or is made of such a type, with the extension."""
    rows = connection.execute(query("extension_columns", connection.info.server_version)).fetchall()
    return ((Key("column", tuple(column)), Key("extension", (name,))) for *column, name in rows)
