"""What lies in the trash and keeps a type alive that the plan drops, with or without another in its place.

In: the operations of a plan, the live database. Out: nothing, or the refusal that lists what lies there and how it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import TYPES
from wgm_play.catalog.model import Key
from wgm_play.errors import Refused
from wgm_play.plan import Operation
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg


def refuse(connection: psycopg.Connection[Any], operations: Iterable[Operation], renames: Mapping[Key, Key]) -> None:
    """Refuse to drop a type that something in the trash has; `renames` are new keys -> live ones."""
    found = []
    operations = list(operations)
    going = {renames.get(key, key) for operation in operations for key in _trashed(operation)}
    for operation in operations:
        if not _drops_a_type(operation):
            continue
        schema, name = renames.get(operation.key, operation.key).name
        statement = render(
            "checks/trashed_users.sql.j2", schema=schema, name=name, version=connection.info.server_version
        )
        rows = connection.execute(statement.sql.encode()).fetchall()
        for user, trashed, *place in rows:
            if trashed:
                found.append(f"{operation.title}: {user}, in the trash, has {operation.key}")
            elif Key("table", tuple(place[:2])) in going or Key("column", tuple(place)) in going:
                found.append(f"{operation.title}: {user}, which goes to the trash, has {operation.key}")
    if found:
        raise Refused(
            "the trash keeps a type that the plan drops; nothing was touched",
            details=found,
            hint="keep the type until `wgm-play purge` has emptied the trash (after `policy.trash.retention` of the environment)",
        )


def _trashed(operation: Operation) -> list[Key]:
    """Return what an operation moves to the trash: itself, or columns whose old values stay there."""
    if operation.verb == "trash":
        return [operation.key]
    entries = operation.payload.get("trash") or []
    entries = [entries] if isinstance(entries, Mapping) else entries
    return [Key(entry["kind"], tuple(entry["name"])) for entry in entries if entry["event"] == "trashed"]


def _drops_a_type(operation: Operation) -> bool:
    dropped = any(command.sql.startswith(("DROP TYPE ", "DROP DOMAIN ")) for command in operation.commands)
    return operation.key.kind in TYPES and dropped
