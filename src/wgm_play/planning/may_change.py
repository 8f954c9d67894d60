"""What a plan needs the role to be allowed, asked at once and before anything is touched.

In: the operations of a plan, the live and the wanted catalog. Out: nothing, or one refusal that names each privilege that
is missing with the statement for an administrator (manual: "Privileges", and the notes of each statement).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import relation_of
from wgm_play.catalog.kinds import (
    BY_TYPES,
    CALLERS,
    CLUSTER,
    IN_SCHEMA,
    OF_OBJECT,
    OF_SUPERUSERS,
    OF_TABLE,
    OWNED,
    RELATIONS,
    TYPES,
    WITH_BODY,
)
from wgm_play.catalog.model import Catalog, Key
from wgm_play.catalog.partition_set import EXTENSION
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.plan import Operation
from wgm_play.planning.refresh_rights import unreadable
from wgm_play.render import render
from wgm_play.sql import ident

if TYPE_CHECKING:
    import psycopg

# Made in a schema, each by who may create there.
_IN_SCHEMA = (OWNED & IN_SCHEMA) - {"operator_family"}
_HAS_INDEX = ("p", "u", "x")
# PostgreSQL makes them with a range type, as functions of the superuser who made the cluster.
_CONSTRUCTOR = re.compile(r"ALTER FUNCTION .* RENAME TO ")


@dataclass(frozen=True, slots=True)
class Need:
    """A privilege on something that is there: `what` as the template knows it, its name, the privilege."""

    what: str
    name: str = ""
    privilege: str = ""
    schema: str = ""
    arguments: str | None = None

    @property
    def shown(self) -> str:
        """The name, qualified and quoted; that of a function with the types of its arguments."""
        name = str(ident((self.schema, self.name) if self.schema else self.name))
        return name if self.arguments is None else f"{name}({self.arguments})"

    def words(self) -> str:
        """Say what is needed."""
        if self.what == "owner":
            return f"it belongs to {self.name!r}"
        if self.what == "member":
            return f"needs to be a member of the new owner, {self.name!r}"
        if self.what == "schema_of_owner":
            return f"the new owner, {self.privilege!r}, needs CREATE on schema {self.name!r}"
        if self.what == "reader":
            return f"is filled with the rights of {self.privilege!r}, who needs SELECT on table {self.shown}"
        if self.what == "all rows":
            return (
                f"rows of table {self.shown} may be hidden from it by row level security, and would keep what they hold"
            )
        if self.what in _WORDS:
            return _WORDS[self.what]
        if self.what == "tablespace there":
            return f"there is no tablespace {self.name!r} on the target's server"
        if self.what in ("type", "function", "language", "tablespace", "foreign data wrapper", "foreign server"):
            return f"needs {_PRIVILEGE[self.what]} on {self.what} {self.shown}"
        on = f"{self.what.removeprefix('whole ')} {self.shown}" if self.name else "the database"
        return f"needs {self.privilege} on {on}"

    def grant(self, role: str, database: str) -> str:
        """Return the statement by which an administrator gives it; empty where nothing but a superuser will do."""
        to = f"TO {ident(role)}"
        if self.what in ("owner", "member"):
            return f"GRANT {ident(self.name)} {to}"
        if self.what == "schema_of_owner":
            return f"GRANT CREATE ON SCHEMA {ident(self.name)} TO {ident(self.privilege)}"
        if self.what in ("ledger", "trash", "database", "extension"):
            return f"GRANT CREATE ON DATABASE {ident(database)} {to}" if self.what != "extension" else ""
        if self.what == "reader":
            return f"GRANT SELECT ON TABLE {self.shown} TO {ident(self.privilege)}"
        if self.what == "all rows":
            return f"ALTER ROLE {ident(role)} BYPASSRLS"
        if self.what == "createrole":
            return f"ALTER ROLE {ident(role)} CREATEROLE"
        if self.what in ("superuser", "constructors"):
            return ""
        if self.what == "database owner":
            return f"ALTER DATABASE {ident(database)} OWNER {to}"
        if self.what == "tablespace there":
            return f"CREATE TABLESPACE {ident(self.name)} LOCATION '...'"
        if self.what in ("table", "whole table", "type", "function"):
            privilege = self.privilege or _PRIVILEGE[self.what]
            return f"GRANT {privilege} ON {self.what.removeprefix('whole ').upper()} {self.shown} {to}"
        return f"GRANT {self.privilege or _PRIVILEGE[self.what]} ON {self.what.upper()} {ident(self.name)} {to}"


_PRIVILEGE = {
    "type": "USAGE",
    "function": "EXECUTE",
    "language": "USAGE",
    "tablespace": "CREATE",
    "foreign data wrapper": "USAGE",
    "foreign server": "USAGE",
}
_WORDS = {
    "ledger": "the ledger, schema wgm, needs CREATE on the database, or the role that owns it",
    "trash": "the trash, schema wgm_trash, needs CREATE on the database, or on that schema",
    "createrole": "needs CREATEROLE",
    "database owner": "needs to own the database",
    "superuser": "only a superuser may do it",
    "constructors": "the functions that make its values belong to a superuser, who alone may rename them",
    "extension": "only a superuser may create this extension, or who may CREATE in the database where it is trusted",
}


def needs_of(operation: Operation, live: Catalog, wanted: Catalog) -> Iterator[Need]:
    """Yield what one operation needs of what is live."""
    key, made = operation.key, operation.verb == "create"
    if operation.verb == "run":
        return
    yield Need("ledger")
    if any(command.wait == "data" and not command.shadow for command in operation.commands):
        yield Need("all rows", key.name[1], schema=key.name[0])
    if operation.verb == "trash" and key.kind != "column":
        yield Need("trash")
    for owned in _owned(operation, live, wanted):
        owner = live.extra(owned).owner
        if owner:
            yield Need("owner", owner)
    if key.kind == "schema" and made:
        yield Need("database", "", "CREATE")
    if key.kind == "publication" and made:
        yield Need("database", "", "CREATE")
        if wanted[key].all_tables:
            yield Need("superuser")
    if (key.kind in OF_SUPERUSERS and made) or (key.kind == "publication_schema" and made):
        yield Need("superuser")
    if key.kind == "extension" and made:
        yield Need("extension", key.name[0])
    if key.kind in CLUSTER:
        yield Need("createrole")
    if key.kind == "default_privileges":
        yield Need("owner", key.name[0])
    if key.kind == "range" and any(_CONSTRUCTOR.match(command.sql) for command in operation.commands):
        yield Need("constructors")
    if key.kind == "cron_job" and Key("extension", ("pg_cron",)) in live.rows:
        yield Need("schema", "cron", "USAGE")
    if key.kind == "partition_set" and EXTENSION in live.rows:
        yield Need("schema", live[EXTENSION].schema, "USAGE")
    if key.kind == "setting" and key.name[0] and not key.name[1]:
        yield Need("database owner")
    if _makes_in_schema(operation, wanted):
        yield from _in_schema(key.name[0], live)
    yield from _by_kind(operation, live, wanted)
    if made or operation.verb == "alter":
        yield from _references(key, live, wanted)


def _owned(operation: Operation, live: Catalog, wanted: Catalog) -> Iterator[Key]:
    """Yield the live objects of which the role must be the owner."""
    key = operation.key
    if key.kind in (OF_OBJECT - {"security_label"}):
        parts = key.name[1:-1] if key.kind == "grant" else key.name[1:]
        yield Key(key.name[0], parts) if key.name[0] != "column" else Key("table", parts[:2])
        return
    if key.kind == "trigger" and operation.verb == "create":
        return  # TRIGGER on the table is enough
    if key in live.rows:
        yield key
    if key.kind in OF_TABLE or key.kind == "column":
        yield from (Key(kind, key.name[:2]) for kind in RELATIONS)
    elif key.kind == "index":
        name = relation_of(live, key) or relation_of(wanted, key)
        if name is not None:
            yield from (Key(kind, name) for kind in RELATIONS)
    elif key.kind == "publication_table":
        yield Key("table", key.name[1:])
        yield Key("publication", key.name[:1])
    elif key.kind == "domain_constraint":
        yield Key("domain", key.name[:2])


def _makes_in_schema(operation: Operation, wanted: Catalog) -> bool:
    key = operation.key
    if operation.verb == "create" and key.kind == "constraint" and key in wanted.rows:
        return bool(wanted[key].type in _HAS_INDEX)
    return operation.verb in ("create", "rename", "restore") and (key.kind in _IN_SCHEMA or key.kind == "index")


def _in_schema(schema: str, live: Catalog) -> Iterator[Need]:
    if Key("schema", (schema,)) in live.rows or schema == "public":
        yield Need("schema", schema, "CREATE")
        yield Need("schema", schema, "USAGE")


def _by_kind(operation: Operation, live: Catalog, wanted: Catalog) -> Iterator[Need]:
    key, row = operation.key, wanted.get(operation.key)
    if row is None:
        return
    if key.kind == "owner":
        yield Need("member", row.role)
        if key.name[0] in _IN_SCHEMA:
            yield Need("schema_of_owner", key.name[1], row.role)
    if key.kind in WITH_BODY and live.rows.get(key) != wanted.rows[key]:
        yield Need("language", row.language)
    if key.kind == "trigger" and operation.verb == "create":
        yield Need("whole table", key.name[1], "TRIGGER", key.name[0])
    if key.kind == "server" and operation.verb == "create":
        yield Need("foreign data wrapper", row.wrapper)
    if key.kind == "foreign_table" and operation.verb == "create":
        yield Need("foreign server", row.server)
    place = getattr(row, "tablespace", None)
    if place and place != getattr(live.get(key), "tablespace", None):
        yield Need("tablespace there", place)
        yield Need("tablespace", place)


def _references(key: Key, live: Catalog, wanted: Catalog) -> Iterator[Need]:
    """Yield what is needed of the objects that the wanted form of an object uses."""
    parts = (
        [key, *wanted.of("column", *key.name), *wanted.of("constraint", *key.name)] if key.kind == "table" else [key]
    )
    for part in parts:
        if part in live.rows and live.rows[part] == wanted.rows.get(part):
            continue
        for used in wanted.needs(part):
            relation = used.relation or used
            if relation not in live.rows or relation.name[:2] == key.name[:2]:
                continue
            if len(relation.name) > 1 and Key("schema", relation.name[:1]) in live.rows:
                yield Need("schema", relation.name[0], "USAGE")
            if used.kind in TYPES:
                yield Need("type", used.name[1], schema=used.name[0])
            elif part.kind == "constraint" and relation.kind == "table" and wanted[part].type == "f":
                yield Need("table", relation.name[1], "REFERENCES", relation.name[0])
            elif part.kind == "materialized_view" and relation.kind in RELATIONS:
                yield Need("table", relation.name[1], "SELECT", relation.name[0])
            elif part.kind in (CALLERS | (BY_TYPES - WITH_BODY)) and used.kind == "function":
                yield Need("function", used.name[1], schema=used.name[0], arguments=used.name[2])


def missing(
    connection: psycopg.Connection[Any], operations: Iterable[Operation], live: Catalog, wanted: Catalog
) -> list[tuple[str, Need]]:
    """Return what the role lacks: (the first operation that needs it, the need)."""
    needed: dict[Need, str] = {}
    operations = list(operations)
    for operation in operations:
        for need in needs_of(operation, live, wanted):
            needed.setdefault(need, "the run" if need.what in ("ledger",) else operation.title)
    for operation, reader, relation in unreadable(operations, live, wanted, connection.info.user):
        needed.setdefault(Need("reader", relation.name[1], reader, relation.name[0]), operation.title)
    if not needed:
        return []
    found = list(needed.items())
    statement = render(
        "checks/may_change.sql.j2",
        whats=[need.what for need, _ in found],
        names=[need.name for need, _ in found],
        privileges=[need.privilege for need, _ in found],
        schemas=[need.schema for need, _ in found],
        version=connection.info.server_version,
    )
    rows = connection.execute(statement.sql.encode()).fetchall()
    return [(found[number - 1][1], found[number - 1][0]) for number, allowed in rows if allowed is False]


def refusal(connection: psycopg.Connection[Any], lacking: list[tuple[str, Need]]) -> Refused:
    """Return the refusal that names all that is missing, with the statements for an administrator."""
    role, database = connection.info.user, connection.info.dbname
    advice = list(dict.fromkeys(text for _, need in lacking if (text := need.grant(role, database))))
    owners = {need.name for _, need in lacking if need.what == "owner"}
    other = f"as {owners.pop()!r}, who owns what is changed" if len(owners) == 1 else "as another role"
    wanted = f"run {other}, or let an administrator run {'; '.join(advice)}" if advice else "run as a superuser"
    if advice and any(not need.grant(role, database) for _, need in lacking):
        wanted += "; what only a superuser may do can be said `required: false`"
    return Refused(
        f"the role {role!r} may not do what the plan does; nothing was touched",
        details=[f"{title}: {need.words()}" for title, need in lacking],
        hint=wanted,
    )


def refuse(
    connection: psycopg.Connection[Any], operations: Iterable[Operation], live: Catalog, wanted: Catalog
) -> list[str]:
    """Raise `Refused` where this role may not do what the plan does; there is nothing to say of others."""
    lacking = missing(connection, operations, live, wanted)
    if lacking:
        raise refusal(connection, lacking)
    return []


def only_plans(
    connection: psycopg.Connection[Any], operations: Iterable[Operation], live: Catalog, wanted: Catalog
) -> list[str]:
    """Return what to say of a role that may plan and never run: it cannot write the ledger. Raises `Refused` for others."""
    lacking = missing(connection, operations, live, wanted)
    if not lacking:
        return []
    if not any(need.what == "ledger" for _, need in lacking):
        raise refusal(connection, lacking)
    refused = refusal(connection, lacking)
    return [f"this role may only plan; a run needs more: {'; '.join(refused.details)}; {refused.hint}"]
